//! Phase: what is stored for the object.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sluice_apis::conditions::delete;
use sluice_apis::source::v1::Artifact;
use sluice_artifact::{ArtifactPath, IntegrityError, Storage};
use sluice_runtime::{EventType, Pass};

use crate::conditions::types::{ARTIFACT_IN_STORAGE, STORAGE_OPERATION_FAILED};
use crate::conditions::{Drift, mark_progress, reasons};
use crate::failure::Failure;
use crate::kind::SourceKind;

/// The link to the latest artifact of kinds that have one.
pub(crate) const LATEST: &str = "latest.tar.gz";

/// How long a turn waits for the removal of old artifacts.
const GARBAGE_BUDGET: Duration = Duration::from_secs(5);

/// What became of the stored artifact.
enum Stored {
    Intact,
    Missing,
    Corrupt(IntegrityError),
}

/// Removes old artifacts and makes sure that the status does not advertise one that is not there.
pub(crate) async fn check_storage<K: SourceKind>(
    pass: &mut Pass<K>,
    storage: &Arc<Storage>,
) -> Result<(), Failure> {
    delete(&mut pass.object, STORAGE_OPERATION_FAILED);
    let mut missing = false;
    if let Some(current) = pass.object.artifact().cloned() {
        collect_garbage(pass, storage, &current).await;
        missing = match inspect(storage, current).await? {
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
    let here = pass.object.artifact().filter(|_| !missing).cloned();
    if let Some(mut artifact) = here {
        storage.rehost(&mut artifact);
        pass.object.set_artifact(Some(artifact));
        if let Some(link) = pass.object.link_mut().and_then(Option::as_mut) {
            *link = storage.url(&path_of(link));
        }
        return Ok(());
    }
    pass.object.set_artifact(None);
    if let Some(link) = pass.object.link_mut() {
        *link = None;
    }
    let suffix = if missing { ": disappeared from storage" } else { "" };
    mark_progress(&mut pass.object, Drift::Yes, &format!("building artifact{suffix}"));
    delete(&mut pass.object, ARTIFACT_IN_STORAGE);
    if missing {
        // Who uses it must know at once.
        pass.patch().await?;
    } else {
        pass.progress().await?;
    }
    Ok(())
}

/// The path of a URL of ours.
fn path_of(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split_once('/').map(|(_, path)| path.to_owned()).unwrap_or_default()
}

/// Where an artifact of this object is stored.
pub(crate) fn path_for<K: SourceKind>(pass: &Pass<K>, file: &str) -> ArtifactPath {
    ArtifactPath::new(K::KIND, &pass.key().namespace, &pass.key().name, file)
}

async fn collect_garbage<K: SourceKind>(pass: &Pass<K>, storage: &Arc<Storage>, current: &Artifact) {
    let (storage, current) = (Arc::clone(storage), current.clone());
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
