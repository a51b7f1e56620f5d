//! Phase: the object is being deleted.

use std::collections::BTreeMap;
use std::sync::Arc;

use sluice_apis::meta::FINALIZER;
use sluice_apis::meta::condition_types::{READY, RECONCILING};
use sluice_artifact::Storage;
use sluice_runtime::{Action, EventType, Pass, ReconcileError};

use crate::conditions::reasons::{GARBAGE_COLLECTION_FAILED, GARBAGE_COLLECTION_SUCCEEDED};
use crate::failure::Failure;
use crate::finish::{finish, record_request};
use crate::kind::SourceKind;
use crate::storage::path_for;

/// Adds our finalizer; whether it was missing.
pub(crate) fn add_finalizer<K: SourceKind>(object: &mut K) -> bool {
    let finalizers = object.meta_mut().finalizers.get_or_insert_default();
    let missing = !finalizers.iter().any(|finalizer| finalizer == FINALIZER);
    if missing {
        finalizers.push(FINALIZER.to_owned());
    }
    missing
}

/// Removes what is stored for the object and lets it go. `forget` removes what else is kept for it; it may block.
pub(crate) async fn finalize<K: SourceKind>(
    pass: &mut Pass<K>,
    storage: &Arc<Storage>,
    forget: impl FnOnce() + Send + 'static,
) -> Result<Action, ReconcileError> {
    let (storage, path) = (Arc::clone(storage), path_for(pass, "*"));
    let remove = move || {
        forget();
        storage.remove_object(&path)
    };
    let removed = match tokio::task::spawn_blocking(remove).await {
        Ok(Ok(removed)) => removed,
        Ok(Err(error)) => return keep(pass, error.to_string()).await,
        Err(error) => return keep(pass, error.to_string()).await,
    };
    if removed {
        let message = "garbage collected artifacts for deleted resource";
        pass.event(EventType::Trace, GARBAGE_COLLECTION_SUCCEEDED, message, &BTreeMap::new());
    }
    record_request(&mut pass.object);
    let is_held = pass.object.meta().finalizers.iter().flatten().any(|finalizer| finalizer != FINALIZER);
    if is_held {
        tell_the_holder(&mut pass.object);
    }
    if let Some(finalizers) = &mut pass.object.meta_mut().finalizers {
        finalizers.retain(|finalizer| finalizer != FINALIZER);
    }
    pass.patch().await?;
    Ok(Action::Done)
}

/// The status of an object that others still hold: that what was stored is gone. Nobody sees that of one that goes at once.
fn tell_the_holder<K: SourceKind>(object: &mut K) {
    object.set_artifact(None);
    let generation = object.generation();
    for condition in object.conditions_mut() {
        if [READY, RECONCILING].contains(&condition.type_.as_str()) {
            condition.observed_generation = Some(generation);
        }
    }
    object.set_observed_generation(generation);
}

/// Keeps the object until what is stored for it can be removed.
async fn keep<K: SourceKind>(pass: &mut Pass<K>, error: String) -> Result<Action, ReconcileError> {
    let message = format!("garbage collection for deleted resource failed: {error}");
    let failure = Failure::retry(GARBAGE_COLLECTION_FAILED, message);
    finish(pass, Err(failure)).await
}
