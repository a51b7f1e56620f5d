//! Key services of Azure, Google and Amazon and the token services before them, as far as SOPS asks them. They speak the
//! published protocols, check what they are shown, and decrypt with real keys, which the test has made.

mod amazon;
mod azure;
mod encrypt;
mod google;
mod jwt;

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
};

use anyhow::{Context, Result};
use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Method, Response, Uri},
};
use rand_core::{OsRng, RngCore};
use rsa::RsaPrivateKey;
use serde_json::Value;
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinHandle};

pub use self::encrypt::SopsKey;

/// One request.
#[derive(Clone, Debug)]
pub struct KeyRequest {
    /// Its method.
    pub method: Method,
    /// Its path.
    pub path: String,
    /// Its query.
    pub query: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: String,
    /// Whether it came by HTTPS.
    pub secure: bool,
}

impl KeyRequest {
    /// A header; empty if there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// A field of the form or the query; empty if there is none.
    pub fn field(&self, name: &str) -> String {
        let text = if self.body.is_empty() { &self.query } else { &self.body };
        let mut pairs = url::form_urlencoded::parse(text.as_bytes());
        pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned()).unwrap_or_default()
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

/// What is answered.
#[derive(Clone, Debug)]
struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl Reply {
    fn json(status: u16, body: &Value) -> Self {
        Self {
            status,
            headers: vec![("content-type", "application/json".to_owned())],
            body: body.to_string(),
        }
    }

    fn header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }
}

/// What a service does instead of its work.
#[derive(Clone, Debug)]
pub enum Fault {
    /// It answers with this status, `Retry-After` if not empty, and this body, in which `{shown}` stands for what it was
    /// shown: the header `Authorization` and the body of the request.
    Status(u16, &'static str, String),
    /// It takes the request and never answers.
    Hang,
}

struct Rule {
    path: String,
    /// Whether it is for requests only that show who asks.
    shown: bool,
    fault: Fault,
    left: usize,
}

impl Rule {
    fn is_for(&self, request: &KeyRequest) -> bool {
        let shown = !self.shown || !request.header("authorization").is_empty();
        self.left > 0 && shown && request.path.contains(&self.path)
    }
}

/// Running services; they end when this handle is dropped.
pub struct KeyServices {
    cloud: Arc<Cloud>,
    tasks: [JoinHandle<()>; 2],
    folder: TempDir,
}

struct Cloud {
    /// Where all but Key Vault are.
    plain: String,
    /// Where Key Vault is, which must be asked by HTTPS.
    vault: String,
    rsa: &'static RsaPrivateKey,
    aes: [u8; 32],
    asked: Mutex<Vec<KeyRequest>>,
    rules: Mutex<Vec<Rule>>,
    challenge: Mutex<String>,
    /// What each token is good for.
    tokens: Mutex<HashMap<String, String>>,
}

impl KeyServices {
    /// Starts them on free ports of the loopback address.
    pub async fn start() -> Result<Self> {
        // Making a key takes a second or two: one is enough for all tests of a process.
        static KEY: LazyLock<Option<RsaPrivateKey>> =
            LazyLock::new(|| RsaPrivateKey::new(&mut OsRng, 2048).ok());
        let rsa = KEY.as_ref().context("make an RSA key")?;
        let folder = tempfile::tempdir()?;
        let plain = TcpListener::bind("127.0.0.1:0").await?;
        let secure = crate::tls::Listener::bind(folder.path()).await?;
        let mut aes = [0; 32];
        OsRng.fill_bytes(&mut aes);
        let cloud = Arc::new(Cloud {
            plain: format!("http://{}", plain.local_addr()?),
            vault: format!("https://{}", secure.address()?),
            rsa,
            aes,
            asked: Mutex::default(),
            rules: Mutex::default(),
            challenge: Mutex::default(),
            tokens: Mutex::default(),
        });
        let router = |secure| Router::new().fallback(answer).with_state((Arc::clone(&cloud), secure));
        let (open, closed) = (router(false), router(true));
        let tasks = [
            tokio::spawn(async move {
                let _ = axum::serve(plain, open).await;
            }),
            tokio::spawn(async move {
                let _ = axum::serve(secure, closed).await;
            }),
        ];
        Ok(Self { cloud, tasks, folder })
    }

    /// The variables that send a process here for tokens and keys.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let plain = &self.cloud.plain;
        let host = plain.trim_start_matches("http://").to_owned();
        vec![
            ("AWS_EC2_METADATA_SERVICE_ENDPOINT", plain.clone()),
            ("AWS_ENDPOINT_URL_KMS", format!("{plain}/kms")),
            ("AWS_ENDPOINT_URL_STS", format!("{plain}/sts")),
            ("AZURE_AUTHORITY_HOST", plain.clone()),
            ("AZURE_POD_IDENTITY_AUTHORITY_HOST", plain.clone()),
            ("CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDKMS", format!("{plain}/")),
            ("CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS", format!("{plain}/")),
            ("CLOUDSDK_API_ENDPOINT_OVERRIDES_STS", format!("{plain}/")),
            ("GCE_METADATA_HOST", host),
            ("SSL_CERT_FILE", self.authority().to_string_lossy().into_owned()),
        ]
    }

    /// The address of Azure's Key Vault.
    pub fn vault(&self) -> &str {
        &self.cloud.vault
    }

    /// Who vouches for Key Vault's certificate: a PEM file.
    pub fn authority(&self) -> std::path::PathBuf {
        authority(self.folder.path())
    }

    /// Answers requests whose path holds this text in another way, so many times.
    pub fn fail(&self, path: &str, times: usize, fault: Fault) {
        lock(&self.cloud.rules).push(Rule { path: path.to_owned(), shown: false, fault, left: times });
    }

    /// Answers requests in another way that show who asks and whose path holds this text.
    pub fn refuse(&self, path: &str, fault: Fault) {
        let rule = Rule { path: path.to_owned(), shown: true, fault, left: usize::MAX };
        lock(&self.cloud.rules).push(rule);
    }

    /// Answers as usual again.
    pub fn heal(&self) {
        lock(&self.cloud.rules).clear();
    }

    /// What Key Vault says to whoever shows no token, from now on.
    pub fn challenge(&self, header: &str) {
        header.clone_into(&mut lock(&self.cloud.challenge));
    }

    /// What was asked so far, oldest first.
    pub fn asked(&self) -> Vec<KeyRequest> {
        lock(&self.cloud.asked).clone()
    }

    /// What was asked at paths that hold this text, oldest first.
    pub fn asked_at(&self, path: &str) -> Vec<KeyRequest> {
        self.asked().into_iter().filter(|request| request.path.contains(path)).collect()
    }

    /// All tokens that were given so far: nothing that users see may hold one.
    pub fn tokens(&self) -> Vec<String> {
        lock(&self.cloud.tokens).keys().cloned().collect()
    }
}

impl Drop for KeyServices {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

fn authority(folder: &Path) -> std::path::PathBuf {
    folder.join("ca.crt")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn answer(
    State((cloud, secure)): State<(Arc<Cloud>, bool)>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let request = KeyRequest {
        method,
        path: uri.path().to_owned(),
        query: uri.query().unwrap_or_default().to_owned(),
        headers,
        body: String::from_utf8_lossy(&body).into_owned(),
        secure,
    };
    lock(&cloud.asked).push(request.clone());
    let reply = match cloud.fault(&request) {
        Some(Fault::Hang) => std::future::pending().await,
        Some(Fault::Status(status, after, body)) => {
            let shown = format!("{} {}", request.header("authorization"), request.body);
            let body = body.replace("{shown}", &shown.replace('"', "'"));
            let reply = Reply { status, headers: Vec::new(), body };
            if after.is_empty() { reply } else { reply.header("retry-after", after.to_owned()) }
        }
        None => cloud.serve(&request),
    };
    let mut response = Response::builder().status(reply.status);
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    response.body(Body::from(reply.body)).unwrap_or_default()
}

impl Cloud {
    fn fault(&self, request: &KeyRequest) -> Option<Fault> {
        let mut rules = lock(&self.rules);
        let rule = rules.iter_mut().find(|rule| rule.is_for(request))?;
        rule.left -= 1;
        Some(rule.fault.clone())
    }

    fn serve(&self, request: &KeyRequest) -> Reply {
        let path = request.path.as_str();
        match (path, request.secure) {
            (_, true) => self.key_vault(request),
            ("/metadata/identity/oauth2/token", _) => self.azure_machine(request),
            ("/token", _) => self.google_token(request),
            ("/v1/token", _) => self.google_federation(request),
            ("/computeMetadata/v1/instance/service-accounts/default/token", _) => {
                self.google_machine(request)
            }
            ("/kms", _) => self.amazon_kms(request),
            ("/sts", _) => self.amazon_sts(request),
            _ if path.starts_with("/latest/") => self.amazon_machine(request),
            _ if path.ends_with("/oauth2/v2.0/token") => self.entra(request),
            _ if path.ends_with(":generateAccessToken") => self.google_impersonation(request),
            _ if path.ends_with(":decrypt") => self.google_kms(request),
            _ => Reply { status: 404, headers: Vec::new(), body: format!("nothing at {path}") },
        }
    }

    /// A new token that is good for something.
    fn issue(&self, good_for: &str) -> String {
        let mut bytes = [0; 24];
        OsRng.fill_bytes(&mut bytes);
        let token = format!("tok.{}", hex::encode(bytes));
        lock(&self.tokens).insert(token.clone(), good_for.to_owned());
        token
    }

    /// What the request's bearer token is good for; nothing if there is none or it is unknown.
    fn good_for(&self, request: &KeyRequest) -> String {
        let token = request.header("authorization").strip_prefix("Bearer ").unwrap_or_default();
        lock(&self.tokens).get(token).cloned().unwrap_or_default()
    }
}
