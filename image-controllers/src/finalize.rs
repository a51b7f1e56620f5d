//! The finalizer, and letting go of objects that are being deleted.

use sluice_apis::conditions::ConditionedObject;
use sluice_apis::meta::FINALIZER;
use sluice_runtime::{Action, Object, Pass, ReconcileError};

use crate::finish::record_request;

/// Adds our finalizer; whether it was missing.
pub(crate) fn add_finalizer<K: Object>(object: &mut K) -> bool {
    let finalizers = object.meta_mut().finalizers.get_or_insert_default();
    let missing = !finalizers.iter().any(|finalizer| finalizer == FINALIZER);
    if missing {
        finalizers.push(FINALIZER.to_owned());
    }
    missing
}

/// Lets an object go of which nothing is left.
pub(crate) async fn release<K: Object + ConditionedObject>(
    pass: &mut Pass<K>,
) -> Result<Action, ReconcileError> {
    record_request(&mut pass.object);
    if let Some(finalizers) = &mut pass.object.meta_mut().finalizers {
        finalizers.retain(|finalizer| finalizer != FINALIZER);
    }
    pass.patch().await?;
    Ok(Action::Done)
}
