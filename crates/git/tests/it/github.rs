//! GitHub Apps, against a server that plays GitHub's interface and checks their signatures.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, RsaPublicKeyComponents};
use rustls::pki_types::PrivatePkcs1KeyDer;
use rustls::pki_types::pem::PemObject as _;
use sluice_git::{Auth, GitHubApp, GitHubTokens, Tls};

/// The server's own view of the App.
#[derive(Clone)]
struct GitHub {
    pem: Arc<Vec<u8>>,
    seen: Arc<Mutex<Vec<String>>>,
}

impl GitHub {
    /// Whether the request was signed by the App a moment ago.
    fn knows(&self, headers: &HeaderMap) -> bool {
        let header = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let Some((text, signature)) = header.strip_prefix("Bearer ").and_then(|jwt| jwt.rsplit_once('.'))
        else {
            return false;
        };
        let der = PrivatePkcs1KeyDer::from_pem_slice(&self.pem).unwrap();
        let pair = RsaKeyPair::from_der(der.secret_pkcs1_der()).unwrap();
        let public: RsaPublicKeyComponents<Vec<u8>> = pair.public().into();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let good = public.verify(&RSA_PKCS1_2048_8192_SHA256, text.as_bytes(), &signature).is_ok();
        let claims = URL_SAFE_NO_PAD.decode(text.split('.').nth(1).unwrap()).unwrap();
        let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
        let life = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
        good && claims["iss"] == "42" && life == 120
    }
}

async fn installations(State(github): State<GitHub>, headers: HeaderMap) -> (StatusCode, String) {
    github.seen.lock().unwrap().push("list".to_owned());
    if !github.knows(&headers) {
        return (StatusCode::UNAUTHORIZED, r#"{"message":"Bad credentials"}"#.to_owned());
    }
    (
        StatusCode::OK,
        r#"[{"id":6,"account":{"login":"other"}},{"id":7,"account":{"login":"Org"}}]"#.to_owned(),
    )
}

async fn token(
    State(github): State<GitHub>,
    Path(id): Path<u64>,
    headers: HeaderMap,
) -> (StatusCode, String) {
    github.seen.lock().unwrap().push(format!("token {id}"));
    if !github.knows(&headers) {
        return (StatusCode::UNAUTHORIZED, r#"{"message":"Bad credentials"}"#.to_owned());
    }
    let count = github.seen.lock().unwrap().len();
    (StatusCode::CREATED, format!(r#"{{"token":"token-{count}","expires_at":"2099-01-01T00:00:00Z"}}"#))
}

fn key() -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key");
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-t", "rsa", "-b", "2048", "-m", "PEM", "-N", "", "-f"]).arg(&path);
    assert!(command.status().unwrap().success());
    std::fs::read(path).unwrap()
}

async fn serve(pem: &[u8]) -> (String, GitHub) {
    let github = GitHub { pem: Arc::new(pem.to_vec()), seen: Arc::default() };
    let routes = Router::new()
        .route("/api/v3/app/installations", get(installations))
        .route("/api/v3/app/installations/{id}/access_tokens", post(token))
        .with_state(github.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/api/v3", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
    (url, github)
}

fn app(url: &str, pem: &[u8], installation: (&str, &str)) -> GitHubApp {
    let data: BTreeMap<String, Vec<u8>> = [
        ("githubAppID", b"42".to_vec()),
        (installation.0, installation.1.as_bytes().to_vec()),
        ("githubAppPrivateKey", pem.to_vec()),
        ("githubAppBaseURL", url.as_bytes().to_vec()),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into();
    GitHubApp::from_secret(&data).unwrap()
}

#[tokio::test]
async fn tokens_are_had_by_installation_or_owner_and_kept() {
    let pem = key();
    let (url, github) = serve(&pem).await;
    let tokens = GitHubTokens::default();
    let get = async |app: &GitHubApp| match tokens.credentials(app, &Tls::default(), None).await.unwrap() {
        Auth::Basic { user, password } => (user, password),
        other => panic!("{other:?}"),
    };
    let by_id = app(&url, &pem, ("githubAppInstallationID", "7"));
    assert_eq!(get(&by_id).await, ("x-access-token".to_owned(), "token-1".to_owned()));
    assert_eq!(get(&by_id).await.1, "token-1", "the token still lives");
    let by_owner = app(&url, &pem, ("githubAppInstallationOwner", "org"));
    assert_eq!(get(&by_owner).await.1, "token-3");
    assert_eq!(*github.seen.lock().unwrap(), ["token 7", "list", "token 7"]);
    // One that was refused is not used again; the others are.
    tokens.forget(&Auth::Basic { user: "x-access-token".to_owned(), password: "token-1".to_owned() });
    assert!(!tokens.hold(&by_id) && tokens.hold(&by_owner));
    assert_eq!(get(&by_id).await.1, "token-4");
}

#[tokio::test]
async fn refusals_are_told_without_secrets() {
    let pem = key();
    let (url, _github) = serve(&pem).await;
    let tokens = GitHubTokens::default();
    let error =
        async |app: &GitHubApp| tokens.credentials(app, &Tls::default(), None).await.unwrap_err().to_string();
    let missing = app(&url, &pem, ("githubAppInstallationOwner", "nobody"));
    assert!(error(&missing).await.contains("no installation of the github app found for owner 'nobody'"));
    let stranger = app(&url, &key(), ("githubAppInstallationID", "7"));
    let text = error(&stranger).await;
    assert!(text.ends_with("401 Bad credentials"), "{text}");
    let dead = app("http://127.0.0.1:1", &pem, ("githubAppInstallationID", "7"));
    assert!(error(&dead).await.contains("connection refused"));
}
