//! What the status of a generator says.

use std::collections::BTreeMap;

use sluice_apis::conditions::{
    ConditionStatus, delete, get, is_false, is_ready, is_stalled, mark_false, mark_stalled, set,
};
use sluice_apis::extensions::v1beta1::{ArtifactGenerator, ExternalArtifactRef};
use sluice_apis::meta::condition_types::{READY, RECONCILING, STALLED};
use sluice_apis::meta::reasons::PROGRESSING_WITH_RETRY;
use sluice_runtime::{Action, EventType, Pass, ReconcileError};

use crate::failure::{Failure, Then};
use crate::finish::record_request;

pub(super) const ACCESS_DENIED: &str = "AccessDenied";
pub(super) const BUILD_FAILED: &str = "BuildFailed";
pub(super) const RECONCILIATION_DISABLED: &str = "ReconciliationDisabled";
pub(super) const RECONCILIATION_FAILED: &str = "ReconciliationFailed";
pub(super) const SOURCE_FETCH_FAILED: &str = "SourceFetchFailed";
pub(super) const VALIDATION_FAILED: &str = "ValidationFailed";

/// Conditions that only this controller writes.
pub(super) const OWNED: &[&str] = &[READY, RECONCILING, STALLED];

/// Switches a generator off.
const RECONCILE_ANNOTATION: &str = "source.extensions.fluxcd.io/reconcile";

/// Whether an annotation switches the generator off.
pub(super) fn is_disabled(generator: &ArtifactGenerator) -> bool {
    let annotations = generator.metadata.annotations.as_ref();
    let value = annotations.and_then(|annotations| annotations.get(RECONCILE_ANNOTATION));
    value.is_some_and(|value| value.eq_ignore_ascii_case("disabled"))
}

/// Settles the conditions, writes the status and plans the next turn.
pub(super) async fn finish(
    pass: &mut Pass<ArtifactGenerator>,
    result: Result<Action, Failure>,
) -> Result<Action, ReconcileError> {
    let next = match result {
        Ok(action) => Ok(action),
        Err(failure) if failure.then == Then::Superseded => return Ok(Action::Done),
        Err(failure) => {
            let Failure { reason, message, then, .. } = failure;
            pass.event(EventType::Warning, reason, &message, &BTreeMap::new());
            mark_false(&mut pass.object, READY, reason, &message);
            if then == Then::Stall {
                mark_stalled(&mut pass.object, reason, &message);
            } else {
                delete(&mut pass.object, STALLED);
            }
            match then {
                Then::Retry => Err(ReconcileError::message(message)),
                Then::Wait(after) => Ok(Action::After(after)),
                Then::Again => Ok(Action::Backoff(message.into())),
                Then::Stall | Then::Superseded => Ok(Action::Done),
            }
        }
    };
    let object = &mut pass.object;
    record_request(object);
    if let Some(reconciling) = get(object, RECONCILING).cloned()
        && is_false(object, READY)
    {
        set(object, RECONCILING, ConditionStatus::True, PROGRESSING_WITH_RETRY, reconciling.message);
    }
    if is_ready(object) || is_stalled(object) {
        delete(object, RECONCILING);
    }
    pass.patch().await?;
    next
}

/// Tells of the artifacts that are new or have changed.
pub(super) fn notify(pass: &Pass<ArtifactGenerator>, before: &[ExternalArtifactRef]) {
    let inventory = pass.object.status.as_ref().map(|status| status.inventory.as_slice()).unwrap_or_default();
    let is_known = |made: &ExternalArtifactRef| {
        before.iter().any(|old| {
            (&old.namespace, &old.name, &old.digest) == (&made.namespace, &made.name, &made.digest)
        })
    };
    let changed: Vec<String> = inventory
        .iter()
        .filter(|made| !is_known(made))
        .map(|made| format!("{}/{} ({})", made.namespace, made.name, made.digest))
        .collect();
    if !changed.is_empty() {
        let message = format!("external artifacts reconciled: {}", changed.join("\n"));
        pass.event(EventType::Normal, READY, &message, &BTreeMap::new());
    }
}
