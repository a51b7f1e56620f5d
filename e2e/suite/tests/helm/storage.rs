//! What is stored of a release, as other tools read it.

use kube::Api;
use kube::api::DeleteParams;
use serde_json::json;
use sluice_apis::conditions;
use sluice_apis::k8s::Secret;

use crate::charts::{hooked, tiny};
use crate::support::{World, history};

/// The record has what Helm's has, in its form.
#[tokio::test]
async fn records_have_the_form_of_helm() {
    let world = World::new("record").await;
    let _helm = world.controller(&[]).await;
    world.publish("app", "1.2.3", &hooked(&["post-install", "test"])).await;
    let values = json!({"values": {"value": "ours", "count": 3}, "test": {"enable": true}});
    world.create(world.release("app", "app", &values)).await;
    world.ready("app").await;
    let stored = world.stored("app").await;
    let [stored] = stored.as_slice() else { panic!("{stored:?}") };
    assert_eq!(stored.status(), "deployed");
    let release = &stored.release;
    let keys = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let mut wanted =
        ["name", "info", "chart", "config", "manifest", "hooks", "version", "namespace", "apply_method"];
    wanted.sort_unstable();
    assert_eq!(keys(release), wanted);
    let mut wanted = ["metadata", "lock", "templates", "values", "schema", "schemamodtime", "files"];
    wanted.sort_unstable();
    assert_eq!(keys(&release["chart"]), wanted);
    assert_eq!(release["config"], json!({"value": "ours", "count": 3}));
    assert_eq!((&release["namespace"], &release["apply_method"]), (&json!(world.name()), &json!("ssa")));
    assert_eq!(release["info"]["description"], "Install complete");
    let phases: Vec<_> =
        release["hooks"].as_array().unwrap().iter().map(|hook| &hook["last_run"]["phase"]).collect();
    assert_eq!(phases, ["Succeeded", "Succeeded"]);
    let labels: Vec<_> = stored.labels.keys().map(String::as_str).collect();
    assert_eq!(labels, ["modifiedAt", "name", "owner", "status", "version"]);
}

/// No more revisions stay than wanted, the deployed one always.
#[tokio::test]
async fn old_revisions_go() {
    let world = World::new("history").await;
    let _helm = world.controller(&[]).await;
    world.publish("app", "1.0.0", &tiny()).await;
    world.create(world.release("app", "app", &json!({"maxHistory": 2}))).await;
    world.ready("app").await;
    for value in ["second", "third"] {
        world.patch("app", json!({"spec": {"values": {"value": value}}})).await;
        world.ready("app").await;
    }
    assert_eq!(world.revisions("app").await, ["2 superseded", "3 deployed"]);
    for value in ["fourth", "fifth"] {
        world.patch("app", json!({"spec": {"values": {"value": value, "bad": true}}})).await;
        let generation = world.releases().get("app").await.unwrap().metadata.generation;
        let object = world
            .until("app", |object| {
                conditions::is_true(object, "Stalled")
                    && object.status.as_ref().map(|status| status.observed_generation) == generation
            })
            .await;
        assert!(history(&object).iter().any(|row| row.starts_with("3 deployed")), "{:?}", history(&object));
    }
    assert_eq!(world.revisions("app").await, ["3 deployed", "5 failed"]);
}

/// Values that are kept from the release before are no reason to release again.
#[tokio::test]
async fn kept_values_are_released_once() {
    let world = World::new("preserve").await;
    let _helm = world.controller(&[]).await;
    world.publish("app", "1.0.0", &tiny()).await;
    let spec = json!({"values": {"value": "one", "second": "two"}, "upgrade": {"preserveValues": true}});
    world.create(world.release("app", "app", &spec)).await;
    world.ready("app").await;
    world.patch("app", json!({"spec": {"values": {"value": "other", "second": null}}})).await;
    world.ready("app").await;
    world.request("app").await;
    assert_eq!(world.revisions("app").await, ["1 superseded", "2 deployed"]);
    let live = world.config_map("app").await.unwrap();
    assert_eq!((live["value"].as_str(), live["second"].as_str()), ("other", "two"));
}

/// A release that Helm had stored in a ConfigMap goes on: what the new chart no longer has is removed.
#[tokio::test]
async fn a_release_in_config_maps_is_taken_over() {
    let world = World::new("maps").await;
    let _helm = world.controller(&[]).await;
    let mut old = tiny();
    let more = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: '{{ .Release.Name }}-more'}\n";
    old.push(("templates/more.yaml", more.to_owned()));
    world.publish("old", "1.0.0", &old).await;
    world.publish("app", "1.0.0", &tiny()).await;
    world.create(world.release("app", "old", &json!({}))).await;
    world.ready("app").await;
    // Left behind by its HelmRelease, and moved to where Helm stores with another driver.
    world.patch("app", json!({"spec": {"suspend": true}})).await;
    world.releases().delete("app", &DeleteParams::default()).await.unwrap();
    world.gone("app").await;
    let secrets: Api<Secret> = world.namespace.api();
    let secret = secrets.get("sh.helm.release.v1.app.v1").await.unwrap();
    let record = String::from_utf8(secret.data.unwrap()["release"].0.clone()).unwrap();
    world
        .apply(json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "sh.helm.release.v1.app.v1", "labels": secret.metadata.labels},
            "data": {"release": record},
        }))
        .await;
    secrets.delete("sh.helm.release.v1.app.v1", &DeleteParams::default()).await.unwrap();

    world.create(world.release("app", "app", &json!({}))).await;
    let object = world.ready("app").await;
    assert_eq!(history(&object), ["2 deployed upgrade"]);
    assert_eq!(world.revisions("app").await, ["1 superseded", "2 deployed"]);
    assert!(world.config_map("app-more").await.is_none());
}
