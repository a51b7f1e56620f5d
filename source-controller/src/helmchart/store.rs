//! Phase: the chart becomes the artifact.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

use sluice_apis::conditions::delete;
use sluice_apis::source::v1::HelmChart;
use sluice_archive::{Summary, Tee};
use sluice_runtime::{EventType, Pass};

use super::HelmChartReconciler;
use super::build::{Build, is_recorded};
use super::status::{mark_stored, record_artifact};
use crate::conditions::reasons::{ARCHIVE_OPERATION_FAILED, ARTIFACT_UP_TO_DATE, SYMLINK_UPDATE_FAILED};
use crate::conditions::types::STORAGE_OPERATION_FAILED;
use crate::failure::Failure;
use crate::publish::publish;
use crate::storage::{LATEST, path_for};

impl HelmChartReconciler {
    /// Stores the archive, unless it is the one that is stored.
    pub(super) async fn store(&self, pass: &mut Pass<HelmChart>, mut build: Build) -> Result<Build, Failure> {
        let Some(archive) = build.archive.take() else {
            let message = format!("artifact up-to-date with remote revision: '{}'", build.version);
            pass.event(EventType::Trace, ARTIFACT_UP_TO_DATE, &message, &BTreeMap::new());
            if is_recorded(&pass.object, &build) {
                mark_stored(&mut pass.object, &build);
            }
            return Ok(build);
        };
        if build.dependencies > 0 {
            let message = format!("resolved {} chart dependencies", build.dependencies);
            pass.event(EventType::Trace, "ResolvedDependencies", &message, &BTreeMap::new());
        }
        let path = path_for(pass, &format!("{}-{}.tgz", build.name, build.version));
        let artifact =
            publish(&self.storage, path.clone(), build.version.clone(), move |staged, algorithm| {
                let mut out = Tee::new(staged, algorithm);
                out.write_all(&archive).map_err(|error| {
                    let message = format!("unable to copy Helm chart to storage: {error}");
                    Failure::retry(ARCHIVE_OPERATION_FAILED, message).with_condition(STORAGE_OPERATION_FAILED)
                })?;
                let (staged, digest, size) = out.finish();
                Ok((staged, Summary { digest, size }))
            })
            .await?;
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
        record_artifact(&mut pass.object, artifact, link.ok(), &build);
        delete(&mut pass.object, STORAGE_OPERATION_FAILED);
        mark_stored(&mut pass.object, &build);
        Ok(build)
    }
}
