//! An HTTP endpoint that keeps what is posted to it, in the place of notification-controller.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};

use anyhow::{Result, bail};
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri},
};
use serde_json::Value;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

/// One request.
#[derive(Clone, Debug)]
pub struct Received {
    /// Its method.
    pub method: Method,
    /// Its path and query.
    pub uri: Uri,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body: JSON, or a string of what it was instead.
    pub body: Value,
}

/// A running endpoint; it ends when this handle is dropped.
pub struct EventSink {
    address: String,
    received: watch::Receiver<Vec<Received>>,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    received: watch::Sender<Vec<Received>>,
    status: AtomicU16,
}

impl EventSink {
    /// Starts one on a free port of the loopback address.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = format!("http://{}/", listener.local_addr()?);
        let (sender, received) = watch::channel(Vec::new());
        let shared = Arc::new(Shared { received: sender, status: AtomicU16::new(202) });
        let router = Router::new().fallback(receive).with_state(Arc::clone(&shared));
        let task = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { address, received, shared, task })
    }

    /// Its URL, for `--events-addr`.
    pub fn url(&self) -> &str {
        &self.address
    }

    /// Answers with this status from now on; 202 at first.
    pub fn answer_with(&self, status: StatusCode) {
        self.shared.status.store(status.as_u16(), Ordering::Relaxed);
    }

    /// What was received so far, oldest first.
    pub fn received(&self) -> Vec<Received> {
        self.received.borrow().clone()
    }

    /// The bodies received so far that concern an object, oldest first.
    pub fn events_of(&self, kind: &str, namespace: &str, name: &str) -> Vec<Value> {
        let concerns = |body: &Value| {
            let object = &body["involvedObject"];
            object["kind"] == kind && object["namespace"] == namespace && object["name"] == name
        };
        self.received.borrow().iter().map(|request| request.body.clone()).filter(concerns).collect()
    }

    /// Waits until a body fulfils the predicate, and returns it.
    pub async fn wait_for(&self, timeout: Duration, predicate: impl Fn(&Value) -> bool) -> Result<Value> {
        let mut received = self.received.clone();
        let find =
            |all: &Vec<Received>| all.iter().map(|one| &one.body).find(|body| predicate(body)).cloned();
        let waited = tokio::time::timeout(timeout, received.wait_for(|all| find(all).is_some())).await;
        if let Ok(Ok(all)) = waited
            && let Some(body) = find(&all)
        {
            return Ok(body);
        }
        let all: Vec<_> = self.received().into_iter().map(|one| one.body).collect();
        bail!("no such event within {timeout:?}; received:\n{}", serde_json::to_string_pretty(&all)?)
    }
}

impl Drop for EventSink {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn receive(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let body = serde_json::from_slice(&body).unwrap_or_else(|_| String::from_utf8_lossy(&body).into());
    shared.received.send_modify(|all| all.push(Received { method, uri, headers, body }));
    StatusCode::from_u16(shared.status.load(Ordering::Relaxed)).unwrap_or(StatusCode::ACCEPTED)
}
