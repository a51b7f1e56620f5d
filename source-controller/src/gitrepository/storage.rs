//! Phase: what is stored for the object.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sluice_apis::conditions::delete;
use sluice_apis::source::v1::{Artifact, GitRepository};
use sluice_artifact::{IntegrityError, Storage};
use sluice_runtime::{EventType, Pass};

use super::GitReconciler;
use super::status::artifact;
use crate::conditions::types::{ARTIFACT_IN_STORAGE, STORAGE_OPERATION_FAILED};
use crate::conditions::{Drift, mark_progress, reasons};
use crate::failure::Failure;

/// How long a turn waits for the removal of old artifacts.
const GARBAGE_BUDGET: Duration = Duration::from_secs(5);

/// What became of the stored artifact.
enum Stored {
    Intact,
    Missing,
    Corrupt(IntegrityError),
}

impl GitReconciler {
    /// Removes old artifacts and makes sure that the status does not advertise one that is not there.
    pub(super) async fn check_storage(&self, pass: &mut Pass<GitRepository>) -> Result<(), Failure> {
        delete(&mut pass.object, STORAGE_OPERATION_FAILED);
        let mut missing = false;
        if let Some(current) = artifact(&pass.object).cloned() {
            self.collect_garbage(pass, &current).await;
            missing = match inspect(&self.storage, current).await? {
                Stored::Intact => false,
                Stored::Missing => true,
                Stored::Corrupt(error) => {
                    let message = format!("failed to verify integrity of artifact: {error}");
                    let reason = reasons::ARTIFACT_VERIFICATION_FAILED;
                    pass.event(EventType::Warning, reason, &message, &BTreeMap::new());
                    true
                }
            };
        }
        let status = pass.object.status.get_or_insert_default();
        if missing {
            status.artifact = None;
        }
        if let Some(artifact) = &mut status.artifact {
            self.storage.rehost(artifact);
            return Ok(());
        }
        let suffix = if missing { ": disappeared from storage" } else { "" };
        mark_progress(&mut pass.object, Drift::Yes, &format!("building artifact{suffix}"));
        delete(&mut pass.object, ARTIFACT_IN_STORAGE);
        pass.patch().await?;
        Ok(())
    }

    async fn collect_garbage(&self, pass: &Pass<GitRepository>, current: &Artifact) {
        let (storage, current) = (Arc::clone(&self.storage), current.clone());
        let work = tokio::task::spawn_blocking(move || storage.collect_garbage(&current));
        match tokio::time::timeout(GARBAGE_BUDGET, work).await {
            Ok(Ok(Ok(removed))) if removed.is_empty() => {}
            Ok(Ok(Ok(removed))) => {
                let message = format!("garbage collected {} artifacts", removed.len());
                let reason = reasons::GARBAGE_COLLECTION_SUCCEEDED;
                pass.event(EventType::Trace, reason, &message, &BTreeMap::new());
            }
            // Old artifacts are no reason not to make new ones; the next turn tries again.
            Ok(Ok(Err(error))) => tracing::warn!(%error, "garbage collection of artifacts failed"),
            Ok(Err(error)) => tracing::warn!(%error, "garbage collection of artifacts failed"),
            Err(_) => tracing::warn!("garbage collection of artifacts takes too long"),
        }
    }
}

/// Looks at the artifact's file and removes a corrupt one.
async fn inspect(storage: &Arc<Storage>, artifact: Artifact) -> Result<Stored, Failure> {
    let storage = Arc::clone(storage);
    let inspect = move || {
        if !storage.contains(&artifact) {
            return Ok(Stored::Missing);
        }
        match storage.verify(&artifact) {
            Ok(()) => Ok(Stored::Intact),
            Err(error) => storage.remove(&artifact).map(|()| Stored::Corrupt(error)),
        }
    };
    let failed = |error: &dyn std::fmt::Display| {
        let message = format!("failed to remove artifact after digest mismatch: {error}");
        Failure::retry(reasons::ARTIFACT_VERIFICATION_FAILED, message)
            .with_condition(STORAGE_OPERATION_FAILED)
    };
    tokio::task::spawn_blocking(inspect).await.map_err(|e| failed(&e))?.map_err(|e| failed(&e))
}
