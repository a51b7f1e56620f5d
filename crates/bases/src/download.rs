//! A file over HTTP.

use percent_encoding::percent_decode_str;
use reqwest::header::LOCATION;
use reqwest::{Client, Response, StatusCode};
use sluice_http::{Failure, MAX_REDIRECTS, Route, Settings, Tls, check_host, classify, follow, redact};
use sluice_kustomize::remote::RemoteError;
use tokio::time::{Instant, timeout_at};
use url::Url;

const AGENT: &str = concat!("sluice/", env!("CARGO_PKG_VERSION"));

/// The content at a URL.
pub async fn file(url: &str, limit: u64, deadline: Instant) -> Result<Vec<u8>, RemoteError> {
    let url = Url::parse(url).map_err(|error| RemoteError::Failed(format!("not a URL: {error}")))?;
    let since = Instant::now();
    let limit_text = crate::seconds(deadline, since);
    timeout_at(deadline, get(url, limit)).await.unwrap_or_else(|_| {
        Err(RemoteError::Timeout { limit: limit_text, doing: "downloading the file".to_owned() })
    })
}

async fn get(url: Url, limit: u64) -> Result<Vec<u8>, RemoteError> {
    let settings = Settings { tls: Tls::default(), proxy: None, user_agent: AGENT };
    let client = sluice_http::client(&settings).map_err(|error| RemoteError::Failed(error.to_string()))?;
    let response = answer(&client, url).await?;
    let status = response.status();
    if !status.is_success() {
        let reason = status.canonical_reason().unwrap_or_default().to_owned();
        return Err(RemoteError::Status { status: status.as_u16(), reason });
    }
    read(response, limit).await
}

/// The answer at the end of all redirects. User and password go no further than the server they are for.
async fn answer(client: &Client, mut url: Url) -> Result<Response, RemoteError> {
    let failed = |text: String| RemoteError::Failed(text);
    let mut credentials = take_credentials(&mut url);
    for _ in 0..=MAX_REDIRECTS {
        check_host(&url).map_err(|error| failed(error.to_string()))?;
        let mut request = client.get(url.clone());
        if let Some((user, password)) = &credentials {
            request = request.basic_auth(user, password.as_ref());
        }
        let sent = request.send().await;
        let response = sent.map_err(|error| {
            failed(format!("Get \"{}\": {}", redact(url.as_str()), unanswered(error, &url)))
        })?;
        let is_redirect = matches!(
            response.status(),
            StatusCode::MOVED_PERMANENTLY
                | StatusCode::FOUND
                | StatusCode::SEE_OTHER
                | StatusCode::TEMPORARY_REDIRECT
                | StatusCode::PERMANENT_REDIRECT
        );
        let Some(location) = response.headers().get(LOCATION).filter(|_| is_redirect) else {
            return Ok(response);
        };
        let location = location.to_str().map_err(|_| failed("the server redirects to no URL".to_owned()))?;
        let next = follow(&url, location).map_err(|error| failed(format!("redirect refused: {error}")))?;
        if !next.same_origin {
            credentials = None;
        }
        url = next.url;
    }
    Err(failed(format!("stopped after {MAX_REDIRECTS} redirects")))
}

/// User and password, out of the URL.
fn take_credentials(url: &mut Url) -> Option<(String, Option<String>)> {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let (user, password) = (decoded(url.username()), url.password().map(decoded));
    if user.is_empty() && password.is_none() {
        return None;
    }
    // Both fail for URLs without a host only, which have no credentials.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    Some((user, password))
}

/// Why there is no answer, in words that people search for.
fn unanswered(error: reqwest::Error, url: &Url) -> String {
    let port = url.port_or_known_default().unwrap_or_default();
    let target = format!("{}:{port}", url.host_str().unwrap_or_default());
    let route = Route { target, proxy: None };
    match classify(&error.without_url(), &route) {
        Failure::Connect(text) | Failure::Tls(text) | Failure::Proxy(text) => text,
    }
}

/// The body, of which a server may say how long it is.
async fn read(mut response: Response, limit: u64) -> Result<Vec<u8>, RemoteError> {
    let too_large = || RemoteError::TooLarge { limit };
    if response.content_length().is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    let mut content = Vec::new();
    loop {
        let chunk = response
            .chunk()
            .await
            .map_err(|error| RemoteError::Failed(format!("reading the body: {}", error.without_url())))?;
        let Some(chunk) = chunk else { return Ok(content) };
        if (content.len() + chunk.len()) as u64 > limit {
            return Err(too_large());
        }
        content.extend_from_slice(&chunk);
    }
}
