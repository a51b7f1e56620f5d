//! What the pods of hooks logged.

use serde_json::json;
use sluice_testkit::{ControlPlane, Kubelet};

use super::observed;
use crate::charts::{Files, tiny};
use crate::support::World;

/// A chart with a Job for an event that fails on this node; the annotation says when its logs are kept.
fn failing(event: &str, node: &str, policy: &str) -> Files {
    let mut files = tiny();
    files.push((
        "templates/hook.yaml",
        format!(
            "apiVersion: batch/v1
kind: Job
metadata: {{name: '{{{{ .Release.Name }}}}-migrate', annotations: {{helm.sh/hook: {event}{policy}}}}}
spec:
  backoffLimit: 0
  template:
    metadata: {{labels: {{sluice.dev/e2e-pod: failed}}}}
    spec: {{nodeName: {node}, restartPolicy: Never, containers: [{{name: migrate, image: example.com/c}}]}}
"
        ),
    ));
    files
}

/// The failure of a hook tells the last lines of its pods, if its annotation asks for them.
#[tokio::test]
async fn the_last_lines_of_a_failed_hook_are_told_when_asked_for() {
    let world = World::new("logs").await;
    let lines: Vec<String> = (1..=12).map(|number| format!("line {number}.")).collect();
    let cluster = ControlPlane::shared().unwrap();
    let kubelet =
        Kubelet::start(cluster, &format!("{}-node", world.name()), &[("migrate", &lines.join("\n"))]).await;
    let kubelet = kubelet.unwrap();
    let _helm = world.controller(&[]).await;
    let asks = ", helm.sh/hook-output-log-policy: hook-failed";
    for (name, event, policy, told) in [
        ("asked", "pre-install", asks, true),
        (
            "deleted",
            "post-install",
            ", helm.sh/hook-output-log-policy: hook-failed, helm.sh/hook-delete-policy: hook-failed",
            true,
        ),
        ("unasked", "pre-install", "", false),
        ("otherwise", "pre-install", ", helm.sh/hook-output-log-policy: hook-succeeded", false),
    ] {
        world.publish(name, "1.0.0", &failing(event, kubelet.node(), policy)).await;
        world.create(world.release(name, name, &json!({}))).await;
        let object = observed(&world, name, "Stalled", "True", "RetriesExceeded").await;
        let message = super::message(&object);
        assert!(message.contains(&format!("failed {event}: ")), "{message}");
        assert!(message.contains(&format!("{event} hook Job/{name}-migrate")), "{message}");
        let wanted = format!("(migrate):\n{}", lines[2..].join("\n"));
        assert_eq!(message.contains(&wanted), told, "{name}: {message}");
        assert!(!message.contains("line 2."), "{name}: {message}");
    }
    // A test is a hook too.
    world.publish("test", "1.0.0", &failing("test", kubelet.node(), asks)).await;
    world.create(world.release("test", "test", &json!({"test": {"enable": true}}))).await;
    let object = observed(&world, "test", "Ready", "False", "TestFailed").await;
    assert!(super::message(&object).contains("line 12."), "{}", super::message(&object));
    drop(kubelet);
    let node = format!("{}-node", world.name());
    cluster.kubectl(&["delete", "node", &node, "--wait=false"]).await.unwrap();
}
