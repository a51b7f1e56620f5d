//! Releases that another tool left in the middle of an action.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kube::Api;
use kube::api::{ListParams, PostParams};
use serde_json::{Value, json};
use sluice_apis::conditions;
use sluice_apis::k8s::{Event, Secret};

use crate::charts::tiny;
use crate::support::{World, history};

/// Stores a revision as another tool would.
async fn store(world: &World, release: &Value) {
    let (name, version) = (release["name"].as_str().unwrap(), release["version"].as_i64().unwrap());
    let labels = json!({
        "name": name, "owner": "helm", "version": version.to_string(), "status": release["info"]["status"],
        "createdAt": "1700000000",
    });
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "helm.sh/release.v1",
        "metadata": {"name": format!("sh.helm.release.v1.{name}.v{version}"), "labels": labels},
        // Old versions of Helm did not compress.
        "stringData": {"release": STANDARD.encode(release.to_string())},
    });
    let api: Api<Secret> = world.namespace.api();
    api.create(&PostParams::default(), &serde_json::from_value(secret).unwrap()).await.unwrap();
}

/// Whatever was pending is marked as failed, then upgraded: nobody has to help.
#[tokio::test]
async fn what_another_tool_left_pending_is_unlocked() {
    let world = World::new("locked").await;
    let _helm = world.controller(&[]).await;
    world.publish("app", "1.0.0", &tiny()).await;
    for pending in ["pending-install", "pending-upgrade", "pending-rollback"] {
        let name = pending.replace("pending-", "r-");
        world.create(world.release(&name, "app", &json!({}))).await;
        world.ready(&name).await;
        let mut release = world.stored(&name).await[0].release.clone();
        release["version"] = 2.into();
        release["info"]["status"] = pending.into();
        store(&world, &release).await;

        let object = world.request(&name).await;
        assert!(conditions::is_ready(&object), "{pending}: {object:?}");
        assert_eq!(world.revisions(&name).await, ["1 superseded", "2 failed", "3 deployed"], "{pending}");
        let second = &world.stored(&name).await[1].release["info"]["description"];
        assert_eq!(second, &json!(format!("Release unlocked from stale '{pending}' state")));
        // It was nobody's that the history knows.
        assert_eq!(history(&object), ["3 deployed upgrade"], "{pending}");
        let events: Api<Event> = world.namespace.api();
        let before = format!("Unlocked Helm release {}/{name}.v2 with chart app@1.0.0+", world.name());
        let after = format!(" in {pending} state");
        let told = async {
            loop {
                let events = events.list(&ListParams::default()).await.unwrap().items;
                if events
                    .iter()
                    .filter_map(|event| event.message.as_deref())
                    .any(|m| m.starts_with(&before) && m.ends_with(&after))
                {
                    break;
                }
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(crate::support::PATIENCE, told).await.expect(&before);
    }
}

/// A record that can't be read is passed over, and does not stop the release.
#[tokio::test]
async fn an_unreadable_record_stops_nothing() {
    let world = World::new("unreadable").await;
    let _helm = world.controller(&[]).await;
    world.publish("app", "1.0.0", &tiny()).await;
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "helm.sh/release.v1",
        "metadata": {"name": "sh.helm.release.v1.app.v7", "labels": {
            "name": "app", "owner": "helm", "version": "7", "status": "deployed"}},
        "stringData": {"release": "H4sIgarbage"},
    });
    let api: Api<Secret> = world.namespace.api();
    api.create(&PostParams::default(), &serde_json::from_value(secret).unwrap()).await.unwrap();
    world.create(world.release("app", "app", &json!({}))).await;
    let object = world.ready("app").await;
    assert_eq!(history(&object), ["1 deployed install"]);
}
