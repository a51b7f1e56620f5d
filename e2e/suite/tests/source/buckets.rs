//! Buckets, in stores that others' code plays.

use std::time::Duration;

use kube::Api;
use kube::api::PostParams;
use serde_json::{Value, json};
use sluice_apis::conditions::{self, ConditionedObject as _};
use sluice_apis::source::v1::{Artifact, Bucket};
use sluice_testkit::{ObjectStore, S3Options, wait_for};

use crate::support::{World, download, paths};

const PATIENCE: Duration = Duration::from_secs(90);

/// A `Bucket` called `app` in a world.
pub struct Pail {
    pub world: World,
}

impl Pail {
    pub async fn new() -> Self {
        Self { world: World::new().await }
    }

    fn api(&self) -> Api<Bucket> {
        self.world.objects()
    }

    pub async fn create(&self, spec: Value) {
        let mut spec = spec;
        spec["interval"] = "1h".into();
        let body = json!({
            "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "Bucket",
            "metadata": {"name": "app"}, "spec": spec,
        });
        self.api().create(&PostParams::default(), &serde_json::from_value(body).unwrap()).await.unwrap();
    }

    pub async fn patch(&self, patch: Value) {
        self.world.patch_object(&self.api(), "app", &patch).await;
    }

    async fn request(&self) -> Bucket {
        let token = format!("{:?}", std::time::Instant::now());
        self.patch(json!({"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": token}}})).await;
        self.until(|object| object.last_handled_reconcile_at() == Some(token.as_str())).await
    }

    async fn until(&self, check: impl Fn(&Bucket) -> bool) -> Bucket {
        wait_for(&self.api(), "app", PATIENCE, |object| object.is_some_and(&check)).await.unwrap().unwrap()
    }

    pub async fn ready(&self) -> (Bucket, Artifact) {
        let object = self
            .until(|object| {
                let observed = object.observed_generation() == object.generation();
                let stored = object.status.as_ref().is_some_and(|status| status.artifact.is_some());
                conditions::is_ready(object) && observed && stored
            })
            .await;
        let artifact = object.status.clone().unwrap().artifact.unwrap();
        (object, artifact)
    }

    pub async fn failed(&self, reason: &str) -> String {
        let object = self
            .until(|object| {
                conditions::is_false(object, "Ready") && conditions::reason(object, "Ready") == Some(reason)
            })
            .await;
        conditions::message(&object, "Ready").unwrap().to_owned()
    }
}

#[tokio::test]
async fn objects_become_an_artifact() {
    let pail = Pail::new().await;
    let store = ObjectStore::s3(&["apps"], &S3Options::default().keys("access", "secret")).unwrap();
    for (key, content) in [
        ("apps/a.yaml", "a: 1\n"),
        ("apps/deep/picture.png", "png"),
        ("apps/.github/x.yaml", "x: 1\n"),
        ("apps/skip.txt", "skip"),
        ("other/b.yaml", "b: 1\n"),
        (".sourceignore", "*.txt\n"),
    ] {
        store.put("apps", key, content).await.unwrap();
    }
    let _controller = pail.world.controller(&[]).await;
    let spec = json!({
        "bucketName": "apps", "endpoint": store.address(), "insecure": true, "prefix": "apps/",
        "secretRef": {"name": "keys"},
    });
    pail.create(spec).await;
    assert!(pail.failed("AuthenticationFailed").await.starts_with("failed to get secret '"));
    pail.world.secret("keys", &[("accesskey", "access")]).await;
    let text = "invalid 'keys' secret data: required fields 'accesskey' and 'secretkey'";
    pail.until(|object| conditions::message(object, "Ready") == Some(text)).await;
    pail.world.secret("keys", &[("accesskey", "access"), ("secretkey", "wrong")]).await;
    let text = pail.failed("BucketOperationFailed").await;
    assert!(text.starts_with("failed to confirm existence of 'apps' bucket: "), "{text}");
    pail.world.secret("keys", &[("accesskey", "access"), ("secretkey", "secret")]).await;
    let (object, stored) = pail.ready().await;
    // Neither pictures nor CI files are left out here; the file of patterns comes along.
    assert_eq!(
        paths(&stored).await,
        [
            ".sourceignore",
            "apps",
            "apps/.github",
            "apps/.github/x.yaml",
            "apps/a.yaml",
            "apps/deep",
            "apps/deep/picture.png"
        ]
    );
    assert_eq!(
        conditions::message(&object, "Ready").unwrap(),
        format!("stored artifact: revision '{}'", stored.revision)
    );
    let hex = stored.revision.strip_prefix("sha256:").unwrap();
    assert!(stored.path.ends_with(&format!("/{hex}.tar.gz")), "{}", stored.path);
    let link = object.status.unwrap().url.unwrap();
    assert!(link.ends_with("/latest.tar.gz"), "{link}");
    let linked = reqwest::get(&link).await.unwrap().error_for_status().unwrap();
    assert_eq!(linked.content_length(), stored.size.map(|size| size as u64));
    pail.world.event("app", "NewArtifact").await;

    // Nothing is fetched again while nothing changes; a change is.
    let gets = || {
        let requests = store.requests().unwrap();
        requests.iter().filter(|request| request.path.ends_with("a.yaml")).count()
    };
    let before = gets();
    pail.request().await;
    assert_eq!(gets(), before);
    store.put("apps", "apps/a.yaml", "a: 2\n").await.unwrap();
    pail.request().await;
    let (_, changed) = pail.ready().await;
    assert_ne!(changed.revision, stored.revision);
    assert_eq!(download(&changed).await["apps/a.yaml"].content, b"a: 2\n");
    // More patterns that leave out something make another revision.
    pail.patch(json!({"spec": {"ignore": "*.png"}})).await;
    let (object, fewer) = pail.ready().await;
    assert_ne!(fewer.revision, changed.revision);
    assert_eq!(object.status.unwrap().observed_ignore.as_deref(), Some("*.png"));
    assert!(!paths(&fewer).await.contains(&"apps/deep/picture.png".to_owned()));

    pail.patch(json!({"spec": {"bucketName": "none"}})).await;
    assert_eq!(pail.failed("BucketOperationFailed").await, "bucket 'none' not found");
}

#[tokio::test]
async fn temporary_keys_and_private_authorities() {
    let pail = Pail::new().await;
    let options = S3Options::default().keys("access", "secret").ldap("me", "hunter2").tls();
    let store = ObjectStore::s3(&["apps"], &options).unwrap();
    store.put("apps", "a.yaml", "a: 1\n").await.unwrap();
    let controller = pail.world.controller(&[]).await;
    pail.world.secret("user", &[("username", "me"), ("password", "hunter3")]).await;
    pail.world.secret("ca", &[("ca.crt", &store.ca().unwrap())]).await;
    let endpoint = format!("https://{}", store.address());
    pail.create(json!({
        "bucketName": "apps", "endpoint": store.address(), "certSecretRef": {"name": "ca"},
        "sts": {"provider": "ldap", "endpoint": endpoint, "secretRef": {"name": "user"}, "certSecretRef": {"name": "ca"}},
    }))
    .await;
    assert!(pail.failed("BucketOperationFailed").await.contains("wrong password"));
    pail.world.secret("user", &[("username", "me"), ("password", "hunter2")]).await;
    let (_, stored) = pail.ready().await;
    assert_eq!(paths(&stored).await, ["a.yaml"]);
    assert!(!controller.log().contains("hunter"), "a password is in the log");
}

#[tokio::test]
async fn keys_that_lead_out_stay_in() {
    let pail = Pail::new().await;
    let store = ObjectStore::gcs(&["apps"]).unwrap();
    store.put("apps", "../../../escape.yaml", "e: 1\n").await.unwrap();
    store.put("apps", "deep/a.yaml", "a: 1\n").await.unwrap();
    let host = store.address().to_owned();
    let _controller = pail.world.controller_with(&[], &[("STORAGE_EMULATOR_HOST", &host)]).await;
    pail.create(json!({"provider": "gcp", "bucketName": "apps", "endpoint": "storage.googleapis.com"})).await;
    let (_, stored) = pail.ready().await;
    assert_eq!(paths(&stored).await, ["deep", "deep/a.yaml", "escape.yaml"]);
}
