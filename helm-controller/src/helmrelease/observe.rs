//! From what was written to Helm's storage to the history in the status.

use std::collections::BTreeMap;

use sluice_apis::helm::v2::{HelmRelease, ReleaseSnapshot, TestHookStatus};
use sluice_apis::k8s::Time;
use sluice_archive::Algorithm;
use sluice_release::action::TestFilter;
use sluice_release::digest;
use sluice_release::record::{self, Release};

use super::history;
use super::status::status_mut;

/// The version of the way in which digests are computed.
pub const API_VERSION: &str = "v2";

/// A snapshot of a release.
fn snapshot(
    release: &Release,
    action: Option<String>,
    oci_digest: Option<String>,
    algorithm: Algorithm,
) -> ReleaseSnapshot {
    let observation = release.observation(oci_digest.as_deref());
    let app_version = Some(release.chart.app_version().to_owned()).filter(|version| !version.is_empty());
    let time = |text: &str| Time(record::time(text));
    ReleaseSnapshot {
        api_version: Some(API_VERSION.to_owned()),
        digest: digest::of_bytes(algorithm, observation.as_bytes()).to_string(),
        name: release.name.clone(),
        namespace: release.namespace.clone(),
        version: release.version,
        status: release.info.status.clone(),
        chart_name: release.chart.name().to_owned(),
        chart_version: release.chart.version().to_owned(),
        app_version,
        config_digest: digest::of_values(algorithm, &release.config).to_string(),
        first_deployed: time(&release.info.first_deployed),
        last_deployed: time(&release.info.last_deployed),
        deleted: Some(release.info.deleted.as_str()).filter(|text| !text.is_empty()).map(time),
        test_hooks: None,
        oci_digest,
        action,
    }
}

/// Whether a snapshot is of this very release: `None` if its digest is none.
pub fn is_same(snapshot: &ReleaseSnapshot, release: &Release) -> Option<bool> {
    // Older ones can't be compared: they are trusted.
    if snapshot.api_version.as_deref() != Some(API_VERSION) {
        return Some(true);
    }
    let observation = release.observation(snapshot.oci_digest.as_deref());
    digest::bytes_match(&snapshot.digest, observation.as_bytes())
}

/// An install or upgrade: the newest revision joins the history, the one that it took the place of is updated.
pub fn release(object: &mut HelmRelease, observed: &[Release], action: &str, algorithm: Algorithm) {
    let mut last: BTreeMap<i64, &Release> = BTreeMap::new();
    for release in observed {
        last.insert(release.version, release);
    }
    let status = status_mut(object);
    let oci_digest = status.last_attempted_revision_digest.clone();
    let mut newest_first = last.into_values().rev();
    let Some(newest) = newest_first.next() else { return };
    status.history.insert(0, snapshot(newest, Some(action.to_owned()), oci_digest, algorithm));
    for other in newest_first {
        if let Some(known) = find(&mut status.history, other) {
            let updated = snapshot(other, None, known.oci_digest.clone(), algorithm);
            *known = ReleaseSnapshot { test_hooks: known.test_hooks.clone(), ..updated };
            return;
        }
    }
}

/// A rollback: the new revision joins the history, others are updated.
pub fn rollback(object: &mut HelmRelease, observed: &[Release], algorithm: Algorithm) {
    let history = &mut status_mut(object).history;
    for release in observed {
        if !update(history, release, Some("rollback"), algorithm) {
            history.insert(0, snapshot(release, None, None, algorithm));
        }
    }
}

/// An uninstallation: those that are known are updated.
pub fn uninstall(object: &mut HelmRelease, observed: &[Release], action: &str, algorithm: Algorithm) {
    let history = &mut status_mut(object).history;
    for release in observed {
        update(history, release, Some(action), algorithm);
    }
}

/// An unlock: the one that was locked is updated.
pub fn unlock(object: &mut HelmRelease, observed: &[Release], algorithm: Algorithm) {
    let history = &mut status_mut(object).history;
    for release in observed {
        update(history, release, None, algorithm);
    }
}

/// A revision that an interrupted action left behind joins the history.
pub fn interrupted(object: &mut HelmRelease, release: &Release, action: &str, algorithm: Algorithm) {
    let status = status_mut(object);
    // A rollback takes its chart from storage, all else from the source that was looked at last.
    let oci_digest = (action != "rollback").then(|| status.last_attempted_revision_digest.clone()).flatten();
    status.history.insert(0, snapshot(release, Some(action.to_owned()), oci_digest, algorithm));
}

/// A revision that is known is as it is stored now.
pub fn refresh(object: &mut HelmRelease, release: &Release, algorithm: Algorithm) {
    update(&mut status_mut(object).history, release, None, algorithm);
}

/// Tests: the newest one is updated, with how those went that were selected.
pub fn test(object: &mut HelmRelease, observed: &[Release], filters: &[TestFilter], algorithm: Algorithm) {
    for release in observed {
        let Some(latest) = history::latest(&mut status_mut(object).history) else { return };
        if !history::is_of(latest, &release.name, &release.namespace, release.version) {
            continue;
        }
        let tests = release.hooks.iter().filter(|hook| hook.runs_at("test"));
        let selected = tests.filter(|hook| TestFilter::select(filters, &hook.name));
        let time = |text: &str| (!text.is_empty()).then(|| Time(record::time(text)));
        let hooks = selected.map(|hook| {
            let status = TestHookStatus {
                last_started: time(&hook.last_run.started_at),
                last_completed: time(&hook.last_run.completed_at),
                phase: Some(hook.last_run.phase.clone()).filter(|phase| !phase.is_empty()),
            };
            (hook.name.clone(), status)
        });
        let test_hooks = Some(hooks.collect());
        let updated = snapshot(release, latest.action.clone(), latest.oci_digest.clone(), algorithm);
        *latest = ReleaseSnapshot { test_hooks, ..updated };
    }
}

fn find<'a>(history: &'a mut [ReleaseSnapshot], release: &Release) -> Option<&'a mut ReleaseSnapshot> {
    history.iter_mut().find(|known| history::is_of(known, &release.name, &release.namespace, release.version))
}

/// Updates the snapshot of a release, if there is one. Without an action it keeps its own.
fn update(
    history: &mut [ReleaseSnapshot],
    release: &Release,
    action: Option<&str>,
    algorithm: Algorithm,
) -> bool {
    let Some(known) = find(history, release) else { return false };
    let action = action.map(ToOwned::to_owned).or_else(|| known.action.clone());
    let updated = snapshot(release, action, known.oci_digest.clone(), algorithm);
    *known = ReleaseSnapshot { test_hooks: known.test_hooks.clone(), ..updated };
    true
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object() -> HelmRelease {
        serde_json::from_value(json!({
            "apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease", "metadata": {"name": "a"},
            "spec": {"interval": "1m"}, "status": {"lastAttemptedRevisionDigest": "sha256:new"},
        }))
        .unwrap()
    }

    fn revision(version: i64, status: &str) -> Release {
        let mut release =
            Release { name: "a".to_owned(), namespace: "ns".to_owned(), version, ..Release::default() };
        release.set_status(status, "");
        release
    }

    fn rows(object: &HelmRelease) -> Vec<(i64, &str, Option<&str>)> {
        let history = &object.status.as_ref().unwrap().history;
        history.iter().map(|s| (s.version, s.status.as_str(), s.action.as_deref())).collect()
    }

    #[test]
    fn what_is_written_becomes_history() {
        let algorithm = Algorithm::Sha256;
        let mut object = object();
        release(
            &mut object,
            &[revision(1, "pending-install"), revision(1, "deployed")],
            "install",
            algorithm,
        );
        assert_eq!(rows(&object), [(1, "deployed", Some("install"))]);
        let written = [revision(2, "pending-upgrade"), revision(1, "superseded"), revision(2, "deployed")];
        release(&mut object, &written, "upgrade", algorithm);
        assert_eq!(rows(&object), [(2, "deployed", Some("upgrade")), (1, "superseded", None)]);
        let newest = &object.status.as_ref().unwrap().history[0];
        assert_eq!(newest.oci_digest.as_deref(), Some("sha256:new"));
        assert_eq!(is_same(newest, &revision(2, "deployed")), Some(true));
        assert_eq!(is_same(newest, &revision(2, "failed")), Some(false));
        rollback(
            &mut object,
            &[revision(3, "pending-rollback"), revision(2, "superseded"), revision(3, "deployed")],
            algorithm,
        );
        assert_eq!(rows(&object)[0], (3, "deployed", Some("rollback")));
        assert_eq!(rows(&object)[1], (2, "superseded", Some("rollback")));
        unlock(&mut object, &[revision(3, "failed")], algorithm);
        assert_eq!(rows(&object)[0], (3, "failed", Some("rollback")));
        uninstall(&mut object, &[revision(3, "uninstalled"), revision(9, "x")], "uninstall", algorithm);
        assert_eq!(rows(&object)[0], (3, "uninstalled", Some("uninstall")));
        assert_eq!(rows(&object).len(), 3);
    }

    #[test]
    fn tests_join_the_newest_snapshot() {
        let mut object = object();
        release(&mut object, &[revision(1, "deployed")], "install", Algorithm::Sha256);
        let hook = |name: &str, event: &str| record::Hook {
            name: name.to_owned(),
            events: vec![event.to_owned()],
            last_run: record::Execution { phase: "Succeeded".to_owned(), ..Default::default() },
            ..Default::default()
        };
        let mut tested = revision(1, "deployed");
        tested.hooks = vec![hook("a", "test"), hook("b", "test"), hook("c", "pre-install")];
        let filters = [TestFilter { name: "b".to_owned(), exclude: true }];
        test(&mut object, &[tested], &filters, Algorithm::Sha256);
        let snapshot = &object.status.as_ref().unwrap().history[0];
        assert_eq!(snapshot.test_hooks.as_ref().unwrap().keys().collect::<Vec<_>>(), ["a"]);
        assert!(history::is_tested(snapshot));
    }
}
