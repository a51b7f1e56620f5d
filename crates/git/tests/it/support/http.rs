//! The real `git http-backend` behind an HTTP server.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::Response;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// A request that reached the server.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: String,
    pub path: String,
    pub authorization: Option<String>,
    pub user_agent: String,
}

/// Answers a request instead of git, or leaves it to git.
pub type Intercept = Arc<dyn Fn(&Method, &Uri) -> Option<Response> + Send + Sync>;

#[derive(Clone)]
pub struct Config {
    pub root: PathBuf,
    /// The exact header to require.
    pub authorization: Option<String>,
    /// Whether clients may ask for protocol version 2.
    pub version_2: bool,
    pub tls: Option<Arc<rustls::ServerConfig>>,
    pub intercept: Option<Intercept>,
    /// What the server keeps beside Git, by its SHA-256.
    pub large: Option<Large>,
}

/// Contents by their SHA-256.
pub type Large = Arc<Mutex<HashMap<String, Vec<u8>>>>;

impl Config {
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_path_buf(),
            authorization: None,
            version_2: true,
            tls: None,
            intercept: None,
            large: None,
        }
    }
}

pub struct Server {
    pub address: SocketAddr,
    scheme: &'static str,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Server {
    pub async fn start(config: Config) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let scheme = if config.tls.is_some() { "https" } else { "http" };
        let seen = Arc::new(Mutex::new(Vec::new()));
        let tls = config.tls.clone();
        let app = Router::new().fallback(handle).with_state((config, seen.clone()));
        let task = tokio::spawn(async move {
            match tls {
                Some(tls) => axum::serve(TlsListener { listener, acceptor: tls.into() }, app).await.unwrap(),
                None => axum::serve(listener, app).await.unwrap(),
            }
        });
        Self { address, scheme, seen, task }
    }

    pub async fn plain(root: &Path) -> Self {
        Self::start(Config::new(root)).await
    }

    pub fn url(&self) -> String {
        format!("{}://{}/app.git", self.scheme, self.address)
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// How many requests went to `git-upload-pack`.
    pub fn posts(&self) -> usize {
        self.seen().iter().filter(|seen| seen.method == "POST").count()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn handle(
    State((config, seen)): State<(Config, Arc<Mutex<Vec<Seen>>>)>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    seen.lock().unwrap().push(Seen {
        method: method.to_string(),
        path: uri.path().to_owned(),
        authorization: header("authorization"),
        user_agent: header("user-agent").unwrap_or_default(),
    });
    if let Some(response) = config.intercept.as_ref().and_then(|intercept| intercept(&method, &uri)) {
        return response;
    }
    if config.authorization.is_some() && header("authorization") != config.authorization {
        return text(StatusCode::UNAUTHORIZED, "Wrong credentials.\nTry a token.");
    }
    if let (Some(large), Some((_, path))) = (&config.large, uri.path().split_once("/info/lfs/objects/")) {
        return lfs(large, uri.path(), path, &header("host").unwrap_or_default(), &body);
    }
    let protocol = header("git-protocol").filter(|_| config.version_2).unwrap_or_default();
    backend(&config.root, &method, &uri, &header("content-type").unwrap_or_default(), &protocol, &body).await
}

pub fn text(status: StatusCode, text: &'static str) -> Response {
    Response::builder()
        .status(status)
        .header("content-type", "text/plain; charset=utf-8")
        .body(Body::from(text))
        .unwrap()
}

/// The batch API of LFS, and the downloads that it names.
fn lfs(large: &Large, whole: &str, path: &str, host: &str, body: &[u8]) -> Response {
    let large = large.lock().unwrap();
    if path != "batch" {
        return match large.get(path) {
            Some(content) => Response::new(Body::from(content.clone())),
            None => text(StatusCode::NOT_FOUND, "no such content"),
        };
    }
    let asked: Value = serde_json::from_slice(body).unwrap();
    assert_eq!((&asked["operation"], &asked["hash_algo"]), (&json!("download"), &json!("sha256")));
    let place = |object: &Value| {
        let oid = object["oid"].as_str().unwrap();
        if large.contains_key(oid) {
            let href = format!("http://{host}{}", whole.replace("batch", oid));
            json!({"oid": oid, "size": object["size"], "actions": {"download": {"href": href}}})
        } else {
            json!({"oid": oid, "error": {"code": 404, "message": "Object does not exist"}})
        }
    };
    let objects: Vec<Value> = asked["objects"].as_array().unwrap().iter().map(place).collect();
    Response::builder()
        .header("content-type", "application/vnd.git-lfs+json")
        .body(Body::from(json!({"transfer": "basic", "objects": objects}).to_string()))
        .unwrap()
}

/// One CGI call (RFC 3875).
async fn backend(
    root: &Path,
    method: &Method,
    uri: &Uri,
    content_type: &str,
    protocol: &str,
    body: &[u8],
) -> Response {
    let mut child = tokio::process::Command::new("git")
        .arg("http-backend")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("PATH_INFO", uri.path())
        .env("QUERY_STRING", uri.query().unwrap_or_default())
        .env("REQUEST_METHOD", method.as_str())
        .env("CONTENT_TYPE", content_type)
        .env("CONTENT_LENGTH", body.len().to_string())
        .env("GIT_PROTOCOL", protocol)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let body = body.to_vec();
    tokio::spawn(async move { stdin.write_all(&body).await });
    let mut stdout = child.stdout.take().unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stdout.read_u8().await.unwrap());
    }
    let mut response = Response::builder();
    for line in String::from_utf8(head).unwrap().lines().filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(": ").unwrap();
        if name == "Status" {
            response = response.status(value.split(' ').next().unwrap().parse::<u16>().unwrap());
        } else {
            response = response.header(name, value);
        }
    }
    let stream = tokio_util::io::ReaderStream::new(stdout);
    let stream = futures::StreamExt::chain(
        stream,
        futures::stream::once(async move {
            child.wait().await.unwrap();
            Ok(Bytes::new())
        }),
    );
    response.body(Body::from_stream(stream)).unwrap()
}

struct TlsListener {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl axum::serve::Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, address) = self.listener.accept().await.unwrap();
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}
