//! Installs, upgrades and tests that fail, and what is made of them.

use futures::future::join_all;
use serde_json::{Value, json};

use super::{failures, observed, told};
use crate::charts::{testable, tiny};
use crate::support::World;

/// One release: what is asked for, what is changed once it is ready, and how it ends.
struct Case {
    name: &'static str,
    chart: &'static str,
    spec: Value,
    change: Option<Value>,
    /// The condition to wait for: type, status, reason.
    end: (&'static str, &'static str, &'static str),
    conditions: &'static str,
    /// Failed installs and upgrades.
    failures: (i64, i64),
    revisions: &'static [&'static str],
}

const STALLED: (&str, &str, &str) = ("Stalled", "True", "RetriesExceeded");
const AGAIN: (&str, &str, &str) = ("Reconciling", "True", "ProgressingWithRetry");

fn bad() -> Value {
    json!({"bad": true})
}

fn case(name: &'static str, spec: Value) -> Case {
    Case {
        name,
        chart: "app",
        spec,
        change: None,
        end: STALLED,
        conditions: "Ready=False:InstallFailed Released=False:InstallFailed Stalled=True:RetriesExceeded",
        failures: (1, 0),
        revisions: &["1 failed"],
    }
}

/// An upgrade that fails.
fn upgrade(name: &'static str, spec: Value) -> Case {
    Case {
        change: Some(json!({"values": bad()})),
        conditions: "Ready=False:UpgradeFailed Released=False:UpgradeFailed Stalled=True:RetriesExceeded",
        failures: (0, 1),
        ..case(name, spec)
    }
}

fn remedied(name: &'static str, remediation: &Value) -> Case {
    upgrade(name, json!({"upgrade": {"remediation": remediation}}))
}

fn retried(interval: &str) -> Value {
    json!({"strategy": {"name": "RetryOnFailure", "retryInterval": interval}})
}

fn cases() -> Vec<Case> {
    let rolled_back = "Ready=False:RollbackSucceeded Released=False:UpgradeFailed Remediated=True:RollbackSucceeded Stalled=True:RetriesExceeded";
    let tests = json!({"enable": true, "timeout": "1s"});
    vec![
        case("install-fail", json!({"values": bad()})),
        Case {
            conditions: "Ready=False:InstallFailed Released=False:InstallFailed Remediated=True:UninstallSucceeded Stalled=True:RetriesExceeded",
            revisions: &["1 uninstalled"],
            ..case(
                "install-remediate",
                json!({
                    "values": bad(), "uninstall": {"keepHistory": true},
                    "install": {"remediation": {"remediateLastFailure": true}},
                }),
            )
        },
        Case {
            failures: (3, 0),
            ..case("install-retry", json!({"values": bad(), "install": {"remediation": {"retries": 2}}}))
        },
        Case { revisions: &["1 deployed", "2 failed"], ..upgrade("upgrade-fail", json!({})) },
        Case {
            conditions: rolled_back,
            revisions: &["1 superseded", "2 failed", "3 deployed"],
            ..remedied("upgrade-remediate", &json!({"remediateLastFailure": true}))
        },
        Case {
            conditions: rolled_back,
            failures: (0, 2),
            revisions: &["1 superseded", "2 failed", "3 superseded", "4 failed", "5 deployed"],
            ..remedied("upgrade-retry", &json!({"retries": 1}))
        },
        Case {
            conditions: "Ready=False:InstallFailed Released=False:InstallFailed Stalled=True:RetriesExceeded",
            failures: (1, 1),
            revisions: &["1 failed"],
            ..remedied("upgrade-uninstall", &json!({"remediateLastFailure": true, "strategy": "uninstall"}))
        },
        // Neither uninstalled nor rolled back, and not at once.
        Case {
            end: AGAIN,
            conditions: "Ready=False:InstallFailed Reconciling=True:ProgressingWithRetry Released=False:InstallFailed",
            ..case("install-again", json!({"values": bad(), "install": retried("1h")}))
        },
        Case {
            end: AGAIN,
            conditions: "Ready=False:UpgradeFailed Reconciling=True:ProgressingWithRetry Released=False:UpgradeFailed",
            revisions: &["1 deployed", "2 failed"],
            ..upgrade("upgrade-again", json!({"upgrade": retried("1h")}))
        },
        Case {
            chart: "tested",
            conditions: "Ready=False:TestFailed Released=True:InstallSucceeded Stalled=True:RetriesExceeded TestSuccess=False:TestFailed",
            revisions: &["1 deployed"],
            ..case("test-fail", json!({"test": tests, "values": {"failing": true}}))
        },
        Case {
            chart: "tested",
            end: ("TestSuccess", "False", "TestFailed"),
            conditions: "Ready=True:InstallSucceeded Released=True:InstallSucceeded TestSuccess=False:TestFailed",
            failures: (0, 0),
            revisions: &["1 deployed"],
            ..case(
                "test-ignore",
                json!({"test": {"enable": true, "timeout": "1s", "ignoreFailures": true}, "values": {"failing": true}}),
            )
        },
        Case {
            chart: "tested",
            change: Some(json!({"values": {"failing": true}})),
            conditions: "Ready=False:TestFailed Released=True:UpgradeSucceeded Stalled=True:RetriesExceeded TestSuccess=False:TestFailed",
            failures: (0, 1),
            revisions: &["1 superseded", "2 deployed"],
            ..case("upgrade-test-fail", json!({"test": tests}))
        },
        Case {
            chart: "tested",
            change: Some(json!({"values": {"failing": true}})),
            conditions: "Ready=False:RollbackSucceeded Released=True:UpgradeSucceeded Remediated=True:RollbackSucceeded Stalled=True:RetriesExceeded TestSuccess=False:TestFailed",
            failures: (0, 1),
            revisions: &["1 superseded", "2 superseded", "3 deployed"],
            ..case(
                "upgrade-test-remediate",
                json!({"test": tests, "upgrade": {"remediation": {"remediateLastFailure": true}}}),
            )
        },
    ]
}

#[tokio::test]
async fn failures_end_as_the_remediation_says() {
    let world = World::new("failures").await;
    let _helm = world.controller(&[]).await;
    world.publish("app", "1.0.0", &tiny()).await;
    world.publish("tested", "1.0.0", &testable()).await;
    let wrong: Vec<String> = join_all(cases().iter().map(|case| run(&world, case))).await.concat();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is not as the case says.
async fn run(world: &World, case: &Case) -> Vec<String> {
    world.create(world.release(case.name, case.chart, &case.spec)).await;
    if let Some(change) = &case.change {
        world.ready(case.name).await;
        world.patch(case.name, json!({"spec": change})).await;
    }
    let (type_, status, reason) = case.end;
    let object = observed(world, case.name, type_, status, reason).await;
    let revisions = world.revisions(case.name).await;
    let rows = [
        (told(&object), case.conditions.to_owned()),
        (format!("{:?}", failures(&object)), format!("{:?}", case.failures)),
        (format!("{revisions:?}"), format!("{:?}", case.revisions)),
    ];
    let wrong = rows.into_iter().filter(|(is, wanted)| is != wanted);
    wrong.map(|(is, wanted)| format!("{}:\n  is     {is}\n  wanted {wanted}", case.name)).collect()
}

/// What failed is tried again after the retry interval, as an upgrade, until it works.
#[tokio::test]
async fn what_is_retried_becomes_ready_once_it_can() {
    let world = World::new("retried").await;
    let _helm = world.controller(&["--feature-gates=DefaultToRetryOnFailure=true"]).await;
    let mut files = tiny();
    // What it waits for is made after the first attempt.
    files.push((
        "templates/wanted.yaml",
        "{{ if not (lookup \"v1\" \"ConfigMap\" .Release.Namespace \"switch\") }}
apiVersion: v1
kind: Service
metadata: {name: '{{ .Release.Name }}-bad'}
spec: {ports: [{port: 99999}]}
{{ end }}
"
        .to_owned(),
    ));
    world.publish("app", "1.0.0", &files).await;
    let spec = json!({"install": retried("1s"), "upgrade": retried("1s")});
    world.create(world.release("app", "app", &spec)).await;
    // The gate makes the strategy the default; its interval is minutes.
    world.create(world.release("default", "app", &json!({}))).await;
    let message = observed(&world, "default", AGAIN.0, AGAIN.1, AGAIN.2).await;
    let message = sluice_apis::conditions::message(&message, "Reconciling").unwrap_or_default();
    assert_eq!(message, "retrying after 5m0s");
    world.until("app", |object| failures(object).1 > 0).await;
    world.apply(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "switch"}})).await;
    let object = world.ready("app").await;
    assert_eq!(failures(&object), (0, 0));
    assert_eq!(told(&object), "Ready=True:UpgradeSucceeded Released=True:UpgradeSucceeded");
    let revisions = world.revisions("app").await;
    assert_eq!(
        revisions.iter().filter(|revision| revision.ends_with("deployed")).count(),
        1,
        "{revisions:?}"
    );
}
