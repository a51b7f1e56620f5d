//! A host that follows a script.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use sluice_forge::{Access, Credentials, Error, Forge, Kind, PullRequest, Wanted};

/// A request that is expected, and its answer.
pub struct Exchange {
    /// Method, path and query.
    pub request: String,
    /// The JSON of the request, if it has one.
    pub body: Option<Value>,
    pub status: u16,
    pub answer: Value,
}

pub fn get(target: &str, answer: Value) -> Exchange {
    Exchange { request: format!("GET {target}"), body: None, status: 200, answer }
}

pub fn send(request: &str, body: Value, status: u16, answer: Value) -> Exchange {
    Exchange { request: request.to_owned(), body: Some(body), status, answer }
}

type Script = Arc<Mutex<(VecDeque<Exchange>, Vec<String>)>>;

pub struct Server {
    pub address: String,
    script: Script,
}

impl Server {
    /// `header` must be in each request.
    pub async fn start(header: (&'static str, &'static str), script: Vec<Exchange>) -> Self {
        let script: Script = Arc::new(Mutex::new((script.into(), Vec::new())));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::clone(&script);
        let app = axum::Router::new()
            .fallback(move |request: Request| answer(Arc::clone(&shared), header, request));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { address, script }
    }

    /// All that was expected came, and nothing else.
    pub fn done(&self) {
        let script = self.script.lock().unwrap();
        assert_eq!(script.1, Vec::<String>::new());
        let left: Vec<&str> = script.0.iter().map(|exchange| exchange.request.as_str()).collect();
        assert_eq!(left, Vec::<&str>::new(), "these requests did not come");
    }
}

async fn answer(script: Script, header: (&str, &str), request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let target = format!("{} {}", parts.method, parts.uri);
    let has = |name: &str, value: &str| {
        parts.headers.get(name).is_some_and(|found| found.to_str().is_ok_and(|found| found == value))
    };
    let authorized = has(header.0, header.1);
    let agent = parts.headers.contains_key(header::USER_AGENT);
    let is_json = has("content-type", "application/json");
    let bytes: Bytes = to_bytes(body, 1 << 20).await.unwrap();
    let body: Option<Value> =
        (!bytes.is_empty()).then(|| serde_json::from_slice(&bytes).unwrap_or(json!("no JSON")));
    let mut script = script.lock().unwrap();
    let expected = script.0.pop_front();
    let mut wrong = Vec::new();
    match &expected {
        None => wrong.push(format!("unexpected: {target} {body:?}")),
        Some(expected) => {
            if expected.request != target {
                wrong.push(format!("{target} came instead of {}", expected.request));
            }
            if expected.body != body {
                wrong.push(format!("{target}: {body:?} instead of {:?}", expected.body));
            }
        }
    }
    if !authorized || !agent || (body.is_some() && !is_json) {
        wrong.push(format!("{target}: a header is missing"));
    }
    let is_wrong = !wrong.is_empty();
    script.1.extend(wrong);
    match expected {
        Some(expected) if !is_wrong => {
            (StatusCode::from_u16(expected.status).unwrap(), expected.answer.to_string()).into_response()
        }
        _ => StatusCode::IM_A_TEAPOT.into_response(),
    }
}

pub fn token() -> Credentials {
    Credentials::Token("secret".to_owned())
}

pub fn access(credentials: Credentials) -> Access {
    let timeout = Duration::from_secs(30);
    Access { credentials, tls: sluice_http::Tls::default(), proxy: None, timeout }
}

pub const PROPOSAL: &str = "0123";
/// What is proposed, as hosts have it.
pub const BODY: &str = "[sluice]: # (0123)\n\n1.0 -> 1.1";

/// Asks for a pull request from `updates` to `main`.
pub async fn ensure(
    kind: Kind,
    address: &str,
    api: Option<&str>,
    credentials: Credentials,
    labels: &[&str],
) -> Result<PullRequest, Error> {
    let forge = Forge::new(kind, address, api, &access(credentials))?;
    let labels: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
    let wanted = Wanted {
        branch: "updates",
        target: "main",
        title: "Update app",
        body: "1.0 -> 1.1",
        labels: &labels,
        proposal: PROPOSAL,
    };
    forge.ensure(&wanted).await
}
