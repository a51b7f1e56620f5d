//! Phase: people see that work begins.

use sluice_apis::meta::REQUESTED_AT_ANNOTATION;
use sluice_runtime::Pass;

use crate::conditions::{Drift, mark_progress};
use crate::failure::Failure;
use crate::kind::SourceKind;

/// Says that work begins; written at once if someone waits for it.
pub(crate) async fn announce<K: SourceKind>(pass: &mut Pass<K>) -> Result<(), Failure> {
    let object = &mut pass.object;
    mark_progress(object, Drift::No, "reconciliation in progress");
    let (generation, observed) = (object.generation(), object.observed_generation());
    if generation != observed {
        let message = format!("processing object: new generation {observed} -> {generation}");
        mark_progress(object, Drift::No, &message);
        pass.progress().await?;
    } else if has_new_request(object) {
        pass.progress().await?;
    }
    Ok(())
}

fn has_new_request<K: SourceKind>(object: &K) -> bool {
    let annotations = object.meta().annotations.as_ref();
    let token = annotations.and_then(|all| all.get(REQUESTED_AT_ANNOTATION)).map(String::as_str);
    // An empty one is as good as handled.
    token.is_some_and(|token| token != object.last_handled_reconcile_at().unwrap_or_default())
}
