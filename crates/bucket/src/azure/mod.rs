//! Azure Blob Storage, where buckets are called containers.

mod sign;

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use reqwest::{Method, Request, Response};
use url::Url;

use crate::http::{Access, Http, describe, etag, text};
use crate::{Error, Object, xml};

/// The version of the interface.
const VERSION: &str = "2021-12-02";

const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Who asks.
#[derive(Clone, PartialEq, Eq)]
pub enum AzureAuth {
    /// Nobody in particular.
    Anonymous,
    /// The owner of an access token for `https://storage.azure.com/`.
    Token(String),
    /// Whoever has the account's key, in base64.
    SharedKey(String),
    /// Whoever has a shared access signature: the query of a URL, with or without `?`.
    Sas(String),
}

impl fmt::Debug for AzureAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Anonymous => "Anonymous",
            Self::Token(_) => "Token(***)",
            Self::SharedKey(_) => "SharedKey(***)",
            Self::Sas(_) => "Sas(***)",
        })
    }
}

/// A container.
#[derive(Clone)]
pub struct Azure {
    http: Http,
    /// The container's own address, without a query.
    base: Url,
    /// What goes with every query: that of the endpoint, and the shared access signature.
    query: Vec<(String, String)>,
    auth: AzureAuth,
    account: String,
}

impl fmt::Debug for Azure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Azure")
            .field("base", &self.base.as_str())
            .field("auth", &self.auth)
            .finish_non_exhaustive()
    }
}

impl Azure {
    /// The container of this name at `endpoint`, a URL.
    pub fn new(endpoint: &str, container: &str, auth: AzureAuth, access: &Access) -> Result<Self, Error> {
        let invalid = |reason: &str| Error::Config(format!("unable to parse endpoint URL: {reason}"));
        let url = Url::parse(endpoint).map_err(|error| invalid(&error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(invalid("it must begin with https:// or http://"));
        }
        let mut query: Vec<(String, String)> = Vec::new();
        if let AzureAuth::Sas(token) = &auth {
            let pairs = url::form_urlencoded::parse(token.trim_start_matches('?').as_bytes());
            query.extend(pairs.into_owned());
        }
        // What the signature says wins.
        let own: Vec<(String, String)> = url
            .query_pairs()
            .into_owned()
            .filter(|(name, _)| !query.iter().any(|(known, _)| known == name))
            .collect();
        query.extend(own);
        let account = account(&url);
        let mut base = url;
        base.set_query(None);
        base.set_fragment(None);
        let name = utf8_percent_encode(container, ENCODED).to_string();
        let path = format!("{}/{name}", base.path().trim_end_matches('/'));
        base.set_path(&path);
        if base.path() != path {
            return Err(Error::Config(format!("Bucket name {container:?} is invalid")));
        }
        Ok(Self { http: access.client()?, base, query, auth, account })
    }

    pub(crate) async fn exists(&self) -> Result<bool, Error> {
        match self.ask("", &[("restype", "container"), ("comp", "list"), ("maxresults", "1")]).await {
            Ok(_) => Ok(true),
            Err(error) if error.code() == Some("ContainerNotFound") => Ok(false),
            Err(Error::Refused { status, code, message }) if code == "AuthenticationFailed" => {
                let hint = "the specified bucket name may be incorrect, nonexistent, or the caller might lack sufficient permissions to access it";
                Err(Error::Refused { status, code, message: format!("{hint}: {message}") })
            }
            Err(error) => Err(error),
        }
    }

    pub(crate) async fn list(
        &self,
        prefix: &str,
        visit: &mut (dyn FnMut(Object) + Send),
    ) -> Result<(), Error> {
        let mut marker = String::new();
        loop {
            let mut query = vec![("restype", "container"), ("comp", "list"), ("maxresults", "1000")];
            if !prefix.is_empty() {
                query.push(("prefix", prefix));
            }
            if !marker.is_empty() {
                query.push(("marker", &marker));
            }
            let response = self.ask("", &query).await?;
            let request = describe("GET", response.url());
            let (objects, next) = read_page(&text(response).await?)
                .map_err(|reason| Error::Answer { request: request.clone(), reason })?;
            objects.into_iter().for_each(&mut *visit);
            if next.is_empty() {
                return Ok(());
            }
            if next == marker {
                let reason = "the listing goes round in circles".to_owned();
                return Err(Error::Answer { request, reason });
            }
            marker = next;
        }
    }

    pub(crate) async fn open(&self, key: &str) -> Result<Option<(String, Response)>, Error> {
        let parts: Vec<String> =
            key.split('/').map(|part| utf8_percent_encode(part, ENCODED).to_string()).collect();
        match self.ask(&format!("/{}", parts.join("/")), &[]).await {
            Ok(response) => Ok(Some((etag(&response), response))),
            Err(error) if error.code() == Some("BlobNotFound") => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn ask(&self, path: &str, query: &[(&str, &str)]) -> Result<Response, Error> {
        let mut url = self.base.clone();
        let whole = format!("{}{path}", self.base.path());
        url.set_path(&whole);
        if url.path() != whole {
            return Err(Error::Key(path.to_owned()));
        }
        if !query.is_empty() || !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(query).extend_pairs(&self.query);
        }
        let make = || self.request(&url);
        let response = self.http.send(make).await?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status().as_u16();
        let header = response.headers().get("x-ms-error-code").and_then(|value| value.to_str().ok());
        let header = header.map(str::to_owned);
        let request = describe("GET", response.url());
        let told = xml::error(&text(response).await?);
        let code = header.or_else(|| told.as_ref().map(|(code, _)| code.clone())).unwrap_or_default();
        let reason = told.map(|(_, message)| message).unwrap_or_default();
        // The text goes on with an id of the request and the time, which are others each time.
        let reason = reason.lines().next().unwrap_or_default().to_owned();
        let message = format!("{request}: RESPONSE {status}: {code}: {reason}");
        Err(Error::Refused { status, code, message: message.trim_end_matches([':', ' ']).to_owned() })
    }

    fn request(&self, url: &Url) -> Result<Request, Error> {
        let mut request = Request::new(Method::GET, url.clone());
        let headers = request.headers_mut();
        headers.insert(HeaderName::from_static("x-ms-version"), HeaderValue::from_static(VERSION));
        let authorization = match &self.auth {
            AzureAuth::Anonymous | AzureAuth::Sas(_) => return Ok(request),
            AzureAuth::Token(token) => format!("Bearer {token}"),
            AzureAuth::SharedKey(key) => {
                let date = sign::date(jiff::Timestamp::now());
                let value = sign::authorization(url, &self.account, key, &date, VERSION)
                    .map_err(|reason| Error::Config(reason.to_owned()))?;
                let date = HeaderValue::try_from(date).map_err(|error| Error::Config(error.to_string()))?;
                headers.insert(HeaderName::from_static("x-ms-date"), date);
                value
            }
        };
        let value = HeaderValue::try_from(authorization).map_err(|_| {
            Error::Config("the credentials contain characters that HTTP headers cannot hold".to_owned())
        })?;
        headers.insert(AUTHORIZATION, value);
        Ok(request)
    }
}

/// The account that an endpoint belongs to: the first part of its host, or of its path where the host is an address.
fn account(endpoint: &Url) -> String {
    let name = match endpoint.host() {
        Some(url::Host::Domain(host)) if host.contains('.') => host.split('.').next(),
        _ => endpoint.path_segments().and_then(|mut parts| parts.next()),
    };
    name.unwrap_or_default().to_owned()
}

/// The blobs of a page, and where the next one begins.
fn read_page(text: &str) -> Result<(Vec<Object>, String), String> {
    let (mut objects, mut next) = (Vec::new(), String::new());
    let (mut key, mut etag) = (String::new(), String::new());
    let mut is_listing = false;
    // Texts may begin with a byte order mark.
    xml::visit(text.trim_start_matches('\u{feff}'), |path, text| {
        match path.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["EnumerationResults"] => is_listing = true,
            ["EnumerationResults", "NextMarker"] => text.clone_into(&mut next),
            ["EnumerationResults", "Blobs", "Blob", "Name"] => text.clone_into(&mut key),
            ["EnumerationResults", "Blobs", "Blob", "Properties", "Etag"] => {
                // As the header of the same name has it, which is what counts in the end.
                etag = format!("\"{}\"", text.trim_matches('"'));
            }
            ["EnumerationResults", "Blobs", "Blob"] => {
                objects.push(Object { key: std::mem::take(&mut key), etag: std::mem::take(&mut etag) });
            }
            _ => {}
        }
    })?;
    if is_listing { Ok((objects, next)) } else { Err("it is no listing of blobs".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_of_urls_go_along_and_stay_hidden() {
        let endpoint = "https://account.blob.core.windows.net/?sv=old&x=1";
        let auth = AzureAuth::Sas("?sv=new&sig=hunter2".to_owned());
        let azure = Azure::new(endpoint, "apps", auth, &Access::default()).unwrap();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(azure.query, [pair("sv", "new"), pair("sig", "hunter2"), pair("x", "1")]);
        assert_eq!(azure.base.as_str(), "https://account.blob.core.windows.net/apps");
        assert!(!format!("{azure:?}").contains("hunter2"));
        assert!(Azure::new("account.blob", "apps", AzureAuth::Anonymous, &Access::default()).is_err());
    }

    #[test]
    fn accounts_are_in_the_host_or_the_path() {
        let account = |url: &str| account(&Url::parse(url).unwrap());
        assert_eq!(account("https://acc.blob.core.windows.net"), "acc");
        assert_eq!(account("http://127.0.0.1:10000/devstoreaccount1"), "devstoreaccount1");
    }

    #[test]
    fn pages_are_read() {
        let text = "\u{feff}<?xml version=\"1.0\"?><EnumerationResults><Blobs><Blob><Name>a/b</Name><Properties>\
                    <Etag>0x8D</Etag></Properties></Blob></Blobs><NextMarker>m</NextMarker></EnumerationResults>";
        let (objects, next) = read_page(text).unwrap();
        assert_eq!(objects, [Object { key: "a/b".to_owned(), etag: "\"0x8D\"".to_owned() }]);
        assert_eq!(next, "m");
    }
}
