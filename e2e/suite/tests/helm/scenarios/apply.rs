//! How objects are applied: by the server or by the client, over those of others, with post-renderers.

use kube::api::DynamicObject;
use serde_json::{Value, json};
use sluice_apis::helm::v2::HelmRelease;

use super::{message, not_ready, observed};
use crate::charts::{hooked, tiny};
use crate::support::World;

/// Operations of helm-controller on the release's ConfigMap.
async fn operations(world: &World, name: &str) -> Vec<String> {
    let live: DynamicObject = world.objects("v1", "ConfigMap").get(name).await.unwrap();
    let fields = live.metadata.managed_fields.unwrap_or_default().into_iter();
    let mut operations: Vec<String> = fields
        .filter(|entry| entry.manager.as_deref() == Some("helm-controller"))
        .filter_map(|entry| entry.operation)
        .collect();
    operations.sort_unstable();
    operations.dedup();
    operations
}

async fn method(world: &World, name: &str, revision: usize) -> String {
    world.stored(name).await[revision - 1].release["apply_method"].as_str().unwrap_or_default().to_owned()
}

/// The table: how it is installed, how it is upgraded, and who then owns the fields.
#[tokio::test]
async fn releases_are_applied_by_the_server_or_by_the_client() {
    let world = World::new("modes").await;
    let _helm = world.controller(&[]).await;
    world.publish("app", "1.0.0", &tiny()).await;
    for (name, install, upgrade, methods, owner) in [
        ("server", true, "auto", ["ssa", "ssa"], "Apply"),
        ("client", false, "auto", ["csa", "csa"], "Update"),
        ("to-server", false, "enabled", ["csa", "ssa"], "Apply"),
        ("to-client", true, "disabled", ["ssa", "csa"], "Update"),
    ] {
        let spec = json!({
            "values": {"second": "gone later"},
            "install": {"serverSideApply": install}, "upgrade": {"serverSideApply": upgrade},
        });
        world.create(world.release(name, "app", &spec)).await;
        world.ready(name).await;
        assert_eq!(method(&world, name, 1).await, methods[0], "{name}");
        let first = if install { "Apply" } else { "Update" };
        assert_eq!(operations(&world, name).await, [first], "{name}");
        world.patch(name, json!({"spec": {"values": {"value": "new", "second": null}}})).await;
        world.ready(name).await;
        assert_eq!(method(&world, name, 2).await, methods[1], "{name}");
        assert!(operations(&world, name).await.contains(&owner.to_owned()), "{name}");
        let live = world.config_map(name).await.unwrap();
        assert_eq!((live["value"].as_str(), live["second"].as_str()), ("new", ""), "{name}");
    }
}

/// A rollback applies as the release was applied that it goes back to.
#[tokio::test]
async fn a_rollback_is_applied_as_its_target_was() {
    let world = World::new("back").await;
    let _helm = world.controller(&[]).await;
    world.publish("app", "1.0.0", &tiny()).await;
    for (name, install, wanted) in [("server", true, "ssa"), ("client", false, "csa")] {
        let spec = json!({
            "install": {"serverSideApply": install},
            "upgrade": {"remediation": {"remediateLastFailure": true}},
            // The first has no effect, the others are for those that the client applies.
            "rollback": {"recreate": true, "force": true, "cleanupOnFail": true},
        });
        world.create(world.release(name, "app", &spec)).await;
        world.ready(name).await;
        world.patch(name, json!({"spec": {"values": {"value": "new", "bad": true}}})).await;
        observed(&world, name, "Stalled", "True", "RetriesExceeded").await;
        assert_eq!(method(&world, name, 3).await, wanted, "{name}");
        let description = &world.stored(name).await[2].release["info"]["description"];
        assert_eq!(description, "Rollback to 1", "{name}");
        assert_eq!(world.config_map(name).await.unwrap()["value"], "first", "{name}");
    }
}

fn foreign(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": {"own": "x"}},
        "data": {"value": "of somebody else", "more": "stays"}})
}

/// Objects of others are taken over unless that is switched off.
#[tokio::test]
async fn objects_of_others_are_taken_over_unless_forbidden() {
    let world = World::new("ownership").await;
    let _helm = world.controller(&[]).await;
    world.publish("app", "1.0.0", &tiny()).await;
    for (name, install) in [
        ("taken", json!({})),
        ("taken-by-client", json!({"serverSideApply": false})),
        ("refused", json!({"disableTakeOwnership": true})),
    ] {
        world.apply(foreign(name)).await;
        world.create(world.release(name, "app", &json!({"install": install}))).await;
    }
    for name in ["taken", "taken-by-client"] {
        world.ready(name).await;
        let live = world.config_map(name).await.unwrap();
        assert_eq!((live["value"].as_str(), live["more"].as_str()), ("first", "stays"), "{name}");
    }
    let object = not_ready(&world, "refused", "InstallFailed").await;
    let wanted = "exists and cannot be imported into the current release: invalid ownership metadata";
    assert!(message(&object).contains(wanted), "{}", message(&object));
    assert_eq!(world.config_map("refused").await.unwrap()["value"], "of somebody else");
    assert!(world.revisions("refused").await.is_empty());
    // Once its owner says so, it is the release's.
    world.patch("refused", json!({"spec": {"install": {"disableTakeOwnership": false}}})).await;
    world.ready("refused").await;
}

/// What is applied is what the post-renderers make of the chart; a change of them is a reason to upgrade, and so is one
/// of the common metadata.
#[tokio::test]
async fn post_renderers_and_common_metadata_change_the_release() {
    let world = World::new("post").await;
    let _helm = world.controller(&[]).await;
    world.publish("app", "1.0.0", &tiny()).await;
    let renderers = |value: &str| {
        let patch = format!("- {{op: add, path: /data/added, value: {value}}}");
        json!([{"kustomize": {"patches": [{"target": {"kind": "ConfigMap"}, "patch": patch}]}}])
    };
    world.create(world.release("app", "app", &json!({"postRenderers": renderers("one")}))).await;
    world.ready("app").await;
    assert_eq!(world.config_map("app").await.unwrap()["added"], "one");
    world.patch("app", json!({"spec": {"postRenderers": renderers("two")}})).await;
    world.ready("app").await;
    assert_eq!(world.config_map("app").await.unwrap()["added"], "two");
    world
        .patch(
            "app",
            json!({"spec": {"commonMetadata": {"labels": {"team": "a"}, "annotations": {"note": "b"}}}}),
        )
        .await;
    world.ready("app").await;
    let live: DynamicObject = world.objects("v1", "ConfigMap").get("app").await.unwrap();
    let (labels, annotations) = (live.metadata.labels.unwrap(), live.metadata.annotations.unwrap());
    assert_eq!((labels["team"].as_str(), annotations["note"].as_str()), ("a", "b"));
    assert_eq!(labels["helm.toolkit.fluxcd.io/name"], "app");
    world.patch("app", json!({"spec": {"postRenderers": null, "commonMetadata": null}})).await;
    world.ready("app").await;
    assert!(!world.config_map("app").await.unwrap().contains_key("added"));
    let revisions = world.revisions("app").await;
    assert_eq!(revisions, ["1 superseded", "2 superseded", "3 superseded", "4 deployed"]);
    let digest = |object: &HelmRelease| object.status.as_ref()?.observed_post_renderers_digest.clone();
    assert_eq!(digest(&world.ready("app").await), None);
    // An empty list is something else than none: Go writes it as "[]" and a line's end.
    world.patch("app", json!({"spec": {"postRenderers": []}})).await;
    let empty = "sha256:37517e5f3dc66819f61f5a7bb8ace1921282415f10551d2defa5c3eb0985b570";
    world.until("app", |object| digest(object).as_deref() == Some(empty)).await;
}

/// A field that the chart no longer has goes, however it was applied before and is applied now.
#[tokio::test]
async fn fields_that_the_chart_drops_go() {
    let world = World::new("dropped").await;
    let _helm = world.controller(&[]).await;
    let mut files = tiny();
    files.push((
        "templates/more.yaml",
        "apiVersion: v1
kind: ConfigMap
metadata: {name: '{{ .Release.Name }}-more'}
data: {stays: x{{ with .Values.second }}, goes: {{ . }}{{ end }}}
"
        .to_owned(),
    ));
    world.publish("app", "1.0.0", &files).await;
    for (name, install, upgrade) in [
        ("server", true, "enabled"),
        ("client", false, "disabled"),
        ("to-server", false, "enabled"),
        ("to-client", true, "disabled"),
    ] {
        let spec = json!({
            "values": {"second": "here"},
            "install": {"serverSideApply": install}, "upgrade": {"serverSideApply": upgrade},
        });
        world.create(world.release(name, "app", &spec)).await;
        world.ready(name).await;
        let more = format!("{name}-more");
        assert_eq!(world.config_map(&more).await.unwrap()["goes"], "here", "{name}");
        world.patch(name, json!({"spec": {"values": null}})).await;
        world.ready(name).await;
        let live = world.config_map(&more).await.unwrap();
        assert_eq!(live.into_keys().collect::<Vec<_>>(), ["stays"], "{name}");
    }
}

/// Hooks are rendered with the objects, alone, or not at all.
#[tokio::test]
async fn hooks_are_post_rendered_as_the_strategy_says() {
    let world = World::new("strategy").await;
    let _helm = world.controller(&[]).await;
    world.publish("app", "1.0.0", &hooked(&["post-install"])).await;
    // One object is a hook and is not: a build of both at once refuses the second.
    let mut twice = hooked(&["post-install"]);
    twice.push((
        "templates/twice.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: '{{ .Release.Name }}-post-install'}\n".to_owned(),
    ));
    world.publish("twice", "1.0.0", &twice).await;
    let patch = |name: &str, body: &str| {
        let patch = format!("{{apiVersion: v1, kind: ConfigMap, metadata: {{name: any}}, {body}}}");
        json!({"target": {"kind": "ConfigMap", "name": name}, "patch": patch})
    };
    let renderers = json!([{"kustomize": {"patches": [
        patch("[a-z]+", "data: {added: x}"), patch(".*-post-install", "data: {hook: x}"),
    ]}}]);
    for (name, strategy, is_rendered) in [
        ("unset", Value::Null, true),
        ("combined", json!("combined"), true),
        ("separate", json!("separate"), true),
        ("nohooks", json!("nohooks"), false),
    ] {
        let spec = json!({"postRenderers": renderers, "postRenderStrategy": strategy});
        world.create(world.release(name, "app", &spec)).await;
        world.ready(name).await;
        assert_eq!(world.config_map(name).await.unwrap()["added"], "x", "{name}");
        let hook = world.config_map(&format!("{name}-post-install")).await.unwrap();
        assert_eq!(hook.contains_key("hook"), is_rendered, "{name}: {hook:?}");
        let stored = &world.stored(name).await[0].release;
        let manifest = stored["hooks"][0]["manifest"].as_str().unwrap();
        assert_eq!(manifest.contains("hook: x"), is_rendered, "{name}: {manifest}");
    }
    for (name, strategy) in [("both", "combined"), ("apart", "separate")] {
        world.create(world.release(name, "twice", &json!({"postRenderStrategy": strategy}))).await;
    }
    let object = not_ready(&world, "both", "InstallFailed").await;
    assert!(message(&object).contains("already registered id"), "{}", message(&object));
    world.until("apart", |object| object.status.as_ref().is_some_and(|s| !s.history.is_empty())).await;
}
