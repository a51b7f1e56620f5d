//! Phase: the layer's content becomes the artifact.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use sluice_apis::conditions::delete;
use sluice_apis::source::v1::{Artifact, OciRepository};
use sluice_archive::{Algorithm, Limits, Summary, Symlinks, Tee, extract};
use sluice_artifact::{ArtifactPath, Staged};
use sluice_runtime::{EventType, Pass};

use super::OciReconciler;
use super::pull::{LAYER, Pulled, bad_layer, is_copy};
use super::source::Found;
use super::status::{mark_stored, record_artifact};
use crate::conditions::reasons::{ARCHIVE_OPERATION_FAILED, SYMLINK_UPDATE_FAILED};
use crate::conditions::types::{FETCH_FAILED, STORAGE_OPERATION_FAILED};
use crate::directory::{Directory, DirectoryError};
use crate::failure::Failure;
use crate::publish::{ignore_unreadable, not_archived, publish};
use crate::storage::{LATEST, path_for};

/// Name of the directory with the content of the layer.
const CONTENT: &str = "content";
/// What the content of a layer may take.
const LIMITS: Limits = Limits { bytes: Some(4 << 30), entries: 1_000_000, depth: 255 };

impl OciReconciler {
    /// Stores the layer: as it is, or its content as an archive of ours.
    pub(super) async fn build(
        &self,
        pass: &mut Pass<OciRepository>,
        found: Found,
        pulled: Pulled,
    ) -> Result<(), Failure> {
        let path = path_for(pass, &format!("{}.tar.gz", found.digest));
        let Pulled { dir, annotations } = pulled;
        let dir = Arc::new(dir);
        let kept = Arc::clone(&dir);
        let revision = found.revision.clone();
        let mut artifact = if is_copy(pass.object.spec.layer_selector.as_ref()) {
            delete(&mut pass.object, FETCH_FAILED);
            publish(&self.storage, path.clone(), revision, move |staged, algorithm| {
                copy(kept.path(), staged, algorithm)
            })
            .await?
        } else {
            unpack(Arc::clone(&dir)).await?;
            delete(&mut pass.object, FETCH_FAILED);
            let ignore = pass.object.spec.ignore.clone();
            publish(&self.storage, path.clone(), revision, move |staged, algorithm| {
                pack(kept.path(), ignore.as_deref(), staged, algorithm)
            })
            .await?
        };
        artifact.metadata = annotations;
        self.record(pass, artifact, path).await;
        delete(&mut pass.object, STORAGE_OPERATION_FAILED);
        mark_stored(&mut pass.object, &found.revision);
        Ok(())
    }

    /// Points the link at the artifact, and remembers both. Without the link the artifact is as good.
    async fn record(&self, pass: &mut Pass<OciRepository>, artifact: Artifact, path: ArtifactPath) {
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

/// Unpacks the layer beside it.
async fn unpack(dir: Arc<tempfile::TempDir>) -> Result<(), Failure> {
    let failed =
        |error: &dyn Display| bad_layer(&format!("failed to extract layer contents from artifact: {error}"));
    let work = move || {
        let layer = File::open(dir.path().join(LAYER)).map_err(|error| failed(&error))?;
        let content = dir.path().join(CONTENT);
        extract(io::BufReader::new(layer), &content, &LIMITS, Symlinks::Skip)
            .map_err(|error| failed(&error))?;
        Ok(())
    };
    tokio::task::spawn_blocking(work).await.map_err(|error| failed(&error))?
}

/// Writes the layer as it is.
fn copy<'a>(dir: &Path, staged: Staged<'a>, algorithm: Algorithm) -> Result<(Staged<'a>, Summary), Failure> {
    let failed = |error: &io::Error| {
        let message = format!("unable to copy artifact to storage: {error}");
        Failure::retry(ARCHIVE_OPERATION_FAILED, message).with_condition(STORAGE_OPERATION_FAILED)
    };
    let mut layer = File::open(dir.join(LAYER)).map_err(|error| failed(&error))?;
    let mut out = Tee::new(staged, algorithm);
    io::copy(&mut layer, &mut out).map_err(|error| failed(&error))?;
    let (staged, digest, size) = out.finish();
    Ok((staged, Summary { digest, size }))
}

/// Packs the content of the layer, but for what is to be ignored.
fn pack<'a>(
    dir: &Path,
    ignore: Option<&str>,
    staged: Staged<'a>,
    algorithm: Algorithm,
) -> Result<(Staged<'a>, Summary), Failure> {
    let failed = |error: DirectoryError| match error {
        DirectoryError::Ignore { .. } => ignore_unreadable(&error),
        error => not_archived(&error),
    };
    let content = Directory::read(&dir.join(CONTENT)).map_err(failed)?;
    let matcher = content.matcher(ignore).map_err(failed)?;
    content.write(&matcher, algorithm, staged).map_err(failed)
}
