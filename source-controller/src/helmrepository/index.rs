//! Phase: the index becomes the artifact.

use std::collections::BTreeMap;
use std::sync::Arc;

use sluice_apis::conditions::{delete, mark_true};
use sluice_apis::source::v1::{HelmRepository, Source};
use sluice_archive::{Summary, Tee};
use sluice_runtime::{EventType, Pass};

use super::HelmRepositoryReconciler;
use super::fetch::Index;
use super::status::mark_stored;
use crate::conditions::reasons::{
    ARCHIVE_OPERATION_FAILED, INDEXATION_FAILED, NEW_REVISION, SYMLINK_UPDATE_FAILED,
};
use crate::conditions::types::{ARTIFACT_OUTDATED, FETCH_FAILED, STORAGE_OPERATION_FAILED};
use crate::conditions::{Drift, mark_progress};
use crate::failure::Failure;
use crate::helm::index::{IndexError, convert};
use crate::publish::publish;
use crate::storage::path_for;

/// The link to the latest index.
const LATEST: &str = "index.yaml";

impl HelmRepositoryReconciler {
    /// Checks the index and stores it in a form in which charts are found fast.
    pub(super) async fn build(&self, pass: &mut Pass<HelmRepository>, index: Index) -> Result<(), Failure> {
        // What is no index is found out before anything is said about it.
        let converted = check(&self.workspace, &index).await?;
        delete(&mut pass.object, FETCH_FAILED);
        let revision = index.revision.clone();
        let message = format!("new index revision '{revision}'");
        if pass.object.artifact().is_some() {
            mark_true(&mut pass.object, ARTIFACT_OUTDATED, NEW_REVISION, &message);
        }
        mark_progress(&mut pass.object, Drift::Yes, &format!("building artifact: {message}"));
        pass.progress().await?;

        let hex = revision.split_once(':').map_or(revision.as_str(), |(_, hex)| hex);
        let path = path_for(pass, &format!("index-{hex}.yaml"));
        let artifact = publish(&self.storage, path.clone(), revision.clone(), move |staged, algorithm| {
            let failed = |error: std::io::Error| {
                let message = format!("unable to save artifact to storage: {error}");
                Failure::retry(ARCHIVE_OPERATION_FAILED, message).with_condition(STORAGE_OPERATION_FAILED)
            };
            let mut from = converted.reopen().map_err(failed)?;
            let mut out = Tee::new(staged, algorithm);
            std::io::copy(&mut from, &mut out).map_err(failed)?;
            let (staged, digest, size) = out.finish();
            Ok((staged, Summary { digest, size }))
        })
        .await?;
        self.seen.remember(pass.key(), &pass.object.spec.url, &index);
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
        let status = pass.object.status.get_or_insert_default();
        status.artifact = Some(artifact);
        if let Ok(link) = link {
            status.url = Some(link);
        }
        delete(&mut pass.object, STORAGE_OPERATION_FAILED);
        mark_stored(&mut pass.object, &revision);
        Ok(())
    }
}

/// The index in the form that is stored, in a file of its own.
async fn check(
    workspace: &sluice_artifact::Workspace,
    index: &Index,
) -> Result<tempfile::NamedTempFile, Failure> {
    let failed = |error: &dyn std::fmt::Display| {
        let message = format!("failed to load Helm repository from index YAML: {error}");
        Failure::retry(INDEXATION_FAILED, message).with_condition(FETCH_FAILED)
    };
    let (from, dir) = (index.file.path().to_owned(), workspace.path().to_owned());
    let work = move || -> Result<_, IndexError> {
        let file = tempfile::NamedTempFile::new_in(dir)?;
        convert(&from, file.reopen()?)?;
        Ok(file)
    };
    tokio::task::spawn_blocking(work).await.map_err(|error| failed(&error))?.map_err(|error| failed(&error))
}
