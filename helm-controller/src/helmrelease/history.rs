//! The history of a release in the status: which snapshot counts for what, and which ones stay.

use sluice_apis::helm::v2::ReleaseSnapshot;

/// How many snapshots stay when none of them is one to go back to.
const LONGEST: usize = 5;
/// The phase of a test hook that failed.
const FAILED: &str = "Failed";
/// The phase of a test hook that succeeded.
const SUCCEEDED: &str = "Succeeded";

/// The newest snapshot.
pub fn latest(history: &mut [ReleaseSnapshot]) -> Option<&mut ReleaseSnapshot> {
    sort(history);
    history.first_mut()
}

/// The snapshot to go back to: the newest but one that was deployed, and did not fail its tests.
pub fn previous(history: &mut [ReleaseSnapshot], ignore_tests: bool) -> Option<&ReleaseSnapshot> {
    sort(history);
    history.iter().skip(1).find(|snapshot| is_good(snapshot, ignore_tests))
}

/// Drops what is older than the snapshot to go back to.
pub fn truncate(history: &mut Vec<ReleaseSnapshot>, ignore_tests: bool) {
    if history.len() < 2 {
        return;
    }
    sort(history);
    let previous = history.iter().skip(1).position(|snapshot| is_good(snapshot, ignore_tests));
    history.truncate(previous.map_or(LONGEST, |index| index + 2));
}

/// Drops all but the newest snapshots.
pub fn truncate_to_newest(history: &mut Vec<ReleaseSnapshot>) {
    sort(history);
    history.truncate(LONGEST);
}

fn sort(history: &mut [ReleaseSnapshot]) {
    history.sort_by_key(|snapshot| std::cmp::Reverse(snapshot.version));
}

fn is_good(snapshot: &ReleaseSnapshot, ignore_tests: bool) -> bool {
    matches!(snapshot.status.as_str(), "deployed" | "superseded")
        && (ignore_tests || !has_failed_test(snapshot))
}

/// Whether a test failed.
pub fn has_failed_test(snapshot: &ReleaseSnapshot) -> bool {
    phases(snapshot).any(|phase| phase == FAILED)
}

/// Whether the tests ran: one failed, or all succeeded. Without any tests, they did.
pub fn is_tested(snapshot: &ReleaseSnapshot) -> bool {
    snapshot.test_hooks.is_some()
        && (has_failed_test(snapshot) || phases(snapshot).all(|phase| phase == SUCCEEDED))
}

fn phases(snapshot: &ReleaseSnapshot) -> impl Iterator<Item = &str> {
    let hooks = snapshot.test_hooks.iter().flat_map(|hooks| hooks.values());
    hooks.map(|hook| hook.phase.as_deref().unwrap_or_default())
}

/// `namespace/name.vN`
pub fn full_name(snapshot: &ReleaseSnapshot) -> String {
    format!("{}/{}.v{}", snapshot.namespace, snapshot.name, snapshot.version)
}

/// `chart@version`
pub fn chart_name(snapshot: &ReleaseSnapshot) -> String {
    format!("{}@{}", snapshot.chart_name, snapshot.chart_version)
}

/// Whether the snapshot is of this revision of this release.
pub fn is_of(snapshot: &ReleaseSnapshot, name: &str, namespace: &str, version: i64) -> bool {
    snapshot.name == name && snapshot.namespace == namespace && snapshot.version == version
}

#[cfg(test)]
pub mod tests {
    use std::collections::BTreeMap;

    use sluice_apis::helm::v2::TestHookStatus;
    use sluice_apis::meta::now;

    use super::*;

    pub fn snapshot(version: i64, status: &str, phases: Option<&[&str]>) -> ReleaseSnapshot {
        let hook = |(index, phase): (usize, &&str)| {
            let phase = Some((*phase).to_owned());
            (format!("t{index}"), TestHookStatus { phase, ..TestHookStatus::default() })
        };
        ReleaseSnapshot {
            api_version: Some("v2".to_owned()),
            digest: format!("sha256:{version:064}"),
            name: "app".to_owned(),
            namespace: "ns".to_owned(),
            version,
            status: status.to_owned(),
            chart_name: "chart".to_owned(),
            chart_version: "1.0.0".to_owned(),
            app_version: None,
            config_digest: String::new(),
            first_deployed: now(),
            last_deployed: now(),
            deleted: None,
            test_hooks: phases.map(|phases| phases.iter().enumerate().map(hook).collect::<BTreeMap<_, _>>()),
            oci_digest: None,
            action: None,
        }
    }

    #[test]
    fn tests_have_run_when_all_succeeded_or_one_failed() {
        for (phases, expected) in [
            (None, false),
            (Some(&[][..]), true),
            (Some(&["Succeeded"][..]), true),
            (Some(&["Succeeded", "Running"][..]), false),
            (Some(&["Failed", "Running"][..]), true),
            (Some(&[""][..]), false),
        ] {
            assert_eq!(is_tested(&snapshot(1, "deployed", phases)), expected, "{phases:?}");
        }
    }

    #[test]
    fn the_one_to_go_back_to_was_deployed_and_passed_its_tests() {
        let mut history = vec![
            snapshot(2, "superseded", Some(&["Failed"])),
            snapshot(4, "failed", None),
            snapshot(3, "failed", None),
            snapshot(1, "superseded", None),
        ];
        assert_eq!(previous(&mut history, false).map(|s| s.version), Some(1));
        assert_eq!(previous(&mut history, true).map(|s| s.version), Some(2));
        assert_eq!(latest(&mut history).map(|s| s.version), Some(4));
        let mut one = vec![snapshot(1, "deployed", None)];
        assert_eq!(previous(&mut one, true), None);
    }

    #[test]
    fn history_is_kept_down_to_it() {
        let versions = |history: &[ReleaseSnapshot]| history.iter().map(|s| s.version).collect::<Vec<_>>();
        let mut history: Vec<_> = [(1, "superseded"), (2, "superseded"), (3, "failed"), (4, "deployed")]
            .map(|(version, status)| snapshot(version, status, None))
            .into();
        truncate(&mut history, false);
        assert_eq!(versions(&history), [4, 3, 2]);
        let mut failed: Vec<_> = (1..=7).map(|version| snapshot(version, "failed", None)).collect();
        truncate(&mut failed, false);
        assert_eq!(versions(&failed), [7, 6, 5, 4, 3]);
        let mut many: Vec<_> = (1..=7).map(|version| snapshot(version, "superseded", None)).collect();
        truncate_to_newest(&mut many);
        assert_eq!(versions(&many), [7, 6, 5, 4, 3]);
    }
}
