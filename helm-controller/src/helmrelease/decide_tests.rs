use serde_json::{Value, json};

use super::super::history::tests::snapshot;
use super::*;

const RULES: Rules = Rules { retry_by_default: false, algorithm: Algorithm::Sha256 };

/// An object with the spec and status given, the status' history newest first.
fn object(spec: &Value, status: &Value, history: &[(i64, &str)]) -> HelmRelease {
    let mut value = json!({
        "apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease",
        "metadata": {"name": "app", "namespace": "ns", "generation": 1},
        "spec": {"interval": "1m"}, "status": {},
    });
    value["spec"].as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    value["status"].as_object_mut().unwrap().extend(status.as_object().unwrap().clone());
    let mut object: HelmRelease = serde_json::from_value(value).unwrap();
    object.status.as_mut().unwrap().history =
        history.iter().map(|(version, status)| snapshot(*version, status, None)).collect();
    object
}

fn next(object: &mut HelmRelease, state: &State, forced: bool) -> Next {
    match decide(object, state, forced, RULES) {
        Decision::Next(next) => next,
        Decision::DependsOn(target) => {
            rollback(if target.is_some() { Target::Good } else { Target::Missing })
        }
    }
}

const NONE: &str = "{}";

#[test]
fn each_state_has_its_action() {
    let retries =
        r#"{"install": {"remediation": {"retries": 1}}, "upgrade": {"remediation": {"retries": 1}}}"#;
    let retry = r#"{"install": {"strategy": {"name": "RetryOnFailure"}}, "upgrade": {"strategy": {"name": "RetryOnFailure"}}}"#;
    let uninstall = r#"{"upgrade": {"remediation": {"retries": 1, "strategy": "uninstall"}}}"#;
    let last = r#"{"upgrade": {"remediation": {"remediateLastFailure": true}}}"#;
    let installed = |failures: i64| {
        format!(r#"{{"lastAttemptedReleaseAction": "install", "installFailures": {failures}}}"#)
    };
    let upgraded = |failures: i64| {
        format!(r#"{{"lastAttemptedReleaseAction": "upgrade", "upgradeFailures": {failures}}}"#)
    };
    let one = &[(1, "deployed")][..];
    let two = &[(2, "failed"), (1, "superseded")][..];
    let run = Next::Run;
    #[allow(clippy::type_complexity, reason = "a row of a table")]
    #[rustfmt::skip]
    let rows: Vec<(State, &str, String, &[(i64, &str)], bool, Next)> = vec![
        (State::InSync,       NONE,      upgraded(0),  one, false, Next::Done),
        (State::InSync,       NONE,      upgraded(0),  one, true,  run(Step::Upgrade)),
        (State::Locked,       NONE,      upgraded(9),  one, false, run(Step::Unlock)),
        (State::Uninstalling, NONE,      installed(1), one, false, run(Step::UninstallRemediation)),
        (State::Absent,       NONE,      NONE.into(),  &[], false, run(Step::Install)),
        (State::Absent,       NONE,      installed(1), &[], false, Next::ExceededMaxRetries),
        (State::Absent,       NONE,      installed(1), &[], true,  run(Step::Install)),
        (State::Absent,       retries,   installed(1), &[], false, run(Step::Install)),
        (State::Absent,       retries,   installed(2), &[], false, Next::ExceededMaxRetries),
        // The count is that of installs, whatever was attempted last, and whatever the strategy.
        (State::Absent,       NONE,      upgraded(5),  &[], false, run(Step::Install)),
        (State::Absent,       retry,     installed(1), &[], false, Next::ExceededMaxRetries),
        (State::OutOfSync,    NONE,      installed(5), one, false, run(Step::Upgrade)),
        (State::OutOfSync,    NONE,      upgraded(1),  one, false, Next::ExceededMaxRetries),
        (State::OutOfSync,    NONE,      upgraded(1),  one, true,  run(Step::Upgrade)),
        (State::Unmanaged,    NONE,      upgraded(9),  one, false, run(Step::Upgrade)),
        (State::Untested,     NONE,      upgraded(0),  one, false, run(Step::Test)),
        (State::Failed,       retry,     upgraded(9),  two, false, run(Step::Upgrade)),
        (State::Failed,       NONE,      NONE.into(),  two, false, run(Step::Upgrade)),
        (State::Failed,       NONE,      upgraded(0),  two, false, run(Step::Upgrade)),
        (State::Failed,       NONE,      upgraded(1),  two, true,  run(Step::Upgrade)),
        (State::Failed,       NONE,      upgraded(1),  two, false, Next::ExceededMaxRetries),
        (State::Failed,       NONE,      installed(1), one, false, Next::ExceededMaxRetries),
        (State::Failed,       retries,   installed(1), one, false, run(Step::UninstallRemediation)),
        (State::Failed,       retries,   installed(2), one, false, Next::ExceededMaxRetries),
        (State::Failed,       retries,   upgraded(1),  two, false, run(Step::Rollback)),
        // With retries the last failure of an upgrade is remedied too.
        (State::Failed,       retries,   upgraded(2),  two, false, run(Step::Rollback)),
        (State::Failed,       last,      upgraded(1),  two, false, run(Step::Rollback)),
        (State::Failed,       retries,   upgraded(1),  &[(2, "failed")], false, Next::MissingRollbackTarget),
        (State::Failed,       uninstall, upgraded(1),  two, false, run(Step::UninstallRemediation)),
        (State::Drifted("x".into()), r#"{"driftDetection": {"mode": "warn"}}"#,    upgraded(0), one, false, Next::Done),
        (State::Drifted("x".into()), r#"{"driftDetection": {"mode": "enabled"}}"#, upgraded(0), one, false, run(Step::CorrectDrift)),
    ];
    for (state, spec, status, history, forced, expected) in rows {
        let (spec, status) = (serde_json::from_str(spec).unwrap(), serde_json::from_str(&status).unwrap());
        let mut object = object(&spec, &status, history);
        assert_eq!(next(&mut object, &state, forced), expected, "{state:?} {spec} {status} {forced}");
    }
}

#[test]
fn an_unmanaged_release_has_no_history() {
    let mut object = object(&json!({}), &json!({}), &[(1, "deployed")]);
    next(&mut object, &State::Unmanaged, false);
    assert!(object.status.unwrap().history.is_empty());
}

#[test]
fn a_release_in_sync_is_no_longer_failed() {
    let mut object = object(&json!({}), &json!({}), &[(2, "deployed"), (1, "superseded")]);
    conditions::mark_false(&mut object, RELEASED, reasons::INSTALL_FAILED, "no");
    next(&mut object, &State::InSync, false);
    assert_eq!(conditions::reason(&object, RELEASED), Some(reasons::INSTALL_SUCCEEDED));
    assert!(conditions::is_ready(&object));
    let message = "Helm install succeeded for release ns/app.v2 with chart chart@1.0.0";
    assert_eq!(conditions::message(&object, READY), Some(message));
}

#[test]
fn a_rollback_to_what_is_wanted_counts_as_upgrade() {
    let mut object = object(&json!({}), &json!({}), &[(2, "deployed")]);
    conditions::mark_true(&mut object, REMEDIATED, reasons::ROLLBACK_SUCCEEDED, "back");
    next(&mut object, &State::InSync, false);
    assert!(conditions::get(&object, REMEDIATED).is_none());
    assert_eq!(conditions::reason(&object, RELEASED), Some(reasons::UPGRADE_SUCCEEDED));
}

#[test]
fn passes_end_by_what_is_left_to_try() {
    let upgraded = |spec: Value, failures: i64| {
        object(&spec, &json!({"lastAttemptedReleaseAction": "upgrade", "upgradeFailures": failures}), &[])
    };
    let once = json!({"upgrade": {"remediation": {"retries": 1}}});
    let uninstall = json!({"upgrade": {"remediation": {"retries": 1, "strategy": "uninstall"}}});
    let retry = json!({"upgrade": {"strategy": {"name": "RetryOnFailure"}}});
    assert_eq!(pause_before(&upgraded(once.clone(), 1), RULES), Pause::Again);
    assert_eq!(pause_before(&upgraded(once.clone(), 2), RULES), Pause::Over);
    assert_eq!(pause_before(&upgraded(retry.clone(), 2), RULES), Pause::Retry);
    assert_eq!(pause_after_remedy(&upgraded(once.clone(), 1), RULES), Pause::Again);
    assert_eq!(pause_after_remedy(&upgraded(once.clone(), 2), RULES), Pause::Stalled);
    assert_eq!(pause_after_remedy(&upgraded(uninstall, 2), RULES), Pause::Again);
    assert_eq!(pause_after_remedy(&upgraded(retry, 2), RULES), Pause::Retry);
    assert_eq!(attempts(&upgraded(once, 2)), ("upgrade".to_owned(), 2));
}
