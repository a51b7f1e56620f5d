//! Signature version 4.

use std::collections::BTreeMap;
use std::fmt::Write;

use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Client, RequestBuilder};
use ring::{digest, hmac};
use url::Url;

use super::credentials::Credentials;

/// All but what RFC 3986 leaves as it is.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A request to be signed.
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    pub(crate) url: &'a str,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

/// What a signature is bound to.
struct Scope<'a> {
    region: &'a str,
    service: &'a str,
    /// `20260102T030405Z`
    time: String,
}

impl<'a> Scope<'a> {
    fn new(region: &'a str, service: &'a str, now: Timestamp) -> Self {
        Self { region, service, time: now.strftime("%Y%m%dT%H%M%SZ").to_string() }
    }

    fn date(&self) -> &str {
        self.time.get(..8).unwrap_or_default()
    }

    fn text(&self) -> String {
        format!("{}/{}/{}/aws4_request", self.date(), self.region, self.service)
    }

    fn signature(&self, canonical: &str, secret: &str) -> String {
        let text =
            format!("AWS4-HMAC-SHA256\n{}\n{}\n{}", self.time, self.text(), sha256(canonical.as_bytes()));
        let first = format!("AWS4{secret}");
        let steps = [self.date(), self.region, self.service, "aws4_request", &text];
        let key = steps.iter().fold(first.into_bytes(), |key, step| mac(&key, step));
        hex::encode(key)
    }
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(digest::digest(&digest::SHA256, bytes))
}

/// The request with its signature.
pub(crate) fn signed(
    client: &Client,
    request: Request<'_>,
    service: &str,
    region: &str,
    credentials: &Credentials,
) -> Result<RequestBuilder, String> {
    let url = Url::parse(request.url).map_err(|error| format!("endpoint '{}': {error}", request.url))?;
    let headers = authorize(&request, &url, &Scope::new(region, service, Timestamp::now()), credentials)?;
    let method = request.method.parse().map_err(|_| "not a method".to_owned())?;
    let mut builder = client.request(method, url).body(request.body);
    for (name, value) in headers {
        builder = builder.header(name, value);
    }
    Ok(builder)
}

fn authorize(
    request: &Request<'_>,
    url: &Url,
    scope: &Scope<'_>,
    credentials: &Credentials,
) -> Result<BTreeMap<String, String>, String> {
    let mut headers: BTreeMap<String, String> =
        request.headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    headers.insert("host".to_owned(), host(url)?);
    headers.insert("x-amz-date".to_owned(), scope.time.clone());
    if let Some(token) = &credentials.session_token {
        headers.insert("x-amz-security-token".to_owned(), token.to_string());
    }
    let names = headers.keys().cloned().collect::<Vec<_>>().join(";");
    let canonical = canonical(request.method, url, &url_query(url), &headers, &sha256(&request.body));
    let signature = scope.signature(&canonical, &credentials.secret_access_key);
    let value = format!(
        "AWS4-HMAC-SHA256 Credential={}/{}, SignedHeaders={names}, Signature={signature}",
        credentials.access_key_id,
        scope.text()
    );
    headers.insert("authorization".to_owned(), value);
    // The client sets it from the URL.
    headers.remove("host");
    Ok(headers)
}

/// A URL that carries its own signature, with headers that whoever uses it must send.
pub(crate) fn presign(
    url: &str,
    headers: &[(&str, &str)],
    seconds: u32,
    service: &str,
    region: &str,
    credentials: &Credentials,
    now: Timestamp,
) -> Result<String, String> {
    let mut url = Url::parse(url).map_err(|error| format!("endpoint '{url}': {error}"))?;
    let scope = Scope::new(region, service, now);
    let mut all: BTreeMap<String, String> =
        headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    all.insert("host".to_owned(), host(&url)?);
    let mut query = url_query(&url);
    let mut add = |name: &str, value: &str| query.push((name.to_owned(), value.to_owned()));
    add("X-Amz-Algorithm", "AWS4-HMAC-SHA256");
    add("X-Amz-Credential", &format!("{}/{}", credentials.access_key_id, scope.text()));
    add("X-Amz-Date", &scope.time);
    add("X-Amz-Expires", &seconds.to_string());
    add("X-Amz-SignedHeaders", &all.keys().cloned().collect::<Vec<_>>().join(";"));
    if let Some(token) = &credentials.session_token {
        add("X-Amz-Security-Token", token);
    }
    let canonical = canonical("GET", &url, &query, &all, &sha256(b""));
    let signature = scope.signature(&canonical, &credentials.secret_access_key);
    url.set_query(Some(&format!("{}&X-Amz-Signature={signature}", encoded(&query))));
    Ok(url.to_string())
}

/// The user and the password with which `CodeCommit` takes a Git repository's URL: a signature of method `GIT` whose time
/// has no zone, as Amazon's git-remote-codecommit makes it.
pub(crate) fn sign_git(
    url: &Url,
    region: &str,
    credentials: &Credentials,
    now: Timestamp,
) -> (String, String) {
    let time = now.strftime("%Y%m%dT%H%M%S").to_string();
    let scope = Scope { region, service: "codecommit", time: time.clone() };
    let host = url.host_str().unwrap_or_default().to_owned();
    let headers = BTreeMap::from([("host".to_owned(), host)]);
    let signature =
        scope.signature(&canonical("GIT", url, &[], &headers, ""), &credentials.secret_access_key);
    let id = &credentials.access_key_id;
    let username = match &credentials.session_token {
        Some(token) => format!("{id}%{}", token.as_str()),
        None => id.clone(),
    };
    (username, format!("{time}Z{signature}"))
}

fn canonical(
    method: &str,
    url: &Url,
    query: &[(String, String)],
    headers: &BTreeMap<String, String>,
    payload: &str,
) -> String {
    let mut lines = String::new();
    for (name, value) in headers {
        // Writing to a string can't fail.
        let _ = writeln!(lines, "{name}:{}", value.trim());
    }
    let names = headers.keys().cloned().collect::<Vec<_>>().join(";");
    format!("{method}\n{}\n{}\n{lines}\n{names}\n{payload}", url.path(), encoded(query))
}

fn encoded(query: &[(String, String)]) -> String {
    let mut pairs: Vec<String> = query
        .iter()
        .map(|(name, value)| {
            format!("{}={}", utf8_percent_encode(name, ENCODED), utf8_percent_encode(value, ENCODED))
        })
        .collect();
    pairs.sort();
    pairs.join("&")
}

fn url_query(url: &Url) -> Vec<(String, String)> {
    url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}

fn host(url: &Url) -> Result<String, String> {
    let host = url.host_str().ok_or("the endpoint has no host")?;
    Ok(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example "get-vanilla-query-order-key-case" of Amazon's published test suite.
    #[test]
    fn signatures_are_those_of_the_published_examples() {
        let credentials = Credentials::new("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", None);
        let url = Url::parse("https://example.amazonaws.com/?Param2=value2&Param1=value1").unwrap();
        let request = Request { method: "GET", url: url.as_str(), headers: vec![], body: vec![] };
        let now: Timestamp = "2015-08-30T12:36:00Z".parse().unwrap();
        let scope = Scope::new("us-east-1", "service", now);
        let headers = authorize(&request, &url, &scope, &credentials).unwrap();
        assert_eq!(
            headers["authorization"],
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"
        );
    }

    /// Computed apart from this code, with Python's hmac and hashlib, after git-remote-codecommit.
    #[test]
    fn repositories_are_signed_as_by_amazon_s_own_helper() {
        let credentials =
            Credentials::new("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", Some("session"));
        let url = Url::parse("https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/app").unwrap();
        let now: Timestamp = "2015-08-30T12:36:00Z".parse().unwrap();
        let (username, password) = sign_git(&url, "eu-west-1", &credentials, now);
        assert_eq!(username, "AKIDEXAMPLE%session");
        assert_eq!(
            password,
            "20150830T123600Z33e07419bf0e2cfbfa518e1e3f6843bf6c7e33a3cdffe75916fd00cdfe98f544"
        );
    }
}
