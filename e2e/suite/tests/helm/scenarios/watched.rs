//! What a release has before anybody saw it, and what makes it due.

use serde_json::{Value, json};
use sluice_apis::helm::v2::HelmRelease;

use crate::charts::tiny;
use crate::support::{World, history};

/// What users wait for with `kubectl wait` must not look as if it had been seen.
#[tokio::test]
async fn a_release_that_nobody_saw_has_observed_nothing() {
    let world = World::new("unseen").await;
    world.create(world.release("app", "app", &json!({}))).await;
    let object = world.until("app", |_| true).await;
    assert_eq!(object.status.map(|status| status.observed_generation), Some(-1));
}

fn config(kind: &str, name: &str, labels: &Value, value: &str) -> Value {
    let field = if kind == "Secret" { "stringData" } else { "data" };
    json!({
        "apiVersion": "v1", "kind": kind, "metadata": {"name": name, "labels": labels},
        field: {"values.yaml": format!("value: {value}\n")},
    })
}

fn is_second(object: &HelmRelease) -> bool {
    history(object).first().is_some_and(|row| row.starts_with("2 deployed"))
}

/// Labelled ones are looked at when they change, others at the next pass.
#[tokio::test]
async fn labelled_configuration_is_watched() {
    let world = World::new("watched").await;
    let _helm = world.controller(&[]).await;
    world.publish("app", "1.0.0", &tiny()).await;
    let label = json!({"reconcile.fluxcd.io/watch": "Enabled"});
    let all = [
        ("secret", "Secret", label.clone()),
        ("map", "ConfigMap", label),
        ("quiet-secret", "Secret", json!({})),
        ("quiet-map", "ConfigMap", json!({"reconcile.fluxcd.io/watch": "Disabled"})),
    ];
    for (name, kind, labels) in &all {
        world.apply(config(kind, name, labels, "one")).await;
        let values = json!({"valuesFrom": [{"kind": kind, "name": name}]});
        world.create(world.release(name, "app", &values)).await;
    }
    for (name, ..) in &all {
        world.ready(name).await;
    }
    // The quiet ones first: what their change would have set off is over when the watched ones are.
    for (name, kind, labels) in all.iter().rev() {
        world.apply(config(kind, name, labels, "two")).await;
    }
    for name in ["secret", "map"] {
        world.until(name, is_second).await;
        assert_eq!(world.config_map(name).await.unwrap()["value"], "two", "{name}");
    }
    for name in ["quiet-secret", "quiet-map"] {
        assert_eq!(world.revisions(name).await, ["1 deployed"], "{name}");
        world.request(name).await;
        world.until(name, is_second).await;
    }
}

/// Another label can be chosen, and nothing be watched at all.
#[tokio::test]
async fn what_is_watched_is_chosen_by_flags() {
    for (flag, label, is_watched) in [
        ("--watch-configs-label-selector=watch-me=please", json!({"watch-me": "please"}), true),
        (
            "--feature-gates=DisableConfigWatchers=true",
            json!({"reconcile.fluxcd.io/watch": "Enabled"}),
            false,
        ),
    ] {
        let world = World::new("chosen").await;
        let _helm = world.controller(&[flag]).await;
        world.publish("app", "1.0.0", &tiny()).await;
        world.apply(config("ConfigMap", "app", &label, "one")).await;
        let values = json!({"valuesFrom": [{"kind": "ConfigMap", "name": "app"}]});
        world.create(world.release("app", "app", &values)).await;
        world.ready("app").await;
        world.apply(config("ConfigMap", "app", &label, "two")).await;
        if !is_watched {
            // What the watch would have set off came before the release that is made now.
            world.create(world.release("later", "app", &json!({}))).await;
            world.ready("later").await;
            assert_eq!(world.revisions("app").await, ["1 deployed"]);
            world.request("app").await;
        }
        world.until("app", is_second).await;
    }
}
