//! Signature version 4 of requests without a body.

use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use ring::{digest, hmac};
use url::Url;

use super::Credentials;

/// All but what RFC 3986 leaves as it is.
pub(super) const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// SHA-256 of nothing.
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// The headers that sign a request, with those of `extra`, whose names are in lower case.
pub(super) fn headers(
    method: &str,
    url: &Url,
    extra: &[(&str, &str)],
    region: &str,
    credentials: &Credentials,
    now: Timestamp,
) -> Vec<(String, String)> {
    let time = now.strftime("%Y%m%dT%H%M%SZ").to_string();
    let date = time.get(..8).unwrap_or_default().to_owned();
    let mut all: Vec<(String, String)> =
        extra.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    all.push(("host".to_owned(), host(url)));
    all.push(("x-amz-content-sha256".to_owned(), EMPTY.to_owned()));
    all.push(("x-amz-date".to_owned(), time.clone()));
    if let Some(token) = &credentials.session_token {
        all.push(("x-amz-security-token".to_owned(), token.clone()));
    }
    all.sort();
    let names: Vec<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
    let names = names.join(";");
    let lines: String = all.iter().flat_map(|(name, value)| [name, ":", value.trim(), "\n"]).collect();
    let canonical = format!("{method}\n{}\n{}\n{lines}\n{names}\n{EMPTY}", url.path(), query(url));
    let scope = format!("{date}/{region}/s3/aws4_request");
    let hashed = hex::encode(digest::digest(&digest::SHA256, canonical.as_bytes()));
    let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{hashed}");
    let first = format!("AWS4{}", credentials.secret_key).into_bytes();
    let key = [date.as_str(), region, "s3", "aws4_request"].iter().fold(first, |key, part| mac(&key, part));
    let signature = hex::encode(mac(&key, &text));
    let value = format!(
        "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
        credentials.access_key
    );
    // The client sets it from the URL.
    all.retain(|(name, _)| name != "host");
    all.push(("authorization".to_owned(), value));
    all
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
}

fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// The query with its parameters sorted and encoded as signatures want it.
fn query(url: &Url) -> String {
    let encoded = |text: &str| utf8_percent_encode(text, ENCODED).to_string();
    let mut pairs: Vec<String> =
        url.query_pairs().map(|(name, value)| format!("{}={}", encoded(&name), encoded(&value))).collect();
    pairs.sort_unstable();
    pairs.join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// "GET Bucket (List Objects)" and "GET Object" of the examples that Amazon publishes for S3.
    #[test]
    fn signatures_are_those_of_the_published_examples() {
        let credentials = Credentials {
            access_key: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            secret_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned(),
            session_token: None,
        };
        let now: Timestamp = "2013-05-24T00:00:00Z".parse().unwrap();
        let signed = |url: &str, extra: &[(&str, &str)]| {
            let url = Url::parse(url).unwrap();
            let headers = headers("GET", &url, extra, "us-east-1", &credentials, now);
            headers.last().unwrap().1.rsplit_once("Signature=").unwrap().1.to_owned()
        };
        assert_eq!(
            signed("https://examplebucket.s3.amazonaws.com/?max-keys=2&prefix=J", &[]),
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"
        );
        assert_eq!(
            signed("https://examplebucket.s3.amazonaws.com/test.txt", &[("range", "bytes=0-9")]),
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
        );
    }
}
