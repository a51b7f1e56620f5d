//! Requests to services: bounded in time and size, repeated when a service has no time, with errors that say who
//! answered what and never tell what the service was shown.

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap, RETRY_AFTER};
use reqwest::{Client, Request, RequestBuilder, Response, StatusCode};
use serde::de::DeserializeOwned;
use sluice_http::{Route, Settings, Tls, classify, client as shared_client};
use zeroize::Zeroizing;

const USER_AGENT: &str = "sluice";

/// How long a service may take to answer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The largest answer that is read, in bytes.
const MAX_ANSWER: usize = 1 << 20;

/// How much of an error's text is told, in characters.
const MAX_TOLD: usize = 300;

/// How often a request is repeated that a service had no time for. All requests here ask for something: to repeat one
/// changes nothing.
const RETRIES: u32 = 3;

/// The pause before a request is repeated, unless the service names one; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(800);

/// The longest pause that is waited for. A service that names a longer one is asked again by the next pass.
const MAX_PAUSE: Duration = Duration::from_secs(10);

/// Headers that show who asks.
const SECRET_HEADERS: [&str; 2] = ["x-vault-token", "x-amz-security-token"];

/// Fields of forms that show who asks.
const SECRET_FIELDS: [&str; 6] =
    ["assertion", "client_assertion", "client_secret", "refresh_token", "subject_token", "WebIdentityToken"];

/// A client with the system's authorities.
pub(crate) fn client() -> Result<Client, String> {
    client_with(Tls::default())
}

/// A client with other TLS settings.
pub(crate) fn client_with(tls: Tls) -> Result<Client, String> {
    let settings = Settings { tls, proxy: None, user_agent: USER_AGENT };
    shared_client(&settings).map_err(|error| error.to_string())
}

/// A request with the fields of a form.
pub(crate) fn post_form<'a>(
    url: impl reqwest::IntoUrl,
    form: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<RequestBuilder, String> {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    Ok(client()?.post(url).header("Content-Type", "application/x-www-form-urlencoded").body(body))
}

/// An answer that is no success.
pub(crate) struct Refused {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Refused {
    /// Whether the service may well answer a little later.
    fn passes(&self) -> bool {
        match self.status.as_u16() {
            429 | 500 | 502..=504 => true,
            // Amazon's way to say 429.
            400 => self.body.contains("ThrottlingException"),
            _ => false,
        }
    }

    /// The pause that the service asks for.
    fn pause(&self) -> Option<Duration> {
        let seconds = self.headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
        Some(Duration::from_secs(seconds))
    }

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

/// Sends a request, again if the service has no time; the outer error is that of the connection, in words that users
/// know.
pub(crate) async fn send(request: RequestBuilder) -> Result<Result<Vec<u8>, Refused>, String> {
    let (client, request) = request.timeout(TIMEOUT).build_split();
    let request = request.map_err(|error| error.without_url().to_string())?;
    let mut usual = FIRST_PAUSE;
    for _ in 0..RETRIES {
        let Some(copy) = request.try_clone() else { break };
        let refused = match attempt(&client, copy).await? {
            Err(refused) if refused.passes() => refused,
            answer => return Ok(answer),
        };
        let pause = refused.pause().unwrap_or(usual);
        if pause > MAX_PAUSE {
            return Ok(Err(refused));
        }
        tokio::time::sleep(pause).await;
        usual *= 2;
    }
    attempt(&client, request).await
}

async fn attempt(client: &Client, request: Request) -> Result<Result<Vec<u8>, Refused>, String> {
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
    let shown = shown(&request);
    let response = client.execute(request).await.map_err(fail)?;
    let (status, headers) = (response.status(), response.headers().clone());
    let body = read(response).await.map_err(fail)?;
    if status.is_success() {
        return Ok(Ok(body));
    }
    // A service, or a proxy before it, may repeat what it was shown.
    let body = shown.iter().fold(String::from_utf8_lossy(&body).into_owned(), |body, secret| {
        body.replace(secret.as_str(), "<redacted>")
    });
    Ok(Err(Refused { status, headers, body }))
}

/// The secrets of a request.
fn shown(request: &Request) -> Vec<Zeroizing<String>> {
    let text = |name: &str| request.headers().get(name)?.to_str().ok();
    let credentials =
        text(AUTHORIZATION.as_str()).map(|value| value.split_once(' ').map_or(value, |(_, v)| v));
    let headers = SECRET_HEADERS.into_iter().filter_map(text).chain(credentials);
    let headers = headers.map(|value| Zeroizing::new(value.to_owned()));
    let body = request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default();
    let fields = url::form_urlencoded::parse(body)
        .filter(|(name, _)| SECRET_FIELDS.contains(&&**name))
        .map(|(_, value)| Zeroizing::new(value.into_owned()));
    headers.chain(fields).filter(|secret| !secret.is_empty()).collect()
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
