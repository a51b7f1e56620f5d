//! Phase: the commit's content becomes the artifact.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;

use sluice_apis::conditions::delete;
use sluice_apis::meta::reasons::FAILED;
use sluice_apis::source::v1::{Artifact, GitRepository};
use sluice_artifact::{ArtifactPath, Storage};
use sluice_git::Commit;
use sluice_runtime::{EventType, Pass};

use super::status::{config_changed, has_revision, mark_stored, record_artifact};
use super::{GitReconciler, archive, archive::ArchiveError};
use crate::conditions::reasons;
use crate::conditions::types::{ARTIFACT_OUTDATED, STORAGE_OPERATION_FAILED};
use crate::failure::Failure;

impl GitReconciler {
    /// Stores an artifact of the commit, unless the one that is stored was built from the same.
    pub(super) async fn build(&self, pass: &mut Pass<GitRepository>, commit: &Commit) -> Result<(), Failure> {
        let revision = commit.revision.as_str();
        if has_revision(&pass.object, revision) && !config_changed(&pass.object) {
            let message = format!("artifact up-to-date with remote revision: '{revision}'");
            pass.event(EventType::Trace, reasons::ARTIFACT_UP_TO_DATE, &message, &BTreeMap::new());
        } else {
            let artifact = self.store(pass, commit).await?;
            record_artifact(&mut pass.object, artifact);
            delete(&mut pass.object, STORAGE_OPERATION_FAILED);
        }
        delete(&mut pass.object, ARTIFACT_OUTDATED);
        mark_stored(&mut pass.object, revision);
        Ok(())
    }

    async fn store(&self, pass: &Pass<GitRepository>, commit: &Commit) -> Result<Artifact, Failure> {
        let (namespace, name) = (&pass.key().namespace, &pass.key().name);
        let path = ArtifactPath::new("GitRepository", namespace, name, &format!("{}.tar.gz", commit.sha));
        let (storage, commit) = (Arc::clone(&self.storage), commit.clone());
        let ignore = pass.object.spec.ignore.clone();
        let work = move || store(&storage, &path, &commit, ignore.as_deref());
        tokio::task::spawn_blocking(work).await.map_err(|error| not_archived(&error))?
    }
}

/// Blocks until the artifact is stored.
fn store(
    storage: &Storage,
    path: &ArtifactPath,
    commit: &Commit,
    ignore: Option<&str>,
) -> Result<Artifact, Failure> {
    storage.make_dir(path).map_err(|error| {
        let message = format!("failed to create artifact directory: {error}");
        Failure::retry(reasons::DIRECTORY_CREATION_FAILED, message).with_condition(STORAGE_OPERATION_FAILED)
    })?;
    let _lock = storage.lock(path).map_err(|error| {
        let message = format!("failed to acquire lock for artifact: {error}");
        Failure::retry(FAILED, message).with_condition(STORAGE_OPERATION_FAILED)
    })?;
    let matcher = archive::matcher(commit, ignore).map_err(|error| match error {
        ArchiveError::Ignore { .. } => {
            let message = format!("failed to load source ignore patterns from repository: {error}");
            Failure::retry(reasons::SOURCE_IGNORE_ERROR, message).with_condition(STORAGE_OPERATION_FAILED)
        }
        error => not_archived(&error),
    })?;
    let staged = storage.stage(path).map_err(|error| not_archived(&error))?;
    let (staged, summary) = archive::write(commit, &matcher, storage.algorithm(), staged)
        .map_err(|error| not_archived(&error))?;
    staged.commit(&summary, &commit.revision).map_err(|error| not_archived(&error))
}

fn not_archived(error: &dyn Display) -> Failure {
    let message = format!("unable to archive artifact to storage: {error}");
    Failure::retry(reasons::ARCHIVE_OPERATION_FAILED, message).with_condition(STORAGE_OPERATION_FAILED)
}
