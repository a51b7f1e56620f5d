//! What the tests share.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use sluice_apis::notification::v1beta3::ProviderType;
use sluice_notify::{Event, Settings};
use tokio::task::JoinHandle;

/// A request that a server got.
#[derive(Clone, Debug)]
pub struct Received {
    pub method: Method,
    pub target: String,
    pub headers: HeaderMap,
}

impl Received {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

type Answer = Box<dyn Fn(&Received) -> (u16, Value) + Send + Sync>;

/// An HTTP server whose answers a test decides. It ends with the handle.
pub struct Server {
    pub url: String,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    received: Mutex<Vec<Received>>,
    answer: Answer,
}

impl Server {
    pub async fn start(answer: impl Fn(&Received) -> (u16, Value) + Send + Sync + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared { received: Mutex::default(), answer: Box::new(answer) });
        let router = Router::new().fallback(receive).with_state(Arc::clone(&shared));
        let task = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Self { url, shared, task }
    }

    pub fn received(&self) -> Vec<Received> {
        self.shared.received.lock().unwrap().clone()
    }

    /// Methods and targets, in the order in which they came.
    pub fn targets(&self) -> Vec<String> {
        self.received().iter().map(|one| format!("{} {}", one.method, one.target)).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn receive(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let received = Received { method, target: uri.to_string(), headers };
    let (status, body) = (shared.answer)(&received);
    shared.received.lock().unwrap().push(received);
    (StatusCode::from_u16(status).unwrap(), body.to_string()).into_response()
}

/// An event of a failure, about a commit.
pub fn event() -> Event {
    let event = json!({
        "involvedObject": {"kind": "Kustomization", "namespace": "apps", "name": "web", "uid": "1-2"},
        "severity": "error", "timestamp": "2026-01-02T03:04:05Z", "message": "it failed", "reason": "BuildFailed",
        "metadata": {"revision": format!("main@sha1:{}", "a".repeat(40)), "change_request": "42"},
        "reportingController": "kustomize-controller",
    });
    Event::from_json(event.to_string().as_bytes()).unwrap()
}

/// Settings of a type, with this Secret.
pub fn settings(kind: ProviderType, address: &str, channel: &str, secret: &[(&str, &str)]) -> Settings {
    let mut settings = Settings::new(kind);
    address.clone_into(&mut settings.address);
    channel.clone_into(&mut settings.channel);
    "0c9c2e41-d2f9-4f9b-9c41-bebc1984d67a".clone_into(&mut settings.uid);
    "kustomization/web/0c9c2e41".clone_into(&mut settings.commit_status);
    let data = secret.iter().map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec())).collect();
    settings.read_secret("apps/secret", &data).unwrap();
    settings
}
