//! What a Kustomization's status says: pure functions on the object in memory.

use std::collections::BTreeMap;
use std::time::Duration;

use sluice_apis::conditions::{self, ConditionedObject};
use sluice_apis::k8s::Time;
use sluice_apis::kustomize::condition_types::{HEALTHY, READY, RECONCILING, STALLED};
use sluice_apis::kustomize::reasons;
use sluice_apis::kustomize::v1::{Inventory, Kustomization, KustomizationStatus, ResourceRef, Snapshot};
use sluice_apis::meta::{REQUESTED_AT_ANNOTATION, format_duration, now};
use sluice_apis::source::v1::Artifact;
use sluice_apply::inventory::Entry;

use super::failure::{Failure, Then};

/// How many reconciliations the history keeps.
const HISTORY: usize = 5;

/// The shortest timeout: shorter ones would fail what merely takes its time.
const SHORTEST_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a pass may take: `spec.timeout`, else half a minute less than the interval; never under half a minute.
pub fn timeout(object: &Kustomization) -> Duration {
    let given = object.spec.timeout.map(|timeout| timeout.0);
    given
        .unwrap_or_else(|| object.spec.interval.0.saturating_sub(Duration::from_secs(30)))
        .max(SHORTEST_TIMEOUT)
}

/// When a failed pass is tried again.
pub fn retry_interval(object: &Kustomization) -> Duration {
    object.spec.retry_interval.unwrap_or(object.spec.interval).0
}

/// The status, created if there is none.
pub fn status_mut(object: &mut Kustomization) -> &mut KustomizationStatus {
    object.status.get_or_insert_default()
}

/// A pass begins.
pub fn start(object: &mut Kustomization, revision: &str) {
    conditions::mark_unknown(object, READY, reasons::PROGRESSING, "Reconciliation in progress");
    progress(object, "Fetching manifests", revision);
}

/// A pass enters its next phase: `Building manifests`, `Detecting drift`, `Running health checks`.
pub fn progress(object: &mut Kustomization, phase: &str, revision: &str) {
    let timeout = format_duration(timeout(object));
    let message = format!("{phase} for revision {revision} with a timeout of {timeout}");
    conditions::mark_reconciling(object, reasons::PROGRESSING, message);
}

/// The pass failed.
pub fn fail(object: &mut Kustomization, failure: &Failure) {
    conditions::mark_false(object, READY, failure.reason, failure.condition_message());
    if failure.is_terminal() {
        conditions::mark_stalled(object, failure.reason, failure.condition_message());
    }
    if failure.then == Then::Stall {
        object.set_observed_generation(object.generation());
    }
}

/// The revision is applied, and healthy as far as that was asked for.
pub fn succeed(object: &mut Kustomization, artifact: &Artifact) {
    let status = status_mut(object);
    status.last_applied_revision = Some(artifact.revision.clone());
    status.last_applied_origin_revision = origin_revision(artifact).map(ToOwned::to_owned);
    let message = format!("Applied revision: {}", artifact.revision);
    conditions::mark_true(object, READY, reasons::RECONCILIATION_SUCCEEDED, message);
}

/// What holds at the end of every pass, whichever way it went.
pub fn finish(object: &mut Kustomization) {
    let requested =
        object.metadata.annotations.as_ref().and_then(|a| a.get(REQUESTED_AT_ANNOTATION)).cloned();
    if let Some(token) = requested
        && object.last_handled_reconcile_at() != Some(token.as_str())
    {
        object.set_last_handled_reconcile_at(&token);
    }
    if conditions::is_ready(object) {
        conditions::delete(object, RECONCILING);
        let generation = object.generation();
        if object.observed_generation() != generation {
            object.set_observed_generation(generation);
        }
    } else if conditions::is_false(object, READY)
        && let Some(message) = conditions::message(object, RECONCILING).map(ToOwned::to_owned)
    {
        conditions::mark_true(object, RECONCILING, reasons::PROGRESSING_WITH_RETRY, message);
    }
}

/// The condition types that only this controller writes.
pub const OWNED_CONDITIONS: &[&str] = &[HEALTHY, READY, RECONCILING, STALLED];

/// The revision that the artifact was packed from, if it says so.
pub fn origin_revision(artifact: &Artifact) -> Option<&str> {
    artifact
        .metadata
        .get(sluice_apis::meta::OCI_REVISION_ANNOTATION)
        .map(String::as_str)
        .filter(|r| !r.is_empty())
}

/// The recorded inventory. Entries that can't be read are left out: they name nothing that could be deleted.
pub fn inventory(object: &Kustomization) -> Vec<Entry> {
    let entries = object.status.as_ref().and_then(|status| status.inventory.as_ref());
    entries
        .map(|inventory| &inventory.entries[..])
        .unwrap_or_default()
        .iter()
        .filter_map(|entry| Entry::parse(&entry.id, &entry.version).ok())
        .collect()
}

/// Records the inventory.
pub fn set_inventory(object: &mut Kustomization, entries: &[Entry]) {
    let entries = entries
        .iter()
        .map(|entry| ResourceRef { id: entry.id.to_string(), version: entry.version.clone() })
        .collect();
    status_mut(object).inventory = Some(Inventory { entries });
}

/// Puts the outcome of a pass at the front of the history; a pass with the same build and outcome joins its entry.
pub fn remember(
    object: &mut Kustomization,
    digest: &str,
    outcome: &str,
    took: Duration,
    artifact: &Artifact,
) {
    let mut metadata = BTreeMap::from([("revision".to_owned(), artifact.revision.clone())]);
    if let Some(origin) = origin_revision(artifact) {
        metadata.insert("originRevision".to_owned(), origin.to_owned());
    }
    remember_at(&mut status_mut(object).history, digest, outcome, took, metadata, now());
}

fn remember_at(
    history: &mut Vec<Snapshot>,
    digest: &str,
    outcome: &str,
    took: Duration,
    metadata: BTreeMap<String, String>,
    at: Time,
) {
    let known = history.iter().position(|s| s.digest == digest && s.last_reconciled_status == outcome);
    let before = known.map(|index| history.remove(index));
    history.insert(
        0,
        Snapshot {
            digest: digest.to_owned(),
            first_reconciled: before.as_ref().map_or_else(|| at.clone(), |s| s.first_reconciled.clone()),
            last_reconciled: at,
            last_reconciled_duration: took.into(),
            last_reconciled_status: outcome.to_owned(),
            total_reconciliations: before.map_or(0, |s| s.total_reconciliations) + 1,
            metadata,
        },
    );
    history.truncate(HISTORY);
}

#[cfg(test)]
mod tests {
    use sluice_apis::kustomize::v1::KustomizationSpec;

    use super::*;

    fn object(interval: u64, timeout: Option<u64>) -> Kustomization {
        let spec = KustomizationSpec {
            interval: Duration::from_secs(interval).into(),
            timeout: timeout.map(|t| Duration::from_secs(t).into()),
            ..KustomizationSpec::default()
        };
        let mut object = Kustomization::new("app", spec);
        object.metadata.generation = Some(2);
        object
    }

    #[test]
    fn timeouts_have_a_floor() {
        for (interval, given, expected) in
            [(3600, None, 3570), (10, None, 30), (45, None, 30), (3600, Some(60), 60), (3600, Some(5), 30)]
        {
            assert_eq!(timeout(&object(interval, given)), Duration::from_secs(expected));
        }
    }

    #[test]
    fn a_failed_pass_keeps_its_phase_and_its_generation() {
        let mut object = object(60, None);
        progress(&mut object, "Building manifests", "main@sha1:abc");
        fail(&mut object, &Failure::build("no"));
        finish(&mut object);
        assert_eq!(conditions::reason(&object, RECONCILING), Some("ProgressingWithRetry"));
        assert_eq!(
            conditions::message(&object, RECONCILING),
            Some("Building manifests for revision main@sha1:abc with a timeout of 30s")
        );
        assert_eq!(object.observed_generation(), 0);
    }

    #[test]
    fn a_stalled_pass_observes_its_generation_unless_flags_forbid_it() {
        let mut stalled = object(60, None);
        fail(&mut stalled, &Failure::expression("bad"));
        finish(&mut stalled);
        assert_eq!(stalled.observed_generation(), 2);
        assert!(conditions::is_stalled(&stalled));
        let mut forbidden = object(60, None);
        fail(&mut forbidden, &Failure::forbidden("AccessDenied", "no"));
        finish(&mut forbidden);
        assert_eq!(forbidden.observed_generation(), 0);
        assert!(conditions::is_stalled(&forbidden));
    }

    #[test]
    fn history_joins_what_is_alike_and_keeps_five() {
        let mut history = Vec::new();
        let at = |second| Time(jiff::Timestamp::from_second(second).unwrap());
        for (n, (digest, outcome)) in
            [("a", "ok"), ("b", "ok"), ("a", "ok"), ("a", "failed"), ("c", "ok"), ("d", "ok"), ("e", "ok")]
                .into_iter()
                .enumerate()
        {
            remember_at(&mut history, digest, outcome, Duration::ZERO, BTreeMap::new(), at(n as i64));
        }
        let rows: Vec<_> = history
            .iter()
            .map(|s| (s.digest.as_str(), s.last_reconciled_status.as_str(), s.total_reconciliations))
            .collect();
        assert_eq!(
            rows,
            [("e", "ok", 1), ("d", "ok", 1), ("c", "ok", 1), ("a", "failed", 1), ("a", "ok", 2)]
        );
        assert_eq!(history[4].first_reconciled, at(0));
        assert_eq!(history[4].last_reconciled, at(2));
    }
}
