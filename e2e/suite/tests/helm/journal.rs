//! helm-controller is killed before each write of each action: whoever starts it again finds what was begun, and ends
//! where it would have ended without the kill.
//!
//! One row for each action: how the release is prepared, what is asked for, and how it must look in the end, whichever
//! write the kill came before. The loop goes on until an attempt has fewer writes than it counts.

use std::time::Duration;

use futures::{StreamExt, stream};
use kube::api::DeleteParams;
use serde_json::{Value, json};
use sluice_apis::conditions;
use sluice_apis::helm::v2::HelmRelease;
use sluice_testkit::{Controller, ControllerBuilder};

use crate::charts::{Files, hooked, tiny};
use crate::support::{World, is_ready};

/// How many attempts run at once.
const AT_ONCE: usize = 4;
/// No action has as many writes.
const MOST: usize = 60;

/// What is being done when the kill comes.
struct Row {
    action: &'static str,
    chart: Files,
    spec: Value,
    /// What changes the release after it was installed; nothing where the install itself is cut off.
    change: Option<Value>,
    /// Whether the object is deleted instead.
    deletes: bool,
    /// The fewest writes that the action has.
    least: usize,
}

fn rows() -> Vec<Row> {
    let plain =
        |action, chart, spec, change, least| Row { action, chart, spec, change, deletes: false, least };
    vec![
        plain("install", hooked(&["pre-install", "post-install"]), json!({}), None, 8),
        plain(
            "upgrade",
            hooked(&["pre-upgrade", "post-upgrade"]),
            json!({}),
            Some(json!({"values": {"value": "changed"}})),
            8,
        ),
        plain(
            "rollback",
            hooked(&["pre-rollback"]),
            json!({"upgrade": {"remediation": {"remediateLastFailure": true}}}),
            Some(json!({"values": {"value": "changed", "bad": true}})),
            10,
        ),
        plain("test", hooked(&["test"]), json!({}), Some(json!({"test": {"enable": true}})), 4),
        Row {
            action: "uninstall",
            chart: hooked(&["pre-delete", "post-delete"]),
            spec: json!({}),
            change: None,
            deletes: true,
            least: 6,
        },
        plain(
            "remedy by uninstall",
            tiny(),
            json!({"install": {"remediation": {"remediateLastFailure": true}}, "values": {"bad": true}}),
            None,
            6,
        ),
    ]
}

#[tokio::test]
async fn whatever_is_cut_off_ends_as_if_it_had_not_been() {
    let world = World::new("journal").await;
    let rows = rows();
    for (index, row) in rows.iter().enumerate() {
        world.publish(&format!("chart-{index}"), "1.0.0", &row.chart).await;
    }
    // Objects go from one to the other by their label; between the two is the one that is killed.
    let _before = controller(&world, "before").start().await.unwrap();
    let after = controller(&world, "after").start().await.unwrap();
    for (index, row) in rows.iter().enumerate() {
        // Each write is one attempt; the first attempt that is not cut off has seen them all.
        let attempts = stream::iter(1..=MOST).map(|write| attempt(&world, row, index, write, &after));
        let mut attempts = attempts.buffered(AT_ONCE);
        let mut kills = 0;
        while attempts.next().await == Some(true) {
            kills += 1;
        }
        println!("{}: {kills} kills", row.action);
        assert!(kills >= row.least && kills < MOST, "{}: {kills} kills", row.action);
    }
}

/// One release, cut off before one write; whether that write came.
async fn attempt(world: &World, row: &Row, index: usize, write: usize, after: &Controller) -> bool {
    let name = format!("r{index}-{write}");
    let mut object = world.release(&name, &format!("chart-{index}"), &row.spec);
    // What is to happen is there before the controller that is killed: it has no other writes.
    if row.change.is_some() || row.deletes {
        object["metadata"]["labels"] = json!({"stage": "before"});
        world.create(object).await;
        world.ready(&name).await;
        let change = row.change.clone().unwrap_or_else(|| json!({}));
        world.patch(&name, json!({"metadata": {"labels": {"stage": name}}, "spec": change})).await;
        if row.deletes {
            world.releases().delete(&name, &DeleteParams::default()).await.unwrap();
        }
    } else {
        object["metadata"]["labels"] = json!({"stage": name});
        world.create(object).await;
    }
    let doomed = controller(world, &name).env("SLUICE_KILL_BEFORE_WRITE", &write.to_string());
    let mut doomed = doomed.start_doomed().unwrap();
    let killed = tokio::select! {
        () = ended(&mut doomed) => true,
        () = settled(world, row, &name) => false,
    };
    doomed.kill().unwrap();
    if killed {
        world.patch(&name, json!({"metadata": {"labels": {"stage": "after"}}})).await;
        settled(world, row, &name).await;
    }
    if let Err(error) = check(world, row, &name).await {
        let log: String =
            after.log().lines().filter(|line| line.contains(&name)).collect::<Vec<_>>().join("\n");
        panic!("{} before write {write}: {error}\n{}\n--\n{log}", row.action, doomed.log());
    }
    killed
}

fn controller(world: &World, stage: &str) -> ControllerBuilder {
    Controller::of("helm-controller")
        .in_namespace(&world.namespace)
        .arg("--min-retry-delay=50ms")
        .arg("--max-retry-delay=1s")
        .arg(format!("--watch-label-selector=stage={stage}"))
}

async fn ended(controller: &mut Controller) {
    while controller.ended().unwrap().is_none() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The object rests.
async fn settled(world: &World, row: &Row, name: &str) {
    if row.deletes {
        return world.gone(name).await;
    }
    let is_failure = matches!(row.action, "rollback" | "remedy by uninstall");
    let is_tested = |object: &HelmRelease| row.action != "test" || conditions::is_true(object, "TestSuccess");
    world
        .until(name, |object| {
            let observed = object.status.as_ref().map(|status| status.observed_generation);
            if is_failure {
                conditions::is_true(object, "Stalled") && observed == object.metadata.generation
            } else {
                is_ready(object) && is_tested(object)
            }
        })
        .await;
}

/// Every row's end.
async fn check(world: &World, row: &Row, name: &str) -> Result<(), String> {
    let revisions = world.revisions(name).await;
    let live = world.config_map(name).await;
    let value = live.as_ref().map(|data| data["value"].as_str());
    let newest = revisions.last().map(|revision| revision.split_once(' ').unwrap().1.to_owned());
    let deployed = revisions.iter().filter(|revision| revision.ends_with(" deployed")).count();
    let (status, wanted) = match row.action {
        "install" | "test" => (Some("deployed"), Some("first")),
        "upgrade" => (Some("deployed"), Some("changed")),
        // What failed is not left in the cluster, however often it was cut off.
        "rollback" => (Some("deployed"), Some("first")),
        // An install that was cut off is gone on with as an upgrade, whose own rules then count.
        _ if revisions.is_empty() => (None, None),
        "remedy by uninstall" => (Some("failed"), value),
        _ => (None, None),
    };
    if newest.as_deref() != status || value != wanted || deployed > 1 {
        return Err(format!("stored {revisions:?}, in the cluster {value:?}"));
    }
    if revisions.iter().any(|revision| revision.contains("pending")) {
        return Err(format!("stored {revisions:?}"));
    }
    Ok(())
}
