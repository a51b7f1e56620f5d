//! `trigger receiver`.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use sluice_apis::notification::v1::Receiver;
use sluice_apis::source::v1::GitRepository;
use sluice_testkit::{ControlPlane, Controller, free_address, wait_ready};

use crate::program::{Run, sluice, sluice_with};

const OBJECTS: &str = "
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: repo}
spec: {url: https://example.com/repo, interval: 1m, suspend: true}
---
apiVersion: v1
kind: Secret
metadata: {name: token}
stringData: {token: s3cret}
---
apiVersion: notification.toolkit.fluxcd.io/v1
kind: Receiver
metadata: {name: plain}
spec:
  type: generic
  secretRef: {name: token}
  resources: [{kind: GitRepository, name: repo}]
---
apiVersion: notification.toolkit.fluxcd.io/v1
kind: Receiver
metadata: {name: signed}
spec:
  type: generic-hmac
  secretRef: {name: token}
  resources: [{kind: GitRepository, name: repo}]
";

#[tokio::test]
async fn receivers_ask_for_reconciliations() -> Result<()> {
    let cluster = ControlPlane::shared()?;
    cluster.install_crds().await?;
    let namespace = cluster.namespace("trigger").await?;
    namespace.apply(OBJECTS).await?;
    let (events, hooks) = (free_address()?, free_address()?);
    let outbox = tempfile::tempdir()?;
    let _controller = Controller::of("notification-controller")
        .in_namespace(&namespace)
        .arg(format!("--events-addr={events}"))
        .arg(format!("--receiverAddr={hooks}"))
        .arg(format!("--outbox-path={}", outbox.path().display()))
        .start()
        .await?;
    let receivers = namespace.api::<Receiver>();
    let repositories = namespace.api::<GitRepository>();
    let run = async |arguments: &str| {
        // A cluster that can't be reached shows that none is asked.
        let common = format!("trigger receiver --url http://{hooks}/ --retry-delay 1s");
        sluice(Path::new("/nonexistent"), namespace.name(), &format!("{common} {arguments}")).await
    };
    let mut before = None;
    for (name, flags) in [("plain", ""), ("signed", "--type generic-hmac --payload {\"a\":1}")] {
        wait_ready(&receivers, name, Duration::from_mins(1)).await?;
        let triggered = run(&format!("{name} --token s3cret {flags}")).await?.ok()?;
        let subject = format!("{}/{name}", namespace.name());
        let expected =
            [format!("► triggering Receiver {subject}"), format!("✔ Receiver {subject} triggered")];
        ensure!(triggered.messages().first() == Some(&expected[0].as_str()), "{}", triggered.stderr);
        ensure!(triggered.messages().last() == Some(&expected[1].as_str()), "{}", triggered.stderr);
        let annotations = repositories.get("repo").await?.metadata.annotations.unwrap_or_default();
        let requested = annotations.get("reconcile.fluxcd.io/requestedAt").cloned();
        ensure!(requested.is_some() && requested != before, "{name} asked for nothing: {annotations:?}");
        before = requested;
    }
    // Signed with nothing, and with a token that leads nowhere.
    let unsigned = run("signed --token s3cret").await?.failed()?;
    ensure!(unsigned.stderr.contains(" failed with status 400 Bad Request"), "{}", unsigned.stderr);
    ensure!(!unsigned.stderr.contains("retrying"), "{}", unsigned.stderr);
    let lost = run("plain --token other --retries 1").await?.failed()?;
    ensure!(lost.stderr.contains("404 Not Found; retrying in 1s (1/1)\n"), "{}", lost.stderr);
    Ok(())
}

/// What a server was asked: paths and headers.
type Seen = Arc<Mutex<Vec<(String, HeaderMap)>>>;

async fn hook(State(seen): State<Seen>, uri: Uri, headers: HeaderMap) -> Response {
    let Ok(mut seen) = seen.lock() else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    seen.push((uri.path().to_owned(), headers));
    match seen.len() {
        1 => (StatusCode::SERVICE_UNAVAILABLE, "not yet").into_response(),
        2 => (StatusCode::PERMANENT_REDIRECT, [("Location", "/moved")]).into_response(),
        _ => StatusCode::OK.into_response(),
    }
}

/// The server of tokens of GitHub and Forgejo.
async fn token(headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    if headers.get("authorization").is_none_or(|value| value != "bearer job") {
        return (StatusCode::FORBIDDEN, "no job").into_response();
    }
    let query = query.unwrap_or_default();
    let audience = query.split('&').find_map(|pair| pair.strip_prefix("audience=")).unwrap_or_default();
    serde_json::json!({ "value": format!("for-{audience}") }).to_string().into_response()
}

async fn serve(seen: Seen) -> Result<SocketAddr> {
    let router = Router::new()
        .route("/base/hook/{digest}", post(hook))
        .route("/moved", post(hook))
        .route("/token", get(token))
        .with_state(seen);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(address)
}

#[tokio::test(flavor = "multi_thread")]
async fn identities_are_shown_until_the_server_listens() -> Result<()> {
    for (flags, variables, expected) in [
        ("--oidc-token mine", vec![], "Bearer mine"),
        ("", vec![("FLUX_TRIGGER_RECEIVER_OIDC_TOKEN", "environment")], "Bearer environment"),
        ("--oidc-provider github", vec![], "Bearer for-notification-controller"),
        ("--oidc-provider forgejo --oidc-audience me", vec![], "Bearer for-me"),
    ] {
        let seen = Seen::default();
        let address = serve(Arc::clone(&seen)).await?;
        let request_url = format!("http://{address}/token?api-version=2.0");
        let mut variables = variables;
        variables.extend([
            ("ACTIONS_ID_TOKEN_REQUEST_URL", request_url.as_str()),
            ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "job"),
        ]);
        let arguments = format!(
            "trigger receiver app --type generic-oidc --url http://{address}/base/ --retry-delay 10ms {flags}"
        );
        let run = sluice_with(Path::new("/nonexistent"), "apps", &arguments, "", &variables).await?.ok()?;
        ensure!(
            run.stderr
                .contains(" failed with status 503 Service Unavailable: not yet; retrying in 10ms (1/10)"),
            "{}",
            run.stderr
        );
        let seen = seen.lock().ok().context("poisoned")?;
        let paths: Vec<_> = seen.iter().map(|(path, _)| path.as_str()).collect();
        // printf 'appapps' | sha256sum
        let path = "/base/hook/1aa5b66eafb26d776e1c2e0948d5b0e0522fe66edbe5b1810b6cc8cca6d83f95";
        ensure!(paths == [path, path, "/moved"], "{paths:?}");
        for (_, headers) in seen.iter() {
            ensure!(headers["authorization"] == expected, "{headers:?}");
            ensure!(headers["content-type"] == "application/json", "{headers:?}");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_t_work_is_told_at_once() -> Result<()> {
    let seen = Seen::default();
    let address = serve(seen).await?;
    let run = async |arguments: &str| -> Result<Run> {
        let url = format!("http://{address}/token");
        let variables =
            [("ACTIONS_ID_TOKEN_REQUEST_URL", url.as_str()), ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "other")];
        let arguments = format!("trigger receiver app {arguments}");
        sluice_with(Path::new("/nonexistent"), "apps", &arguments, "", &variables).await
    };
    for (arguments, why) in [
        ("--token t", "--url is required"),
        ("--url http://a", "--token is required for --type=generic"),
        (
            "--url http://a --type generic-oidc",
            "no OIDC token provided: set --oidc-provider, --oidc-token or the ",
        ),
        (
            "--url http://a --type generic-oidc --oidc-provider github",
            "OIDC token request failed with status 403 Forbidden: no job",
        ),
        ("--url http://127.0.0.1:1 --token t --retries 0", "connect: connection refused"),
    ] {
        let failed = run(arguments).await?.failed()?;
        ensure!(failed.stderr.contains(why), "{arguments}: {}", failed.stderr);
    }
    let wrong = run(&format!("--url http://{address}/token --token t --retries 0")).await?.failed()?;
    ensure!(wrong.stderr.contains(" failed with status 404 Not Found"), "{}", wrong.stderr);
    Ok(())
}
