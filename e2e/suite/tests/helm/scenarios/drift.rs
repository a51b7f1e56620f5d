//! Objects that others changed.

use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};
use sluice_apis::conditions;
use sluice_apis::helm::v2::HelmRelease;

use crate::charts::tiny;
use crate::support::World;

async fn change(world: &World, name: &str, patch: Value) {
    let maps = world.objects("v1", "ConfigMap");
    world.namespace.patch::<DynamicObject>(&maps, name, &patch).await.unwrap();
}

fn drifted(object: &HelmRelease) -> Option<(&str, &str)> {
    let condition = conditions::get(object, "Drifted")?;
    Some((condition.status.as_str(), condition.reason.as_str()))
}

/// Each mode and each way to leave something out, after the same change.
#[tokio::test]
async fn drift_is_told_corrected_or_ignored() {
    let world = World::new("drift").await;
    let _helm = world.controller(&[]).await;
    world.publish("app", "1.0.0", &tiny()).await;
    let ignore = |path: &str| json!({"mode": "enabled", "ignore": [{"paths": [path], "target": {"kind": "ConfigMap"}}]});
    let none = Some(("False", "NoDriftDetected"));
    for (name, detection, corrected, condition) in [
        ("enabled", json!({"mode": "enabled"}), true, none),
        ("warn", json!({"mode": "warn"}), false, Some(("True", "DriftDetected"))),
        ("disabled", json!({"mode": "disabled"}), false, None),
        ("unset", Value::Null, false, None),
        ("field", ignore("/data/value"), false, none),
        ("whole", ignore(""), false, none),
        ("another-field", ignore("/data/second"), true, none),
    ] {
        world.create(world.release(name, "app", &json!({"driftDetection": detection}))).await;
        world.ready(name).await;
        change(&world, name, json!({"data": {"value": "by hand"}})).await;
        let object = world.request(name).await;
        let value = &world.config_map(name).await.unwrap()["value"];
        assert_eq!(value, if corrected { "first" } else { "by hand" }, "{name}");
        assert!(conditions::is_ready(&object), "{name}");
        // A correction makes no revision.
        assert_eq!(world.revisions(name).await, ["1 deployed"], "{name}");
        if !corrected {
            assert_eq!(drifted(&object), condition, "{name}");
        }
        if name == "warn" {
            let message = conditions::message(&object, "Drifted").unwrap();
            let first = format!(
                "Cluster state of release {0}/warn.v1 has drifted from the desired state:\nConfigMap/{0}/warn changed",
                world.name()
            );
            assert!(message.starts_with(&first), "{message}");
        }
    }
}

/// What is gone is created again; what says of itself that it may differ, may.
#[tokio::test]
async fn deleted_objects_come_back_and_marked_ones_are_left() {
    let world = World::new("gone").await;
    let _helm = world.controller(&[]).await;
    world.publish("app", "1.0.0", &tiny()).await;
    for name in ["gone", "marked"] {
        world.create(world.release(name, "app", &json!({"driftDetection": {"mode": "enabled"}}))).await;
        world.ready(name).await;
    }
    world.objects("v1", "ConfigMap").delete("gone", &DeleteParams::default()).await.unwrap();
    let mark = json!({"metadata": {"annotations": {"helm.toolkit.fluxcd.io/driftDetection": "disabled"}}});
    change(&world, "marked", mark).await;
    change(&world, "marked", json!({"data": {"value": "by hand"}})).await;
    for name in ["gone", "marked"] {
        world.request(name).await;
    }
    assert_eq!(world.config_map("gone").await.unwrap()["value"], "first");
    assert_eq!(world.config_map("marked").await.unwrap()["value"], "by hand");
}

/// Which objects may differ, and where, by labels, annotations, names and kinds.
#[tokio::test]
async fn rules_choose_what_may_differ() {
    let world = World::new("rules").await;
    let _helm = world.controller(&[]).await;
    let mut files = tiny();
    files.push((
        "templates/more.yaml",
        "apiVersion: v1
kind: ConfigMap
metadata:
  name: '{{ .Release.Name }}-more'
  labels: {tier: back}
  annotations: {team: a}
data: {value: first}
"
        .to_owned(),
    ));
    world.publish("app", "1.0.0", &files).await;
    // The rule, and whether the change of the object without and of the one with labels is left alone.
    for (name, target, left) in [
        ("labels", json!({"labelSelector": "tier in (back, front)"}), [false, true]),
        ("not-labels", json!({"labelSelector": "tier!=back"}), [true, false]),
        ("annotations", json!({"annotationSelector": "team=a"}), [false, true]),
        ("names", json!({"name": "names-m.*"}), [false, true]),
        ("kinds", json!({"group": "apps", "kind": "Deployment"}), [false, false]),
        ("versions", json!({"version": "v1", "kind": "ConfigMap"}), [true, true]),
        ("elsewhere", json!({"namespace": "elsewhere"}), [false, false]),
        ("anything", Value::Null, [true, true]),
    ] {
        let detection = json!({"mode": "enabled", "ignore": [{"paths": ["/data/value"], "target": target}]});
        world.create(world.release(name, "app", &json!({"driftDetection": detection}))).await;
        world.ready(name).await;
        let objects = [name.to_owned(), format!("{name}-more")];
        for object in &objects {
            change(&world, object, json!({"data": {"value": "by hand"}})).await;
        }
        world.request(name).await;
        for (object, left) in objects.iter().zip(left) {
            let value = &world.config_map(object).await.unwrap()["value"];
            assert_eq!(value, if left { "by hand" } else { "first" }, "{name}: {object}");
        }
    }
}

/// What another manager added stays, unless its fields are to be taken over.
#[tokio::test]
async fn fields_of_managers_that_are_overridden_are_drift() {
    let world = World::new("override").await;
    world.publish("app", "1.0.0", &tiny()).await;
    let helm = world.controller(&[]).await;
    world.create(world.release("app", "app", &json!({"driftDetection": {"mode": "enabled"}}))).await;
    world.ready("app").await;
    let maps = world.objects("v1", "ConfigMap");
    for (manager, field) in [("intruder", "unwanted"), ("neighbour", "welcome")] {
        let manager = PatchParams { field_manager: Some(manager.to_owned()), ..PatchParams::default() };
        maps.patch("app", &manager, &Patch::Merge(json!({"data": {field: "added"}}))).await.unwrap();
    }
    world.request("app").await;
    let live = world.config_map("app").await.unwrap();
    assert!(live.contains_key("unwanted") && live.contains_key("welcome"), "{live:?}");
    drop(helm);
    let _helm = world.controller(&["--override-manager=intruder"]).await;
    world.request("app").await;
    let live = world.config_map("app").await.unwrap();
    assert!(!live.contains_key("unwanted") && live.contains_key("welcome"), "{live:?}");
    assert_eq!(live["value"], "first");
    assert_eq!(world.revisions("app").await, ["1 deployed"]);
}
