//! Where charts come from, and what makes a release due.

use axum::Router;
use axum::routing::get;
use kube::api::{DeleteParams, ListParams};
use serde_json::{Value, json};
use sluice_apis::conditions;
use sluice_apis::helm::v2::HelmRelease;
use sluice_testkit::{GitOptions, GitServer, ObjectStore, S3Options, wait_for};
use tokio::net::TcpListener;

use crate::charts::{archive, packed, tiny};
use crate::support::{PATIENCE, World, history, registry};

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

/// Helm's commands refuse a library and a chart that lacks dependencies. Flux releases what there is of them.
#[tokio::test]
async fn what_there_is_of_a_chart_is_released() {
    let world = World::new("partial").await;
    let _helm = world.controller(&[]).await;
    let metadata = |name: &str, more: &str| {
        let mut files = tiny();
        files.push(("Chart.yaml", format!("apiVersion: v2\nname: {name}\nversion: 1.0.0\n{more}\n")));
        files
    };
    world.publish("library", "1.0.0", &metadata("library", "type: library")).await;
    let dependencies =
        "dependencies: [{name: absent, version: 1.0.0, repository: 'https://charts.example.com'}]";
    world.publish("lacking", "1.0.0", &metadata("lacking", dependencies)).await;
    world.push_archive("none", "1.0.0", packed("none", &tiny())).await;
    world.follow("none", "1.0.0").await;
    for name in ["library", "lacking", "none"] {
        world.create(world.release(name, name, &json!({}))).await;
    }
    for name in ["library", "lacking"] {
        world.ready(name).await;
        assert_eq!(world.revisions(name).await, ["1 deployed"], "{name}");
    }
    assert!(world.config_map("library").await.is_none(), "a library's templates are no manifests");
    assert_eq!(world.config_map("lacking").await.unwrap()["value"], "first");
    let failed = |object: &HelmRelease| conditions::is_false(object, "Ready");
    let object = world.until("none", failed).await;
    assert_eq!(
        conditions::message(&object, "Ready"),
        Some("Could not load chart: Chart.yaml file is missing")
    );
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
        move |object: &HelmRelease| object.status.as_ref().is_some_and(|status| status.failures >= least)
    };
    let object = world.until("app", failures(3)).await;
    assert_eq!(conditions::reason(&object, "Ready"), Some("UpgradeFailed"));
    world.patch("app", patch("add")).await;
    world.ready("app").await;
    assert_eq!(world.config_map("app").await.unwrap()["added"], "by-patch");
}

fn chart_of(kind: &str, chart: &str) -> Value {
    json!({
        "apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease", "metadata": {"name": "app"},
        "spec": {"interval": "1h", "chart": {"spec": {
            "chart": chart, "sourceRef": {"kind": kind, "name": "charts"}}}},
    })
}

/// A chart's files in an object store: another version there is released at the next pass of the `Bucket`.
#[tokio::test]
async fn a_chart_comes_from_a_bucket() {
    let world = World::new("bucket").await;
    let _helm = world.controller(&[]).await;
    let store = ObjectStore::s3(&["charts"], &S3Options::default().keys("access", "secret")).unwrap();
    let store = &store;
    let put = |version: &'static str| async move {
        let metadata = format!("apiVersion: v2\nname: app\nversion: {version}\n");
        for (path, text) in [("Chart.yaml", metadata)].into_iter().chain(tiny()) {
            store.put("charts", &format!("all/app/{path}"), &text).await.unwrap();
        }
    };
    put("1.0.0").await;
    world
        .apply(json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"},
            "stringData": {"accesskey": "access", "secretkey": "secret"},
        }))
        .await;
    world
        .apply(json!({
            "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "Bucket", "metadata": {"name": "charts"},
            "spec": {"interval": "1h", "provider": "generic", "bucketName": "charts", "insecure": true,
                "endpoint": store.address(), "secretRef": {"name": "keys"}},
        }))
        .await;
    world.create(chart_of("Bucket", "all/app")).await;
    world.ready("app").await;
    assert_eq!(world.config_map("app").await.unwrap()["value"], "first");
    put("1.1.0").await;
    let buckets = world.objects("source.toolkit.fluxcd.io/v1", "Bucket");
    let request = json!({"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": "now"}}});
    world.namespace.patch(&buckets, "charts", &request).await.unwrap();
    let object =
        world.until("app", |object| history(object).first().is_some_and(|row| row.starts_with('2'))).await;
    assert_eq!(object.status.as_ref().unwrap().history[0].chart_version, "1.1.0");
}

/// A repository that is a registry, and a `HelmChart` that the user made.
#[tokio::test]
async fn charts_come_from_registries_and_from_charts_of_the_user() {
    let world = World::new("registry").await;
    let _helm = world.controller(&[]).await;
    world.push("app", "1.0.0", &tiny()).await;
    world.push("app", "1.2.0", &tiny()).await;
    let url = format!("oci://{}/{}", registry().address(), world.name());
    world
        .apply(json!({
            "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "HelmRepository", "metadata": {"name": "charts"},
            "spec": {"interval": "1h", "type": "oci", "insecure": true, "url": url},
        }))
        .await;
    world.create(chart_of("HelmRepository", "app")).await;
    let object = world.ready("app").await;
    let status = object.status.unwrap();
    assert_eq!(
        (&*status.history[0].chart_version, status.helm_chart.as_deref()),
        ("1.2.0", Some(&*format!("{0}/{0}-app", world.name())))
    );
    world
        .apply(json!({
            "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "HelmChart", "metadata": {"name": "mine"},
            "spec": {"interval": "1h", "chart": "app", "version": "1.0.x",
                "sourceRef": {"kind": "HelmRepository", "name": "charts"}},
        }))
        .await;
    world
        .create(world.release("mine", "mine", &json!({"chartRef": {"kind": "HelmChart", "name": "mine"}})))
        .await;
    let object = world.ready("mine").await;
    assert_eq!(object.status.as_ref().unwrap().history[0].chart_version, "1.0.0");
    assert_eq!(object.status.unwrap().helm_chart, None);
    // The one that the controller made goes when it is not needed any more, the user's stays.
    let charts = world.objects("source.toolkit.fluxcd.io/v1", "HelmChart");
    world
        .patch("app", json!({"spec": {"chart": null, "chartRef": {"kind": "HelmChart", "name": "mine"}}}))
        .await;
    world.until("app", |object| history(object).first().is_some_and(|row| row.starts_with('2'))).await;
    for name in ["app", "mine"] {
        world.releases().delete(name, &DeleteParams::default()).await.unwrap();
        world.gone(name).await;
    }
    let left: Vec<String> = charts
        .list(&ListParams::default())
        .await
        .unwrap()
        .into_iter()
        .filter_map(|o| o.metadata.name)
        .collect();
    assert_eq!(left, ["mine"]);
}

/// A tag that moves is another release, though the chart says that it is the same version; the version tells which.
#[tokio::test]
async fn a_tag_that_moves_is_released() {
    let world = World::new("moved").await;
    world.publish("app", "1.0.0", &tiny()).await;
    let helm = world.controller(&[]).await;
    world.create(world.release("app", "app", &json!({}))).await;
    let first = world.ready("app").await.status.unwrap().history[0].clone();
    let digest = first.oci_digest.clone().unwrap();
    assert_eq!(first.chart_version, format!("1.0.0+{}", &digest["sha256:".len()..][..12]));
    let mut files = tiny();
    files[0].1 = "{value: moved, second: '', bad: false}\n".to_owned();
    let again = |text: &'static str| {
        let sources = world.objects("source.toolkit.fluxcd.io/v1", "OCIRepository");
        let request = json!({"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": text}}});
        let world = &world;
        async move { drop(world.namespace.patch(&sources, "app", &request).await.unwrap()) }
    };
    world.push("app", "1.0.0", &files).await;
    again("one").await;
    let object = world
        .until("app", |object| history(object).first().is_some_and(|row| row.starts_with("2 deployed")))
        .await;
    let second = &object.status.unwrap().history[0];
    assert_ne!(second.oci_digest.as_ref(), Some(&digest));
    assert_eq!(world.config_map("app").await.unwrap()["value"], "moved");
    // Not tracked, the version is the chart's own, and a tag that moves is no reason.
    drop(helm);
    let _helm = world.controller(&["--feature-gates=DisableChartDigestTracking=true"]).await;
    world.create(world.release("untracked", "app", &json!({}))).await;
    let object = world.ready("untracked").await;
    assert_eq!(object.status.unwrap().history[0].chart_version, "1.0.0");
    world.push("app", "1.0.0", &tiny()).await;
    again("two").await;
    wait_for(&world.objects("source.toolkit.fluxcd.io/v1", "OCIRepository"), "app", PATIENCE, |object| {
        object.is_some_and(|object| object.data["status"]["lastHandledReconcileAt"] == "two")
    })
    .await
    .unwrap();
    world.request("untracked").await;
    assert_eq!(world.revisions("untracked").await, ["1 deployed"]);
}
