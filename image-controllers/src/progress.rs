//! Phase: people see that work goes on.

use sluice_apis::conditions::{ConditionedObject, is_unknown, mark_reconciling, mark_unknown};
use sluice_apis::meta::REQUESTED_AT_ANNOTATION;
use sluice_apis::meta::condition_types::READY;
use sluice_apis::meta::reasons::PROGRESSING;
use sluice_runtime::{Object, Pass, PatchError};

/// Whether what Ready tells is out of date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Drift {
    Yes,
    No,
}

/// Says what is being done.
pub(crate) fn mark_progress<K: ConditionedObject>(object: &mut K, drift: Drift, message: &str) {
    mark_reconciling(object, PROGRESSING, message);
    if drift == Drift::Yes || is_unknown(object, READY) {
        mark_unknown(object, READY, PROGRESSING, message);
    }
}

/// Says that work begins; written at once if someone waits for it.
pub(crate) async fn announce<K: Object + ConditionedObject>(pass: &mut Pass<K>) -> Result<(), PatchError> {
    let object = &mut pass.object;
    mark_progress(object, Drift::No, "reconciliation in progress");
    let (generation, observed) = (object.generation(), object.observed_generation());
    if generation != observed {
        let message = format!("processing object: new generation {observed} -> {generation}");
        mark_progress(object, Drift::No, &message);
        pass.progress().await?;
    } else if new_request(object).is_some() {
        pass.progress().await?;
    }
    Ok(())
}

/// The request for a reconciliation that has not been handled yet.
pub(crate) fn new_request<K: Object + ConditionedObject>(object: &K) -> Option<&str> {
    let annotations = object.meta().annotations.as_ref();
    let token = annotations.and_then(|all| all.get(REQUESTED_AT_ANNOTATION)).map(String::as_str);
    // An empty one is as good as handled.
    token.filter(|token| *token != object.last_handled_reconcile_at().unwrap_or_default())
}
