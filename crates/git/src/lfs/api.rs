//! The batch API of LFS servers and the downloads that it names:
//! <https://github.com/git-lfs/git-lfs/blob/main/docs/api/batch.md>.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::{Client, Method, Request, Response, StatusCode};
use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};
use sluice_http::{MAX_REDIRECTS, Route, check_host, classify, follow, redact};
use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;
use url::Url;

use super::pointer::Pointer;
use crate::protocol::clean;
use crate::transport::{authority, authorization, check_address, http_client};
use crate::{Cause, Remote};

const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/vnd.git-lfs+json");

/// The most of an answer to a batch request that is read, in bytes.
const MAX_ANSWER: usize = 4 << 20;

/// The most headers that a server may ask us to send along.
const MAX_HEADERS: usize = 32;

/// An LFS server, as one remote reaches it.
pub(super) struct Server {
    client: Client,
    /// Without user information, and without a slash at its end.
    endpoint: Url,
    /// What the repository's server is shown, and no other.
    authorization: Option<HeaderValue>,
    /// Whose credentials those are.
    repository: Url,
    proxy: Option<String>,
}

/// Where the content of a pointer is.
#[derive(Debug, Deserialize)]
pub(super) struct Action {
    href: String,
    #[serde(default)]
    header: BTreeMap<String, String>,
}

#[derive(Serialize)]
struct Batch<'a> {
    operation: &'static str,
    transfers: [&'static str; 1],
    objects: Vec<Object<'a>>,
    hash_algo: &'static str,
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    reference: Option<Reference<'a>>,
}

#[derive(Serialize)]
struct Object<'a> {
    oid: &'a str,
    size: u64,
}

#[derive(Serialize)]
struct Reference<'a> {
    name: &'a str,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    transfer: String,
    objects: Vec<Answered>,
}

#[derive(Deserialize)]
struct Answered {
    oid: String,
    #[serde(default)]
    actions: Option<Actions>,
    error: Option<Refused>,
}

#[derive(Deserialize)]
struct Actions {
    download: Option<Action>,
}

#[derive(Deserialize)]
struct Refused {
    #[serde(default)]
    code: i64,
    #[serde(default)]
    message: String,
}

impl Server {
    /// The server at `endpoint`, which may be another one than the repository's.
    pub(super) fn new(remote: &Remote, endpoint: Url) -> Result<Self, String> {
        let text = |cause: Cause| cause.to_string();
        Ok(Self {
            client: http_client(&remote.tls, remote.proxy.as_ref()).map_err(text)?,
            authorization: authorization(remote).map_err(text)?,
            repository: remote.url.clone(),
            proxy: remote.proxy.as_ref().map(|proxy| authority(&proxy.url)),
            endpoint,
        })
    }

    /// Asks where the contents are; for each the place, or why there is none.
    pub(super) async fn locate(
        &self,
        pointers: &[&Pointer],
        reference: Option<&str>,
    ) -> Result<HashMap<String, Result<Action, String>>, String> {
        let url = format!("{}/objects/batch", self.endpoint.as_str().trim_end_matches('/'));
        let url = Url::parse(&url).map_err(|error| format!("invalid URL of the LFS server: {error}"))?;
        let objects =
            pointers.iter().map(|pointer| Object { oid: pointer.oid(), size: pointer.size }).collect();
        let batch = Batch {
            operation: "download",
            transfers: ["basic"],
            objects,
            hash_algo: "sha256",
            reference: reference.map(|name| Reference { name }),
        };
        let body = serde_json::to_vec(&batch).map_err(|error| error.to_string())?;
        let headers =
            HeaderMap::from_iter([(ACCEPT, MEDIA_TYPE.clone()), (CONTENT_TYPE, MEDIA_TYPE.clone())]);
        let what = format!("Post \"{}\"", redact(url.as_str()));
        let answer = self.send(Method::POST, url, headers, Some(body)).await?;
        let status = answer.status();
        let body = start_of(answer, MAX_ANSWER).await.map_err(|error| format!("{what}: {error}"))?;
        if status != StatusCode::OK {
            return Err(format!("{what}: {}", explain(status, &body)));
        }
        let answer: Answer = serde_json::from_slice(&body).map_err(|error| {
            format!("{what} was answered with what is no answer of an LFS server: {error}")
        })?;
        if !matches!(answer.transfer.as_str(), "" | "basic") {
            let transfer = clean(answer.transfer.as_bytes());
            return Err(format!(
                "{what}: the server wants the transfer '{transfer}', only 'basic' is supported"
            ));
        }
        Ok(answer.objects.into_iter().map(|object| (object.oid.clone(), object.place())).collect())
    }

    /// Downloads a content into a file that nobody else writes. What is not the content is an error.
    pub(super) async fn download(
        &self,
        pointer: &Pointer,
        action: &Action,
        file: &Path,
    ) -> Result<(), String> {
        let url =
            Url::parse(&action.href).map_err(|error| format!("invalid address of the content: {error}"))?;
        if self.endpoint.scheme() == "https" && url.scheme() != "https" {
            return Err(format!("{} leaves https", redact(url.as_str())));
        }
        let shown = redact(url.as_str());
        let what = format!("Get \"{shown}\"");
        let headers = headers(&action.header)?;
        let mut answer = self.send(Method::GET, url, headers, None).await?;
        let status = answer.status();
        if status != StatusCode::OK {
            let body = start_of(answer, 1024).await.unwrap_or_default();
            return Err(format!("{what}: {}", explain(status, &body)));
        }
        let failed = |error: std::io::Error| format!("unable to store it: {error}");
        let mut out = File::create(file).await.map_err(failed)?;
        let (mut digest, mut size) = (Context::new(&SHA256), 0_u64);
        while let Some(piece) =
            answer.chunk().await.map_err(|error| format!("{what}: {}", error.without_url()))?
        {
            size += piece.len() as u64;
            if size > pointer.size {
                return Err(format!(
                    "{what}: the content is longer than the {} bytes of its pointer",
                    pointer.size
                ));
            }
            digest.update(&piece);
            out.write_all(&piece).await.map_err(failed)?;
        }
        out.flush().await.map_err(failed)?;
        if size != pointer.size {
            return Err(format!("{what}: {size} bytes came instead of {}", pointer.size));
        }
        let found = hex::encode(digest.finish());
        if found != pointer.oid() {
            return Err(format!(
                "{what}: the content has the SHA-256 {found}, which is not that of its pointer"
            ));
        }
        Ok(())
    }

    /// Sends a request, with the repository's credentials where they belong, and follows redirects.
    async fn send(
        &self,
        method: Method,
        mut url: Url,
        mut headers: HeaderMap,
        body: Option<Vec<u8>>,
    ) -> Result<Response, String> {
        let word = if method == Method::POST { "Post" } else { "Get" };
        for _ in 0..=MAX_REDIRECTS {
            let what = format!("{word} \"{}\"", redact(url.as_str()));
            let failed = |reason: String| format!("{what}: {reason}");
            if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
                return Err(failed("only http and https can be followed".to_owned()));
            }
            if self.proxy.is_none() {
                check_host(&url).map_err(|error| failed(error.to_string()))?;
                check_address(&self.repository, &url).await.map_err(|cause| failed(cause.to_string()))?;
            }
            let mut request = Request::new(method.clone(), url.clone());
            *request.headers_mut() = headers.clone();
            if !headers.contains_key(AUTHORIZATION)
                && let Some(authorization) = &self.authorization
                && is_same_origin(&self.repository, &url)
            {
                request.headers_mut().insert(AUTHORIZATION, authorization.clone());
            }
            *request.body_mut() = body.clone().map(Into::into);
            let route = Route { target: authority(&url), proxy: self.proxy.clone() };
            let answer = self.client.execute(request).await;
            let answer =
                answer.map_err(|error| failed(classify(&error.without_url(), &route).to_string()))?;
            if !matches!(answer.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
                return Ok(answer);
            }
            let location = answer.headers().get(LOCATION).and_then(|value| value.to_str().ok());
            let location = location.ok_or_else(|| failed("the redirect names no location".to_owned()))?;
            let step = follow(&url, location).map_err(|error| failed(error.to_string()))?;
            if !step.same_origin {
                if body.is_some() {
                    return Err(failed("it was redirected to another server".to_owned()));
                }
                headers.remove(AUTHORIZATION);
            }
            url = step.url;
        }
        Err(format!("more than {MAX_REDIRECTS} redirects"))
    }
}

impl Answered {
    fn place(self) -> Result<Action, String> {
        if let Some(Refused { code, message }) = self.error {
            return Err(format!("the LFS server says: {code} {}", clean(message.as_bytes())));
        }
        let action = self.actions.and_then(|actions| actions.download);
        action.ok_or_else(|| "the LFS server does not say where it is".to_owned())
    }
}

/// What the server wants to be sent along.
fn headers(wanted: &BTreeMap<String, String>) -> Result<HeaderMap, String> {
    if wanted.len() > MAX_HEADERS {
        return Err(format!("the LFS server wants more than {MAX_HEADERS} headers"));
    }
    let mut headers = HeaderMap::new();
    for (name, value) in wanted {
        let parsed = name.parse::<HeaderName>().ok().zip(HeaderValue::try_from(value.as_str()).ok());
        let Some((name, mut value)) = parsed else {
            return Err("the LFS server wants a header that HTTP does not allow".to_owned());
        };
        if matches!(name.as_str(), "host" | "content-length" | "transfer-encoding" | "connection") {
            continue;
        }
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

fn is_same_origin(a: &Url, b: &Url) -> bool {
    a.scheme() == b.scheme() && a.host() == b.host() && a.port_or_known_default() == b.port_or_known_default()
}

/// What a status that is none of success means, with the server's own words.
fn explain(status: StatusCode, body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Said {
        message: String,
    }
    let said = serde_json::from_slice::<Said>(body).map(|said| said.message).unwrap_or_default();
    let said = clean(said.as_bytes());
    let meaning = match status.as_u16() {
        401 => "authentication required",
        403 => "authorization failed",
        404 => "not found: there is no LFS server, or it does not know the repository or the content",
        _ => status.canonical_reason().unwrap_or_default(),
    };
    let text = format!("{} {meaning}", status.as_u16());
    if said.is_empty() { text } else { format!("{text}: {said}") }
}

async fn start_of(mut answer: Response, limit: usize) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(piece) = answer.chunk().await.map_err(|error| error.without_url().to_string())? {
        body.extend_from_slice(&piece);
        if body.len() > limit {
            return Err(format!("the answer is longer than {limit} bytes"));
        }
    }
    Ok(body)
}
