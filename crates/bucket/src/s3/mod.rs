//! S3 and what is compatible with it.

mod sign;
mod sts;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use percent_encoding::{percent_decode_str, utf8_percent_encode};
use reqwest::{Method, Request, Response};
use url::Url;

use self::sign::ENCODED;
use crate::http::{Access, Http, describe, etag, text};
use crate::{Error, Object, xml};

pub use sts::assume_role_with_ldap;

/// The region where nothing else is known.
const DEFAULT_REGION: &str = "us-east-1";

/// The keys of an account.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Names the key.
    pub access_key: String,
    /// The key.
    pub secret_key: String,
    /// Goes with temporary keys.
    pub session_token: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(***)")
    }
}

/// A bucket.
#[derive(Clone, Debug)]
pub struct S3 {
    http: Http,
    /// Where the bucket is, with a slash at the end.
    base: Url,
    credentials: Option<Credentials>,
    /// The region that requests are signed for; another one once the store says so.
    region: Arc<Mutex<String>>,
}

impl S3 {
    /// The bucket of this name at `endpoint`, which is a host and perhaps a port. Without credentials it is
    /// asked anonymously; without a region the store is believed which it is.
    pub fn new(
        endpoint: &str,
        insecure: bool,
        bucket: &str,
        region: Option<&str>,
        credentials: Option<Credentials>,
        access: &Access,
    ) -> Result<Self, Error> {
        let scheme = if insecure { "http" } else { "https" };
        let invalid = |reason: &str| Error::Config(format!("Endpoint: {endpoint} {reason}"));
        let url = Url::parse(&format!("{scheme}://{endpoint}/"))
            .map_err(|_| invalid("does not follow ip address or domain name standards."))?;
        let host = url.host_str().unwrap_or_default().to_owned();
        let plain = url.path() == "/" && url.query().is_none() && url.username().is_empty();
        if endpoint.contains("://") || !plain {
            return Err(invalid("must be a host and perhaps a port, without scheme and path"));
        }
        check_name(bucket)?;
        let base = if has_virtual_hosts(&host) && (insecure || !bucket.contains('.')) {
            Url::parse(&format!("{scheme}://{bucket}.{}/", &endpoint.trim_end_matches('/')))
        } else {
            url.join(&format!("{bucket}/"))
        };
        let base = base.map_err(|error| invalid(&error.to_string()))?;
        let region = region.filter(|region| !region.is_empty()).unwrap_or(DEFAULT_REGION);
        Ok(Self {
            http: access.client()?,
            base,
            credentials,
            region: Arc::new(Mutex::new(region.to_owned())),
        })
    }

    pub(crate) async fn exists(&self) -> Result<bool, Error> {
        match self.ask(Method::HEAD, "", &[]).await {
            Ok(_) => Ok(true),
            Err(error) if error.status() == Some(404) => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub(crate) async fn list(
        &self,
        prefix: &str,
        visit: &mut (dyn FnMut(Object) + Send),
    ) -> Result<(), Error> {
        let mut token: Option<String> = None;
        loop {
            let mut query =
                vec![("encoding-type", "url"), ("list-type", "2"), ("max-keys", "1000"), ("prefix", prefix)];
            if let Some(token) = &token {
                query.push(("continuation-token", token));
            }
            let response = self.ask(Method::GET, "", &query).await?;
            let request = describe("GET", response.url());
            let page = Page::read(&text(response).await?)
                .map_err(|reason| Error::Answer { request: request.clone(), reason })?;
            page.objects.into_iter().for_each(&mut *visit);
            match page.next {
                Some(next) if token.as_ref() != Some(&next) => token = Some(next),
                Some(_) => {
                    let reason = "the listing goes round in circles".to_owned();
                    return Err(Error::Answer { request, reason });
                }
                None => return Ok(()),
            }
        }
    }

    pub(crate) async fn open(&self, key: &str) -> Result<Option<(String, Response)>, Error> {
        let response = match self.ask(Method::GET, key, &[]).await {
            Ok(response) => response,
            Err(error) if error.code() == Some("NoSuchKey") => return Ok(None),
            Err(error) => return Err(error),
        };
        let etag = etag(&response).trim_matches('"').to_owned();
        Ok(Some((etag, response)))
    }

    /// Asks; a second time if the store says that the bucket is in another region.
    async fn ask(&self, method: Method, key: &str, query: &[(&str, &str)]) -> Result<Response, Error> {
        let url = self.url(key, query)?;
        let region = self.region();
        match self.ask_in(&region, &method, &url).await {
            Err(Refusal { region: Some(other), .. }) if other != region => {
                self.region.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&other);
                self.ask_in(&other, &method, &url).await.map_err(|refusal| refusal.error)
            }
            result => result.map_err(|refusal| refusal.error),
        }
    }

    async fn ask_in(&self, region: &str, method: &Method, url: &Url) -> Result<Response, Refusal> {
        let make = || {
            let mut request = Request::new(method.clone(), url.clone());
            let Some(credentials) = &self.credentials else { return Ok(request) };
            let signed = sign::headers(method.as_str(), url, &[], region, credentials, Timestamp::now());
            for (name, value) in signed {
                let value = reqwest::header::HeaderValue::try_from(value).map_err(|_| {
                    Error::Config(
                        "the credentials contain characters that HTTP headers cannot hold".to_owned(),
                    )
                })?;
                let name = reqwest::header::HeaderName::try_from(name)
                    .map_err(|error| Error::Config(error.to_string()))?;
                request.headers_mut().insert(name, value);
            }
            Ok(request)
        };
        let response = self.http.send(make).await.map_err(Refusal::from)?;
        if response.status().is_success() { Ok(response) } else { Err(Refusal::of(response).await) }
    }

    fn region(&self) -> String {
        self.region.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn url(&self, key: &str, query: &[(&str, &str)]) -> Result<Url, Error> {
        let mut url = self.base.clone();
        let parts: Vec<String> =
            key.split('/').map(|part| utf8_percent_encode(part, ENCODED).to_string()).collect();
        let path = format!("{}{}", self.base.path(), parts.join("/"));
        url.set_path(&path);
        // URLs have no parts `.` and `..`: what they would name is another object.
        if url.path() != path {
            return Err(Error::Key(key.to_owned()));
        }
        if !query.is_empty() {
            let encoded = |text: &str| utf8_percent_encode(text, ENCODED).to_string();
            let pairs: Vec<String> =
                query.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
            url.set_query(Some(&pairs.join("&")));
        }
        Ok(url)
    }
}

/// An error, and the region that the store names with it.
struct Refusal {
    error: Error,
    region: Option<String>,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self { error, region: None }
    }
}

impl Refusal {
    async fn of(response: Response) -> Self {
        let status = response.status().as_u16();
        let header = response.headers().get("x-amz-bucket-region").and_then(|value| value.to_str().ok());
        let header = header.map(str::to_owned);
        let request = describe("", response.url());
        let body = match text(response).await {
            Ok(body) => body,
            Err(error) => return Self::from(error),
        };
        let (code, message) = xml::error(&body).unwrap_or_else(|| {
            let (code, message) = match status {
                301 | 307 => {
                    ("PermanentRedirect", "the bucket must be addressed using another endpoint or region")
                }
                403 => ("AccessDenied", "Access Denied."),
                404 => ("NoSuchKey", "The specified key does not exist."),
                _ => ("", ""),
            };
            (code.to_owned(), message.to_owned())
        });
        let message = if message.is_empty() {
            format!("{}: the store answers with HTTP status {status}", request.trim())
        } else {
            message
        };
        let mut region = header;
        let _ = xml::visit(&body, |path, text| {
            if path.last().is_some_and(|name| name == "Region") {
                region = Some(text.to_owned());
            }
        });
        // Only errors about the region are worth another try in it.
        let about_region = matches!(code.as_str(), "AuthorizationHeaderMalformed" | "PermanentRedirect")
            || matches!(status, 301 | 307)
            || status == 400 && code.is_empty();
        Self { error: Error::Refused { status, code, message }, region: region.filter(|_| about_region) }
    }
}

/// One page of a listing.
#[derive(Debug, Default, PartialEq)]
struct Page {
    objects: Vec<Object>,
    next: Option<String>,
}

impl Page {
    fn read(text: &str) -> Result<Self, String> {
        let mut page = Self::default();
        let (mut key, mut etag) = (String::new(), String::new());
        let (mut encoded, mut truncated, mut token) = (false, false, String::new());
        let mut is_listing = false;
        xml::visit(text, |path, text| match path.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["ListBucketResult"] => is_listing = true,
            ["ListBucketResult", "EncodingType"] => encoded = text == "url",
            ["ListBucketResult", "IsTruncated"] => truncated = text == "true",
            ["ListBucketResult", "NextContinuationToken"] => text.clone_into(&mut token),
            ["ListBucketResult", "Contents", "Key"] => text.clone_into(&mut key),
            ["ListBucketResult", "Contents", "ETag"] => text.trim_matches('"').clone_into(&mut etag),
            ["ListBucketResult", "Contents"] => {
                page.objects.push(Object { key: std::mem::take(&mut key), etag: std::mem::take(&mut etag) });
            }
            _ => {}
        })?;
        if !is_listing {
            return Err("it is no listing of objects: is this an S3 endpoint?".to_owned());
        }
        if encoded {
            for object in &mut page.objects {
                object.key = decode(&object.key);
            }
        }
        page.next = Some(token).filter(|token| truncated && !token.is_empty());
        Ok(page)
    }
}

/// Undoes the encoding of forms.
fn decode(text: &str) -> String {
    percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}

/// Hosts that serve each bucket at a name of its own.
fn has_virtual_hosts(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    [".amazonaws.com", ".amazonaws.com.cn", ".googleapis.com", ".aliyuncs.com"]
        .iter()
        .any(|suffix| host.ends_with(suffix))
}

/// Refuses names that would lead to another place.
fn check_name(bucket: &str) -> Result<(), Error> {
    let ok = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if bucket.len() < 3 || bucket.len() > 63 || !bucket.bytes().all(ok) || bucket.starts_with('.') {
        return Err(Error::Config(format!(
            "Bucket name {bucket:?} is invalid: it must have 3 to 63 letters, digits, dots and dashes"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(endpoint: &str, insecure: bool, bucket: &str) -> Result<String, Error> {
        S3::new(endpoint, insecure, bucket, None, None, &Access::default()).map(|s3| s3.base.to_string())
    }

    #[test]
    fn buckets_have_a_path_or_a_host() {
        assert_eq!(base("localhost:9000", true, "apps").unwrap(), "http://localhost:9000/apps/");
        assert_eq!(base("s3.amazonaws.com", false, "apps").unwrap(), "https://apps.s3.amazonaws.com/");
        assert_eq!(base("s3.amazonaws.com", false, "a.b.c").unwrap(), "https://s3.amazonaws.com/a.b.c/");
        for (endpoint, bucket) in [
            ("http://h", "apps"),
            ("h/x", "apps"),
            ("h?x", "apps"),
            ("u@h", "apps"),
            ("h", ".."),
            ("h", "a/b"),
        ] {
            assert!(base(endpoint, false, bucket).is_err(), "{endpoint} {bucket}");
        }
    }

    #[test]
    fn keys_are_encoded_as_signatures_want_them() {
        let s3 = S3::new("h", true, "apps", None, None, &Access::default()).unwrap();
        let path = |key: &str| s3.url(key, &[]).map(|url| url.path().to_owned());
        assert_eq!(path("a b/ü+~*(1).yaml").unwrap(), "/apps/a%20b/%C3%BC%2B~%2A%281%29.yaml");
        assert_eq!(path("a//b").unwrap(), "/apps/a//b");
        assert!(path("../other/secret").is_err());
        assert!(path("a/./b").is_err());
    }

    #[test]
    fn pages_are_read() {
        let text = "<ListBucketResult xmlns=\"x\"><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>\
                    <Contents><Key>a%20b+c</Key><ETag>&quot;1&quot;</ETag><Size>1</Size></Contents>\
                    <NextContinuationToken>next</NextContinuationToken></ListBucketResult>";
        let page = Page::read(text).unwrap();
        assert_eq!(page.objects, [Object { key: "a b c".to_owned(), etag: "1".to_owned() }]);
        assert_eq!(page.next.as_deref(), Some("next"));
        assert!(Page::read("<html></html>").is_err());
    }
}
