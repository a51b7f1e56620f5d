//! Dependencies and expressions of the Common Expression Language.

use serde_json::json;
use sluice_apis::conditions;

use super::{message, not_ready, observed};
use crate::charts::tiny;
use crate::support::World;

#[tokio::test]
async fn dependencies_are_awaited_as_their_expressions_say() {
    let world = World::new("depends").await;
    let _helm = world.controller(&[]).await;
    world.publish("app", "1.0.0", &tiny()).await;
    let on = |expression: &str| json!({"dependsOn": [{"name": "first", "readyExpr": expression}]});
    world.create(world.release("plain", "app", &json!({"dependsOn": [{"name": "first"}]}))).await;
    let second = "dep.status.history.exists(h, h.version == 2) && self.metadata.name == 'second'";
    world.create(world.release("second", "app", &on(second))).await;
    world.create(world.release("broken", "app", &on("dep.status."))).await;
    let object = not_ready(&world, "plain", "DependencyNotReady").await;
    let wanted = format!("unable to get '{}/first' dependency: ", world.name());
    assert!(message(&object).starts_with(&wanted), "{}", message(&object));

    world.create(world.release("first", "app", &json!({}))).await;
    world.ready("first").await;
    world.ready("plain").await;
    let object = not_ready(&world, "second", "DependencyNotReady").await;
    let wanted = format!("dependency '{}/first' is not ready according to readyExpr eval", world.name());
    assert_eq!(message(&object), wanted);
    let object = observed(&world, "broken", "Stalled", "True", "InvalidCELExpression").await;
    assert!(message(&object).starts_with("Reconciliation failed terminally due to configuration error: "));

    world.patch("first", json!({"spec": {"values": {"value": "new"}}})).await;
    world.ready("second").await;
    world.patch("broken", json!({"spec": {"dependsOn": null}})).await;
    world.ready("broken").await;
}

#[tokio::test]
async fn the_health_of_a_kind_may_be_an_expression() {
    let world = World::new("health").await;
    let _helm = world.controller(&[]).await;
    world.publish("app", "1.0.0", &tiny()).await;
    let with = |current: &str, failed: &str| {
        json!({"install": {"timeout": "2s"}, "healthCheckExprs": [
            {"apiVersion": "v1", "kind": "ConfigMap", "current": current, "failed": failed}]})
    };
    for (name, current, failed) in [
        ("current", "data.value == 'first'", "false"),
        ("waits", "data.value == 'other'", "false"),
        ("failed", "data.value == 'other'", "data.value == 'first'"),
        ("broken", "data.value ==", "false"),
    ] {
        world.create(world.release(name, "app", &with(current, failed))).await;
    }
    world.ready("current").await;
    for (name, text) in [("waits", "ConfigMap"), ("failed", "ConfigMap")] {
        let object = observed(&world, name, "Stalled", "True", "RetriesExceeded").await;
        assert!(message(&object).contains(text), "{}", message(&object));
    }
    let object = observed(&world, "broken", "Stalled", "True", "InvalidCELExpression").await;
    assert!(conditions::is_false(&object, "Ready"));
    world.patch("broken", json!({"spec": {"healthCheckExprs": null}})).await;
    world.ready("broken").await;
}
