//! A way to the API server that can be bad: requests are refused, answers get lost, watches break, nobody is there.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::Result;
use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures::StreamExt;
use kube::Client;
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::json;
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle, time::sleep};

/// What becomes of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sky {
    /// They go through.
    Clear,
    /// Some are refused (429, 500), some answers get lost, watches break or are told that they are too old (410).
    Storm,
    /// The API server is not there, and all watches break.
    Outage,
}

/// A proxy on the loopback address; it ends when it is dropped.
pub struct Weather {
    shared: Arc<Shared>,
    kubeconfig: PathBuf,
    server: JoinHandle<()>,
    _folder: TempDir,
}

struct Shared {
    client: Client,
    sky: watch::Sender<Sky>,
    random: Mutex<StdRng>,
    faults: AtomicUsize,
    lost: AtomicU64,
}

impl Weather {
    /// A clear sky before the API server of this client.
    pub async fn start(client: Client, seed: u64) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let folder = tempfile::tempdir()?;
        let kubeconfig = folder.path().join("kubeconfig");
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: proxy\nclusters:\n- name: proxy\n  cluster: {{server: \"http://{}\"}}\ncontexts:\n- name: proxy\n  context: {{cluster: proxy, user: nobody}}\nusers:\n- name: nobody\n  user: {{}}\n",
            listener.local_addr()?
        );
        std::fs::write(&kubeconfig, text)?;
        let shared = Arc::new(Shared {
            client,
            sky: watch::Sender::new(Sky::Clear),
            random: Mutex::new(StdRng::seed_from_u64(seed)),
            faults: AtomicUsize::new(0),
            lost: AtomicU64::new(0),
        });
        let router = Router::new().fallback(handle).with_state(Arc::clone(&shared));
        let server = tokio::spawn(async move {
            // It ends with the test.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { shared, kubeconfig, server, _folder: folder })
    }

    /// How to get to the API server this way.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Changes the weather.
    pub fn turn(&self, sky: Sky) {
        self.shared.sky.send_replace(sky);
    }

    /// How many faults there were so far.
    pub fn faults(&self) -> usize {
        self.shared.faults.load(Ordering::Relaxed)
    }

    /// How many writes were carried out whose answers got lost.
    pub fn lost(&self) -> u64 {
        self.shared.lost.load(Ordering::Relaxed)
    }
}

impl Drop for Weather {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Shared {
    fn fault(&self) {
        self.faults.fetch_add(1, Ordering::Relaxed);
    }

    /// A number below 100.
    fn dice(&self) -> u32 {
        self.random.lock().unwrap_or_else(PoisonError::into_inner).random_range(0..100)
    }
}

async fn handle(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let sky = *shared.sky.borrow();
    let is_watch = request.uri().query().is_some_and(|query| query.contains("watch=true"));
    let dice = shared.dice();
    match sky {
        Sky::Clear => {}
        Sky::Outage => {
            shared.fault();
            return cut_off();
        }
        Sky::Storm if is_watch && dice < 30 => {
            shared.fault();
            let status = status(StatusCode::GONE, "Expired", "too old resource version");
            return format!("{}\n", json!({"type": "ERROR", "object": status})).into_response();
        }
        Sky::Storm if is_watch => {}
        Sky::Storm if dice < 10 => {
            shared.fault();
            let mut answer = refuse(StatusCode::TOO_MANY_REQUESTS, "TooManyRequests");
            answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            return answer;
        }
        Sky::Storm if dice < 20 => {
            shared.fault();
            return refuse(StatusCode::INTERNAL_SERVER_ERROR, "InternalError");
        }
        Sky::Storm => {}
    }
    let is_write = request.method() != axum::http::Method::GET;
    let is_real = !request.uri().query().is_some_and(|query| query.contains("dryRun=All"));
    let answer = forward(&shared, request).await;
    if sky == Sky::Storm && !is_watch && dice < 30 {
        shared.fault();
        if is_write && is_real {
            shared.lost.fetch_add(1, Ordering::Relaxed);
        }
        return if dice < 25 { refuse(StatusCode::GATEWAY_TIMEOUT, "Timeout") } else { cut_off() };
    }
    if is_watch { breakable(&shared, answer) } else { answer }
}

/// Has the API server answer.
async fn forward(shared: &Shared, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, 64 << 20).await else { return cut_off() };
    let target = parts.uri.path_and_query().map_or("/", axum::http::uri::PathAndQuery::as_str);
    let mut onward = axum::http::Request::builder().method(parts.method).uri(target);
    if let Some(headers) = onward.headers_mut() {
        *headers = end_to_end(parts.headers);
    }
    let Ok(onward) = onward.body(kube::client::Body::from(body.to_vec())) else { return cut_off() };
    match shared.client.send(onward).await {
        Ok(answer) => {
            let (mut parts, body) = answer.into_parts();
            parts.headers = end_to_end(parts.headers);
            Response::from_parts(parts, Body::new(body))
        }
        Err(_) => cut_off(),
    }
}

fn end_to_end(mut headers: HeaderMap) -> HeaderMap {
    for name in [header::HOST, header::CONNECTION, header::CONTENT_LENGTH, header::TRANSFER_ENCODING] {
        headers.remove(name);
    }
    headers
}

/// A watch that breaks sooner or later in a storm, and at once in an outage.
fn breakable(shared: &Arc<Shared>, answer: Response) -> Response {
    let (parts, body) = answer.into_parts();
    let mut sky = shared.sky.subscribe();
    let lasts = Duration::from_millis(u64::from(100 + 20 * shared.dice()));
    let counted = Arc::clone(shared);
    let broken = async move {
        // The sender lives as long as the proxy.
        let _ = sky.wait_for(|sky| *sky != Sky::Clear).await;
        if *sky.borrow() == Sky::Storm {
            sleep(lasts).await;
        }
        counted.fault();
    };
    let stream = body.into_data_stream().take_until(Box::pin(broken));
    Response::from_parts(parts, Body::from_stream(stream))
}

/// An answer whose connection ends in the middle.
fn cut_off() -> Response {
    let broken = futures::stream::iter([Err::<Bytes, _>(std::io::Error::other("cut off"))]);
    Body::from_stream(broken).into_response()
}

fn refuse(code: StatusCode, reason: &str) -> Response {
    let text = status(code, reason, "bad weather").to_string();
    (code, [(header::CONTENT_TYPE, "application/json")], text).into_response()
}

fn status(code: StatusCode, reason: &str, message: &str) -> serde_json::Value {
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": code.as_u16(),
    })
}
