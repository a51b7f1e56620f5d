//! Sending requests, once or wherever a redirect leads.

use std::pin::pin;

use anyhow::{Context as _, Error, Result, anyhow};
use futures::{Stream, StreamExt};
use http::StatusCode;
use http::header::{AUTHORIZATION, CONTENT_TYPE, LOCATION};
use sluice_http::{MAX_REDIRECTS, Route, Settings, Tls};
use url::{Position, Url};

/// So much of an answer is read.
const LONGEST: usize = 64 << 10;

/// What a Receiver gets.
#[derive(Clone, Default)]
pub(super) struct Request {
    pub(super) url: String,
    pub(super) body: String,
    /// Made of the body with the token as key.
    pub(super) signature: Option<String>,
    /// Tells who sends.
    pub(super) bearer: Option<String>,
}

/// Why a request has not done its work.
pub(super) struct Failure {
    pub(super) error: Error,
    /// Whether a later try may do better.
    pub(super) may_pass: bool,
}

/// Sends requests.
pub(super) struct Sender {
    settings: Settings,
}

impl Sender {
    pub(super) fn new() -> Result<Self> {
        let user_agent = concat!("sluice/v", env!("CARGO_PKG_VERSION"));
        let settings = Settings { tls: Tls::default(), proxy: None, user_agent };
        // Known from here on: a client that can't be made is no matter of the server.
        sluice_http::client(&settings)?;
        Ok(Self { settings })
    }

    /// Sends the request, and again to where it is redirected. The receiver's answer has no body when it is fine.
    pub(super) async fn post(&self, request: &Request) -> Result<(), Failure> {
        let lasting = |error: Error| Failure { error, may_pass: false };
        let mut url = Url::parse(&request.url).context("unable to create request").map_err(lasting)?;
        let mut bearer = request.bearer.as_deref();
        for _ in 0..=MAX_REDIRECTS {
            let answer = self.post_once(&url, request, bearer).await.map_err(|error| Failure {
                error: error.context(format!("request to {} failed", request.url)),
                may_pass: true,
            })?;
            let status = answer.status;
            if status.is_success() {
                return Ok(());
            }
            if let (true, Some(location)) = (status.is_redirection(), &answer.location) {
                let redirect = sluice_http::follow(&url, location)
                    .with_context(|| format!("request to {} is redirected", request.url))
                    .map_err(lasting)?;
                url = redirect.url;
                bearer = bearer.filter(|_| redirect.same_origin);
                continue;
            }
            let mut message = format!("request to {} failed with status {status}", request.url);
            if !answer.body.trim().is_empty() {
                message.extend([": ", answer.body.trim()]);
            }
            return Err(Failure { error: anyhow!(message), may_pass: may_pass(status) });
        }
        Err(lasting(anyhow!("request to {} is redirected more than {MAX_REDIRECTS} times", request.url)))
    }

    async fn post_once(&self, url: &Url, request: &Request, bearer: Option<&str>) -> Result<Answer> {
        let mut post = sluice_http::client(&self.settings)?
            .post(url.clone())
            .header(CONTENT_TYPE, "application/json")
            .body(request.body.clone());
        if let Some(signature) = &request.signature {
            post = post.header("X-Signature", signature);
        }
        if let Some(bearer) = bearer {
            post = post.header(AUTHORIZATION, format!("Bearer {bearer}"));
        }
        let response = post.send().await.map_err(|error| failed(&error, url))?;
        let status = response.status();
        let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
        let location = location.map(ToOwned::to_owned);
        let body = read(response.bytes_stream()).await;
        Ok(Answer { status, location, body })
    }

    /// Asks an address, and shows a token there.
    pub(super) async fn get(&self, url: &Url, token: &str) -> Result<(StatusCode, String)> {
        let get = sluice_http::client(&self.settings)?
            .get(url.clone())
            .header(AUTHORIZATION, format!("bearer {token}"));
        let response = get.send().await.map_err(|error| failed(&error, url))?;
        Ok((response.status(), read(response.bytes_stream()).await))
    }
}

/// What was answered.
struct Answer {
    status: StatusCode,
    location: Option<String>,
    body: String,
}

/// As much of a body as there is, within bounds: it only explains the status.
async fn read<E>(chunks: impl Stream<Item = Result<impl AsRef<[u8]>, E>>) -> String {
    let mut body = Vec::new();
    let mut chunks = pin!(chunks);
    while let Some(Ok(chunk)) = chunks.next().await {
        body.extend_from_slice(chunk.as_ref());
        if body.len() > LONGEST {
            body.truncate(LONGEST);
            break;
        }
    }
    String::from_utf8_lossy(&body).into_owned()
}

/// Why there was no answer, in the words of Go.
fn failed(error: &(dyn std::error::Error + 'static), url: &Url) -> Error {
    let target = url[Position::BeforeHost..Position::AfterPort].to_owned();
    anyhow!("{}", sluice_http::classify(error, &Route { target, proxy: None }))
}

/// Whether such an answer may be another one later. A Receiver may not have its path yet when it is new.
fn may_pass(status: StatusCode) -> bool {
    matches!(status.as_u16(), 404 | 408 | 429 | 500 | 502 | 503 | 504)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_pass_is_tried_again() {
        for (status, expected) in
            [(404, true), (503, true), (501, false), (401, false), (400, false), (413, false)]
        {
            assert_eq!(may_pass(StatusCode::from_u16(status).unwrap()), expected, "{status}");
        }
    }
}
