//! How releases go.

use kube::Api;
use kube::api::{DeleteParams, DynamicObject};
use serde_json::json;
use sluice_apis::conditions;
use sluice_apis::k8s::{Namespace, Secret};
use sluice_testkit::wait_gone;

use super::{message, not_ready};
use crate::charts::{Files, tiny};
use crate::support::{PATIENCE, World};

/// A chart with a Deployment, which has a `ReplicaSet`.
fn deployed() -> Files {
    let mut files = tiny();
    files.push((
        "templates/deployment.yaml",
        "apiVersion: apps/v1
kind: Deployment
metadata: {name: '{{ .Release.Name }}'}
spec:
  selector: {matchLabels: {app: '{{ .Release.Name }}'}}
  template:
    metadata: {labels: {app: '{{ .Release.Name }}'}}
    spec: {containers: [{name: c, image: example.com/c}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: '{{ .Release.Name }}-kept', annotations: {helm.sh/resource-policy: keep}}
"
        .to_owned(),
    ));
    files
}

async fn replica_sets(world: &World, name: &str) -> usize {
    let sets: Api<DynamicObject> = world.objects("apps/v1", "ReplicaSet");
    let selector = kube::api::ListParams::default().labels(&format!("app={name}"));
    sets.list(&selector).await.unwrap().items.len()
}

async fn delete(world: &World, name: &str) {
    world.releases().delete(name, &DeleteParams::default()).await.unwrap();
}

#[tokio::test]
async fn releases_go_as_the_spec_says() {
    let world = World::new("uninstall").await;
    let _helm = world.controller(&[]).await;
    world.publish("app", "1.0.0", &deployed()).await;
    for (name, uninstall, revisions, sets) in [
        ("plain", json!({}), vec![], 0),
        ("kept", json!({"keepHistory": true}), vec!["1 uninstalled"], 0),
        ("foreground", json!({"deletionPropagation": "foreground"}), vec![], 0),
        ("orphan", json!({"deletionPropagation": "orphan", "disableWait": true}), vec![], 1),
    ] {
        world.create(world.release(name, "app", &json!({"uninstall": uninstall}))).await;
        world.ready(name).await;
        delete(&world, name).await;
        world.gone(name).await;
        assert_eq!(world.revisions(name).await, revisions, "{name}");
        assert!(world.config_map(name).await.is_none(), "{name}");
        assert!(world.config_map(&format!("{name}-kept")).await.is_some(), "{name}");
        if name == "foreground" || name == "orphan" {
            assert_eq!(replica_sets(&world, name).await, sets, "{name}");
        }
    }

    // The name of what was uninstalled and kept is in use, unless it may be replaced.
    world.create(world.release("kept", "app", &json!({}))).await;
    let object = not_ready(&world, "kept", "InstallFailed").await;
    assert!(message(&object).ends_with("cannot reuse a name that is still in use"), "{}", message(&object));
    world.patch("kept", json!({"spec": {"install": {"replace": true}}})).await;
    world.ready("kept").await;
    assert_eq!(world.revisions("kept").await, ["1 superseded", "2 deployed"]);
}

#[tokio::test]
async fn what_is_suspended_or_gone_already_holds_nothing_up() {
    let world = World::new("leave").await;
    let _helm = world.controller(&[]).await;
    world.publish("app", "1.0.0", &tiny()).await;
    for name in ["suspended", "missing", "early"] {
        world.create(world.release(name, if name == "early" { "none" } else { "app" }, &json!({}))).await;
    }
    for name in ["suspended", "missing"] {
        world.ready(name).await;
    }
    not_ready(&world, "early", "ArtifactFailed").await;
    world.patch("suspended", json!({"spec": {"suspend": true}})).await;
    let secrets: Api<Secret> = world.namespace.api();
    secrets.delete("sh.helm.release.v1.missing.v1", &DeleteParams::default()).await.unwrap();
    for name in ["suspended", "missing", "early"] {
        delete(&world, name).await;
        world.gone(name).await;
    }
    assert_eq!(world.revisions("suspended").await, ["1 deployed"]);
    assert!(world.config_map("suspended").await.is_some());
}

/// A hook that fails holds the object, says why, and lets it go when it is left out.
#[tokio::test]
async fn a_hook_that_fails_is_told_until_it_is_left_out() {
    let world = World::new("held").await;
    let _helm = world.controller(&[]).await;
    let mut files = tiny();
    files.push((
        "templates/hook.yaml",
        "apiVersion: v1
kind: Pod
metadata: {name: stuck, annotations: {helm.sh/hook: pre-delete}}
spec: {nodeSelector: {nowhere: 'true'}, containers: [{name: c, image: example.com/c}]}
"
        .to_owned(),
    ));
    world.publish("app", "1.0.0", &files).await;
    world.create(world.release("app", "app", &json!({"uninstall": {"timeout": "1s"}}))).await;
    world.ready("app").await;
    delete(&world, "app").await;
    let object = not_ready(&world, "app", "UninstallFailed").await;
    assert!(conditions::is_false(&object, "Released"));
    assert!(message(&object).contains("stuck"), "{}", message(&object));
    world.patch("app", json!({"spec": {"uninstall": {"disableHooks": true}}})).await;
    world.gone("app").await;
    assert!(world.config_map("app").await.is_none());
}

/// A namespace goes with all that is in it, in any order.
#[tokio::test]
async fn a_namespace_with_a_release_can_be_deleted() {
    let world = World::new("whole").await;
    let _helm = world.controller(&[]).await;
    world.publish("app", "1.0.0", &tiny()).await;
    world.apply(json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "tenant"}})).await;
    world
        .apply(json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "tenant"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "admin"},
            "subjects": [{"kind": "ServiceAccount", "name": "tenant", "namespace": world.name()}],
        }))
        .await;
    world.create(world.release("plain", "app", &json!({}))).await;
    world.create(world.release("tenant", "app", &json!({"serviceAccountName": "tenant"}))).await;
    for name in ["plain", "tenant"] {
        world.ready(name).await;
    }
    let namespaces: Api<Namespace> = Api::all(world.namespace.client());
    namespaces.delete(world.name(), &DeleteParams::default()).await.unwrap();
    wait_gone(&namespaces, world.name(), PATIENCE).await.unwrap();
}
