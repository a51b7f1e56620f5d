//! Helm repositories and charts.

use std::sync::{Arc, Mutex};

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::{Router, routing::get};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sluice_apis::conditions;
use sluice_apis::source::v1::{HelmChart, HelmRepository};
use sluice_testkit::{PushedArtifact, Registry};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::objects::{Objects, content, tarball};
use crate::support::{World, commit, download, git_server, main_of, push_head};

/// A chart repository with basic authentication, whose files tests change as they like.
pub struct Charts {
    pub address: String,
    files: Files,
    task: JoinHandle<()>,
}

type Files = Arc<Mutex<Served>>;

#[derive(Default)]
struct Served {
    files: Vec<(String, Vec<u8>)>,
    /// Paths asked for, with the status of the answer.
    asked: Vec<(String, u16)>,
}

impl Charts {
    pub async fn start() -> Self {
        let files = Files::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().route("/{*path}", get(serve)).with_state(Arc::clone(&files));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, files, task }
    }

    /// Serves charts of these versions, and an index of them.
    pub fn publish(&self, versions: &[&str]) {
        let mut index = "apiVersion: v1\nentries:\n  app:\n".to_owned();
        let mut files = Vec::new();
        for version in versions {
            let entry =
                "  - apiVersion: v2\n    name: app\n    version: VERSION\n    urls: [app-VERSION.tgz]\n";
            index += &entry.replace("VERSION", version);
            files.push((format!("app-{version}.tgz"), chart("app", version)));
        }
        files.push(("index.yaml".to_owned(), index.into_bytes()));
        self.files.lock().unwrap().files = files;
    }

    fn asked(&self, path: &str) -> Vec<u16> {
        let served = self.files.lock().unwrap();
        served.asked.iter().filter(|(asked, _)| asked == path).map(|(_, status)| *status).collect()
    }
}

impl Drop for Charts {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(State(files): State<Files>, Path(path): Path<String>, headers: HeaderMap) -> Response {
    let wanted = format!("Basic {}", STANDARD.encode("u:p"));
    let allowed = headers.get("authorization").is_some_and(|value| *value == *wanted);
    let mut served = files.lock().unwrap();
    let file = served.files.iter().find(|(name, _)| *name == path).map(|(_, content)| content.clone());
    let tag = file.as_ref().map(|content| format!("\"{}\"", content.len()));
    let known = headers.get("if-none-match").and_then(|value| value.to_str().ok().map(ToOwned::to_owned));
    let response = match file {
        _ if !allowed => StatusCode::UNAUTHORIZED.into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
        Some(_) if known.is_some() && known == tag => StatusCode::NOT_MODIFIED.into_response(),
        Some(content) => ([("etag", tag.unwrap())], content).into_response(),
    };
    served.asked.push((path, response.status().as_u16()));
    response
}

pub fn chart(name: &str, version: &str) -> Vec<u8> {
    let metadata = format!("apiVersion: v2\nname: {name}\nversion: {version}\n");
    let files = [
        ("Chart.yaml", metadata.as_str()),
        ("values.yaml", "a: {b: 1, c: [1]}\n"),
        ("prod.yaml", "a: {c: [2]}\n"),
        ("templates/a.yaml", "a: b\n"),
    ];
    let files: Vec<(String, &str)> =
        files.iter().map(|(path, text)| (format!("{name}/{path}"), *text)).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
    tarball(&files)
}

pub fn from(kind: &str, source: &str, chart: &str, version: &str) -> Value {
    json!({"chart": chart, "version": version, "sourceRef": {"kind": kind, "name": source}})
}

#[tokio::test]
async fn charts_come_from_an_index() {
    let world = World::new().await;
    let charts = Charts::start().await;
    charts.publish(&["0.9.0", "1.0.0"]);
    let _controller = world.controller(&[]).await;
    let repositories = Objects::<HelmRepository>::of(&world);
    repositories.create("charts", json!({"url": charts.address, "secretRef": {"name": "auth"}})).await;
    let message = repositories.failed("charts", "AuthenticationFailed").await;
    assert!(
        message.starts_with(&format!("failed to get authentication secret '{}/auth'", world.name())),
        "{message}"
    );
    world.secret("auth", &[("username", "u"), ("password", "wrong-hunter2")]).await;
    let message = repositories.failed("charts", "Failed").await;
    assert!(message.ends_with("/index.yaml : 401 Unauthorized") && !message.contains("hunter2"), "{message}");
    world.secret("auth", &[("username", "u"), ("password", "p")]).await;
    let index = repositories.ready("charts").await;
    assert!(
        index.path.ends_with(&format!("index-{}.yaml", index.revision.replace("sha256:", ""))),
        "{}",
        index.path
    );
    let index: Value = serde_json::from_slice(&content(&index).await).unwrap();
    let versions: Vec<&Value> =
        index["entries"]["app"].as_array().unwrap().iter().map(|entry| &entry["version"]).collect();
    assert_eq!(versions, ["1.0.0", "0.9.0"]);

    let objects = Objects::<HelmChart>::of(&world);
    objects.create("latest", from("HelmRepository", "charts", "app", "*")).await;
    objects.create("exact", from("HelmRepository", "charts", "app", "0.9.0")).await;
    let mut with_values = from("HelmRepository", "charts", "app", "1.x");
    with_values["valuesFiles"] = json!(["values.yaml", "prod.yaml"]);
    objects.create("values", with_values).await;
    objects.create("none", from("HelmRepository", "charts", "app", "9.x")).await;
    let latest = objects.ready("latest").await;
    assert_eq!((latest.revision.as_str(), content(&latest).await), ("1.0.0", chart("app", "1.0.0")));
    assert_eq!(content(&objects.ready("exact").await).await, chart("app", "0.9.0"));
    let values = objects.ready("values").await;
    assert_eq!(values.revision, "1.0.0+1");
    let packed = download(&values).await;
    assert_eq!(packed["app/values.yaml"].content, b"a:\n  b: 1\n  c:\n  - 2\n");
    assert!(String::from_utf8_lossy(&packed["app/Chart.yaml"].content).contains("version: 1.0.0+1\n"));
    let message = objects.failed("none", "InvalidChartReference").await;
    assert!(message.ends_with("no 'app' chart with version matching '9.x' found"), "{message}");

    // An unchanged index is not sent again.
    repositories.request("charts").await;
    assert_eq!(charts.asked("index.yaml").last(), Some(&304));
    // What waits for a version gets it, and whoever wants the latest.
    charts.publish(&["0.9.0", "1.0.0", "9.1.0"]);
    repositories.request("charts").await;
    assert_eq!(objects.ready("none").await.revision, "9.1.0");
    objects.ready_with("latest", |artifact| artifact.revision == "9.1.0").await;
}

#[tokio::test]
async fn charts_are_packed_from_git() {
    let world = World::new().await;
    let charts = Charts::start().await;
    charts.publish(&["1.0.0"]);
    let server = git_server();
    let repo = server.repository("apps").unwrap();
    let metadata = |version: &str| {
        format!(
            "apiVersion: v2\nname: web\nversion: {version}\ndependencies:\n- {{name: lib, version: 1.x, repository: 'file://../lib'}}\n- {{name: app, alias: db, version: 1.x, repository: '{}'}}\n",
            charts.address
        )
    };
    commit(&repo, "charts/web/values.yaml", "a: 1\n");
    commit(&repo, "charts/web/.helmignore", "*.md\n");
    commit(&repo, "charts/web/README.md", "read");
    commit(&repo, "charts/lib/Chart.yaml", "apiVersion: v2\nname: lib\nversion: 1.2.0\n");
    commit(&repo, "charts/web/Chart.yaml", &metadata("0.1.0"));
    push_head(&repo, "refs/heads/main");
    let _controller = world.controller(&[]).await;
    world.create("apps", main_of(&server, "apps")).await;
    let objects = Objects::<HelmChart>::of(&world);
    // The credentials for the repository of the dependency are those of the HelmRepository with its address.
    world.secret("auth", &[("username", "u"), ("password", "p")]).await;
    let repositories = Objects::<HelmRepository>::of(&world);
    repositories.create("charts", json!({"url": charts.address, "secretRef": {"name": "auth"}})).await;
    repositories.ready("charts").await;
    objects.create("web", from("GitRepository", "apps", "./charts/web", "*")).await;
    let packed = objects.ready("web").await;
    assert_eq!(packed.revision, "0.1.0");
    let files: Vec<String> = download(&packed).await.into_keys().collect();
    assert!(files.contains(&"web/charts/lib/Chart.yaml".to_owned()), "{files:?}");
    assert!(files.contains(&"web/charts/db/templates/a.yaml".to_owned()), "{files:?}");
    assert!(!files.contains(&"web/README.md".to_owned()), "{files:?}");
    // A commit without a new version of the chart makes no new artifact.
    commit(&repo, "other.txt", "x");
    push_head(&repo, "refs/heads/main");
    world.request("apps").await;
    objects
        .until("web", |object| {
            let observed =
                object.status.as_ref().and_then(|status| status.observed_source_artifact_revision.clone());
            conditions::is_ready(object)
                && observed.is_some_and(|revision| {
                    revision.contains(&repo.git(&["rev-parse", "HEAD"]).unwrap().trim().to_owned())
                })
        })
        .await;
    assert_eq!(objects.get("web").await.status.unwrap().artifact.unwrap().digest, packed.digest);
    commit(&repo, "charts/web/Chart.yaml", &metadata("0.2.0"));
    push_head(&repo, "refs/heads/main");
    world.request("apps").await;
    objects.ready_with("web", |artifact| artifact.revision == "0.2.0").await;
}

#[tokio::test]
async fn charts_come_from_a_registry() {
    let world = World::new().await;
    let registry = Registry::start().unwrap();
    let archive = chart("app", "1.0.0");
    let artifact = PushedArtifact {
        config: ("application/vnd.cncf.helm.config.v1+json".to_owned(), b"{}".to_vec()),
        layers: vec![("application/vnd.cncf.helm.chart.content.v1.tar+gzip".to_owned(), archive.clone())],
        annotations: std::collections::BTreeMap::new(),
    };
    registry.push("charts/app", "1.0.0", &artifact).await.unwrap();
    let _controller = world.controller(&[]).await;
    let repositories = Objects::<HelmRepository>::of(&world);
    let url = format!("oci://{}/charts", registry.address());
    repositories.create("charts", json!({"url": url, "type": "oci", "insecure": true})).await;
    let objects = Objects::<HelmChart>::of(&world);
    objects.create("exact", from("HelmRepository", "charts", "app", "1.0.0")).await;
    objects.create("range", from("HelmRepository", "charts", "app", "1.x")).await;
    objects.create("missing", from("HelmRepository", "charts", "app", "2.0.0")).await;
    objects.create("unknown", from("HelmRepository", "charts", "unknown", "*")).await;
    assert_eq!(content(&objects.ready("exact").await).await, archive);
    assert_eq!(content(&objects.ready("range").await).await, archive);
    let message = objects.failed("missing", "ChartPullError").await;
    assert!(message.ends_with("/charts/app:2.0.0: not found"), "{message}");
    // What the registry answers, in the words of Flux's source-controller 1.9.1.
    let listing = format!("http://{}/v2/charts/unknown/tags/list", registry.address());
    let want = format!(
        "chart pull error: failed to get chart version for remote reference: could not get tags for \"unknown\": \
         could not fetch tags for \"{url}/unknown\": GET \"{listing}\": response status code 404: \
         name unknown: repository name not known to registry: map[name:charts/unknown]"
    );
    assert_eq!(objects.failed("unknown", "ChartPullError").await, want);
    // The repository itself has no state.
    repositories
        .until("charts", |object| object.status.as_ref().is_none_or(|status| status.observed_generation == 0))
        .await;
}
