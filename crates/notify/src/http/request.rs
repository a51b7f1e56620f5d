//! Requests and answers as values.

use std::time::Duration;

use base64::{Engine, prelude::BASE64_STANDARD};
use reqwest::{
    Method, StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER},
};
use serde::{Serialize, de::DeserializeOwned};
use url::Url;

use super::Failure;
use crate::{error::PostError, json};

/// A request that can be sent more than once.
#[derive(Clone)]
pub(crate) struct Request {
    pub method: Method,
    pub url: String,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

/// An answer, read.
pub(crate) struct Response {
    pub status: StatusCode,
    pub body: Vec<u8>,
    pub retry_after: Option<Duration>,
}

impl Request {
    pub(crate) fn new(method: Method, url: impl Into<String>) -> Self {
        Self { method, url: url.into(), headers: Vec::new(), body: None }
    }

    /// A POST of JSON.
    pub(crate) fn post_json(url: impl Into<String>, body: &impl Serialize) -> Result<Self, PostError> {
        Self::new(Method::POST, url).json(body)
    }

    /// Sets a JSON body.
    pub(crate) fn json(self, body: &impl Serialize) -> Result<Self, PostError> {
        let body = json::encode(body).map_err(|error| {
            PostError::permanent(format!("marshalling notification payload failed: {error}"))
        })?;
        Ok(self.body("application/json", body))
    }

    /// Sets a body of another type.
    pub(crate) fn body(mut self, content_type: &str, body: Vec<u8>) -> Self {
        self.body = Some(body);
        self.header("Content-Type", content_type)
    }

    /// Sets a form as the body.
    pub(crate) fn form(self, fields: &[(&str, &str)]) -> Self {
        let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.body("application/x-www-form-urlencoded", form.into_bytes())
    }

    /// Sets a header; a later one of the same name replaces it.
    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header(AUTHORIZATION.as_str(), format!("Bearer {token}"))
    }

    pub(crate) fn basic(self, username: &str, password: &str) -> Self {
        let credentials = BASE64_STANDARD.encode(format!("{username}:{password}"));
        self.header(AUTHORIZATION.as_str(), format!("Basic {credentials}"))
    }

    pub(super) fn build(&self, url: &Url) -> Result<reqwest::Request, Failure> {
        let mut request = reqwest::Request::new(self.method.clone(), url.clone());
        for (name, value) in &self.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| Failure::Header(name.clone()))?;
            // Go takes the white space around a value off.
            let value = value.trim_matches([' ', '\t']).as_bytes();
            let mut value = HeaderValue::from_bytes(value).map_err(|_| Failure::Header(name.to_string()))?;
            value.set_sensitive(name == AUTHORIZATION);
            request.headers_mut().insert(name, value);
        }
        if let Some(mut value) = user_info(url)
            && !request.headers().contains_key(AUTHORIZATION)
        {
            value.set_sensitive(true);
            request.headers_mut().insert(AUTHORIZATION, value);
        }
        *request.body_mut() = self.body.clone().map(Into::into);
        Ok(request)
    }

    /// The request that an answer of `status` at `from` asks for.
    pub(super) fn redirected(&self, status: StatusCode, from: &Url, to: &Url) -> Self {
        let mut next = self.clone();
        next.url = to.to_string();
        let repeats = matches!(status.as_u16(), 307 | 308);
        if !repeats && !matches!(self.method, Method::GET | Method::HEAD) {
            next.method = Method::GET;
            next.body = None;
            next.headers.retain(|(name, _)| !name.eq_ignore_ascii_case(CONTENT_TYPE.as_str()));
        }
        if from.origin() != to.origin() {
            // Go drops only `Authorization`; other headers hold credentials as well.
            next.headers.retain(|(name, _)| {
                [CONTENT_TYPE.as_str(), "gotk-component"].iter().any(|kept| name.eq_ignore_ascii_case(kept))
            });
        }
        next
    }
}

/// The credentials that stand in an address, for those that no header has.
fn user_info(url: &Url) -> Option<HeaderValue> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let plain = |text: &str| percent_encoding::percent_decode_str(text).collect::<Vec<u8>>();
    let password = url.password().unwrap_or_default();
    let credentials = [plain(url.username()), b":".to_vec(), plain(password)].concat();
    HeaderValue::from_str(&format!("Basic {}", BASE64_STANDARD.encode(credentials))).ok()
}

impl Response {
    pub(super) async fn read(mut answer: reqwest::Response, limit: usize) -> Result<Self, Failure> {
        let status = answer.status();
        let retry_after = answer
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.parse().ok())
            .map(Duration::from_secs);
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(super::connection)? {
            let room = limit - body.len();
            body.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
            if body.len() == limit {
                break;
            }
        }
        Ok(Self { status, body, retry_after })
    }

    /// The body as text, cut to what an error message may hold.
    pub(crate) fn text(&self) -> String {
        const SHOWN: usize = 16 << 10;
        String::from_utf8_lossy(self.body.get(..SHOWN).unwrap_or(&self.body)).into_owned()
    }

    /// Accepts any of the 200s.
    pub(crate) fn success(&self) -> Result<(), PostError> {
        if self.status.is_success() {
            return Ok(());
        }
        Err(self.error(format!("request failed with status code {}: {}", self.status.as_u16(), self.text())))
    }

    /// The answer if it is one of the 200s.
    pub(crate) fn checked(self) -> Result<Self, PostError> {
        if self.status.is_success() {
            return Ok(self);
        }
        Err(self.error(format!("status code {}: {}", self.status.as_u16(), self.text())))
    }

    /// What the body of one of the 200s begins with, as JSON.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, PostError> {
        let mut values = serde_json::Deserializer::from_slice(&self.body).into_iter();
        let first = values.next().unwrap_or_else(|| serde_json::from_slice(b""));
        first.map_err(|error| PostError::permanent(format!("unable to unmarshal response body: {error}")))
    }

    /// An error because of this answer.
    pub(crate) fn error(&self, message: String) -> PostError {
        if self.asks_for_another_attempt() {
            return PostError::transient(message);
        }
        let error = PostError::permanent(message);
        if self.status == StatusCode::UNAUTHORIZED { error.unauthorized() } else { error }
    }
}
