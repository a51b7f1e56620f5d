//! The life of charts that come from elsewhere than an index: from a registry, from Git, from a bucket.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sluice_apis::conditions;
use sluice_apis::source::v1::{Bucket, HelmChart, HelmRepository, Source as _};
use sluice_testkit::{Controller, ObjectStore, PushedArtifact, Registry, RegistryOptions, S3Options};

use crate::charts::{chart, from};
use crate::kinds::Life;
use crate::objects::{Objects, content};
use crate::support::{World, commit, download, git_server, main_of, push_head};

/// A chart as `helm push` puts it into a registry.
fn pushed(version: &str) -> PushedArtifact {
    PushedArtifact {
        config: ("application/vnd.cncf.helm.config.v1+json".to_owned(), b"{}".to_vec()),
        layers: vec![(
            "application/vnd.cncf.helm.chart.content.v1.tar+gzip".to_owned(),
            chart("app", version),
        )],
        annotations: BTreeMap::new(),
    }
}

/// A controller that looks at sources that are not there more often than users' do.
async fn controller(world: &World) -> Controller {
    world.controller(&["--requeue-dependency=200ms"]).await
}

#[tokio::test]
async fn charts_of_a_registry_live() {
    let world = World::new().await;
    let registry = Registry::start_with(&RegistryOptions::default().basic("u", "p4ss-word")).unwrap();
    for version in ["1.0.0", "1.1.0", "2.0.0"] {
        registry.push("charts/app", version, &pushed(version)).await.unwrap();
    }
    let controller = controller(&world).await;
    let repositories = Objects::<HelmRepository>::of(&world);
    let life =
        Life::<HelmChart>::begin(&world, &controller, from("HelmRepository", "charts", "app", "1.0.0")).await;
    let text = life.retries("SourceUnavailable").await;
    assert!(text.ends_with("HelmRepository.source.toolkit.fluxcd.io \"charts\" not found"), "{text}");

    // The repository itself has no state; what is wrong with its Secret is told by the charts.
    let url = format!("oci://{}/charts", registry.address());
    let spec = json!({"type": "oci", "url": url, "insecure": true, "secretRef": {"name": "auth"}});
    repositories.create("charts", spec).await;
    let text = life.objects.failed("app", "Unknown").await;
    world.event("app", "AuthenticationFailed").await;
    let wanted = format!("failed to get authentication secret '{}/auth': ", world.name());
    assert!(text.contains(&wanted) && text.ends_with("secrets \"auth\" not found"), "{text}");
    world.secret("auth", &[("username", "u"), ("password", "wr0ng-word")]).await;
    let refused = |object: &HelmChart| {
        let text = conditions::message(object, "Ready").unwrap_or_default();
        text.contains("failed to authenticate with the Helm repository: ")
            && text.contains("response status code 401: unauthorized: ")
    };
    life.objects.until("app", refused).await;
    world.secret("auth", &[("username", "u"), ("password", "p4ss-word")]).await;
    let first = life.recovers().await;
    assert_eq!((first.revision.as_str(), content(&first).await), ("1.0.0", chart("app", "1.0.0")));

    // A version that is not there may come, so it is asked for again.
    life.objects.patch("app", json!({"spec": {"version": "9.9.9"}})).await;
    let text = life.retries("ChartPullError").await;
    assert!(text.ends_with("/charts/app:9.9.9: not found"), "{text}");
    assert_eq!(life.objects.get("app").await.artifact(), Some(&first), "the last good one is served on");
    registry.push("charts/app", "9.9.9", &pushed("9.9.9")).await.unwrap();
    assert_eq!(life.recovers().await.revision, "9.9.9");
    assert_eq!(life.sleeps_through(json!({"version": "1.x"})).await.revision, "1.1.0");

    // Suspending the repository, which does nothing by itself, is not in the way; deleting it is.
    repositories.patch("charts", json!({"spec": {"suspend": true}})).await;
    life.objects.patch("app", json!({"spec": {"version": "2.x"}})).await;
    assert_eq!(life.recovers().await.revision, "2.0.0");
    let object = repositories.get("charts").await;
    assert!(object.metadata.finalizers.is_none_or(|finalizers| finalizers.is_empty()));
    assert!(object.status.is_none_or(|status| status.conditions.is_empty() && status.artifact.is_none()));
    repositories.delete("charts").await;
    life.objects.patch("app", json!({"spec": {"version": "1.x"}})).await;
    life.retries("SourceUnavailable").await;
    assert!(!controller.log().contains("p4ss-word") && !controller.log().contains("wr0ng-word"));
    let served = life.objects.get("app").await.artifact().cloned().unwrap();
    content(&served).await;
    life.objects.delete("app").await;
    assert_eq!(reqwest::get(&served.url).await.unwrap().status(), 404);
}

/// A repository may change from an index to a registry: what was stored goes.
#[tokio::test]
async fn a_repository_may_move_to_a_registry() {
    let world = World::new().await;
    let charts = crate::charts::Charts::start().await;
    charts.publish(&["1.0.0"]);
    let controller = controller(&world).await;
    world.secret("auth", &[("username", "u"), ("password", "p")]).await;
    let repositories = Objects::<HelmRepository>::of(&world);
    repositories.create("app", json!({"url": charts.address, "secretRef": {"name": "auth"}})).await;
    let index = repositories.ready("app").await;
    // An address of a registry with the type of an index is told.
    repositories.patch("app", json!({"spec": {"url": "oci://127.0.0.1:1/charts"}})).await;
    let text = repositories.failed("app", "URLInvalid").await;
    assert!(text.ends_with("'oci' URL scheme cannot be used with 'default' HelmRepository type"), "{text}");
    repositories.until("app", conditions::is_stalled).await;
    repositories.patch("app", json!({"spec": {"type": "oci"}})).await;
    let blank = |object: &HelmRepository| {
        let finalizers = object.metadata.finalizers.as_ref().is_none_or(Vec::is_empty);
        let status = object.status.as_ref();
        finalizers && status.is_none_or(|status| status.conditions.is_empty() && status.artifact.is_none())
    };
    repositories.until("app", blank).await;
    assert_eq!(reqwest::get(&index.url).await.unwrap().status(), 404);
    assert!(!controller.log().contains("panicked"));
    repositories.delete("app").await;
}

fn metadata(version: &str) -> String {
    format!("apiVersion: v2\nname: app\nversion: {version}\n")
}

#[tokio::test]
async fn charts_of_git_live() {
    let world = World::new().await;
    let server = git_server();
    let repo = server.repository("apps").unwrap();
    commit(&repo, "charts/app/values.yaml", "a: 1\n");
    commit(&repo, "charts/app/Chart.yaml", &metadata("1.0.0"));
    let controller = controller(&world).await;
    let life =
        Life::<HelmChart>::begin(&world, &controller, from("GitRepository", "apps", "charts/app", "*")).await;
    let text = life.retries("SourceUnavailable").await;
    assert!(text.ends_with("GitRepository.source.toolkit.fluxcd.io \"apps\" not found"), "{text}");
    // The source exists, but its credentials don't.
    let mut spec = main_of(&server, "apps");
    spec["secretRef"] = json!({"name": "creds"});
    world.create("apps", spec).await;
    let text = life.objects.failed("app", "NoSourceArtifact").await;
    assert!(text.ends_with("no artifact available for GitRepository source 'apps'"), "{text}");
    world.secret("creds", &[("username", "u"), ("password", "p")]).await;
    let first = life.recovers().await;
    assert_eq!(first.revision, "1.0.0");
    assert!(download(&first).await.contains_key("app/values.yaml"));

    // A path that is not there, and values that are not.
    life.objects.patch("app", json!({"spec": {"chart": "charts/none"}})).await;
    let text = life.stalls("InvalidChartReference").await;
    assert!(text.contains("charts/none"), "{text}");
    assert_eq!(life.objects.get("app").await.artifact(), Some(&first));
    life.objects.patch("app", json!({"spec": {"chart": "charts/app", "valuesFiles": ["none.yaml"]}})).await;
    let text = life.stalls("ValuesFilesError").await;
    assert!(text.contains("no values file found at path ") && text.contains("none.yaml"), "{text}");
    life.objects.patch("app", json!({"spec": {"valuesFiles": null}})).await;
    life.recovers().await;

    // What is broken in Git is mended in Git.
    commit(&repo, "charts/app/Chart.yaml", "apiVersion: v2\nname: app\n");
    push_head(&repo, "refs/heads/main");
    world.request("apps").await;
    let broken = |object: &HelmChart| conditions::is_false(object, "Ready");
    life.objects.until("app", broken).await;
    commit(&repo, "charts/app/Chart.yaml", &metadata("1.1.0"));
    push_head(&repo, "refs/heads/main");
    world.request("apps").await;
    life.objects.ready_with("app", |stored| stored.revision == "1.1.0").await;
    life.recovers().await;
    let packed = life.sleeps_through(json!({"reconcileStrategy": "Revision"})).await;
    let sha = repo.git(&["rev-parse", "HEAD"]).unwrap();
    assert_eq!(packed.revision, format!("1.1.0+{}", &sha.trim()[..12]));
    life.ends("helmchart").await;
}

#[tokio::test]
async fn charts_of_a_bucket_live() {
    let world = World::new().await;
    let store = ObjectStore::s3(&["charts"], &S3Options::default().keys("access", "s3cret-word")).unwrap();
    store.put("charts", "app/values.yaml", "a: 1\n").await.unwrap();
    store.put("charts", "app/Chart.yaml", &metadata("1.0.0")).await.unwrap();
    let controller = controller(&world).await;
    let life = Life::<HelmChart>::begin(&world, &controller, from("Bucket", "charts", "app", "*")).await;
    let text = life.retries("SourceUnavailable").await;
    assert!(text.ends_with("Bucket.source.toolkit.fluxcd.io \"charts\" not found"), "{text}");
    let buckets = Objects::<Bucket>::of(&world);
    let spec: Value = json!({
        "provider": "generic", "bucketName": "charts", "endpoint": store.address(), "insecure": true,
        "secretRef": {"name": "keys"},
    });
    buckets.create("charts", spec).await;
    let text = life.objects.failed("app", "NoSourceArtifact").await;
    assert!(text.ends_with("no artifact available for Bucket source 'charts'"), "{text}");
    world.secret("keys", &[("accesskey", "access"), ("secretkey", "s3cret-word")]).await;
    let first = life.recovers().await;
    assert_eq!(first.revision, "1.0.0");
    life.objects.patch("app", json!({"spec": {"chart": "none"}})).await;
    life.stalls("InvalidChartReference").await;
    life.objects.patch("app", json!({"spec": {"chart": "app"}})).await;
    life.recovers().await;
    // A new revision of the bucket is a new version of the chart, if the chart says so.
    store.put("charts", "app/Chart.yaml", &metadata("1.1.0")).await.unwrap();
    buckets.request("charts").await;
    life.objects.ready_with("app", |stored| stored.revision == "1.1.0").await;
    let packed = life.sleeps_through(json!({"reconcileStrategy": "Revision"})).await;
    let revision = buckets.ready("charts").await.revision;
    let digest = revision.split_once(':').unwrap().1;
    assert_eq!(packed.revision, format!("1.1.0+{}", &digest[..12]));
    life.ends("helmchart").await;
}
