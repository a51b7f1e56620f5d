//! Objects of any kind of source, followed by name.

use std::fmt::Debug;
use std::time::Duration;

use kube::api::{DeleteParams, PostParams};
use kube::core::NamespaceResourceScope;
use kube::{Api, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sluice_apis::conditions;
use sluice_apis::source::v1::{Artifact, Source};
use sluice_testkit::{wait_for, wait_gone};

use crate::support::World;

const PATIENCE: Duration = Duration::from_secs(90);

/// A kind of source.
pub trait Kind:
    Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + Source
    + Serialize
    + DeserializeOwned
    + Clone
    + Debug
    + Send
    + Sync
    + 'static
{
}

impl<K> Kind for K where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Source
        + Serialize
        + DeserializeOwned
        + Clone
        + Debug
        + Send
        + Sync
        + 'static
{
}

/// The objects of a kind in a world.
pub struct Objects<'a, K> {
    world: &'a World,
    api: Api<K>,
}

impl<'a, K: Kind> Objects<'a, K> {
    pub fn of(world: &'a World) -> Self {
        Self { world, api: world.objects() }
    }

    /// Creates an object with an interval of an hour.
    pub async fn create(&self, name: &str, mut spec: Value) {
        spec["interval"] = "1h".into();
        let body = json!({
            "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": K::kind(&()),
            "metadata": {"name": name}, "spec": spec,
        });
        self.api.create(&PostParams::default(), &serde_json::from_value(body).unwrap()).await.unwrap();
    }

    pub async fn patch(&self, name: &str, patch: Value) {
        self.world.patch_object(&self.api, name, &patch).await;
    }

    pub async fn get(&self, name: &str) -> K {
        self.api.get(name).await.unwrap()
    }

    pub async fn until(&self, name: &str, check: impl Fn(&K) -> bool) -> K {
        wait_for(&self.api, name, PATIENCE, |object| object.is_some_and(&check)).await.unwrap().unwrap()
    }

    /// Deletes the object and waits until it is gone.
    pub async fn delete(&self, name: &str) {
        self.api.delete(name, &DeleteParams::default()).await.unwrap();
        wait_gone(&self.api, name, PATIENCE).await.unwrap();
    }

    /// Asks for a reconciliation and waits until it was done.
    pub async fn request(&self, name: &str) -> K {
        let token = format!("{:?}", std::time::Instant::now());
        self.patch(name, json!({"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": token}}}))
            .await;
        self.until(name, |object| object.last_handled_reconcile_at() == Some(token.as_str())).await
    }

    /// Waits until the object is ready in its current generation.
    pub async fn ready(&self, name: &str) -> Artifact {
        self.ready_with(name, |_| true).await
    }

    /// As [`ready`](Self::ready), with an artifact like this.
    pub async fn ready_with(&self, name: &str, check: impl Fn(&Artifact) -> bool) -> Artifact {
        let ready = |object: &K| {
            let observed = object.meta().generation == Some(object.observed_generation());
            conditions::is_ready(object) && observed && object.artifact().is_some_and(&check)
        };
        self.until(name, ready).await.artifact().unwrap().clone()
    }

    /// Waits until Ready is False for the reason; the message.
    pub async fn failed(&self, name: &str, reason: &str) -> String {
        let failed = |object: &K| {
            conditions::is_false(object, "Ready") && conditions::reason(object, "Ready") == Some(reason)
        };
        conditions::message(&self.until(name, failed).await, "Ready").unwrap().to_owned()
    }
}

/// What an artifact holds, as it is.
pub async fn content(artifact: &Artifact) -> Vec<u8> {
    let response = reqwest::get(&artifact.url).await.unwrap().error_for_status().unwrap();
    response.bytes().await.unwrap().to_vec()
}

/// A gzipped tar with these files.
pub fn tarball(files: &[(&str, &str)]) -> Vec<u8> {
    let zipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    let mut archive = tar::Builder::new(zipped);
    for (path, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, path, content.as_bytes()).unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap()
}
