//! Servers of files over HTTPS that look at who asks, such as chart repositories.

use std::{
    collections::HashMap,
    fs,
    process::Command,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context, Result, ensure};
use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode, Uri, header},
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use crate::{binary::e2e_binary, tls::Listener};

/// An authority with a certificate for servers on the loopback address and one for their client.
pub struct Authority {
    folder: TempDir,
}

impl Authority {
    /// Makes one.
    pub fn create() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let made = Command::new(e2e_binary()?).args(["certs", "--dir"]).arg(folder.path()).output()?;
        ensure!(made.status.success(), "certs: {}", String::from_utf8_lossy(&made.stderr).trim());
        Ok(Self { folder })
    }

    /// Its own certificate, PEM.
    pub fn certificate(&self) -> Result<String> {
        self.read("ca.crt")
    }

    /// The client's certificate and its key, PEM.
    pub fn client(&self) -> Result<(String, String)> {
        Ok((self.read("client.crt")?, self.read("client.key")?))
    }

    fn read(&self, name: &str) -> Result<String> {
        fs::read_to_string(self.folder.path().join(name)).with_context(|| name.to_owned())
    }
}

/// A server of files to clients that show a certificate of its authority and know a password. It ends when this handle is
/// dropped.
pub struct FileServer {
    address: String,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    /// What the header with the credentials has to be.
    authorization: String,
    files: Mutex<HashMap<String, Served>>,
    requests: Mutex<Vec<FileRequest>>,
}

#[derive(Clone)]
enum Served {
    Content(Vec<u8>),
    Elsewhere(String),
}

/// A request that a server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRequest {
    /// The path.
    pub path: String,
    /// Whether it came with a user and password.
    pub has_credentials: bool,
    /// The status of the answer.
    pub status: u16,
}

impl FileServer {
    /// Starts one without files, for a user with a password.
    pub async fn start(authority: &Authority, user: &str, password: &str) -> Result<Self> {
        let authorization = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
        let listener = Listener::mutual(authority.folder.path()).await?;
        let address = format!("https://{}", listener.address()?);
        let shared = Arc::new(Shared { authorization, ..Shared::default() });
        let router = Router::new().fallback(serve).with_state(Arc::clone(&shared));
        let task = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { address, shared, task })
    }

    /// Its address, without a slash at the end.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Serves content under a path that begins with a slash.
    pub fn put(&self, path: &str, content: Vec<u8>) {
        lock(&self.shared.files).insert(path.to_owned(), Served::Content(content));
    }

    /// Sends whoever asks for a path to another address.
    pub fn redirect(&self, path: &str, to: &str) {
        lock(&self.shared.files).insert(path.to_owned(), Served::Elsewhere(to.to_owned()));
    }

    /// The requests that were answered so far, oldest first.
    pub fn requests(&self) -> Vec<FileRequest> {
        lock(&self.shared.requests).clone()
    }
}

impl Drop for FileServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(State(shared): State<Arc<Shared>>, uri: Uri, headers: HeaderMap) -> Response {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let may = given == Some(&shared.authorization);
    let file = lock(&shared.files).get(uri.path()).cloned();
    let response = match file {
        _ if !may => StatusCode::UNAUTHORIZED.into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
        Some(Served::Content(content)) => content.into_response(),
        Some(Served::Elsewhere(to)) => (StatusCode::FOUND, [(header::LOCATION, to)]).into_response(),
    };
    lock(&shared.requests).push(FileRequest {
        path: uri.path().to_owned(),
        has_credentials: given.is_some(),
        status: response.status().as_u16(),
    });
    response
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
