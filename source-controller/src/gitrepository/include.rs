//! Phase: the artifacts of other repositories that belong in this one's.

use sluice_apis::conditions::{delete, mark_true};
use sluice_apis::source::v1::{Artifact, GitRepository, GitRepositoryInclude, Source};
use sluice_runtime::{ObjectKey, Pass};

use super::GitReconciler;
use crate::conditions::types::{ARTIFACT_OUTDATED, INCLUDE_UNAVAILABLE};
use crate::conditions::{Drift, mark_progress, reasons};
use crate::failure::Failure;
use crate::kind::SourceKind;

/// An artifact, and where it goes.
#[derive(Clone, Debug)]
pub(super) struct Include {
    pub(super) artifact: Artifact,
    /// The name of its repository.
    pub(super) repository: String,
    /// What of it is copied, as the spec has it.
    pub(super) from: String,
    /// Where it goes, as the spec has it.
    pub(super) to: String,
}

impl GitReconciler {
    /// Finds the artifacts that the spec includes, and says so if they are others than before.
    pub(super) async fn find_includes(
        &self,
        pass: &mut Pass<GitRepository>,
    ) -> Result<Vec<Include>, Failure> {
        let mut includes = Vec::new();
        for include in &pass.object.spec.include {
            includes.push(self.find_include(&pass.object, include)?);
        }
        delete(&mut pass.object, INCLUDE_UNAVAILABLE);
        let status = pass.object.status.get_or_insert_default();
        if differ(&includes, &status.included_artifacts) {
            let message = "included artifacts differ from last observed includes";
            if !status.included_artifacts.is_empty() {
                mark_true(&mut pass.object, ARTIFACT_OUTDATED, reasons::INCLUDE_CHANGE, message);
            }
            mark_progress(&mut pass.object, Drift::Yes, &format!("building artifact: {message}"));
            pass.progress().await?;
        }
        delete(&mut pass.object, ARTIFACT_OUTDATED);
        Ok(includes)
    }

    fn find_include(
        &self,
        object: &GitRepository,
        include: &GitRepositoryInclude,
    ) -> Result<Include, Failure> {
        let name = &include.repository.name;
        let wait = |reason, message| {
            Failure::wait(reason, message, self.requeue_dependency).with_condition(INCLUDE_UNAVAILABLE)
        };
        let key = ObjectKey::new(object.namespace(), name.as_str());
        let Some(other) = self.repositories.get(&key) else {
            let missing = format!("GitRepository.source.toolkit.fluxcd.io \"{name}\" not found");
            let message = format!("could not get resource for include '{name}': {missing}");
            return Err(wait(reasons::NOT_FOUND, message));
        };
        let Some(artifact) = other.artifact() else {
            return Err(wait(reasons::NO_ARTIFACT, format!("no artifact available for include '{name}'")));
        };
        let to = include.to_path.clone().filter(|path| !path.is_empty());
        Ok(Include {
            artifact: artifact.clone(),
            repository: name.clone(),
            from: include.from_path.clone().unwrap_or_default(),
            to: to.unwrap_or_else(|| name.clone()),
        })
    }
}

/// Whether one of the artifacts has a revision that none of the earlier ones has.
fn differ(includes: &[Include], before: &[Artifact]) -> bool {
    let known = |include: &Include| before.iter().any(|b| b.revision == include.artifact.revision);
    includes.len() != before.len() || !includes.iter().all(known)
}

/// Whether these are the artifacts that were included, content and all.
pub(super) fn are_same(includes: &[Include], before: &[Artifact]) -> bool {
    includes.len() == before.len()
        && includes.iter().zip(before).all(|(include, before)| {
            include.artifact.revision == before.revision && include.artifact.digest == before.digest
        })
}
