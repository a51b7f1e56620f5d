//! Requests and answers, bounded.

use std::path::Path;

use futures::StreamExt as _;
use reqwest::{Client, Request, Response};
use sluice_http::{ConfigError, Proxy, Route, Settings, Tls, check_host, classify, redact};
use tokio::fs::OpenOptions;
use tokio::io::AsyncWriteExt as _;
use url::Url;

use crate::Error;

/// Our name for servers.
const AGENT: &str = "sluice/source-controller";
/// The most of a listing or an error that is read, in bytes.
const MAX_ANSWER: usize = 16 << 20;
/// The most of an object that is read, in bytes.
const MAX_OBJECT: u64 = 5 << 30;
/// How often a request is made anew that failed for a reason that may pass.
const TRIES: u32 = 3;

/// How to connect to a store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// Trust and client identity.
    pub tls: Tls,
    /// The proxy to go through; overrides the environment's.
    pub proxy: Option<Proxy>,
}

impl Access {
    pub(crate) fn client(&self) -> Result<Http, Error> {
        let settings = Settings { tls: self.tls.clone(), proxy: self.proxy.clone(), user_agent: AGENT };
        let client = sluice_http::client(&settings).map_err(|error| {
            let (ConfigError::Tls(reason) | ConfigError::Proxy(reason) | ConfigError::Client(reason)) = error;
            Error::Config(reason)
        })?;
        let proxy = self.proxy.as_ref().map(|proxy| authority(&proxy.url));
        Ok(Http { client, proxy })
    }
}

/// A client.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    client: Client,
    proxy: Option<String>,
}

impl Http {
    /// The answer to a request, whatever its status. `make` makes the request anew for every try.
    pub(crate) async fn send(
        &self,
        make: impl Fn() -> Result<Request, Error> + Send + Sync,
    ) -> Result<Response, Error> {
        let mut wait = std::time::Duration::from_millis(200);
        for _ in 1..TRIES {
            match self.send_once(make()?).await {
                Ok(answer) if !matches!(answer.status().as_u16(), 429 | 500 | 502..=504) => {
                    return Ok(answer);
                }
                Ok(answer) => wait = wait.max(retry_after(&answer)),
                Err(error @ Error::Config(_)) => return Err(error),
                Err(error) => tracing::debug!(%error, "request to the object store failed, trying again"),
            }
            tokio::time::sleep(wait).await;
            wait *= 4;
        }
        self.send_once(make()?).await
    }

    async fn send_once(&self, request: Request) -> Result<Response, Error> {
        let text = describe(request.method().as_str(), request.url());
        let route = Route { target: authority(request.url()), proxy: self.proxy.clone() };
        if route.proxy.is_none() {
            check_host(request.url()).map_err(|error| Error::Config(error.to_string()))?;
        }
        self.client.execute(request).await.map_err(|error| Error::Connect {
            request: text,
            reason: classify(&error.without_url(), &route).to_string(),
        })
    }
}

/// How long the server asks to wait, up to ten seconds.
fn retry_after(answer: &Response) -> std::time::Duration {
    let value = answer.headers().get(reqwest::header::RETRY_AFTER).and_then(|value| value.to_str().ok());
    let seconds = value.and_then(|value| value.parse::<u64>().ok()).unwrap_or_default();
    std::time::Duration::from_secs(seconds.min(10))
}

/// `GET "https://host/path"`, without the query, which may hold a signature.
pub(crate) fn describe(method: &str, url: &Url) -> String {
    format!("{method} \"{}\"", redact(url.as_str()))
}

fn authority(url: &Url) -> String {
    format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default())
}

/// The whole body of an answer that is no object.
pub(crate) async fn text(response: Response) -> Result<String, Error> {
    let request = describe("answer of", response.url());
    let mut body = Vec::new();
    let mut stream = response.bytes_stream();
    while let Some(piece) = stream.next().await {
        let piece = piece.map_err(|error| Error::Connect {
            request: request.clone(),
            reason: error.without_url().to_string(),
        })?;
        if body.len() + piece.len() > MAX_ANSWER {
            return Err(Error::TooLarge(format!("{request} is longer than {MAX_ANSWER} bytes")));
        }
        body.extend_from_slice(&piece);
    }
    Ok(String::from_utf8_lossy(&body).into_owned())
}

/// Writes the body of an answer to a new file, which only we may read.
pub(crate) async fn save(response: Response, path: &Path) -> Result<(), Error> {
    let request = describe("GET", response.url());
    let expected = response.content_length();
    let failed = |source| Error::File {
        path: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        source,
    };
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).await;
    let mut file = tokio::io::BufWriter::with_capacity(256 << 10, file.map_err(failed)?);
    let mut written = 0_u64;
    let mut stream = response.bytes_stream();
    while let Some(piece) = stream.next().await {
        let piece = piece.map_err(|error| Error::Connect {
            request: request.clone(),
            reason: error.without_url().to_string(),
        })?;
        written += piece.len() as u64;
        if written > MAX_OBJECT {
            return Err(Error::TooLarge(format!("{request}: the object is longer than {MAX_OBJECT} bytes")));
        }
        file.write_all(&piece).await.map_err(failed)?;
    }
    file.flush().await.map_err(failed)?;
    if expected.is_some_and(|expected| expected != written) {
        return Err(Error::Answer { request, reason: "the object is cut off".to_owned() });
    }
    Ok(())
}

/// The entity tag of an answer, as it is.
pub(crate) fn etag(response: &Response) -> String {
    let value = response.headers().get(reqwest::header::ETAG);
    value.and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}
