//! Objects on the control plane.

use std::path::PathBuf;
use std::time::Duration;

use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::runtime::conditions::is_crd_established;
use kube::runtime::wait::await_condition;
use kube::{Api, Client, Config, CustomResourceExt};
use serde_json::{Value, json};
use sluice_apis::conditions::{self, ConditionedObject};
use sluice_apis::k8s::{CustomResourceDefinition, Event, Namespace, Secret};
use sluice_apis::source::v1::{Artifact, GitRepository};

use super::PATIENCE;

/// A namespace of one's own.
pub struct World {
    pub client: Client,
    pub namespace: String,
}

/// The reason of a condition.
pub fn reason<'a>(object: &'a GitRepository, type_: &str) -> &'a str {
    conditions::reason(object, type_).unwrap_or_default()
}

/// The message of a condition.
pub fn message<'a>(object: &'a GitRepository, type_: &str) -> &'a str {
    conditions::message(object, type_).unwrap_or_default()
}

impl World {
    pub fn kubeconfig() -> PathBuf {
        std::env::var_os("SLUICE_TEST_KUBECONFIG").expect("SLUICE_TEST_KUBECONFIG").into()
    }

    pub async fn new() -> Self {
        // Another test may have installed it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let kubeconfig = Kubeconfig::read_from(Self::kubeconfig()).unwrap();
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
        let client = Client::try_from(config).unwrap();
        let crds: Api<CustomResourceDefinition> = Api::all(client.clone());
        let crd = GitRepository::crd();
        let name = crd.metadata.name.clone().unwrap();
        crds.patch(&name, &PatchParams::apply("sluice-test").force(), &Patch::Apply(&crd)).await.unwrap();
        await_condition(crds, &name, is_crd_established()).await.unwrap();
        let body = json!({"metadata": {"generateName": "source-"}});
        let namespaces: Api<Namespace> = Api::all(client.clone());
        let created = namespaces.create(&PostParams::default(), &serde_json::from_value(body).unwrap()).await;
        Self { client, namespace: created.unwrap().metadata.name.unwrap() }
    }

    /// Matches the objects of this world only.
    pub fn selector(&self) -> String {
        format!("test={}", self.namespace)
    }

    fn api(&self) -> Api<GitRepository> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Creates a `GitRepository` with an interval of an hour.
    pub async fn create(&self, name: &str, mut spec: Value) {
        if spec["interval"].is_null() {
            spec["interval"] = "1h".into();
        }
        let body = json!({
            "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository",
            "metadata": {"name": name, "labels": {"test": self.namespace}}, "spec": spec,
        });
        self.api().create(&PostParams::default(), &serde_json::from_value(body).unwrap()).await.unwrap();
    }

    pub async fn patch(&self, name: &str, patch: Value) {
        self.api().patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    }

    pub async fn delete(&self, name: &str) {
        self.api().delete(name, &DeleteParams::default()).await.unwrap();
    }

    pub async fn get(&self, name: &str) -> Option<GitRepository> {
        self.api().get_opt(name).await.unwrap()
    }

    /// Asks for a reconciliation and waits until it was done.
    pub async fn request(&self, name: &str) -> GitRepository {
        let token = format!("{:?}", std::time::Instant::now());
        self.patch(name, json!({"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": token}}}))
            .await;
        self.until(name, "the request", |o| o.last_handled_reconcile_at() == Some(token.as_str())).await
    }

    pub async fn secret(&self, name: &str, data: &[(&str, &str)]) {
        let data: serde_json::Map<String, Value> =
            data.iter().map(|(key, value)| ((*key).to_owned(), Value::from(*value))).collect();
        let body = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data,
        });
        let api: Api<Secret> = Api::namespaced(self.client.clone(), &self.namespace);
        api.patch(name, &PatchParams::apply("test").force(), &Patch::Apply(body)).await.unwrap();
    }

    /// Waits until the object satisfies the condition.
    pub async fn until(
        &self,
        name: &str,
        what: &str,
        check: impl Fn(&GitRepository) -> bool,
    ) -> GitRepository {
        let condition = |object: Option<&GitRepository>| object.is_some_and(&check);
        let waited = tokio::time::timeout(PATIENCE, await_condition(self.api(), name, condition)).await;
        let Ok(object) = waited else {
            let status = self.get(name).await.and_then(|object| object.status);
            panic!("waited {PATIENCE:?} for {what}; the status is {status:#?}");
        };
        object.unwrap().unwrap()
    }

    /// Waits until the object is ready in its current generation; returns its artifact.
    pub async fn ready(&self, name: &str) -> Artifact {
        let ready = |object: &GitRepository| {
            conditions::is_ready(object) && object.observed_generation() == object.generation()
        };
        self.until(name, "Ready", ready).await.status.unwrap().artifact.unwrap()
    }

    /// Waits until the artifact has the revision.
    pub async fn revision(&self, name: &str, revision: &str) -> Artifact {
        let has = |object: &GitRepository| {
            let artifact = object.status.as_ref().and_then(|status| status.artifact.as_ref());
            artifact.is_some_and(|artifact| artifact.revision == revision) && conditions::is_ready(object)
        };
        self.until(name, revision, has).await.status.unwrap().artifact.unwrap()
    }

    /// Waits until Ready is False for the reason.
    pub async fn failed(&self, name: &str, wanted: &str) -> GitRepository {
        let failed = |object: &GitRepository| {
            conditions::is_false(object, "Ready") && reason(object, "Ready") == wanted
        };
        self.until(name, wanted, failed).await
    }

    /// Waits until the object is gone.
    pub async fn gone(&self, name: &str) {
        let gone = |object: Option<&GitRepository>| object.is_none();
        tokio::time::timeout(PATIENCE, await_condition(self.api(), name, gone)).await.unwrap().unwrap();
    }

    /// How many events there are about an object with the reason.
    pub async fn count_events(&self, name: &str, reason: &str) -> usize {
        let api: Api<Event> = Api::namespaced(self.client.clone(), &self.namespace);
        let about = |event: &&Event| {
            event.involved_object.name.as_deref() == Some(name) && event.reason.as_deref() == Some(reason)
        };
        api.list(&ListParams::default()).await.unwrap().items.iter().filter(about).count()
    }

    /// Waits for an event: they are written after what they are about.
    pub async fn event(&self, name: &str, reason: &str) {
        let written = async {
            while self.count_events(name, reason).await == 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, written).await;
        waited.unwrap_or_else(|_| panic!("waited {PATIENCE:?} for an event {reason} about {name}"));
    }
}
