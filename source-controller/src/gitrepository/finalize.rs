//! Phase: the object is being deleted.

use std::collections::BTreeMap;
use std::sync::Arc;

use sluice_apis::meta::FINALIZER;
use sluice_apis::source::v1::GitRepository;
use sluice_artifact::ArtifactPath;
use sluice_runtime::{Action, EventType, Pass, ReconcileError};

use super::{GitReconciler, status};
use crate::conditions::reasons::{GARBAGE_COLLECTION_FAILED, GARBAGE_COLLECTION_SUCCEEDED};
use crate::failure::Failure;
use crate::finish::{finish, record_request};

/// Adds our finalizer; whether it was missing.
pub(super) fn add_finalizer(object: &mut GitRepository) -> bool {
    let finalizers = object.metadata.finalizers.get_or_insert_default();
    let missing = !finalizers.iter().any(|finalizer| finalizer == FINALIZER);
    if missing {
        finalizers.push(FINALIZER.to_owned());
    }
    missing
}

impl GitReconciler {
    /// Removes what is stored for the object and lets it go.
    pub(super) async fn finalize(&self, pass: &mut Pass<GitRepository>) -> Result<Action, ReconcileError> {
        let path = ArtifactPath::new("GitRepository", &pass.key().namespace, &pass.key().name, "*");
        let (storage, stores, key) =
            (Arc::clone(&self.storage), Arc::clone(&self.stores), pass.key().clone());
        let remove = move || {
            stores.forget(&key);
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
        if let Some(finalizers) = &mut pass.object.metadata.finalizers {
            finalizers.retain(|finalizer| finalizer != FINALIZER);
        }
        pass.patch().await?;
        Ok(Action::Done)
    }
}

/// Keeps the object until what is stored for it can be removed.
async fn keep(pass: &mut Pass<GitRepository>, error: String) -> Result<Action, ReconcileError> {
    let message = format!("garbage collection for deleted resource failed: {error}");
    let failure = Failure::retry(GARBAGE_COLLECTION_FAILED, message);
    let interval = pass.object.spec.interval.0;
    finish(pass, &status::SUMMARY, interval, Err(failure)).await
}
