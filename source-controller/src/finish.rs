//! The end of a turn at any source: conditions are settled, the status is written, the next turn is planned.

use std::collections::BTreeMap;
use std::time::Duration;

use sluice_apis::conditions::{
    ConditionStatus, ConditionedObject, Summary, delete, get, is_ready, is_stalled, mark_stalled, message,
    set, summarize,
};
use sluice_apis::meta::REQUESTED_AT_ANNOTATION;
use sluice_apis::meta::condition_types::{READY, RECONCILING, STALLED};
use sluice_apis::meta::reasons::PROGRESSING_WITH_RETRY;
use sluice_runtime::{Action, EventType, Object, Pass, ReconcileError};

use crate::failure::{Failure, Then};
use crate::kind::SourceKind;

/// How a turn went that did not fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Success {
    /// The artifact is what the object asks for.
    Stored,
    /// Nothing had to be done, and why.
    Unchanged {
        /// Reason of the event that says so.
        reason: &'static str,
        /// Message of that event.
        message: String,
    },
    /// The object is suspended.
    Suspended,
}

/// Settles the conditions, writes the status and plans the next turn.
pub(crate) async fn finish<K: SourceKind>(
    pass: &mut Pass<K>,
    result: Result<Success, Failure>,
) -> Result<Action, ReconcileError> {
    if let Err(failure) = &result {
        if failure.then == Then::Superseded {
            // What supersedes this turn has queued the next one, which tells what it finds.
            return Ok(Action::Done);
        }
        failure.mark(&mut pass.object);
    }
    tell(pass, &result);
    record_request(&mut pass.object);
    let interval = pass.object.interval();
    let next = settle(&mut pass.object, &K::SUMMARY, interval, &result);
    pass.patch().await?;
    next.map_err(ReconcileError::message)
}

/// Remembers which request for a reconciliation was seen.
pub(crate) fn record_request<K: Object + ConditionedObject>(object: &mut K) {
    let annotations = object.meta().annotations.as_ref();
    if let Some(token) = annotations.and_then(|all| all.get(REQUESTED_AT_ANNOTATION)).cloned() {
        object.set_last_handled_reconcile_at(&token);
    }
}

fn tell<K: Object>(pass: &Pass<K>, result: &Result<Success, Failure>) {
    let (kind, reason, message) = match result {
        Ok(Success::Unchanged { reason, message }) => (EventType::Trace, *reason, message.as_str()),
        Err(failure) => match failure.then {
            Then::Retry | Then::Stall => (EventType::Warning, failure.reason, failure.event_message()),
            // Nobody need be alerted: it is expected to pass.
            Then::Wait(_) => (EventType::Trace, failure.reason, failure.event_message()),
            Then::Again | Then::Superseded => return,
        },
        Ok(Success::Stored | Success::Suspended) => return,
    };
    pass.event(kind, reason, message, &BTreeMap::new());
}

/// Brings the conditions in their final state; what comes next, or the message of the error to retry with.
fn settle<K: ConditionedObject>(
    object: &mut K,
    summary: &Summary<'_>,
    interval: Duration,
    result: &Result<Success, Failure>,
) -> Result<Action, String> {
    let again = if interval.is_zero() { Action::Done } else { Action::AfterJittered(interval) };
    let then = match result {
        Ok(Success::Stored | Success::Unchanged { .. }) => {
            delete(object, RECONCILING);
            Ok(again)
        }
        Ok(Success::Suspended) => Ok(Action::Done),
        Err(failure) => match failure.then {
            Then::Retry => Err(failure.message.clone()),
            Then::Again => Ok(Action::Backoff(failure.message.clone().into())),
            Then::Wait(after) => Ok(Action::After(after)),
            Then::Stall | Then::Superseded => Ok(Action::Done),
        },
    };
    // Reconciling that is still there belongs to a turn that was not completed.
    if let Some(reconciling) = get(object, RECONCILING).cloned() {
        set(object, RECONCILING, ConditionStatus::True, PROGRESSING_WITH_RETRY, reconciling.message);
    }
    let observed = match result {
        Err(failure) if failure.then == Then::Stall => {
            mark_stalled(object, failure.reason, &failure.message);
            true
        }
        _ => {
            delete(object, STALLED);
            result.is_ok()
        }
    };
    if observed && !object.conditions().is_empty() {
        let generation = object.generation();
        object.set_observed_generation(generation);
    }
    summarize(object, summary);
    let succeeded = matches!(result, Ok(Success::Stored | Success::Unchanged { .. }));
    if succeeded && !is_stalled(object) && !is_ready(object) {
        return Err(message(object, READY).unwrap_or("the source is not ready").to_owned());
    }
    then
}

#[cfg(test)]
mod tests {
    use sluice_apis::conditions::{is_reconciling, mark_reconciling, mark_true, reason};
    use sluice_apis::source::v1::{GitRepository, GitRepositorySpec};

    use super::*;
    use crate::conditions::types::{ARTIFACT_IN_STORAGE, ARTIFACT_OUTDATED, FETCH_FAILED};
    use crate::conditions::{Drift, mark_progress};

    const SUMMARY: Summary<'static> = Summary {
        order: &[FETCH_FAILED, ARTIFACT_OUTDATED, ARTIFACT_IN_STORAGE, STALLED, RECONCILING],
        negative_polarity: &[FETCH_FAILED, ARTIFACT_OUTDATED, STALLED, RECONCILING],
        overriding_when_false: &[],
    };
    const HOUR: Duration = Duration::from_hours(1);

    /// An object of generation 2 that observed generation 1, with a turn going on.
    fn object() -> GitRepository {
        let mut object = GitRepository::new("app", GitRepositorySpec::default());
        object.metadata.generation = Some(2);
        object.set_observed_generation(1);
        mark_progress(&mut object, Drift::No, "building artifact");
        object
    }

    fn stored() -> GitRepository {
        let mut object = object();
        mark_true(&mut object, ARTIFACT_IN_STORAGE, "Succeeded", "stored");
        object
    }

    fn failed(failure: Failure) -> (GitRepository, Result<Action, String>) {
        let mut object = stored();
        let failure = failure.with_condition(FETCH_FAILED);
        failure.mark(&mut object);
        let next = settle(&mut object, &SUMMARY, HOUR, &Err(failure));
        (object, next)
    }

    #[test]
    fn success_is_observed_and_repeated_at_the_interval() {
        for result in [Success::Stored, Success::Unchanged { reason: "r", message: String::new() }] {
            let mut object = stored();
            let next = settle(&mut object, &SUMMARY, HOUR, &Ok(result));
            assert_eq!(next, Ok(Action::AfterJittered(HOUR)));
            assert!(is_ready(&object) && !is_reconciling(&object));
            assert_eq!(object.observed_generation(), 2);
        }
    }

    #[test]
    fn a_failure_is_retried_and_not_observed() {
        let (object, next) = failed(Failure::retry("GitOperationFailed", "no route"));
        assert_eq!(next, Err("no route".to_owned()));
        assert_eq!(reason(&object, READY), Some("GitOperationFailed"));
        assert_eq!(reason(&object, RECONCILING), Some(PROGRESSING_WITH_RETRY));
        assert_eq!(message(&object, RECONCILING), Some("building artifact"));
        assert_eq!(object.observed_generation(), 1);
    }

    #[test]
    fn a_stall_is_observed_and_not_retried() {
        let (object, next) = failed(Failure::stall("URLInvalid", "no host"));
        assert_eq!(next, Ok(Action::Done));
        assert!(is_stalled(&object) && !is_reconciling(&object) && !is_ready(&object));
        assert_eq!(reason(&object, READY), Some("URLInvalid"));
        assert_eq!(object.observed_generation(), 2);
        // The next failure of another kind is no stall any more.
        let mut object = object;
        mark_reconciling(&mut object, "Progressing", "again");
        let failure = Failure::retry("GitOperationFailed", "no route");
        assert!(settle(&mut object, &SUMMARY, HOUR, &Err(failure)).is_err());
        assert!(!is_stalled(&object));
    }

    #[test]
    fn what_waits_is_looked_at_again_and_not_observed() {
        let after = Duration::from_secs(30);
        let (object, next) = failed(Failure::wait("NotFound", "not there yet", after));
        assert_eq!(next, Ok(Action::After(after)));
        assert_eq!(reason(&object, READY), Some("NotFound"));
        assert_eq!(reason(&object, RECONCILING), Some(PROGRESSING_WITH_RETRY));
        assert_eq!(object.observed_generation(), 1);
    }

    #[test]
    fn a_suspended_object_is_observed_and_left_alone() {
        let mut object = stored();
        let next = settle(&mut object, &SUMMARY, HOUR, &Ok(Success::Suspended));
        assert_eq!(next, Ok(Action::Done));
        assert_eq!(reason(&object, RECONCILING), Some(PROGRESSING_WITH_RETRY));
        assert_eq!(object.observed_generation(), 2);
        let mut fresh = GitRepository::new("app", GitRepositorySpec::default());
        fresh.metadata.generation = Some(1);
        settle(&mut fresh, &SUMMARY, HOUR, &Ok(Success::Suspended)).unwrap();
        assert_eq!(
            fresh.observed_generation(),
            GitRepository::new("x", GitRepositorySpec::default()).observed_generation()
        );
    }

    #[test]
    fn success_that_leaves_bad_news_is_an_error() {
        let mut object = stored();
        mark_true(&mut object, ARTIFACT_OUTDATED, "NewRevision", "new upstream revision 'x'");
        let next = settle(&mut object, &SUMMARY, HOUR, &Ok(Success::Stored));
        assert_eq!(next, Err("new upstream revision 'x'".to_owned()));
    }

    #[test]
    fn no_interval_means_no_further_turn() {
        let next = settle(&mut stored(), &SUMMARY, Duration::ZERO, &Ok(Success::Stored));
        assert_eq!(next, Ok(Action::Done));
    }
}
