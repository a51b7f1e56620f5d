//! Phase: the commit's content becomes the artifact.

use std::collections::BTreeMap;
use std::sync::Arc;

use sluice_apis::conditions::delete;
use sluice_apis::source::v1::{Artifact, GitRepository};
use sluice_git::Content;
use sluice_runtime::{EventType, Pass};

use super::include::Include;
use super::source::worktree_name;
use super::status::{config_changed, mark_stored, record_artifact};
use super::worktree::Worktree;
use super::{GitReconciler, archive, archive::ArchiveError};
use crate::conditions::reasons;
use crate::conditions::types::{ARTIFACT_OUTDATED, STORAGE_OPERATION_FAILED};
use crate::directory::{Directory, DirectoryError};
use crate::failure::Failure;
use crate::kind::SourceKind;
use crate::publish::{ignore_unreadable, not_archived, publish};
use crate::storage::path_for;

impl GitReconciler {
    /// Stores an artifact of the commit, unless the one that is stored was built from the same.
    pub(super) async fn build(
        &self,
        pass: &mut Pass<GitRepository>,
        content: &Content,
        includes: Vec<Include>,
    ) -> Result<(), Failure> {
        let revision = content.commit().revision.as_str();
        if pass.object.has_revision(revision) && !config_changed(&pass.object, &includes) {
            let message = format!("artifact up-to-date with remote revision: '{revision}'");
            pass.event(EventType::Trace, reasons::ARTIFACT_UP_TO_DATE, &message, &BTreeMap::new());
        } else {
            let artifact = self.store(pass, content, includes.clone()).await?;
            record_artifact(&mut pass.object, artifact, includes);
            delete(&mut pass.object, STORAGE_OPERATION_FAILED);
        }
        delete(&mut pass.object, ARTIFACT_OUTDATED);
        mark_stored(&mut pass.object, revision);
        Ok(())
    }

    async fn store(
        &self,
        pass: &Pass<GitRepository>,
        content: &Content,
        includes: Vec<Include>,
    ) -> Result<Artifact, Failure> {
        let path = path_for(pass, &format!("{}.tar.gz", content.commit().sha));
        let (content, ignore) = (content.clone(), pass.object.spec.ignore.clone());
        let revision = content.commit().revision.clone();
        if includes.is_empty() {
            return publish(&self.storage, path, revision, move |staged, algorithm| {
                let matcher = archive::matcher(&content, ignore.as_deref()).map_err(|error| match error {
                    ArchiveError::Ignore { .. } => ignore_unreadable(&error),
                    error => not_archived(&error),
                })?;
                archive::write(&content, &matcher, algorithm, staged).map_err(|error| not_archived(&error))
            })
            .await;
        }
        // What is included may replace files: it takes a directory to put all together.
        let (storage, stores) = (Arc::clone(&self.storage), Arc::clone(&self.stores));
        let name = worktree_name(pass);
        publish(&self.storage, path, revision, move |staged, algorithm| {
            let worktree = Worktree::check_out(&content, stores.path(), name)?;
            for include in &includes {
                worktree.add(&storage, include)?;
            }
            let failed = |error: DirectoryError| match error {
                DirectoryError::Ignore { .. } => ignore_unreadable(&error),
                error => not_archived(&error),
            };
            let directory = Directory::read(&worktree.path()).map_err(failed)?;
            let matcher = directory.matcher(ignore.as_deref()).map_err(failed)?;
            directory.write(&matcher, algorithm, staged).map_err(failed)
        })
        .await
    }
}
