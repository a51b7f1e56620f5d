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
pub(crate) async fn finish<K: Object + ConditionedObject>(
    pass: &mut Pass<K>,
    summary: &Summary<'_>,
    interval: Duration,
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
    let next = settle(&mut pass.object, summary, interval, &result);
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
        Ok(Success::Unchanged { reason, message }) => (EventType::Trace, *reason, message),
        Err(failure) => match failure.then {
            Then::Retry | Then::Stall => (EventType::Warning, failure.reason, &failure.message),
            Then::Superseded => return,
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
