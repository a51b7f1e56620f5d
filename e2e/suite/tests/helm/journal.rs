//! helm-controller is killed before each write of each action: whoever starts it again finds what was begun, and ends
//! where it would have ended without the kill.
//!
//! For each action: how the release is prepared, what is asked for, and the table of outcomes: each write of the action,
//! with what is stored and in the cluster in the end if the kill came before it. The loop goes on until an attempt has
//! fewer writes than it counts, so that none is left out.

mod outcomes;

use std::time::Duration;

use futures::{StreamExt, stream};
use kube::api::DeleteParams;
use serde_json::{Value, json};
use sluice_apis::conditions;
use sluice_apis::helm::v2::HelmRelease;
use sluice_testkit::{Controller, ControllerBuilder};

use self::outcomes::Outcomes;
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
    /// The writes in their order, and how it ends when that one is cut off.
    outcomes: Outcomes,
}

fn rows() -> Vec<Row> {
    let plain =
        |action, chart, spec, change, outcomes| Row { action, chart, spec, change, deletes: false, outcomes };
    vec![
        plain("install", hooked(&["pre-install", "post-install"]), json!({}), None, outcomes::INSTALL),
        plain(
            "upgrade",
            hooked(&["pre-upgrade", "post-upgrade"]),
            json!({}),
            Some(json!({"values": {"value": "changed"}})),
            outcomes::UPGRADE,
        ),
        plain(
            "rollback",
            hooked(&["pre-rollback"]),
            json!({"upgrade": {"remediation": {"remediateLastFailure": true}}}),
            Some(json!({"values": {"value": "changed", "bad": true}})),
            outcomes::ROLLBACK,
        ),
        plain("test", hooked(&["test"]), json!({}), Some(json!({"test": {"enable": true}})), outcomes::TEST),
        Row {
            action: "uninstall",
            chart: hooked(&["pre-delete", "post-delete"]),
            spec: json!({}),
            change: None,
            deletes: true,
            outcomes: outcomes::UNINSTALL,
        },
        plain(
            "remedy by uninstall",
            tiny(),
            json!({"install": {"remediation": {"remediateLastFailure": true}}, "values": {"bad": true}}),
            None,
            outcomes::REMEDY,
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
    let mut wrong = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        // Each write is one attempt; the first attempt that is not cut off has seen them all.
        let attempts = stream::iter(1..=MOST).map(|write| attempt(&world, row, index, write, &after));
        let mut attempts = attempts.buffered(AT_ONCE);
        let mut seen = Vec::new();
        while let Some(Some(cut)) = attempts.next().await {
            seen.push(cut);
        }
        println!("{}: {} kills", row.action, seen.len());
        let wanted: Vec<(String, String)> =
            row.outcomes.iter().map(|(write, end)| ((*write).to_owned(), (*end).to_owned())).collect();
        if seen != wanted {
            let lines: Vec<String> =
                seen.iter().map(|(write, end)| format!("    (\"{write}\", \"{end}\"),")).collect();
            wrong.push(format!("{} has these outcomes:\n{}", row.action, lines.join("\n")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// One release, cut off before one write: which one that was, and how it ended; nothing if there are fewer writes.
async fn attempt(
    world: &World,
    row: &Row,
    index: usize,
    write: usize,
    after: &Controller,
) -> Option<(String, String)> {
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
    let end = match check(world, row, &name).await {
        Ok(end) => end,
        Err(error) => {
            let log: String =
                after.log().lines().filter(|line| line.contains(&name)).collect::<Vec<_>>().join("\n");
            panic!("{} before write {write}: {error}\n{}\n--\n{log}", row.action, doomed.log());
        }
    };
    killed.then(|| (last_write(&doomed.log()), end))
}

/// The write that did not come to pass, as the log names it.
fn last_write(log: &str) -> String {
    let (_, write) = log.rsplit_once("write: ").unwrap_or_default();
    write.split('"').next().unwrap_or_default().to_owned()
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

/// What is stored and what is in the cluster; an error if that is no end at all, whatever was cut off.
async fn check(world: &World, row: &Row, name: &str) -> Result<String, String> {
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
    let stored = if revisions.is_empty() { "nothing".to_owned() } else { revisions.join(", ") };
    Ok(format!("{stored}; {}", value.unwrap_or("gone")))
}
