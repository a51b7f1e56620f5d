//! An HTTP/1.1 server for requests from outside: bounded in bytes, time and connections.
//!
//! Paths are canonicalised as Go's `ServeMux` does, since senders may have learnt its redirects.

mod metrics;
mod path;

use std::{convert::Infallible, future::Future, net::SocketAddr, sync::Arc, time::Duration};

use axum::body::{Body, Bytes, to_bytes};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use hyper::{
    body::{Body as _, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use sluice_runtime::{BoxError, Task};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use self::metrics::HttpMetrics;

/// Bytes of a body that are accepted.
const MAX_BODY: usize = 3 << 20;
/// Bytes of the headers that are accepted.
const MAX_HEADERS: usize = 256 << 10;
/// How long the headers may take.
const HEADER_TIME: Duration = Duration::from_secs(10);
/// How long the body may take.
const BODY_TIME: Duration = Duration::from_secs(20);
/// Connections at once; others wait until one ends.
const MAX_CONNECTIONS: usize = 1024;
/// Bodies up to this length are taken whenever they come; of longer ones only a few are held at once.
const SMALL_BODY: u64 = 64 << 10;
/// Long bodies at once; others wait.
const LARGE_BODIES: usize = 8;
/// How long requests may go on at the end.
const GRACE: Duration = Duration::from_secs(5);

/// A request that was read whole.
#[derive(Debug)]
pub struct Received {
    /// The path with the query, as it was sent.
    pub target: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Received {
    /// A header as text; empty if it is not there or no text.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// Answers requests.
pub trait Handler: Send + Sync + 'static {
    /// Whether paths like this are served at all.
    fn serves(&self, path: &str) -> bool;

    /// Whether there is something at this target: nothing else is read for the others. They get a bare 404.
    fn knows(&self, target: &str) -> impl Future<Output = bool> + Send;

    /// Answers one request.
    fn handle(&self, request: Received) -> impl Future<Output = Response<Body>> + Send;
}

/// Where and how to listen.
pub struct Server {
    /// For messages.
    pub purpose: &'static str,
    /// The address.
    pub addr: SocketAddr,
    /// Counts requests.
    pub metrics: HttpMetrics,
    /// What stands for the path in metrics.
    pub label: &'static str,
}

/// An answer without a body.
pub fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// An answer with a line of text, as Go writes errors.
pub fn text(status: StatusCode, line: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(line));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert("X-Content-Type-Options", HeaderValue::from_static("nosniff"));
    response
}

impl Server {
    /// The running part, on every replica.
    pub fn task<H: Handler>(self, handler: H) -> Task {
        let name = format!("server for {}", self.purpose);
        Task::new(name, |cancel| self.run(Arc::new(handler), cancel)).on_every_replica()
    }

    async fn run<H: Handler>(self, handler: Arc<H>, cancel: CancellationToken) -> Result<(), BoxError> {
        let Self { purpose, addr, metrics, label } = self;
        let listener =
            TcpListener::bind(addr).await.map_err(|error| format!("unable to listen on {addr}: {error}"))?;
        tracing::info!(%addr, "serving {purpose}");
        let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let large = Arc::new(Semaphore::new(LARGE_BODIES));
        let open = TaskTracker::new();
        while let Some((stream, permit)) = next(&listener, &permits, &cancel).await {
            let (handler, large) = (Arc::clone(&handler), Arc::clone(&large));
            let service = Service { handler, metrics: metrics.clone(), label, large };
            open.spawn(service.serve(stream, permit, cancel.clone()));
        }
        open.close();
        if tokio::time::timeout(GRACE, open.wait()).await.is_err() {
            tracing::warn!("some requests for {purpose} did not end in time");
        }
        Ok(())
    }
}

/// The next connection; `None` when cancelled.
async fn next(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
    cancel: &CancellationToken,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    loop {
        let accept = async {
            let permit = Arc::clone(permits).acquire_owned().await.ok()?;
            Some((listener.accept().await, permit))
        };
        match cancel.run_until_cancelled(accept).await?? {
            (Ok((stream, _)), permit) => return Some((stream, permit)),
            (Err(error), _) => {
                tracing::warn!(%error, "a connection could not be accepted");
                // Out of file descriptors, most likely: asking again at once would only burn time.
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

struct Service<H> {
    handler: Arc<H>,
    metrics: HttpMetrics,
    label: &'static str,
    large: Arc<Semaphore>,
}

impl<H: Handler> Service<H> {
    async fn serve(self, stream: TcpStream, _permit: OwnedSemaphorePermit, cancel: CancellationToken) {
        let service = service_fn(|request| async { Ok::<_, Infallible>(self.answer(request).await) });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIME)
            .max_buf_size(MAX_HEADERS)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = std::pin::pin!(connection);
        let result = tokio::select! {
            result = connection.as_mut() => result,
            () = cancel.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = result {
            tracing::debug!(%error, "a connection ended early");
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let method = request.method().clone();
        let path = request.uri().path().to_owned();
        let running = self.metrics.begin(self.label, &method, &path);
        let response = self.route(request, &path).await;
        running.end(response.status());
        response
    }

    async fn route(&self, request: Request<Incoming>, path: &str) -> Response<Body> {
        if let Some(status) = refusal(request.method(), request.uri(), request.headers()) {
            return match status {
                StatusCode::BAD_REQUEST => text(status, "400 Bad Request"),
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => {
                    text(status, "431 Request Header Fields Too Large")
                }
                _ => empty(status),
            };
        }
        if path == "*" {
            return empty(StatusCode::OK);
        }
        if request.method() != Method::CONNECT
            && let Some(clean) = path::redirect(path, |path| self.handler.serves(path))
        {
            return redirect(&request, &clean);
        }
        if !self.handler.serves(path) {
            return text(StatusCode::NOT_FOUND, "404 page not found\n");
        }
        let (head, body) = request.into_parts();
        let target = head.uri.to_string();
        let length = body.size_hint();
        if length.lower() > MAX_BODY as u64 {
            tracing::error!("the request body exceeds the maximum size of {MAX_BODY} bytes");
            return empty(StatusCode::PAYLOAD_TOO_LARGE);
        }
        if !self.handler.knows(&target).await {
            return empty(StatusCode::NOT_FOUND);
        }
        let is_small = length.upper().is_some_and(|length| length <= SMALL_BODY);
        // Held until the answer: what is made of a body is longer than itself.
        let _turn = if is_small { None } else { self.large.acquire().await.ok() };
        let body = match read(body).await {
            Ok(body) => body,
            Err(status) => return empty(status),
        };
        self.handler.handle(Received { target, headers: head.headers, body }).await
    }
}

/// The answer to a request that is not looked at: its headers are too long, its target is no path, it expects what
/// nobody knows.
fn refusal(method: &Method, target: &Uri, headers: &HeaderMap) -> Option<StatusCode> {
    let length: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if length > MAX_HEADERS {
        return Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    }
    let expects = headers
        .get(header::EXPECT)
        .is_some_and(|what| !what.as_bytes().eq_ignore_ascii_case(b"100-continue"));
    if expects {
        return Some(StatusCode::EXPECTATION_FAILED);
    }
    let path = target.path();
    let is_escape =
        |at: usize| path.get(at + 1..at + 3).is_some_and(|two| two.bytes().all(|b| b.is_ascii_hexdigit()));
    let whole = *method == Method::CONNECT
        || path == "*" && *method == Method::OPTIONS
        || path.starts_with('/') && path.match_indices('%').all(|(at, _)| is_escape(at));
    (!whole).then_some(StatusCode::BAD_REQUEST)
}

/// Reads a body within the bounds.
async fn read(body: Incoming) -> Result<Bytes, StatusCode> {
    match tokio::time::timeout(BODY_TIME, to_bytes(Body::new(body), MAX_BODY)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) if is_limit(&error) => {
            tracing::error!("the request body exceeds the maximum size of {MAX_BODY} bytes");
            Err(StatusCode::PAYLOAD_TOO_LARGE)
        }
        Ok(Err(error)) => {
            tracing::error!(%error, "reading the request body failed");
            Err(StatusCode::BAD_REQUEST)
        }
        Err(_) => {
            tracing::error!("reading the request body took too long");
            Err(StatusCode::BAD_REQUEST)
        }
    }
}

/// Whether a body ended because it is too long. The type of that error is behind the one that we get.
fn is_limit(error: &axum::Error) -> bool {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = source {
        if error.to_string() == "length limit exceeded" {
            return true;
        }
        source = error.source();
    }
    false
}

/// Sends the caller to the canonical form of the path.
fn redirect(request: &Request<Incoming>, path: &str) -> Response<Body> {
    let location = match request.uri().query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let Ok(value) = HeaderValue::from_str(&location) else { return empty(StatusCode::BAD_REQUEST) };
    let mut response = empty(StatusCode::TEMPORARY_REDIRECT);
    response.headers_mut().insert(header::LOCATION, value);
    let typed = request.headers().contains_key(header::CONTENT_TYPE);
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if !typed && reads {
        let html = HeaderValue::from_static("text/html; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, html);
        if request.method() == Method::GET {
            let link = location
                .replace('&', "&amp;")
                .replace('<', "&lt;")
                .replace('>', "&gt;")
                .replace('"', "&#34;");
            *response.body_mut() = Body::from(format!("<a href=\"{link}\">Temporary Redirect</a>.\n\n"));
        }
    }
    response
}
