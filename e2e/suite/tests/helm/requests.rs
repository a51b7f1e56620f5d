//! What a pass asks of the API server, by the server's own record.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sluice_testkit::{ControlPlane, Controller, Options};

use crate::charts::tiny;
use crate::support::{PATIENCE, World};

/// Requests of helm-controller for a resource in a namespace, oldest first: `VERB NAME`, `dry-run NAME` if they only
/// try, `revisions` if they list those of a release. What watches begin with is a `list` too.
fn asked(events: &[Value], namespace: &str, resource: &str) -> Vec<String> {
    let is_asked = |event: &&Value| {
        let object = &event["objectRef"];
        let agent = event["userAgent"].as_str().unwrap_or_default();
        agent.starts_with("helm-controller/v")
            && object["namespace"] == namespace
            && object["resource"] == resource
            && object["subresource"].is_null()
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let verb = |event: &Value| {
        let (verb, uri) = (text(&event["verb"]), text(&event["requestURI"]));
        match verb.as_str() {
            _ if uri.contains("dryRun=All") => "dry-run".to_owned(),
            "list" if uri.contains("owner%3Dhelm") => "revisions".to_owned(),
            _ => verb,
        }
    };
    let events = events.iter().filter(is_asked);
    events.map(|event| format!("{} {}", verb(event), text(&event["objectRef"]["name"]))).collect()
}

fn count(asked: &[String], what: &str) -> usize {
    asked.iter().filter(|request| request.trim_end() == what).count()
}

/// Passes that have ended.
async fn passes(helm: &Controller) -> usize {
    let labels = [("kind", "HelmRelease"), ("name", "app")];
    let sum = helm.metrics().await.unwrap().sum("gotk_reconcile_duration_seconds_count", &labels);
    sum.unwrap_or_default() as usize
}

/// Waits until no more passes end, and tells how many have.
async fn settled(helm: &Controller) -> usize {
    let (began, mut before) = (Instant::now(), 0);
    loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let now = passes(helm).await;
        if now > 0 && now == before {
            return now;
        }
        assert!(began.elapsed() < PATIENCE, "passes follow one another");
        before = now;
    }
}

#[tokio::test]
async fn nothing_is_asked_twice() {
    let options = Options { nodes: 0, audit: true };
    let cluster: &'static ControlPlane = Box::leak(Box::new(ControlPlane::start(options).unwrap()));
    cluster.install_crds().await.unwrap();
    let world = World::on(cluster, "requests").await;
    let helm = world.controller(&[]).await;
    world.publish("app", "1.0.0", &tiny()).await;
    world.create(world.release("app", "app", &json!({"driftDetection": {"mode": "enabled"}}))).await;
    world.ready("app").await;
    world.patch("app", json!({"spec": {"values": {"value": "second"}}})).await;
    world.ready("app").await;
    assert_eq!(world.revisions("app").await, ["1 superseded", "2 deployed"]);
    let passes = settled(&helm).await;

    let events = cluster.audit_events().unwrap();
    let secrets = asked(&events, world.name(), "secrets");
    // Revisions are listed once a pass, and read once: by the pass that upgrades.
    let lists = count(&secrets, "revisions");
    assert!((1..=passes).contains(&lists), "{passes} passes: {secrets:?}");
    let reads: Vec<_> = secrets.iter().filter(|request| request.starts_with("get sh.helm.")).collect();
    assert_eq!(reads, ["get sh.helm.release.v1.app.v1"], "{secrets:?}");
    // Each revision is written when its action begins and when it ends; the first once more when it is superseded.
    let writes = ["create", "update", "patch"].iter().map(|verb| {
        let of = |revision: &str| count(&secrets, &format!("{verb} {revision}"));
        of("sh.helm.release.v1.app.v1") + of("sh.helm.release.v1.app.v2")
    });
    assert_eq!(writes.sum::<usize>(), 5, "{secrets:?}");
    // Read before the first apply, to see whose it is. To look for drift after each, it is read only where that took
    // more than a moment; it is as both applies left it, so that nobody asks what another would change.
    let objects = asked(&events, world.name(), "configmaps");
    let counts = ["patch app", "dry-run app"].map(|what| count(&objects, what));
    assert_eq!(counts, [2, 0], "{objects:?}");
    assert!((1..=3).contains(&count(&objects, "get app")), "{objects:?}");

    // What others do meanwhile is found.
    let maps = world.objects("v1", "ConfigMap");
    world.namespace.patch(&maps, "app", &json!({"data": {"value": "third"}})).await.unwrap();
    world.request("app").await;
    assert_eq!(world.config_map("app").await.unwrap()["value"], "second");
    let objects = asked(&cluster.audit_events().unwrap(), world.name(), "configmaps");
    assert!(count(&objects, "dry-run app") > 0, "{objects:?}");
}
