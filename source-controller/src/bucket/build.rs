//! Phase: the objects become the artifact.

use std::collections::BTreeMap;
use std::sync::Arc;

use sluice_apis::conditions::delete;
use sluice_apis::source::v1::{Artifact, Bucket};
use sluice_archive::ignore::Matcher;
use sluice_artifact::ArtifactPath;
use sluice_runtime::{EventType, Pass};

use super::BucketReconciler;
use super::find::{Found, is_stored};
use super::status::{mark_stored, record_artifact};
use crate::conditions::reasons::{ARTIFACT_UP_TO_DATE, SYMLINK_UPDATE_FAILED};
use crate::conditions::types::STORAGE_OPERATION_FAILED;
use crate::directory::Directory;
use crate::failure::Failure;
use crate::publish::{not_archived, publish};
use crate::storage::{LATEST, path_for};

impl BucketReconciler {
    /// Stores an artifact of what was found, unless the one that is stored holds the same.
    pub(super) async fn build(&self, pass: &mut Pass<Bucket>, found: Found) -> Result<(), Failure> {
        let revision = found.index.digest(self.storage.algorithm());
        let stored = is_stored(&pass.object, &found.index);
        match found.content {
            Some(content) if !stored => {
                let path = path_for(pass, &format!("{}.tar.gz", revision.hex()));
                let written =
                    publish(&self.storage, path.clone(), revision.to_string(), move |staged, algorithm| {
                        let directory =
                            Directory::read(content.path()).map_err(|error| not_archived(&error))?;
                        // What is to be ignored was not fetched.
                        let matcher = Matcher::new(Vec::new());
                        directory.write(&matcher, algorithm, staged).map_err(|error| not_archived(&error))
                    });
                let artifact = written.await?;
                self.record(pass, artifact, path).await;
                delete(&mut pass.object, STORAGE_OPERATION_FAILED);
            }
            _ => {
                let message = format!("artifact up-to-date with remote revision: '{revision}'");
                pass.event(EventType::Trace, ARTIFACT_UP_TO_DATE, &message, &BTreeMap::new());
            }
        }
        mark_stored(&mut pass.object, &revision.to_string());
        Ok(())
    }

    /// Points the link at the artifact, and remembers both. Without the link the artifact is as good.
    async fn record(&self, pass: &mut Pass<Bucket>, artifact: Artifact, path: ArtifactPath) {
        let storage = Arc::clone(&self.storage);
        let linked = tokio::task::spawn_blocking(move || storage.link(&path, LATEST)).await;
        let link = match linked {
            Ok(link) => link.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(error) = &link {
            let message = format!("failed to update status URL symlink: {error}");
            pass.event(EventType::Trace, SYMLINK_UPDATE_FAILED, &message, &BTreeMap::new());
        }
        record_artifact(&mut pass.object, artifact, link.ok());
    }
}
