//! What the tests of this suite share.

use std::fmt::Debug;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use kube::api::{DeleteParams, ListParams, PostParams};
use kube::core::NamespaceResourceScope;
use kube::{Api, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sluice_apis::conditions::{self, ConditionedObject};
use sluice_apis::image::v1::{ImagePolicy, ImageRepository, ImageUpdateAutomation};
use sluice_apis::k8s::{Event, Secret};
use sluice_testkit::{
    ControlPlane, Controller, EventSink, GitRepository as Repo, Namespace, PushedArtifact, Registry, wait_for,
};
use tempfile::TempDir;

/// Longer than anything here takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// A kind with conditions.
pub trait Kind:
    Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + ConditionedObject
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
        + ConditionedObject
        + Serialize
        + DeserializeOwned
        + Clone
        + Debug
        + Send
        + Sync
        + 'static
{
}

/// A namespace of one's own.
pub struct World {
    pub namespace: Namespace<'static>,
    temporary: TempDir,
    pub sink: EventSink,
}

impl World {
    pub async fn new() -> Self {
        let cluster = ControlPlane::shared().unwrap();
        cluster.install_crds().await.unwrap();
        Self {
            namespace: cluster.namespace("image").await.unwrap(),
            temporary: TempDir::with_prefix("sluice-image-").unwrap(),
            sink: EventSink::start().await.unwrap(),
        }
    }

    pub fn name(&self) -> &str {
        self.namespace.name()
    }

    /// The directory for files of this world's controllers.
    pub fn temporary(&self) -> &Path {
        self.temporary.path()
    }

    /// An image-reflector-controller that sees this namespace only.
    pub async fn reflector(&self, args: &[&str]) -> Controller {
        let storage = format!("--storage-path={}", self.temporary().join("tags").display());
        self.controller("image-reflector-controller", &[&[storage.as_str()], args].concat()).await
    }

    /// An image-automation-controller that sees this namespace only.
    pub async fn automation(&self, args: &[&str]) -> Controller {
        self.controller("image-automation-controller", args).await
    }

    /// Another controller that sees this namespace only.
    pub async fn other(&self, name: &str) -> Controller {
        self.controller(name, &[]).await
    }

    async fn controller(&self, name: &str, args: &[&str]) -> Controller {
        let builder = Controller::of(name)
            .in_namespace(&self.namespace)
            .events_to(&self.sink)
            .env("TMPDIR", self.temporary().to_str().unwrap())
            .arg("--min-retry-delay=50ms")
            .arg("--max-retry-delay=400ms")
            .arg("--log-level=debug");
        args.iter().fold(builder, |builder, arg| builder.arg(*arg)).start().await.unwrap()
    }

    pub async fn create<K: Kind>(&self, name: &str, spec: Value) {
        self.create_labelled::<K>(name, json!({}), spec).await;
    }

    pub async fn create_labelled<K: Kind>(&self, name: &str, labels: Value, spec: Value) {
        let body = json!({
            "apiVersion": K::api_version(&()), "kind": K::kind(&()),
            "metadata": {"name": name, "labels": labels}, "spec": spec,
        });
        let api: Api<K> = self.namespace.api();
        api.create(&PostParams::default(), &serde_json::from_value(body).unwrap()).await.unwrap();
    }

    /// A repository of an image in a registry, scanned once an hour unless it is said otherwise.
    pub async fn repository(&self, name: &str, image: &str, mut extra: Value) {
        extra["image"] = image.into();
        if extra["interval"].is_null() {
            extra["interval"] = "1h".into();
        }
        self.create::<ImageRepository>(name, extra).await;
    }

    /// A policy by version.
    pub async fn semver(&self, name: &str, repository: &str, range: &str) {
        let spec =
            json!({"imageRepositoryRef": {"name": repository}, "policy": {"semver": {"range": range}}});
        self.create::<ImagePolicy>(name, spec).await;
    }

    /// The repository of a Git server as a `GitRepository` `app`, which follows `main`.
    pub async fn git(&self, url: &str, extra: Value) {
        let mut spec = json!({"url": url, "interval": "1h", "ref": {"branch": "main"}});
        if let (Some(spec), Value::Object(extra)) = (spec.as_object_mut(), extra) {
            spec.extend(extra);
        }
        self.create::<sluice_apis::source::v1::GitRepository>("app", spec).await;
    }

    /// An automation of the `GitRepository` `app`.
    pub async fn automate(&self, name: &str, extra: Value) {
        let mut spec = json!({
            "interval": "1h",
            "sourceRef": {"kind": "GitRepository", "name": "app"},
            "git": {"commit": {"author": {"name": "Robot", "email": "robot@example.org"}}},
        });
        merge(&mut spec, extra);
        self.create::<ImageUpdateAutomation>(name, spec).await;
    }

    pub async fn patch<K: Kind>(&self, name: &str, patch: Value) {
        let api: Api<K> = self.namespace.api();
        self.namespace.patch(&api, name, &patch).await.unwrap();
    }

    pub async fn delete<K: Kind>(&self, name: &str) {
        let api: Api<K> = self.namespace.api();
        api.delete(name, &DeleteParams::default()).await.unwrap();
    }

    pub async fn get<K: Kind>(&self, name: &str) -> K {
        let api: Api<K> = self.namespace.api();
        api.get(name).await.unwrap()
    }

    /// Waits until the object satisfies the condition.
    pub async fn until<K: Kind>(&self, name: &str, check: impl Fn(&K) -> bool) -> K {
        let api: Api<K> = self.namespace.api();
        wait_for(&api, name, PATIENCE, |object| object.is_some_and(&check)).await.unwrap().unwrap()
    }

    /// Asks for a reconciliation and waits until it was done.
    pub async fn request<K: Kind>(&self, name: &str) -> K {
        let token = format!("{:?}", std::time::Instant::now());
        let annotation = json!({"reconcile.fluxcd.io/requestedAt": token});
        self.patch::<K>(name, json!({"metadata": {"annotations": annotation}})).await;
        self.until(name, |object: &K| object.last_handled_reconcile_at() == Some(token.as_str())).await
    }

    /// Waits until the object is ready in its current generation.
    pub async fn ready<K: Kind>(&self, name: &str) -> K {
        self.until(name, |object: &K| {
            conditions::is_ready(object) && object.observed_generation() == object.generation()
        })
        .await
    }

    /// Waits until Ready is False for the reason; the message.
    pub async fn failed<K: Kind>(&self, name: &str, reason: &str) -> String {
        let object = self
            .until(name, |object: &K| {
                conditions::is_false(object, "Ready") && conditions::reason(object, "Ready") == Some(reason)
            })
            .await;
        ready_message(&object)
    }

    /// Waits until the object is stalled for the reason; the message.
    pub async fn stalled<K: Kind>(&self, name: &str, reason: &str) -> String {
        let object = self
            .until(name, |object: &K| {
                conditions::is_stalled(object) && conditions::reason(object, "Stalled") == Some(reason)
            })
            .await;
        assert_eq!(conditions::reason(&object, "Ready"), Some(reason));
        assert!(!conditions::is_reconciling(&object));
        ready_message(&object)
    }

    pub async fn secret(&self, name: &str, type_: &str, data: &[(&str, &str)]) {
        let data: serde_json::Map<String, Value> =
            data.iter().map(|(key, value)| ((*key).to_owned(), Value::from(*value))).collect();
        let body = json!({
            "apiVersion": "v1", "kind": "Secret", "type": type_, "metadata": {"name": name}, "stringData": data,
        });
        let api: Api<Secret> = self.namespace.api();
        api.create(&PostParams::default(), &serde_json::from_value(body).unwrap()).await.unwrap();
    }

    /// The messages of the cluster's events of a reason, once there are any.
    pub async fn told(&self, reason: &str) -> Vec<String> {
        let events: Api<Event> = self.namespace.api();
        let began = std::time::Instant::now();
        while began.elapsed() < PATIENCE {
            let all = events.list(&ListParams::default()).await.unwrap();
            let of = all.items.into_iter().filter(|event| event.reason.as_deref() == Some(reason));
            let messages: Vec<_> = of.filter_map(|event| event.message).collect();
            if !messages.is_empty() {
                return messages;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("no event {reason}");
    }

    /// The messages of the events of a severity that were posted about an object.
    pub fn events(&self, kind: &str, name: &str, severity: &str) -> Vec<String> {
        let events = self.sink.events_of(kind, self.name(), name);
        let of = events.iter().filter(|event| event["severity"] == severity);
        of.map(|event| event["message"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

/// Puts the fields of an object in those of another.
fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

/// The message of Ready.
pub fn ready_message<K: ConditionedObject>(object: &K) -> String {
    conditions::message(object, "Ready").unwrap_or_default().to_owned()
}

/// Pushes a small image under tags; its digest.
pub async fn push(registry: &Registry, repository: &str, tags: &[&str]) -> String {
    push_content(registry, repository, tags, "content").await
}

/// As [`push`], with another content and so another digest.
pub async fn push_content(registry: &Registry, repository: &str, tags: &[&str], content: &str) -> String {
    let artifact = PushedArtifact::flux(content.as_bytes().to_vec());
    let mut digest = String::new();
    for tag in tags {
        digest = registry.push(repository, tag, &artifact).await.unwrap();
    }
    digest
}

/// What git says about the served repository.
pub fn bare(repo: &Repo, args: &[&str]) -> String {
    run(Command::new("git").arg("-C").arg(repo.bare_path()).args(args))
}

/// Runs a command to its end; it must succeed.
pub fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{command:?}: {errors}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
