//! Phase: the commit's content becomes the artifact.

use std::collections::BTreeMap;

use sluice_apis::conditions::delete;
use sluice_apis::source::v1::{Artifact, GitRepository};
use sluice_git::Commit;
use sluice_runtime::{EventType, Pass};

use super::status::{config_changed, mark_stored, record_artifact};
use super::{GitReconciler, archive, archive::ArchiveError};
use crate::conditions::reasons;
use crate::conditions::types::{ARTIFACT_OUTDATED, STORAGE_OPERATION_FAILED};
use crate::failure::Failure;
use crate::kind::SourceKind;
use crate::publish::{ignore_unreadable, not_archived, publish};
use crate::storage::path_for;

impl GitReconciler {
    /// Stores an artifact of the commit, unless the one that is stored was built from the same.
    pub(super) async fn build(&self, pass: &mut Pass<GitRepository>, commit: &Commit) -> Result<(), Failure> {
        let revision = commit.revision.as_str();
        if pass.object.has_revision(revision) && !config_changed(&pass.object) {
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
        let path = path_for(pass, &format!("{}.tar.gz", commit.sha));
        let (commit, ignore) = (commit.clone(), pass.object.spec.ignore.clone());
        let revision = commit.revision.clone();
        publish(&self.storage, path, revision, move |staged, algorithm| {
            let matcher = archive::matcher(&commit, ignore.as_deref()).map_err(|error| match error {
                ArchiveError::Ignore { .. } => ignore_unreadable(&error),
                error => not_archived(&error),
            })?;
            archive::write(&commit, &matcher, algorithm, staged).map_err(|error| not_archived(&error))
        })
        .await
    }
}
