//! Repositories that registries serve have no state.

use std::collections::BTreeMap;
use std::sync::Arc;

use sluice_apis::meta::FINALIZER;
use sluice_apis::source::v1::{HelmRepository, HelmRepositoryStatus};
use sluice_runtime::{Action, EventType, Pass, ReconcileError};

use super::HelmRepositoryReconciler;
use crate::conditions::reasons::GARBAGE_COLLECTION_SUCCEEDED;
use crate::storage::path_for;

impl HelmRepositoryReconciler {
    /// Removes what was kept when the repository had an index: artifacts, status and finalizer.
    pub(super) async fn migrate(&self, pass: &mut Pass<HelmRepository>) -> Result<Action, ReconcileError> {
        let deleted = pass.object.metadata.deletion_timestamp.is_some();
        if pass.object.spec.suspend && !deleted || !needs_migration(&pass.object) {
            return Ok(Action::Done);
        }
        self.seen.forget(pass.key());
        let (storage, path) = (Arc::clone(&self.storage), path_for(pass, "*"));
        let removed = tokio::task::spawn_blocking(move || storage.remove_object(&path)).await;
        let failed = |error: &dyn std::fmt::Display| {
            ReconcileError::message(format!("garbage collection for deleted resource failed: {error}"))
        };
        if removed.map_err(|error| failed(&error))?.map_err(|error| failed(&error))? {
            let message = "garbage collected artifacts for deleted resource";
            pass.event(EventType::Trace, GARBAGE_COLLECTION_SUCCEEDED, message, &BTreeMap::new());
        }
        if let Some(finalizers) = &mut pass.object.metadata.finalizers {
            finalizers.retain(|finalizer| finalizer != FINALIZER);
        }
        pass.object.status = Some(HelmRepositoryStatus::default());
        pass.patch().await?;
        Ok(Action::Done)
    }
}

fn needs_migration(object: &HelmRepository) -> bool {
    let finalizers = object.metadata.finalizers.as_ref();
    let has_finalizer = finalizers.is_some_and(|all| all.iter().any(|finalizer| finalizer == FINALIZER));
    has_finalizer || object.status.as_ref().is_some_and(|status| *status != HelmRepositoryStatus::default())
}
