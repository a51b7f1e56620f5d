//! The life of an object of each kind beside `GitRepository`: created with a bad Secret, mended, pointed at what is not
//! there, mended, suspended and changed, resumed, deleted.

use serde_json::{Value, json};
use sluice_apis::conditions::{self, is_reconciling, is_stalled};
use sluice_apis::source::v1::{Artifact, Bucket, HelmChart, HelmRepository, OciRepository, Source as _};
use sluice_testkit::{Controller, ObjectStore, PushedArtifact, Registry, RegistryOptions, S3Options};

use crate::charts::{Charts, from};
use crate::objects::{Kind, Objects, content, tarball};
use crate::support::{World, files_below, paths};

/// An object called `app`, and what can be said of all kinds.
pub struct Life<'a, K> {
    pub objects: Objects<'a, K>,
    world: &'a World,
    controller: &'a Controller,
}

impl<'a, K: Kind> Life<'a, K> {
    pub async fn begin(world: &'a World, controller: &'a Controller, spec: Value) -> Self {
        let objects = Objects::of(world);
        objects.create("app", spec).await;
        Self { objects, world, controller }
    }

    /// It fails for the reason, says so and goes on trying; nothing new is observed.
    pub async fn retries(&self, reason: &str) -> String {
        let text = self.objects.failed("app", reason).await;
        // Between two attempts: while one goes on, it says no more than that.
        let waits = |object: &K| conditions::reason(object, "Reconciling") == Some("ProgressingWithRetry");
        let object = self.objects.until("app", waits).await;
        assert!(is_reconciling(&object) && !is_stalled(&object), "{object:?}");
        assert_ne!(object.observed_generation(), object.generation(), "a failure is not an observation");
        self.world.event("app", reason).await;
        text
    }

    /// It fails for the reason and waits for somebody to change it.
    pub async fn stalls(&self, reason: &str) -> String {
        let text = self.objects.failed("app", reason).await;
        let stalled = |object: &K| is_stalled(object) && object.observed_generation() == object.generation();
        let object = self.objects.until("app", stalled).await;
        assert!(!is_reconciling(&object), "{object:?}");
        text
    }

    /// It becomes ready, and nothing is left of what went wrong.
    pub async fn recovers(&self) -> Artifact {
        let stored = self.objects.ready("app").await;
        let object = self.objects.get("app").await;
        for type_ in ["Reconciling", "Stalled", "FetchFailed", "BuildFailed", "StorageOperationFailed"] {
            assert!(conditions::get(&object, type_).is_none(), "{type_}: {object:?}");
        }
        assert!(conditions::is_true(&object, "ArtifactInStorage"));
        assert!(!content(&stored).await.is_empty());
        stored
    }

    /// What is suspended and changed stays as it is and is served; resumed, it becomes what the change asks for.
    pub async fn sleeps_through(&self, change: Value) -> Artifact {
        let before = self.objects.ready("app").await;
        self.objects.patch("app", json!({"spec": {"suspend": true}})).await;
        let mut change = json!({ "spec": change });
        self.objects.patch("app", change.clone()).await;
        let object = self.objects.request("app").await;
        assert_eq!(object.artifact(), Some(&before));
        assert_eq!(object.observed_generation(), object.generation());
        content(&before).await;
        change["spec"]["suspend"] = false.into();
        self.objects.patch("app", change).await;
        let after = self.objects.ready_with("app", |stored| stored.revision != before.revision).await;
        content(&after).await;
        after
    }

    /// Nothing is left of it, and what was served is not any more.
    pub async fn ends(self, kind: &str) {
        let stored = self.objects.ready("app").await;
        self.objects.delete("app").await;
        let folder = self.controller.storage_path().join(kind).join(self.world.name()).join("app");
        assert_eq!(files_below(&folder), Vec::<std::path::PathBuf>::new());
        assert_eq!(reqwest::get(&stored.url).await.unwrap().status(), 404);
    }
}

#[tokio::test]
async fn a_helm_repository_lives() {
    let world = World::new().await;
    let (charts, others) = (Charts::start().await, Charts::start().await);
    charts.publish(&["1.0.0"]);
    others.publish(&["1.0.0", "2.0.0"]);
    let controller = world.controller(&[]).await;
    let spec = json!({"url": charts.address, "secretRef": {"name": "auth"}});
    world.secret("auth", &[("username", "u"), ("password", "wr0ng-word")]).await;
    let life = Life::<HelmRepository>::begin(&world, &controller, spec).await;
    let text = life.retries("Failed").await;
    assert!(text.starts_with("failed to fetch Helm repository index: ") && text.contains("401"), "{text}");
    world.secret("auth", &[("username", "u"), ("password", "p")]).await;
    let first = life.recovers().await;
    life.objects.patch("app", json!({"spec": {"url": format!("{}/nowhere", charts.address)}})).await;
    let text = life.retries("Failed").await;
    assert!(text.contains("404"), "{text}");
    assert_eq!(life.objects.get("app").await.artifact(), Some(&first), "the last good one is served on");
    life.objects.patch("app", json!({"spec": {"url": charts.address}})).await;
    assert_eq!(life.recovers().await.revision, first.revision);
    life.sleeps_through(json!({"url": others.address})).await;
    assert!(!controller.log().contains("wr0ng-word"));
    life.ends("helmrepository").await;
}

#[tokio::test]
async fn a_helm_chart_lives() {
    let world = World::new().await;
    let charts = Charts::start().await;
    charts.publish(&["1.0.0", "1.1.0"]);
    let controller = world.controller(&["--helm-cache-max-size=10"]).await;
    let life =
        Life::<HelmChart>::begin(&world, &controller, from("HelmRepository", "charts", "app", "1.0.0")).await;
    life.retries("SourceUnavailable").await;
    let repositories = Objects::<HelmRepository>::of(&world);
    world.secret("auth", &[("username", "u"), ("password", "wrong")]).await;
    repositories.create("charts", json!({"url": charts.address, "secretRef": {"name": "auth"}})).await;
    life.objects.failed("app", "NoSourceArtifact").await;
    world.secret("auth", &[("username", "u"), ("password", "p")]).await;
    assert_eq!(life.recovers().await.revision, "1.0.0");
    life.objects.patch("app", json!({"spec": {"version": "9.9.9"}})).await;
    let text = life.stalls("InvalidChartReference").await;
    assert!(text.ends_with("no 'app' chart with version matching '9.9.9' found"), "{text}");
    life.objects.patch("app", json!({"spec": {"version": "1.0.0"}})).await;
    life.recovers().await;
    assert_eq!(life.sleeps_through(json!({"version": "1.x"})).await.revision, "1.1.0");
    // The stored index was read once and asked for often.
    let labels =
        |event: &'static str| [("event_type", event), ("name", "charts"), ("namespace", world.name())];
    let metrics = controller.metrics().await.unwrap();
    assert_eq!(metrics.sum("gotk_cache_events_total", &labels("cache_miss")), Some(1.0));
    assert!(metrics.sum("gotk_cache_events_total", &labels("cache_hit")) >= Some(3.0));
    life.ends("helmchart").await;
}

#[tokio::test]
async fn a_bucket_lives() {
    let world = World::new().await;
    let store =
        ObjectStore::s3(&["apps", "others"], &S3Options::default().keys("access", "s3cret-word")).unwrap();
    store.put("apps", "a.yaml", "a: 1\n").await.unwrap();
    store.put("others", "b.yaml", "b: 1\n").await.unwrap();
    let controller = world.controller(&[]).await;
    let spec = json!({
        "provider": "generic", "bucketName": "apps", "endpoint": store.address(), "insecure": true,
        "secretRef": {"name": "keys"},
    });
    world.secret("keys", &[("accesskey", "access")]).await;
    let life = Life::<Bucket>::begin(&world, &controller, spec).await;
    let text = life.retries("AuthenticationFailed").await;
    assert_eq!(text, "invalid 'keys' secret data: required fields 'accesskey' and 'secretkey'");
    world.secret("keys", &[("accesskey", "access"), ("secretkey", "s3cret-word")]).await;
    assert_eq!(paths(&life.recovers().await).await, ["a.yaml"]);
    life.objects.patch("app", json!({"spec": {"bucketName": "nowhere"}})).await;
    let text = life.retries("BucketOperationFailed").await;
    assert_eq!(text, "bucket 'nowhere' not found");
    life.objects.patch("app", json!({"spec": {"bucketName": "apps"}})).await;
    life.recovers().await;
    let other = life.sleeps_through(json!({"bucketName": "others"})).await;
    assert_eq!(paths(&other).await, ["b.yaml"]);
    assert!(!controller.log().contains("s3cret-word"));
    life.ends("bucket").await;
}

#[tokio::test]
async fn an_oci_repository_lives() {
    let world = World::new().await;
    let registry = Registry::start_with(&RegistryOptions::default().basic("u", "p4ss-word")).unwrap();
    for (tag, text) in [("1.0.0", "a: 1\n"), ("2.0.0", "a: 2\n")] {
        registry.push("org/app", tag, &PushedArtifact::flux(tarball(&[("a.yaml", text)]))).await.unwrap();
    }
    let controller = world.controller(&[]).await;
    let spec = json!({
        "url": format!("oci://{}/org/app", registry.address()), "insecure": true, "ref": {"tag": "1.0.0"},
        "secretRef": {"name": "auth"},
    });
    let life = Life::<OciRepository>::begin(&world, &controller, spec).await;
    let text = life.retries("AuthenticationFailed").await;
    assert!(text.contains("secrets \"auth\" not found"), "{text}");
    let config =
        json!({"auths": {registry.address(): {"username": "u", "password": "p4ss-word"}}}).to_string();
    world.secret("auth", &[(".dockerconfigjson", &config)]).await;
    life.recovers().await;
    life.objects.patch("app", json!({"spec": {"ref": {"tag": "3.0.0"}}})).await;
    let text = life.retries("OCIArtifactPullFailed").await;
    assert!(text.starts_with("failed to determine artifact digest: "), "{text}");
    life.objects.patch("app", json!({"spec": {"ref": {"tag": "1.0.0"}}})).await;
    life.recovers().await;
    let newer = life.sleeps_through(json!({"ref": {"tag": "2.0.0"}})).await;
    assert!(newer.revision.starts_with("2.0.0@sha256:"));
    assert!(!controller.log().contains("p4ss-word"));
    life.ends("ocirepository").await;
}
