//! GitHub Apps: the exchange of tokens as GitHub documents it.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use ring::signature::{KeyPair, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey};
use rustls::pki_types::{PrivatePkcs1KeyDer, pem::PemObject};
use serde_json::{Value, json};
use sluice_apis::notification::v1beta3::ProviderType;
use sluice_notify::Clients;

use crate::support::{Received, Server, event, settings};

const KEY: &str = include_str!("app.pem");

/// The claims of a request's JWT, if our key signed it.
fn claims(request: &Received) -> Option<Value> {
    let der = PrivatePkcs1KeyDer::from_pem_slice(KEY.as_bytes()).unwrap();
    let pair = RsaKeyPair::from_der(der.secret_pkcs1_der()).unwrap();
    let (signed, signature) = request.header("authorization").strip_prefix("Bearer ")?.rsplit_once('.')?;
    let decode = |text| BASE64_URL_SAFE_NO_PAD.decode(text).ok();
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref())
        .verify(signed.as_bytes(), &decode(signature)?)
        .ok()?;
    serde_json::from_slice(&decode(signed.split_once('.')?.1)?).ok()
}

/// GitHub, as far as Apps see it.
async fn github() -> Server {
    github_with("ghs_x").await
}

/// The same; it takes this token only, from the second exchange on it gives it, and another one before.
async fn github_with(good: &'static str) -> Server {
    let given = std::sync::atomic::AtomicUsize::new(0);
    Server::start(move |request| {
        let path = request.target.split('?').next().unwrap_or_default();
        if path.starts_with("/app") {
            let Some(claims) = claims(request) else { return (401, json!({"message": "Bad credentials"})) };
            let life = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
            if claims["iss"] != "7" || life > 600 {
                return (401, json!({"message": "A JSON web token could not be decoded"}));
            }
            return match path {
                "/app" => (200, json!({"slug": "flux-app"})),
                "/app/installations" => (200, json!([{"id": 1, "account": {"login": "other"}}, {"id": 99, "account": {"login": "Org"}}])),
                "/app/installations/99/access_tokens" => {
                    let first = given.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0;
                    let token = if first { "ghs_x" } else { good };
                    (201, json!({"token": token, "expires_at": "2100-01-01T00:00:00Z"}))
                }
                _ => (404, json!({"message": "Not Found"})),
            };
        }
        if request.header("authorization") != format!("Bearer {good}") {
            return (401, json!({"message": "Bad credentials"}));
        }
        match (request.method.as_str(), path) {
            ("GET", path) if path.ends_with("/statuses") => (200, json!([])),
            ("GET", path) if path.ends_with("/comments") => {
                let marker = "<!-- flux-pr-comment-key:0c9c2e41-d2f9-4f9b-9c41-bebc1984d67a/Kustomization/apps/web -->";
                (200, json!([
                    {"id": 5, "user": {"login": "flux-app"}, "body": marker},
                    {"id": 6, "user": {"login": "flux-app[bot]"}, "body": format!("{marker}\nold")},
                ]))
            }
            ("POST" | "PATCH", _) => (201, json!({"id": 1})),
            _ => (404, json!({"message": "Not Found"})),
        }
    })
    .await
}

#[tokio::test]
async fn a_token_of_the_installation_sets_statuses_and_is_used_again() {
    let server = github().await;
    let secret = [
        ("githubAppID", "7"),
        ("githubAppInstallationID", "99"),
        ("githubAppPrivateKey", KEY),
        ("githubAppBaseURL", server.url.as_str()),
    ];
    let settings = settings(ProviderType::GitHub, &format!("{}/org/repo", server.url), "", &secret);
    let clients = Clients::new();
    for _ in 0..2 {
        clients.notifier(&settings).unwrap().post(&event()).await.unwrap();
    }
    let commit = "a".repeat(40);
    let status = [
        format!("GET /api/v3/repos/org/repo/commits/{commit}/statuses?per_page=50"),
        format!("POST /api/v3/repos/org/repo/statuses/{commit}"),
    ];
    let exchange = ["GET /app".to_owned(), "POST /app/installations/99/access_tokens".to_owned()];
    assert_eq!(server.targets(), [&exchange[..], &status, &status].concat());
}

#[tokio::test]
async fn a_token_that_is_refused_is_had_anew_once() {
    let server = github_with("ghs_y").await;
    let secret = [
        ("githubAppID", "7"),
        ("githubAppInstallationID", "99"),
        ("githubAppPrivateKey", KEY),
        ("githubAppBaseURL", server.url.as_str()),
    ];
    let settings = settings(ProviderType::GitHub, &format!("{}/org/repo", server.url), "", &secret);
    let clients = Clients::new();
    for _ in 0..2 {
        clients.notifier(&settings).unwrap().post(&event()).await.unwrap();
    }
    let exchanges = |targets: &[String]| targets.iter().filter(|t| t.ends_with("/access_tokens")).count();
    assert_eq!(exchanges(&server.targets()), 2, "the second one is kept");
}

#[tokio::test]
async fn an_installation_is_found_by_its_owner_and_comments_as_a_bot() {
    let server = github().await;
    let secret = [
        ("githubAppID", "7"),
        ("githubAppInstallationOwner", "org"),
        ("githubAppPrivateKey", KEY),
        ("githubAppBaseURL", server.url.as_str()),
    ];
    let kind = ProviderType::GitHubPullRequestComment;
    let settings = settings(kind, &format!("{}/org/repo", server.url), "", &secret);
    Clients::new().notifier(&settings).unwrap().post(&event()).await.unwrap();
    assert!(server.targets().contains(&"GET /app/installations?per_page=100".to_owned()));
    assert_eq!(server.targets().last().unwrap(), "PATCH /api/v3/repos/org/repo/issues/comments/6");
}

#[tokio::test]
async fn what_is_wrong_with_an_app_is_told() {
    let server = github().await;
    let address = format!("{}/org/repo", server.url);
    let refusal = |secret: &[(&str, &str)]| {
        let settings = settings(ProviderType::GitHub, &address, "", secret);
        Clients::new().notifier(&settings).err().unwrap().to_string()
    };
    let id = ("githubAppID", "7");
    assert!(refusal(&[]).contains("github token or github app details must be specified"));
    assert!(refusal(&[id, ("githubAppPrivateKey", KEY)]).contains("githubAppInstallationID"));
    let installation = ("githubAppInstallationID", "99");
    assert!(refusal(&[id, installation]).contains("private key must be provided"));
    assert!(
        refusal(&[id, installation, ("githubAppPrivateKey", "x")]).contains("could not parse private key")
    );
    let secret =
        [("githubAppID", "8"), installation, ("githubAppPrivateKey", KEY), ("githubAppBaseURL", &server.url)];
    let settings = settings(ProviderType::GitHub, &address, "", &secret);
    let error = Clients::new().notifier(&settings).unwrap().post(&event()).await.unwrap_err();
    assert!(error.is_in_setup() && !error.is_transient(), "{error:?}");
    assert!(error.to_string().contains("401"), "{error}");
}
