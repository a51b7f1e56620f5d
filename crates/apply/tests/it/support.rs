//! A namespace of its own for each test, on one control plane for all of them.

use std::{collections::HashMap, time::Duration};

use kube::core::{
    Request,
    params::{Patch, PatchParams},
};
use serde_json::{Value, json};
use sluice_apply::{
    Action, Applier, ApplyFailure, ApplyOptions, ChangeSet, Cluster, ClusterCache, Object, ObjectId,
    applier::NoMemory,
    change::Applied,
    cluster::Resource,
    inventory::{self, Entry},
    normalize,
    park::Here,
    prune::{PruneOutcome, prune},
    read::{self, Owner},
};
use sluice_testkit::{ControlPlane, Namespace};

pub const GROUP: &str = "kustomize.toolkit.fluxcd.io";

pub struct Fixture {
    pub cluster: Cluster,
    pub namespace: String,
    /// Deletes the namespace when it is dropped.
    _guard: Option<Namespace<'static>>,
}

impl Fixture {
    /// A fresh namespace whose name starts with the test's.
    pub async fn new(test: &str) -> Self {
        let guard = ControlPlane::shared().unwrap().namespace(test).await.unwrap();
        let cluster = Cluster::new(guard.client(), ClusterCache::new(guard.client()));
        Self { cluster, namespace: guard.name().to_owned(), _guard: Some(guard) }
    }

    pub fn owner(&self) -> Owner {
        Owner { group: GROUP.into(), name: "app".into(), namespace: self.namespace.clone() }
    }

    /// The same cluster as another user.
    pub async fn as_user(&self, user: &str) -> Self {
        let client = ControlPlane::shared().unwrap().client_as(Some(user)).await.unwrap();
        let cluster = Cluster::new(client.clone(), ClusterCache::new(client));
        Self { cluster, namespace: self.namespace.clone(), _guard: None }
    }

    /// The objects as a deployer prepares them.
    pub fn prepared(&self, documents: &[Value]) -> Vec<Object> {
        let mut objects = read::objects(documents.iter().cloned());
        assert_eq!(objects.len(), documents.len());
        read::set_owner_labels(&mut objects, &self.owner());
        normalize::normalize(&mut objects);
        objects
    }

    pub async fn apply_with(
        &self,
        options: ApplyOptions,
        documents: &[Value],
    ) -> Result<ChangeSet, ApplyFailure> {
        let applier = Applier::new(self.cluster.clone(), options, Vec::new());
        applier.apply_staged(self.prepared(documents), &NoMemory, &Here).await
    }

    pub async fn apply(&self, documents: &[Value]) -> Result<ChangeSet, ApplyFailure> {
        self.apply_with(options(), documents).await
    }

    /// Applies objects that must be accepted; returns all rows.
    pub async fn applied(&self, documents: &[Value]) -> String {
        self.apply(documents).await.unwrap().to_string()
    }

    pub async fn prune(&self, changes: &ChangeSet) -> PruneOutcome {
        prune(&self.cluster, &self.owner(), &inventory::from_changes(changes)).await
    }

    pub async fn prune_entries(&self, entries: &[Entry]) -> PruneOutcome {
        prune(&self.cluster, &self.owner(), entries).await
    }

    async fn resource(&self, object: &Object) -> Resource {
        self.cluster.resolve(&object.gvk()).await.unwrap()
    }

    /// The live object of the same identity.
    pub async fn live(&self, document: &Value) -> Option<Value> {
        let object = Object::new(document.clone()).unwrap();
        let resource = self.resource(&object).await;
        let live = self.cluster.get(&resource, object.namespace(), object.name()).await.unwrap();
        live.map(Object::into_value)
    }

    /// Server-side apply by another manager.
    pub async fn apply_as(&self, manager: &str, document: &Value) -> Value {
        let object = Object::new(document.clone()).unwrap();
        let resource = self.resource(&object).await;
        self.cluster.apply(&resource, &object, manager, false).await.unwrap().into_value()
    }

    /// A merge patch by another manager, on the object or a subresource (`""` for none).
    pub async fn patch_as(&self, manager: &str, document: &Value, subresource: &str, patch: Value) -> Value {
        let object = Object::new(document.clone()).unwrap();
        let path = self.resource(&object).await.path(object.namespace()).unwrap();
        let params = PatchParams { field_manager: Some(manager.to_owned()), ..PatchParams::default() };
        let request = Request::new(path);
        let request = if subresource.is_empty() {
            request.patch(object.name(), &params, &Patch::Merge(patch))
        } else {
            request.patch_subresource(subresource, object.name(), &params, &Patch::Merge(patch))
        };
        self.cluster.client().request(request.unwrap()).await.unwrap()
    }

    pub async fn delete(&self, document: &Value) {
        let object = Object::new(document.clone()).unwrap();
        let resource = self.resource(&object).await;
        self.cluster.delete(&resource, &object.id(), None).await.unwrap();
    }

    pub fn config_map(&self, name: &str, data: Value) -> Value {
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": self.namespace}, "data": data})
    }

    pub fn deployment(&self, name: &str, replicas: i64, image: &str) -> Value {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": self.namespace},
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": {"app": name}},
                "template": {
                    "metadata": {"labels": {"app": name}},
                    "spec": {"containers": [{"name": "app", "image": image, "resources": {"requests": {"cpu": "10m"}}}]},
                },
            },
        })
    }

    pub fn job(&self, name: &str, command: &str) -> Value {
        json!({
            "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name, "namespace": self.namespace},
            "spec": {"suspend": true, "template": {"spec": {
                "restartPolicy": "Never", "containers": [{"name": "j", "image": "registry.example/job:1", "command": [command]}],
            }}},
        })
    }

    pub fn bad_service(&self, name: &str) -> Value {
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": self.namespace}, "spec": {"ports": [{"port": 99999}]}})
    }

    /// A custom resource definition whose group is this namespace's own.
    pub fn widgets(&self) -> Value {
        let group = self.widget_group();
        json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": format!("widgets.{group}")},
            "spec": {
                "group": group, "scope": "Namespaced",
                "names": {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"},
                "versions": [{"name": "v1", "served": true, "storage": true, "subresources": {"status": {}}, "schema": {"openAPIV3Schema": {
                    "type": "object",
                    "properties": {
                        "spec": {"type": "object", "properties": {
                            "size": {"type": "integer"},
                            "color": {"type": "string", "x-kubernetes-validations": [{"rule": "self == oldSelf", "message": "Value is immutable"}]},
                        }},
                        "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                    },
                }}}],
            },
        })
    }

    pub fn widget_group(&self) -> String {
        format!("{}.example.com", self.namespace)
    }

    pub fn widget(&self, name: &str, spec: Value) -> Value {
        json!({"apiVersion": format!("{}/v1", self.widget_group()), "kind": "Widget", "metadata": {"name": name, "namespace": self.namespace}, "spec": spec})
    }
}

pub fn options() -> ApplyOptions {
    ApplyOptions { stage_timeout: Duration::from_secs(20), ..ApplyOptions::default() }
}

pub fn forced() -> ApplyOptions {
    ApplyOptions { force: true, recreate_timeout: Duration::from_secs(10), ..options() }
}

/// The `manager/Operation[/subresource]` of all field owners.
pub fn managers(live: &Value) -> Vec<String> {
    let entries = live["metadata"]["managedFields"].as_array().unwrap();
    let mut managers: Vec<_> = entries
        .iter()
        .map(|entry| {
            let text = |field: &str| entry[field].as_str().unwrap_or_default().to_owned();
            let suffix = if text("subresource").is_empty() {
                String::new()
            } else {
                format!("/{}", text("subresource"))
            };
            format!("{}/{}{suffix}", text("manager"), text("operation"))
        })
        .collect();
    managers.sort();
    managers
}

pub fn id(document: &Value) -> ObjectId {
    Object::new(document.clone()).unwrap().id()
}

pub fn uid(live: &Option<Value>) -> String {
    live.as_ref().unwrap()["metadata"]["uid"].as_str().unwrap().to_owned()
}

pub fn version(live: &Option<Value>) -> String {
    live.as_ref().unwrap()["metadata"]["resourceVersion"].as_str().unwrap().to_owned()
}

/// Adds an entry to the labels or annotations.
pub fn marked(mut document: Value, field: &str, key: &str, value: &str) -> Value {
    document["metadata"][field][format!("{GROUP}/{key}")] = value.into();
    document
}

/// What a test's passes remember.
#[derive(Default)]
pub struct Remembered {
    pub applied: HashMap<ObjectId, Applied>,
    pub expects_new: bool,
}

impl sluice_apply::applier::Memory for Remembered {
    fn recall(&self, id: &ObjectId) -> Option<Applied> {
        self.applied.get(id).cloned()
    }

    fn is_new(&self, _: &ObjectId) -> bool {
        self.expects_new
    }
}

pub fn actions(changes: &ChangeSet) -> Vec<Action> {
    changes.entries.iter().map(|change| change.action).collect()
}

/// Waits until the condition holds.
pub async fn eventually<F: Future<Output = bool>>(what: &str, condition: impl Fn() -> F) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    while !condition().await {
        assert!(tokio::time::Instant::now() < deadline, "{what} did not happen within 30 s");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
