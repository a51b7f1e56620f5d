//! The annotations that ask for a pass, for a release whatever the state, and for a fresh start.

use serde_json::json;
use sluice_apis::helm::v2::HelmRelease;

use super::{failures, observed};
use crate::charts::tiny;
use crate::support::{World, history};

async fn annotate(world: &World, name: &str, requested: &str, other: &str, value: &str) -> HelmRelease {
    let annotations = json!({
        "reconcile.fluxcd.io/requestedAt": requested,
        format!("reconcile.fluxcd.io/{other}"): value,
    });
    world.patch(name, json!({"metadata": {"annotations": annotations}})).await;
    world
        .until(name, |object| {
            let handled =
                object.status.as_ref().and_then(|status| status.last_handled_reconcile_at.as_deref());
            handled == Some(requested) && !sluice_apis::conditions::is_reconciling(object)
        })
        .await
}

#[tokio::test]
async fn a_release_is_forced_once_for_each_request() {
    let world = World::new("force").await;
    let _helm = world.controller(&[]).await;
    world.publish("app", "1.0.0", &tiny()).await;
    world.create(world.release("app", "app", &json!({}))).await;
    world.ready("app").await;
    let object = annotate(&world, "app", "1", "forceAt", "1").await;
    assert_eq!(history(&object)[0], "2 deployed upgrade");
    assert_eq!(object.status.unwrap().last_handled_force_at.as_deref(), Some("1"));
    // The same again, and one without its request for a pass.
    for (requested, forced) in [("2", "1"), ("3", "x")] {
        let object = annotate(&world, "app", requested, "forceAt", forced).await;
        assert_eq!(history(&object)[0], "2 deployed upgrade", "{requested}");
        assert_eq!(object.status.unwrap().last_handled_force_at.as_deref(), Some(forced));
    }
    let object = annotate(&world, "app", "4", "forceAt", "4").await;
    assert_eq!(history(&object)[0], "3 deployed upgrade");
}

#[tokio::test]
async fn what_has_no_retries_left_is_forced_or_begins_anew() {
    let world = World::new("reset").await;
    let _helm = world.controller(&[]).await;
    world.publish("app", "1.0.0", &tiny()).await;
    let spec = json!({"upgrade": {"remediation": {"retries": 1}}});
    for name in ["forced", "reset"] {
        world.create(world.release(name, "app", &spec)).await;
        world.ready(name).await;
        world.patch(name, json!({"spec": {"values": {"bad": true}}})).await;
        let object = observed(&world, name, "Stalled", "True", "RetriesExceeded").await;
        assert_eq!(failures(&object), (0, 2), "{name}");
    }
    // One more upgrade, and one more rollback.
    let object = annotate(&world, "forced", "1", "forceAt", "1").await;
    assert_eq!(failures(&object), (0, 3));
    assert_eq!(world.revisions("forced").await.last().unwrap(), "7 deployed");
    // All retries once more.
    let object = annotate(&world, "reset", "1", "resetAt", "1").await;
    assert_eq!(failures(&object), (0, 2));
    assert_eq!(object.status.as_ref().unwrap().last_handled_reset_at.as_deref(), Some("1"));
    assert_eq!(world.revisions("reset").await.last().unwrap(), "9 deployed");
}
