//! The key services, spoken to by their published interfaces.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sluice_kms::{Keyring, ServiceAccount, Vault, VaultLogin};
use sluice_sops::{KeyService, MasterKey, Recipient};

/// What a server was asked.
#[derive(Clone, Debug)]
struct Asked {
    method: Method,
    path: String,
    headers: HeaderMap,
    body: String,
}

#[derive(Clone)]
struct Server {
    asked: Arc<Mutex<Vec<Asked>>>,
    answers: Arc<HashMap<String, (StatusCode, String)>>,
    address: String,
}

/// Serves these answers, by path, and notes what it is asked.
async fn serve(answers: &[(&str, StatusCode, &str)]) -> Server {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let answers =
        answers.iter().map(|(path, status, body)| ((*path).to_owned(), (*status, (*body).to_owned())));
    let server = Server {
        asked: Arc::default(),
        answers: Arc::new(answers.collect()),
        address: format!("http://{}", listener.local_addr().unwrap()),
    };
    let app = Router::new().fallback(answer).with_state(server.clone());
    tokio::spawn(async move { axum::serve(listener, app).await });
    server
}

async fn answer(
    State(server): State<Server>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, String) {
    let path = uri.path().to_owned();
    let body = String::from_utf8_lossy(&body).into_owned();
    server.asked.lock().unwrap().push(Asked { method, path: path.clone(), headers, body });
    server.answers.get(&path).cloned().unwrap_or((StatusCode::NOT_FOUND, String::new()))
}

struct Account;

impl ServiceAccount for Account {
    fn name(&self) -> String {
        "apps/decryptor".to_owned()
    }

    fn annotation(&self, _: &str) -> Option<String> {
        None
    }

    fn token(&self, audiences: &[String]) -> futures::future::BoxFuture<'_, Result<String, String>> {
        let claims = serde_json::json!({"sub": "system:serviceaccount:apps:decryptor", "aud": audiences});
        let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(claims.to_string());
        Box::pin(async move { Ok(format!("e30.{payload}.sig")) })
    }
}

fn vault_key(address: &str) -> MasterKey {
    MasterKey {
        recipient: Recipient::Vault {
            address: address.to_owned(),
            engine: "team/transit".to_owned(),
            key: "sops".to_owned(),
        },
        encrypted: "vault:v1:abc".to_owned(),
    }
}

#[tokio::test]
async fn vault_decrypts_with_a_token() {
    let plain = format!(r#"{{"data": {{"plaintext": "{}"}}}}"#, STANDARD.encode("data key"));
    let server = serve(&[("/v1/team/transit/decrypt/sops", StatusCode::OK, &plain)]).await;
    let mut keyring = Keyring::default();
    keyring.import("sops.vault-token", b"s.token\n").unwrap();
    assert_eq!(keyring.decrypt(&vault_key(&server.address)).await.unwrap(), b"data key");
    let asked = server.asked.lock().unwrap().clone();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].method, Method::POST);
    assert_eq!(asked[0].headers["X-Vault-Token"], "s.token");
    assert_eq!(asked[0].body, r#"{"ciphertext":"vault:v1:abc"}"#);
    assert_eq!(asked[0].path, "/v1/team/transit/decrypt/sops");
}

#[tokio::test]
async fn vault_refusals_are_told_without_the_token() {
    let errors = r#"{"errors": ["permission denied"]}"#;
    let server = serve(&[("/v1/team/transit/decrypt/sops", StatusCode::FORBIDDEN, errors)]).await;
    let mut keyring = Keyring::default();
    keyring.import("sops.vault-token", b"s.token").unwrap();
    let error = keyring.decrypt(&vault_key(&server.address)).await.unwrap_err();
    assert_eq!(
        error,
        "failed to decrypt sops data key from Vault transit backend 'team/transit/decrypt/sops': 403 Forbidden: permission denied"
    );
    let error = keyring.decrypt(&vault_key("http://127.0.0.1:1")).await.unwrap_err();
    assert!(error.ends_with("dial tcp 127.0.0.1:1: connect: connection refused"), "{error}");
}

#[tokio::test]
async fn vault_logs_in_only_where_the_operator_says() {
    let plain = format!(r#"{{"data": {{"plaintext": "{}"}}}}"#, STANDARD.encode("data key"));
    let server = serve(&[
        ("/v1/auth/kubernetes/login", StatusCode::OK, r#"{"auth": {"client_token": "s.own"}}"#),
        ("/v1/team/transit/decrypt/sops", StatusCode::OK, &plain),
    ])
    .await;
    let paths = HashMap::from([(server.address.clone(), "auth/kubernetes/login".to_owned())]);
    let login = VaultLogin::new(Arc::new(Account), paths, "flux-system/vault".to_owned());
    let mut keyring = Keyring::default();
    keyring.vault = Some(Vault::Login(Arc::new(login)));
    for _ in 0..2 {
        assert_eq!(keyring.decrypt(&vault_key(&server.address)).await.unwrap(), b"data key");
    }
    let asked = server.asked.lock().unwrap().clone();
    let logins: Vec<_> = asked.iter().filter(|asked| asked.path.ends_with("/login")).collect();
    assert_eq!(logins.len(), 1, "the token is kept");
    assert!(logins[0].body.contains(r#""role":"apps_decryptor""#), "{}", logins[0].body);
    let error = keyring.decrypt(&vault_key("http://127.0.0.1:2")).await.unwrap_err();
    assert_eq!(
        error,
        "no Vault login path configured for address 'http://127.0.0.1:2' in ConfigMap 'flux-system/vault'"
    );
}
