//! Requests and answers in JSON: one attempt, one deadline, bounded answers, no redirects.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::{Method, Request, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;
use sluice_http::{ConfigError, Proxy, Route, Settings, Tls, check_host, classify, client, redact};
use url::Url;

use crate::Error;

/// Our name for servers.
const AGENT: &str = "sluice";
/// The most of an answer that is read, in bytes.
const MAX_ANSWER: usize = 4 << 20;
/// The most of what a host says that errors show, in characters.
const MAX_TOLD: usize = 300;

/// Who we are for a host, and how to get there.
#[derive(Clone, Debug)]
pub struct Access {
    /// Credentials.
    pub credentials: Credentials,
    /// Extra trust and client identity.
    pub tls: Tls,
    /// The proxy to go through; overrides the environment's.
    pub proxy: Option<Proxy>,
    /// How long one request may take.
    pub timeout: Duration,
}

/// Credentials for an API. `Debug` shows none of it.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// A token by itself.
    Token(String),
    /// A name and its password, or a token in its place.
    Basic {
        /// Name.
        user: String,
        /// Password.
        password: String,
    },
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Token(_) => "Token(***)",
            Self::Basic { .. } => "Basic(***)",
        })
    }
}

impl Credentials {
    /// The token, or the password, which is a token at most hosts.
    pub(crate) fn secret(&self) -> &str {
        match self {
            Self::Token(secret) | Self::Basic { password: secret, .. } => secret,
        }
    }

    /// `Authorization` for hosts that take tokens as such and passwords with their names.
    pub(crate) fn authorization(&self) -> String {
        match self {
            Self::Token(token) => format!("Bearer {token}"),
            Self::Basic { user, password } => basic(user, password),
        }
    }
}

/// `Authorization` for a name and a password.
pub(crate) fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}")))
}

/// An API, as we are allowed to use it.
#[derive(Debug)]
pub(crate) struct Api {
    client: reqwest::Client,
    proxy: Option<Proxy>,
    /// Without a slash behind it.
    base: String,
    headers: HeaderMap,
    timeout: Duration,
}

impl Api {
    /// `secret` is the header that holds the credentials, `headers` are the others.
    pub(crate) fn new(
        base: String,
        access: &Access,
        secret: (&'static str, &str),
        headers: &[(&'static str, &'static str)],
    ) -> Result<Self, Error> {
        let settings = Settings { tls: access.tls.clone(), proxy: access.proxy.clone(), user_agent: AGENT };
        let client = client(&settings).map_err(|error| {
            let (ConfigError::Tls(reason) | ConfigError::Proxy(reason) | ConfigError::Client(reason)) = error;
            Error::Config(reason)
        })?;
        let mut all = HeaderMap::new();
        all.insert(ACCEPT, HeaderValue::from_static("application/json"));
        for (name, value) in headers {
            all.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let mut value = HeaderValue::from_str(secret.1).map_err(|_| {
            Error::Config("the credentials have characters that no header may hold".to_owned())
        })?;
        value.set_sensitive(true);
        all.insert(HeaderName::from_static(secret.0), value);
        Ok(Self { client, proxy: access.proxy.clone(), base, headers: all, timeout: access.timeout })
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        self.call(Method::GET, path, None).await
    }

    /// Sends JSON and reads what comes back.
    pub(crate) async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &Value,
    ) -> Result<T, Error> {
        self.call(method, path, Some(body)).await
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<T, Error> {
        let url = Url::parse(&format!("{}/{path}", self.base))
            .map_err(|error| Error::Config(format!("'{}' is no address: {error}", redact(&self.base))))?;
        let what = format!("{method} {}", redact(url.as_str()));
        let failed = |reason: String| Error::Call { what: what.clone(), reason };
        let work = self.exchange(method, url, body);
        let (status, headers, answer) = tokio::time::timeout(self.timeout, work)
            .await
            .map_err(|_| failed(format!("no answer within {}s", self.timeout.as_secs_f64())))?
            .map_err(failed)?;
        if status.is_redirection() {
            let to = headers.get(LOCATION).and_then(|to| to.to_str().ok()).map(redact).unwrap_or_default();
            return Err(failed(format!(
                "{} redirects to '{to}': give the repository's present address",
                status.as_u16()
            )));
        }
        if !status.is_success() {
            return Err(failed(format!("{} {}", status.as_u16(), told(&answer)).trim().to_owned()));
        }
        serde_json::from_slice(&answer).map_err(|error| failed(format!("unexpected answer: {error}")))
    }

    async fn exchange(
        &self,
        method: Method,
        url: Url,
        body: Option<&Value>,
    ) -> Result<(StatusCode, HeaderMap, Vec<u8>), String> {
        let authority = |url: &Url| {
            let port = url.port_or_known_default().unwrap_or_default();
            format!("{}:{port}", url.host_str().unwrap_or_default())
        };
        let route =
            Route { target: authority(&url), proxy: self.proxy.as_ref().map(|proxy| authority(&proxy.url)) };
        if route.proxy.is_none() {
            check_host(&url).map_err(|error| error.to_string())?;
        }
        let mut request = Request::new(method, url);
        *request.headers_mut() = self.headers.clone();
        if let Some(body) = body {
            request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            *request.body_mut() = Some(body.to_string().into());
        }
        let answer = self.client.execute(request).await;
        let mut answer = answer.map_err(|error| classify(&error.without_url(), &route).to_string())?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let mut bytes = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(|error| error.without_url().to_string())? {
            bytes.extend_from_slice(&piece);
            if bytes.len() > MAX_ANSWER {
                return Err(format!("the answer is longer than {MAX_ANSWER} bytes"));
            }
        }
        Ok((status, headers, bytes))
    }
}

/// What a host says of a request that it refuses: the texts of its JSON under the names that hosts use.
fn told(answer: &[u8]) -> String {
    let Ok(value) = serde_json::from_slice::<Value>(answer) else { return String::new() };
    let mut texts = Vec::new();
    gather(&value, 0, &mut texts);
    texts.dedup();
    texts.join(": ").chars().take(MAX_TOLD).collect()
}

fn gather(value: &Value, depth: usize, texts: &mut Vec<String>) {
    const NAMES: [&str; 6] = ["message", "error", "error_description", "errors", "detail", "exceptionName"];
    if depth > 4 {
        return;
    }
    match value {
        Value::String(text) if !text.is_empty() => texts.push(text.clone()),
        Value::Array(items) => items.iter().take(5).for_each(|item| gather(item, depth + 1, texts)),
        Value::Object(fields) => {
            let known = NAMES.iter().filter_map(|name| fields.get(*name));
            known.for_each(|field| gather(field, depth + 1, texts));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hosts_say_is_found() {
        let said = |answer: &str| told(answer.as_bytes());
        assert_eq!(
            said(r#"{"message":"Validation Failed","errors":[{"message":"No commits between main and x"}]}"#),
            "Validation Failed: No commits between main and x"
        );
        assert_eq!(
            said(r#"{"type":"error","error":{"message":"There are no changes"}}"#),
            "There are no changes"
        );
        assert_eq!(said(r#"{"message":["a","b"]}"#), "a: b");
        assert_eq!(said("<html>"), "");
        assert_eq!(said(&format!(r#"{{"message":"{}"}}"#, "x".repeat(1000))).len(), MAX_TOLD);
    }

    #[test]
    fn credentials_are_not_shown() {
        let basic = Credentials::Basic { user: "u".into(), password: "secret".into() };
        assert_eq!(format!("{basic:?} {:?}", Credentials::Token("t".into())), "Basic(***) Token(***)");
        assert_eq!(basic.authorization(), "Basic dTpzZWNyZXQ=");
    }
}
