//! Where charts come from, and what makes a release due.

use axum::Router;
use axum::routing::get;
use serde_json::json;
use sluice_apis::conditions;
use sluice_testkit::{GitOptions, GitServer};
use tokio::net::TcpListener;

use crate::charts::{archive, tiny};
use crate::support::{World, history};

/// A chart in a Git repository: a commit with another version is released at once.
#[tokio::test]
async fn a_chart_in_git_is_released_with_each_version() {
    let world = World::new("git").await;
    let _helm = world.controller(&[]).await;
    let server = GitServer::start(&GitOptions::default()).unwrap();
    let repository = server.repository("charts").unwrap();
    let commit = |version: &str| {
        let metadata = format!("apiVersion: v2\nname: app\nversion: {version}\n");
        let mut files = vec![("charts/app/Chart.yaml".to_owned(), metadata)];
        files.extend(tiny().into_iter().map(|(path, text)| (format!("charts/app/{path}"), text)));
        let files: Vec<(&str, Option<&str>)> =
            files.iter().map(|(path, text)| (path.as_str(), Some(text.as_str()))).collect();
        repository.commit(version, &files).unwrap();
    };
    commit("1.0.0");
    world
        .apply(json!({
            "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository", "metadata": {"name": "charts"},
            "spec": {"interval": "1h", "url": server.http_url("charts").unwrap(), "ref": {"branch": "main"}},
        }))
        .await;
    world
        .create(json!({
            "apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease", "metadata": {"name": "app"},
            "spec": {"interval": "1h", "chart": {"spec": {
                "chart": "charts/app", "sourceRef": {"kind": "GitRepository", "name": "charts"}}}},
        }))
        .await;
    world.ready("app").await;
    commit("1.1.0");
    let sources = world.objects("source.toolkit.fluxcd.io/v1", "GitRepository");
    let request = json!({"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": "now"}}});
    world.namespace.patch(&sources, "charts", &request).await.unwrap();
    let object =
        world.until("app", |object| history(object).first().is_some_and(|row| row.starts_with('2'))).await;
    assert_eq!(object.status.as_ref().unwrap().history[0].chart_version, "1.1.0");
}

/// A chart from a repository over HTTP; values from a ConfigMap and a Secret, one of them watched.
#[tokio::test]
async fn a_chart_from_a_repository_gets_values_from_elsewhere() {
    let world = World::new("http").await;
    let _helm = world.controller(&[]).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let index = "apiVersion: v1\nentries:\n  app:\n  - {apiVersion: v2, name: app, version: 1.0.0, urls: [app-1.0.0.tgz]}\n";
    let router = Router::new()
        .route("/index.yaml", get(move || async move { index }))
        .route("/app-1.0.0.tgz", get(|| async { archive("app", "1.0.0", &tiny()) }));
    let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    world
        .apply(json!({
            "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "HelmRepository", "metadata": {"name": "charts"},
            "spec": {"interval": "1h", "url": format!("http://{address}")},
        }))
        .await;
    let map = |value: &str| {
        json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "values", "labels": {"reconcile.fluxcd.io/watch": "Enabled"}},
            "data": {"values.yaml": format!("value: {value}\n")},
        })
    };
    world.apply(map("mapped")).await;
    world
        .apply(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "values"}, "stringData": {"second": "7"}}))
        .await;
    world
        .create(json!({
            "apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease", "metadata": {"name": "app"},
            "spec": {"interval": "1h", "chart": {"spec": {
                "chart": "app", "version": "1.x", "sourceRef": {"kind": "HelmRepository", "name": "charts"}}},
                "valuesFrom": [
                    {"kind": "ConfigMap", "name": "values"},
                    {"kind": "Secret", "name": "values", "valuesKey": "second", "targetPath": "second"},
                    {"kind": "Secret", "name": "absent", "optional": true},
                ]},
        }))
        .await;
    world.ready("app").await;
    let live = world.config_map("app").await.unwrap();
    assert_eq!((live["value"].as_str(), live["second"].as_str()), ("mapped", "7"));
    world.apply(map("other")).await;
    world
        .until("app", |object| history(object).first().is_some_and(|row| row.starts_with("2 deployed")))
        .await;
    assert_eq!(world.config_map("app").await.unwrap()["value"], "other");
    task.abort();
}

/// A release that fails for good says so, and a change sets it going again.
#[tokio::test]
async fn a_release_that_failed_is_made_when_it_is_mended() {
    let world = World::new("mended").await;
    let _helm = world.controller(&[]).await;
    world.publish("app", "1.0.0", &tiny()).await;
    world.create(world.release("app", "app", &json!({"values": {"bad": true}}))).await;
    let object = world.stalled("app").await;
    assert_eq!(conditions::reason(&object, "Stalled"), Some("RetriesExceeded"));
    assert_eq!(world.revisions("app").await, ["1 failed"]);
    world.patch("app", json!({"spec": {"values": {"bad": false}}})).await;
    world.ready("app").await;
    assert_eq!(world.revisions("app").await, ["1 superseded", "2 deployed"]);
}

/// What fails before anything is stored is tried again until it is mended, not taken for done.
#[tokio::test]
async fn a_change_that_fails_early_is_not_forgotten() {
    let world = World::new("early").await;
    let _helm = world.controller(&[]).await;
    world.publish("app", "1.0.0", &tiny()).await;
    world.create(world.release("app", "app", &json!({}))).await;
    world.ready("app").await;
    let patch = |op: &str| {
        let text = format!("- {{op: {op}, path: /data/added, value: by-patch}}");
        json!({"spec": {"postRenderers": [{"kustomize": {"patches": [{"target": {"kind": "ConfigMap"}, "patch": text}]}}]}})
    };
    world.patch("app", patch("remove")).await;
    let failures = |least: i64| {
        move |object: &sluice_apis::helm::v2::HelmRelease| {
            object.status.as_ref().is_some_and(|status| status.failures >= least)
        }
    };
    let object = world.until("app", failures(3)).await;
    assert_eq!(conditions::reason(&object, "Ready"), Some("UpgradeFailed"));
    world.patch("app", patch("add")).await;
    world.ready("app").await;
    assert_eq!(world.config_map("app").await.unwrap()["added"], "by-patch");
}
