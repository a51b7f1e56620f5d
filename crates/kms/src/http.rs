//! Requests to services: bounded in time and size, with errors that say who answered what.

use std::time::Duration;

use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde::de::DeserializeOwned;
use sluice_http::{Route, Settings, Tls, classify, client as shared_client};

const USER_AGENT: &str = "sluice";

/// How long a service may take to answer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The largest answer that is read, in bytes.
const MAX_ANSWER: usize = 1 << 20;

/// How much of an error's text is told, in characters.
const MAX_TOLD: usize = 300;

/// A client with the system's authorities.
pub(crate) fn client() -> Result<Client, String> {
    client_with(Tls::default())
}

/// A client with other TLS settings.
pub(crate) fn client_with(tls: Tls) -> Result<Client, String> {
    let settings = Settings { tls, proxy: None, user_agent: USER_AGENT };
    shared_client(&settings).map_err(|error| error.to_string())
}

/// An answer that is no success.
pub(crate) struct Refused {
    pub(crate) status: StatusCode,
    pub(crate) body: String,
}

impl Refused {
    /// The status and the message that `read` finds in the body; else the body's beginning.
    pub(crate) fn describe(&self, read: impl Fn(&serde_json::Value) -> Option<String>) -> String {
        let message = serde_json::from_str(&self.body).ok().and_then(|json| read(&json));
        let message = message.unwrap_or_else(|| self.body.trim().to_owned());
        let told: String = message.chars().take(MAX_TOLD).map(|c| if c == '\n' { ' ' } else { c }).collect();
        match self.status.canonical_reason() {
            _ if told.is_empty() => self.status.to_string(),
            Some(reason) => format!("{} {reason}: {told}", self.status.as_u16()),
            None => format!("{}: {told}", self.status.as_u16()),
        }
    }
}

/// Sends a request; the outer error is that of the connection, in words that users know.
pub(crate) async fn send(request: RequestBuilder) -> Result<Result<Vec<u8>, Refused>, String> {
    let (client, request) = request.timeout(TIMEOUT).build_split();
    let request = request.map_err(|error| error.without_url().to_string())?;
    let url = request.url().clone();
    let host = url.host_str().unwrap_or_default();
    let target = format!("{host}:{}", url.port_or_known_default().unwrap_or_default());
    let route = Route { target: target.clone(), proxy: None };
    let fail = |error: reqwest::Error| match () {
        () if error.is_timeout() => format!("no answer from {target} within {} s", TIMEOUT.as_secs()),
        () => match classify(&error, &route) {
            sluice_http::Failure::Connect(text)
            | sluice_http::Failure::Tls(text)
            | sluice_http::Failure::Proxy(text) => text,
        },
    };
    let response = client.execute(request).await.map_err(fail)?;
    let status = response.status();
    let body = read(response).await.map_err(fail)?;
    if status.is_success() {
        return Ok(Ok(body));
    }
    Ok(Err(Refused { status, body: String::from_utf8_lossy(&body).into_owned() }))
}

/// As [`send`], and reads JSON.
pub(crate) async fn send_json<T: DeserializeOwned>(
    request: RequestBuilder,
    read: impl Fn(&serde_json::Value) -> Option<String>,
) -> Result<T, String> {
    match send(request).await? {
        // The parser's text could quote the answer, which may hold secrets.
        Ok(body) => {
            serde_json::from_slice(&body).map_err(|_| "the answer is not what was asked for".to_owned())
        }
        Err(refused) => Err(refused.describe(read)),
    }
}

async fn read(mut response: Response) -> Result<Vec<u8>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        let room = MAX_ANSWER.saturating_sub(body.len());
        body.extend_from_slice(chunk.get(..room.min(chunk.len())).unwrap_or_default());
        if room <= chunk.len() {
            break;
        }
    }
    Ok(body)
}

/// The text at a path of keys.
pub(crate) fn text_at(json: &serde_json::Value, path: &[&str]) -> Option<String> {
    path.iter().try_fold(json, |json, key| json.get(key))?.as_str().map(ToOwned::to_owned)
}
