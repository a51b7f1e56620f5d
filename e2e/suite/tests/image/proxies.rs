//! Servers that are reached through a proxy only.

use std::process::Command;
use std::sync::{Arc, Mutex};

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use sluice_apis::image::v1::{ImagePolicy, ImageRepository, ImageUpdateAutomation};
use sluice_testkit::{GitOptions, GitServer, Registry};

use crate::story::manifest;
use crate::support::{World, bare, push, run};

/// A forward proxy for one host that only it knows.
struct Proxy {
    url: String,
    seen: Arc<Mutex<Vec<String>>>,
}

/// What answers in place of the server that requests go on to.
type Answer = fn(&Method, &str, &Value) -> Option<Value>;

impl Proxy {
    /// Requests for `host` go on to `target`, unless `answer` has one.
    async fn start(host: &'static str, target: String, answer: Answer) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::clone(&seen);
        let client = reqwest::Client::new();
        let app = axum::Router::new().fallback(move |request: Request| {
            forward(host, target.clone(), answer, Arc::clone(&shared), client.clone(), request)
        });
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, seen }
    }

    fn has(&self, what: &str) -> bool {
        self.seen.lock().unwrap().iter().any(|seen| seen.contains(what))
    }

    async fn secret(&self, world: &World, name: &str, password: &str) {
        let data = [("address", self.url.as_str()), ("username", "proxy"), ("password", password)];
        world.secret(name, "Opaque", &data).await;
    }
}

async fn forward(
    host: &str,
    target: String,
    answer: Answer,
    seen: Arc<Mutex<Vec<String>>>,
    client: reqwest::Client,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let credentials = format!("Basic {}", BASE64_STANDARD.encode("proxy:open"));
    if parts.headers.get("proxy-authorization").is_none_or(|value| value != credentials.as_str()) {
        return StatusCode::PROXY_AUTHENTICATION_REQUIRED.into_response();
    }
    seen.lock().unwrap().push(format!("{} {}", parts.method, parts.uri));
    if parts.method == Method::CONNECT || parts.uri.host() != Some(host) {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    let path = parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    let bytes = to_bytes(body, 64 << 20).await.unwrap();
    let sent = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    if let Some(value) = answer(&parts.method, &path, &sent) {
        return value.to_string().into_response();
    }
    let mut onward = client.request(parts.method, format!("{target}{path}")).body(bytes);
    for (name, value) in &parts.headers {
        if !matches!(name.as_str(), "host" | "proxy-authorization" | "content-length" | "connection") {
            onward = onward.header(name, value);
        }
    }
    let answer = onward.send().await.unwrap();
    let mut response = Response::builder().status(answer.status());
    for (name, value) in answer.headers() {
        if !matches!(name.as_str(), "transfer-encoding" | "content-length" | "connection") {
            response = response.header(name, value);
        }
    }
    response.body(Body::from(answer.bytes().await.unwrap())).unwrap()
}

#[tokio::test]
async fn registries_without_tls_behind_a_proxy() {
    let world = World::new().await;
    let registry = Registry::start().unwrap();
    push(&registry, "org/app", &["1.0.0"]).await;
    let target = format!("http://{}", registry.address());
    let proxy = Proxy::start("registry.example", target, |_, _, _| None).await;
    proxy.secret(&world, "proxy", "open").await;
    proxy.secret(&world, "wrong", "shut").await;
    let _controller = world.reflector(&[]).await;
    let spec =
        |insecure: bool, secret: &str| json!({"insecure": insecure, "proxySecretRef": {"name": secret}});
    world.repository("app", "registry.example/org/app", spec(true, "proxy")).await;
    let object = world.ready::<ImageRepository>("app").await;
    assert_eq!(object.status.unwrap().last_scan_result.unwrap().tag_count, 1);
    assert!(proxy.has("GET http://registry.example/v2/org/app/tags/list"), "{:?}", proxy.seen);
    // Digests of tags are asked for in the same way.
    let always = json!({
        "imageRepositoryRef": {"name": "app"}, "policy": {"semver": {"range": "1.x"}},
        "digestReflectionPolicy": "IfNotPresent",
    });
    world.create::<ImagePolicy>("app", always).await;
    let policy = world.ready::<ImagePolicy>("app").await;
    assert!(policy.status.unwrap().latest_ref.unwrap().digest.is_some());
    // Without leave to do so, nothing is said in the clear.
    world.repository("secure", "registry.example/org/app", spec(false, "proxy")).await;
    world.failed::<ImageRepository>("secure", "ReadOperationFailed").await;
    assert!(proxy.has("CONNECT registry.example:443"), "{:?}", proxy.seen);
    world.repository("refused", "registry.example/org/app", spec(true, "wrong")).await;
    world.failed::<ImageRepository>("refused", "ReadOperationFailed").await;
}

/// What GitHub says of an App, and of pull requests.
fn github(method: &Method, path: &str, sent: &Value) -> Option<Value> {
    match (method.as_str(), path.strip_prefix("/api/v3/")?.split('?').next()?) {
        ("POST", "app/installations/7/access_tokens") => {
            Some(json!({"token": "ghs_1", "expires_at": "2999-01-01T00:00:00Z"}))
        }
        ("GET", "repos/org/app/pulls") => Some(json!([])),
        ("POST", "repos/org/app/pulls") => {
            assert_eq!((&sent["head"], &sent["base"]), (&"updates".into(), &"main".into()));
            Some(json!({
                "number": 3, "html_url": "http://github.example/org/app/pull/3", "state": "open",
                "title": sent["title"], "body": sent["body"], "merged_at": null, "labels": [],
            }))
        }
        _ => Some(json!({"message": "Not Found"})),
    }
}

#[tokio::test]
async fn a_github_app_behind_a_proxy_pushes_and_proposes() {
    let world = World::new().await;
    // The token is what opens the repository.
    let server = GitServer::start(&GitOptions::default().basic("x-access-token", "ghs_1")).unwrap();
    let repo = server.repository("org/app").unwrap();
    repo.commit("first", &[("web.yaml", Some(&manifest(&world, "ghcr.io/org/app")))]).unwrap();
    let target = server.http_url("org/app").unwrap().replace("/org/app.git", "");
    let proxy = Proxy::start("github.example", target, github).await;
    proxy.secret(&world, "proxy", "open").await;
    let key = run(Command::new("openssl").args(["genrsa", "2048"]));
    let app = [
        ("githubAppID", "1"),
        ("githubAppInstallationID", "7"),
        ("githubAppPrivateKey", key.as_str()),
        ("githubAppBaseURL", "http://github.example/api/v3"),
    ];
    world.secret("app", "Opaque", &app).await;
    let _controller = world.automation(&[]).await;
    world.semver("app", "none", "1.x").await;
    let status = json!({"status": {"latestRef": {"name": "ghcr.io/org/app", "tag": "1.1.0"}}});
    let api: kube::Api<ImagePolicy> = world.namespace.api();
    let patch = kube::api::Patch::Merge(status);
    api.patch_status("app", &kube::api::PatchParams::default(), &patch).await.unwrap();
    let access =
        json!({"provider": "github", "secretRef": {"name": "app"}, "proxySecretRef": {"name": "proxy"}});
    world.git("http://github.example/org/app.git", access).await;
    let push = json!({"branch": "updates", "pullRequest": {"provider": "github"}});
    world.automate("all", json!({"git": {"push": push}})).await;
    let is_open = |object: &ImageUpdateAutomation| {
        let status = object.status.as_ref();
        status.is_some_and(|status| status.pull_requests.iter().any(|one| one.url.ends_with("/pull/3")))
    };
    let object = world.until("all", is_open).await;
    let pushed = object.status.unwrap().last_push_commit.unwrap();
    assert_eq!(bare(&repo, &["rev-parse", "refs/heads/updates"]), pushed);
    assert!(proxy.has("POST http://github.example/api/v3/repos/org/app/pulls"), "{:?}", proxy.seen);
}
