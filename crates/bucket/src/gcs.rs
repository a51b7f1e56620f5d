//! Google Cloud Storage, by its JSON interface.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Method, Request, Response};
use serde::Deserialize;
use url::Url;

use crate::http::{Access, Http, describe, text};
use crate::{Error, Object};

/// Where the service is.
const SERVICE: &str = "https://storage.googleapis.com/";

const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Who asks.
#[derive(Clone, PartialEq, Eq)]
pub enum GcsAuth {
    /// Nobody in particular.
    Anonymous,
    /// The owner of an access token for the scope `devstorage.read_only`.
    Token(String),
}

impl fmt::Debug for GcsAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Anonymous => "Anonymous",
            Self::Token(_) => "Token(***)",
        })
    }
}

/// A bucket.
#[derive(Clone, Debug)]
pub struct Gcs {
    http: Http,
    /// The bucket's own address.
    base: Url,
    auth: GcsAuth,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    #[serde(default)]
    items: Vec<Item>,
    next_page_token: Option<String>,
}

#[derive(Deserialize)]
struct Item {
    #[serde(default)]
    name: String,
    #[serde(default)]
    etag: String,
    #[serde(default)]
    generation: String,
}

#[derive(Deserialize)]
struct Refusal {
    error: Reason,
}

#[derive(Deserialize)]
struct Reason {
    #[serde(default)]
    message: String,
}

impl Gcs {
    /// The bucket of this name. `emulator` is where another service plays Google's, as the variable
    /// `STORAGE_EMULATOR_HOST` has it: a URL, or a host with a port.
    pub fn new(bucket: &str, emulator: Option<&str>, auth: GcsAuth, access: &Access) -> Result<Self, Error> {
        let service = match emulator.filter(|host| !host.is_empty()) {
            None => SERVICE.to_owned(),
            Some(host) if host.contains("://") => format!("{}/", host.trim_end_matches('/')),
            Some(host) => format!("http://{host}/"),
        };
        let name = utf8_percent_encode(bucket, ENCODED).to_string();
        let path = format!("storage/v1/b/{name}");
        let base = Url::parse(&service).and_then(|url| url.join(&path));
        let base = base.map_err(|error| Error::Config(format!("endpoint '{service}': {error}")))?;
        if !base.path().ends_with(&path) {
            return Err(Error::Config(format!("Bucket name {bucket:?} is invalid")));
        }
        Ok(Self { http: access.client()?, base, auth })
    }

    pub(crate) async fn exists(&self) -> Result<bool, Error> {
        match self.ask("", &[]).await {
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
            let mut query = vec![
                ("prefix", prefix),
                ("maxResults", "1000"),
                ("fields", "items(name,etag),nextPageToken"),
            ];
            if let Some(token) = &token {
                query.push(("pageToken", token));
            }
            let page: Page = self.json("/o", &query).await?;
            for Item { name, etag, .. } in page.items {
                visit(Object { key: name, etag });
            }
            match page.next_page_token.filter(|next| !next.is_empty()) {
                Some(next) if token.as_ref() != Some(&next) => token = Some(next),
                Some(_) => {
                    let request = describe("GET", &self.base);
                    let reason = "the listing goes round in circles".to_owned();
                    return Err(Error::Answer { request, reason });
                }
                None => return Ok(()),
            }
        }
    }

    pub(crate) async fn open(&self, key: &str) -> Result<Option<(String, Response)>, Error> {
        let path = format!("/o/{}", utf8_percent_encode(key, ENCODED));
        let gone = |error: Error| if error.status() == Some(404) { Ok(None) } else { Err(error) };
        let item: Item = match self.json(&path, &[("fields", "name,etag,generation")]).await {
            Ok(item) => item,
            Err(error) => return gone(error),
        };
        let mut query = vec![("alt", "media")];
        if !item.generation.is_empty() {
            query.push(("ifGenerationMatch", &item.generation));
        }
        match self.ask(&path, &query).await {
            Ok(response) => Ok(Some((item.etag, response))),
            Err(error) => gone(error),
        }
    }

    async fn json<T: for<'de> Deserialize<'de>>(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<T, Error> {
        let response = self.ask(path, query).await?;
        let request = describe("GET", response.url());
        serde_json::from_str(&text(response).await?)
            .map_err(|error| Error::Answer { request, reason: error.to_string() })
    }

    async fn ask(&self, path: &str, query: &[(&str, &str)]) -> Result<Response, Error> {
        let mut url = self.base.clone();
        let whole = format!("{}{path}", self.base.path());
        url.set_path(&whole);
        if url.path() != whole {
            return Err(Error::Key(path.trim_start_matches("/o/").to_owned()));
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let make = || {
            let mut request = Request::new(Method::GET, url.clone());
            if let GcsAuth::Token(token) = &self.auth {
                let value = HeaderValue::try_from(format!("Bearer {token}"))
                    .map_err(|_| Error::Config("the token is none that HTTP headers can hold".to_owned()))?;
                request.headers_mut().insert(AUTHORIZATION, value);
            }
            Ok(request)
        };
        let response = self.http.send(make).await?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let status = status.as_u16();
        let body = text(response).await?;
        let told = serde_json::from_str::<Refusal>(&body).map(|refusal| refusal.error.message);
        let message =
            told.ok().filter(|message| !message.is_empty()).unwrap_or_else(|| "no reason given".to_owned());
        let message = format!("googleapi: Error {status}: {message}");
        Err(Error::Refused { status, code: String::new(), message })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_emulator_is_asked_instead() {
        let base = |emulator: Option<&str>, bucket: &str| {
            Gcs::new(bucket, emulator, GcsAuth::Anonymous, &Access::default()).map(|gcs| gcs.base.to_string())
        };
        assert_eq!(base(None, "apps").unwrap(), "https://storage.googleapis.com/storage/v1/b/apps");
        assert_eq!(base(Some("localhost:1"), "apps").unwrap(), "http://localhost:1/storage/v1/b/apps");
        assert_eq!(base(Some("https://h"), "a/b").unwrap(), "https://h/storage/v1/b/a%2Fb");
        assert!(base(None, "..").is_err());
    }
}
