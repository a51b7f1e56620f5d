//! Phase: artifacts are put together and stored.

use std::collections::BTreeMap;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use sluice_apis::extensions::v1beta1::{ArtifactGenerator, ExternalArtifactRef, OutputArtifact};
use sluice_apis::source::v1::Artifact;
use sluice_archive::ignore::Matcher;
use sluice_artifact::{ArtifactPath, Storage, Workspace};
use sluice_runtime::{EventType, Pass};

use super::expand::{ExpandError, expand};
use super::sources::{Fetched, ORIGIN_REVISION};
use super::status::{BUILD_FAILED, RECONCILIATION_FAILED};
use super::{Generator, copy, external, hash, paths};
use crate::directory::Directory;
use crate::failure::Failure;
use crate::publish::{not_archived, publish};

/// An artifact that was made, with the object that tells of it.
pub(super) struct Made {
    pub(super) reference: ExternalArtifactRef,
    pub(super) artifact: Artifact,
}

impl Generator {
    /// Makes all artifacts of a generator, in order; ends with the first that cannot be made.
    pub(super) async fn build_all(
        &self,
        pass: &mut Pass<ArtifactGenerator>,
        observed: &BTreeMap<String, Artifact>,
        fetched: &Fetched,
    ) -> Result<Vec<Made>, Failure> {
        let (spec, dirs) = (pass.object.spec.clone(), fetched.dirs());
        let sources = dirs.clone();
        let requests = tokio::task::spawn_blocking(move || expand(&spec, &sources)).await;
        let requests = requests.map_err(|error| Failure::retry(BUILD_FAILED, error))?.map_err(|error| {
            let message = format!("failed to expand path pattern: {error}");
            match error {
                ExpandError::Terminal(_) => Failure::stall(BUILD_FAILED, message),
                ExpandError::Walk { .. } => Failure::retry(BUILD_FAILED, message),
            }
        })?;
        let mut made = Vec::with_capacity(requests.len());
        for request in requests {
            let output = &request.output;
            let mut artifact = self.build(pass, output, &dirs).await.map_err(|error| {
                Failure::retry(BUILD_FAILED, format!("{} build failed: {error}", output.name))
            })?;
            set_revisions(&mut artifact, output, observed);
            let applied = external::apply(pass, &output.name, &artifact, &request.labels).await;
            let reference = applied.map_err(|error| {
                Failure::retry(RECONCILIATION_FAILED, format!("{} reconcile failed: {error}", output.name))
            })?;
            tell(pass, &reference, &artifact);
            made.push(Made { reference, artifact });
        }
        Ok(made)
    }

    async fn build(
        &self,
        pass: &Pass<ArtifactGenerator>,
        output: &OutputArtifact,
        sources: &BTreeMap<String, PathBuf>,
    ) -> Result<Artifact, String> {
        let (workspace, output, sources) = (Arc::clone(&self.workspace), output.clone(), sources.clone());
        let staged = tokio::task::spawn_blocking(move || stage(&workspace, &output, &sources)).await;
        let staged = staged.map_err(|error| error.to_string())??;
        let namespace = &pass.key().namespace;
        let file = format!("{}.tar.gz", staged.checksum);
        let path = ArtifactPath::new("ExternalArtifact", namespace, &staged.name, &file);
        let written = publish(&self.storage, path, String::new(), move |out, algorithm| {
            let directory = Directory::read(&staged.path()).map_err(|error| not_archived(&error))?;
            // The defaults apply; files of ignore patterns are content here.
            let matcher = Matcher::for_source(Vec::new());
            directory.write(&matcher, algorithm, out).map_err(|error| not_archived(&error))
        });
        let mut artifact = written.await.map_err(|failure| failure.message)?;
        artifact.revision = format!("latest@{}", artifact.digest);
        Ok(artifact)
    }

    /// Removes the artifacts that are not made any more, and old files of those that are.
    pub(super) async fn tidy(&self, pass: &Pass<ArtifactGenerator>, made: &[Made]) {
        let before = pass.object.status.as_ref().map(|status| status.inventory.clone()).unwrap_or_default();
        let is_made = |old: &ExternalArtifactRef| {
            made.iter().any(|m| m.reference.name == old.name && m.reference.namespace == old.namespace)
        };
        let orphans: Vec<ExternalArtifactRef> = before.into_iter().filter(|old| !is_made(old)).collect();
        self.remove(pass, &orphans).await;
        let storage = Arc::clone(&self.storage);
        let current: Vec<Artifact> = made.iter().map(|made| made.artifact.clone()).collect();
        let collected = tokio::task::spawn_blocking(move || collect_garbage(&storage, &current)).await;
        if let Err(error) = collected {
            tracing::error!(%error, "failed to garbage collect artifacts");
        }
    }
}

/// The files of an artifact, put together.
struct Staged {
    workspace: Workspace,
    name: String,
    checksum: u32,
}

impl Staged {
    fn path(&self) -> PathBuf {
        self.workspace.path().join("files")
    }
}

fn stage(
    workspace: &Workspace,
    output: &OutputArtifact,
    sources: &BTreeMap<String, PathBuf>,
) -> Result<Staged, String> {
    let no_dir = |error: std::io::Error| format!("failed to create staging dir: {error}");
    let workspace = Workspace::create(workspace.path(), "staging-").map_err(no_dir)?;
    let mut staged = Staged { workspace, name: output.name.clone(), checksum: 0 };
    let root = staged.path();
    DirBuilder::new().mode(0o700).create(&root).map_err(no_dir)?;
    copy::apply(&output.copy, sources, &root)
        .map_err(|error| format!("failed to apply copy operations: {error}"))?;
    let entries = paths::walk(&root, "").map_err(|(path, error)| format!("'{path}': {error}"))?;
    let files: Vec<String> =
        entries.into_iter().filter(|entry| !entry.is_dir).map(|entry| entry.path).collect();
    staged.checksum = hash::checksum(&root, &output.name, &files)
        .map_err(|error| format!("failed to hash staging dir: {error}"))?;
    Ok(staged)
}

/// Takes revisions over from sources where the spec says so.
fn set_revisions(artifact: &mut Artifact, output: &OutputArtifact, sources: &BTreeMap<String, Artifact>) {
    let source = |alias: &Option<String>| sources.get(alias.as_deref()?.trim_start_matches('@'));
    if let Some(source) = source(&output.revision) {
        artifact.revision.clone_from(&source.revision);
    }
    if let Some(source) = source(&output.origin_revision) {
        let origin = source.metadata.get(ORIGIN_REVISION).filter(|origin| !origin.is_empty());
        let origin = origin.unwrap_or(&source.revision).clone();
        artifact.metadata.insert(ORIGIN_REVISION.to_owned(), origin);
    }
}

fn tell(pass: &Pass<ArtifactGenerator>, made: &ExternalArtifactRef, artifact: &Artifact) {
    let inventory = pass.object.status.as_ref().map(|status| status.inventory.as_slice()).unwrap_or_default();
    let object = format!("ExternalArtifact/{}/{}", made.namespace, made.name);
    let is_same = |known: &ExternalArtifactRef| {
        (&known.namespace, &known.name, &known.digest) == (&made.namespace, &made.name, &made.digest)
    };
    if inventory.iter().any(is_same) {
        tracing::info!("{object} is up to date");
        return;
    }
    let message = format!("{object} reconciled with revision {}", artifact.revision);
    let reason = sluice_apis::meta::condition_types::READY;
    pass.event(EventType::Trace, reason, &message, &BTreeMap::new());
}

fn collect_garbage(storage: &Storage, current: &[Artifact]) {
    for artifact in current {
        match storage.collect_garbage(artifact) {
            Ok(removed) if removed.is_empty() => {}
            Ok(removed) => {
                tracing::info!(path = artifact.path, "garbage collected {} old artifact(s)", removed.len());
            }
            Err(error) => {
                tracing::error!(path = artifact.path, %error, "failed to garbage collect artifacts");
            }
        }
    }
}
