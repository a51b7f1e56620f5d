//! Phase: content becomes an artifact that consumers can fetch.

use std::fmt::Display;
use std::sync::Arc;

use sluice_apis::meta::reasons::FAILED;
use sluice_apis::source::v1::Artifact;
use sluice_archive::{Algorithm, Summary};
use sluice_artifact::{ArtifactPath, Staged, Storage};

use crate::conditions::reasons;
use crate::conditions::types::STORAGE_OPERATION_FAILED;
use crate::failure::Failure;

/// Stores what `write` writes, which may block. Nobody sees any of it before all is written.
pub(crate) async fn publish<W>(
    storage: &Arc<Storage>,
    path: ArtifactPath,
    revision: String,
    write: W,
) -> Result<Artifact, Failure>
where
    W: for<'a> FnOnce(Staged<'a>, Algorithm) -> Result<(Staged<'a>, Summary), Failure> + Send + 'static,
{
    let storage = Arc::clone(storage);
    let work = move || {
        store(&storage, &path, &revision, write).map_err(|failure| failure.with_remedy("--storage-path"))
    };
    tokio::task::spawn_blocking(work).await.map_err(|error| not_archived(&error))?
}

fn store<W>(storage: &Storage, path: &ArtifactPath, revision: &str, write: W) -> Result<Artifact, Failure>
where
    W: for<'a> FnOnce(Staged<'a>, Algorithm) -> Result<(Staged<'a>, Summary), Failure>,
{
    storage.make_dir(path).map_err(|error| {
        let message = format!("failed to create artifact directory: {error}");
        Failure::retry(reasons::DIRECTORY_CREATION_FAILED, message).with_condition(STORAGE_OPERATION_FAILED)
    })?;
    let _lock = storage.lock(path).map_err(|error| {
        let message = format!("failed to acquire lock for artifact: {error}");
        Failure::retry(FAILED, message).with_condition(STORAGE_OPERATION_FAILED)
    })?;
    let staged = storage.stage(path).map_err(|error| not_archived(&error))?;
    let (staged, summary) = write(staged, storage.algorithm())?;
    staged.commit(&summary, revision).map_err(|error| not_archived(&error))
}

/// The content could not be packed or written.
pub(crate) fn not_archived(error: &dyn Display) -> Failure {
    let message = format!("unable to archive artifact to storage: {error}");
    Failure::retry(reasons::ARCHIVE_OPERATION_FAILED, message).with_condition(STORAGE_OPERATION_FAILED)
}

/// The files that say what to leave out cannot be read.
pub(crate) fn ignore_unreadable(error: &dyn Display) -> Failure {
    let message = format!("failed to load source ignore patterns from repository: {error}");
    Failure::retry(reasons::SOURCE_IGNORE_ERROR, message).with_condition(STORAGE_OPERATION_FAILED)
}
