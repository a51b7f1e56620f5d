//! The end of a turn: conditions are settled, people are told, the status is written, the next turn is planned.

use std::collections::BTreeMap;
use std::time::Duration;

use sluice_apis::conditions::{
    ConditionStatus, ConditionedObject, delete, get, is_false, is_ready, is_reconciling, is_stalled,
    mark_false, mark_stalled, mark_true, message, reason, set,
};
use sluice_apis::meta::REQUESTED_AT_ANNOTATION;
use sluice_apis::meta::condition_types::{READY, RECONCILING, STALLED};
use sluice_apis::meta::reasons::{FAILED, PROGRESSING_WITH_RETRY, SUCCEEDED};
use sluice_runtime::{Action, EventType, Object, Pass, ReconcileError};

use crate::failure::{Failure, Then};

/// Conditions that only these controllers write.
pub(crate) const OWNED: &[&str] = &[READY, RECONCILING, STALLED];

/// How a turn went that did not fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Success {
    /// Message of Ready.
    pub(crate) ready: String,
    /// Message of an event that is due though Ready says what it said before.
    pub(crate) news: Option<String>,
    /// Message of the event that says that there is nothing new.
    pub(crate) quiet: String,
    /// The time to the next turn; none follows by itself if it is zero.
    pub(crate) next: Duration,
}

/// What people saw when the turn began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Before {
    ready: Option<String>,
}

impl Before {
    pub(crate) fn of<K: ConditionedObject>(object: &K) -> Self {
        let settled = is_ready(object) && !is_reconciling(object) && !is_stalled(object);
        Self { ready: settled.then(|| message(object, READY).unwrap_or_default().to_owned()) }
    }
}

/// Settles the conditions, tells how it went, writes the status and plans the next turn.
pub(crate) async fn finish<K: Object + ConditionedObject>(
    pass: &mut Pass<K>,
    before: &Before,
    result: Result<Success, Failure>,
) -> Result<Action, ReconcileError> {
    if matches!(&result, Err(failure) if failure.then == Then::Superseded) {
        // What supersedes this turn has queued the next one, which tells what it finds.
        return Ok(Action::Done);
    }
    let next = settle(&mut pass.object, &result);
    record_request(&mut pass.object);
    let (kind, why, text) = tell(&pass.object, before, &result);
    pass.event(kind, &why, &text, &BTreeMap::new());
    pass.patch().await?;
    next.map_err(ReconcileError::message)
}

/// Remembers which request for a reconciliation was seen.
pub(crate) fn record_request<K: Object + ConditionedObject>(object: &mut K) {
    let annotations = object.meta().annotations.as_ref();
    let token = annotations.and_then(|all| all.get(REQUESTED_AT_ANNOTATION)).cloned();
    if let Some(token) = token.filter(|token| object.last_handled_reconcile_at() != Some(token)) {
        object.set_last_handled_reconcile_at(&token);
    }
}

/// Brings the conditions in their final state; what comes next, or the message of the error to retry with.
fn settle<K: ConditionedObject>(object: &mut K, result: &Result<Success, Failure>) -> Result<Action, String> {
    let failure = match result {
        Ok(success) => {
            delete(object, RECONCILING);
            delete(object, STALLED);
            mark_true(object, READY, SUCCEEDED, &success.ready);
            observe(object);
            return Ok(if success.next.is_zero() { Action::Done } else { Action::After(success.next) });
        }
        Err(failure) => failure,
    };
    match failure.reason {
        Some(reason) => mark_false(object, READY, reason, &failure.message),
        None if is_false(object, READY) => {}
        None => mark_false(object, READY, FAILED, &failure.message),
    }
    if failure.then == Then::Stall {
        mark_stalled(object, failure.reason.unwrap_or(FAILED), &failure.message);
        observe(object);
        return Ok(Action::Done);
    }
    delete(object, STALLED);
    // Reconciling that is still there belongs to a turn that was not completed.
    if let Some(reconciling) = get(object, RECONCILING).cloned() {
        set(object, RECONCILING, ConditionStatus::True, PROGRESSING_WITH_RETRY, reconciling.message);
    }
    match failure.then {
        Then::Wait(after) => Ok(Action::After(after)),
        Then::Retry | Then::Stall | Then::Superseded => Err(failure.message.clone()),
    }
}

fn observe<K: ConditionedObject>(object: &mut K) {
    let generation = object.generation();
    object.set_observed_generation(generation);
}

/// The event about a turn.
fn tell<K: ConditionedObject>(
    object: &K,
    before: &Before,
    result: &Result<Success, Failure>,
) -> (EventType, String, String) {
    let said = message(object, READY).unwrap_or_default().to_owned();
    let why = reason(object, READY).unwrap_or(FAILED).to_owned();
    match result {
        Err(_) => (EventType::Warning, why, said),
        Ok(Success { news: Some(news), .. }) => (EventType::Normal, why, news.clone()),
        Ok(_) if before.ready.as_ref() != Some(&said) => (EventType::Normal, why, said),
        Ok(success) => (EventType::Trace, SUCCEEDED.to_owned(), success.quiet.clone()),
    }
}

#[cfg(test)]
mod tests {
    use sluice_apis::conditions::{is_unknown, mark_unknown};
    use sluice_apis::image::v1::{ImageRepository, ImageRepositorySpec};

    use super::*;
    use crate::progress::{Drift, mark_progress};

    fn object() -> ImageRepository {
        let mut object = ImageRepository::new("app", ImageRepositorySpec::default());
        object.metadata.generation = Some(2);
        object.set_observed_generation(1);
        mark_progress(&mut object, Drift::No, "scanning: first scan");
        object
    }

    fn success() -> Success {
        let after = Duration::from_mins(1);
        Success { ready: "found".to_owned(), news: None, quiet: "nothing new".to_owned(), next: after }
    }

    #[test]
    fn success_is_observed_and_told_once() {
        let mut object = object();
        assert!(is_unknown(&object, READY));
        let before = Before::of(&object);
        assert_eq!(settle(&mut object, &Ok(success())), Ok(Action::After(Duration::from_mins(1))));
        assert!(is_ready(&object) && !is_reconciling(&object));
        assert_eq!(object.observed_generation(), 2);
        assert_eq!(tell(&object, &before, &Ok(success())).0, EventType::Normal);
        let before = Before::of(&object);
        let quiet = (EventType::Trace, "Succeeded".to_owned(), "nothing new".to_owned());
        assert_eq!(tell(&object, &before, &Ok(success())), quiet);
        let pushed = Success { news: Some("pushed".to_owned()), ..success() };
        assert_eq!(tell(&object, &before, &Ok(pushed)).2, "pushed");
    }

    #[test]
    fn a_failure_is_retried_and_not_observed() {
        let mut object = object();
        let failure = Failure::retry("ReadOperationFailed", "scan failed: no route");
        assert_eq!(settle(&mut object, &Err(failure)), Err("scan failed: no route".to_owned()));
        assert_eq!(reason(&object, READY), Some("ReadOperationFailed"));
        assert_eq!(reason(&object, RECONCILING), Some(PROGRESSING_WITH_RETRY));
        assert_eq!(object.observed_generation(), 1);
        // One without a reason does not hide it.
        assert!(settle(&mut object, &Err(Failure::unnamed("conflict"))).is_err());
        assert_eq!(message(&object, READY), Some("scan failed: no route"));
        mark_unknown(&mut object, READY, "Progressing", "");
        assert!(settle(&mut object, &Err(Failure::unnamed("conflict"))).is_err());
        assert_eq!((reason(&object, READY), message(&object, READY)), (Some("Failed"), Some("conflict")));
    }

    #[test]
    fn a_stall_is_observed_and_not_retried() {
        let mut object = object();
        let failure = Failure::stall("ImageURLInvalid", "no image");
        assert_eq!(settle(&mut object, &Err(failure)), Ok(Action::Done));
        assert!(is_stalled(&object) && !is_reconciling(&object));
        assert_eq!(reason(&object, READY), Some("ImageURLInvalid"));
        assert_eq!(object.observed_generation(), 2);
        let failure = Failure::wait("DependencyNotReady", "later", Duration::from_secs(30));
        assert_eq!(settle(&mut object, &Err(failure)), Ok(Action::After(Duration::from_secs(30))));
        assert!(!is_stalled(&object));
    }
}
