//! Phase: the commit that the object asks for.

use sluice_apis::conditions::{delete, is_false, is_true, mark_true};
use sluice_apis::source::v1::{GitRepository, GitRepositoryRef, Source};
use sluice_git::{Commit, Options, Reference, ReferenceFields, Remote, fetch, resolve};
use sluice_runtime::Pass;

use super::GitReconciler;
use super::status::{config_changed, mark_stored};
use crate::conditions::types::{
    ARTIFACT_IN_STORAGE, ARTIFACT_OUTDATED, FETCH_FAILED, INCLUDE_UNAVAILABLE, SOURCE_VERIFIED,
};
use crate::conditions::{Drift, mark_progress, reasons};
use crate::failure::Failure;
use crate::finish::Success;
use crate::kind::SourceKind;

/// What the remote has.
pub(super) enum Fetched {
    /// What is stored already; nothing was transferred.
    Unchanged(Success),
    /// This commit, whose objects are here now.
    Commit(Box<Commit>),
}

impl GitReconciler {
    /// Finds out what the remote has, and fetches it if it is new or must be built anew.
    pub(super) async fn fetch(&self, pass: &mut Pass<GitRepository>) -> Result<Fetched, Failure> {
        // A failed verification is found again or not; a successful one is of the previous revision.
        if is_false(&pass.object, SOURCE_VERIFIED) {
            delete(&mut pass.object, SOURCE_VERIFIED);
        }
        let remote = self.remote(pass.client(), &pass.object).await?;
        delete(&mut pass.object, INCLUDE_UNAVAILABLE);
        delete(&mut pass.object, ARTIFACT_OUTDATED);

        let reference = reference(&pass.object);
        if let Some(revision) = self.stored_head(pass, &remote, &reference).await?
            && !config_changed(&pass.object)
        {
            delete(&mut pass.object, FETCH_FAILED);
            // Says the same as before, but of the current generation.
            mark_stored(&mut pass.object, &revision);
            let message = format!("no changes since last reconciliation: observed revision '{revision}'");
            let reason = reasons::GIT_OPERATION_SUCCEEDED;
            return Ok(Fetched::Unchanged(Success::Unchanged { reason, message }));
        }

        let commit = self.fetch_commit(pass, &remote, &reference).await?;
        delete(&mut pass.object, FETCH_FAILED);
        delete(&mut pass.object, SOURCE_VERIFIED);
        pass.object.status.get_or_insert_default().source_verification_mode = None;
        if !pass.object.has_revision(&commit.revision) {
            let message = format!("new upstream revision '{}'", commit.revision);
            if pass.object.artifact().is_some() {
                mark_true(&mut pass.object, ARTIFACT_OUTDATED, reasons::NEW_REVISION, &message);
            }
            mark_progress(&mut pass.object, Drift::Yes, &format!("building artifact: {message}"));
            pass.patch().await?;
        }
        Ok(Fetched::Commit(Box::new(commit)))
    }

    /// The revision of the remote, if a listing can tell that it is the one that is stored.
    async fn stored_head(
        &self,
        pass: &Pass<GitRepository>,
        remote: &Remote,
        reference: &Reference,
    ) -> Result<Option<String>, Failure> {
        let stored = pass.object.artifact().is_some() && is_true(&pass.object, ARTIFACT_IN_STORAGE);
        if !stored || !reference.is_listable() {
            return Ok(None);
        }
        let options = Options::timeout(pass.object.spec.timeout.0);
        let head = self.lanes.ask(pass, &remote.url, Box::pin(resolve(remote, reference, &options))).await?;
        let head = head.map_err(|error| failed(&error))?;
        Ok(head.map(|head| head.revision).filter(|revision| pass.object.has_revision(revision)))
    }

    async fn fetch_commit(
        &self,
        pass: &Pass<GitRepository>,
        remote: &Remote,
        reference: &Reference,
    ) -> Result<Commit, Failure> {
        let options = Options::timeout(pass.object.spec.timeout.0);
        let store = self.stores.open(pass.key(), &pass.object.spec.url);
        let commit =
            self.lanes.ask(pass, &remote.url, Box::pin(fetch(remote, reference, &store, &options))).await?;
        commit.map_err(|error| failed(&error))
    }
}

fn failed(error: &sluice_git::Error) -> Failure {
    let failure = match error {
        sluice_git::Error::EmptyRepository => Failure::retry(reasons::EMPTY_GIT_REPOSITORY, error),
        error => Failure::retry(
            reasons::GIT_OPERATION_FAILED,
            format!("failed to checkout and determine revision: {error}"),
        ),
    };
    failure.with_condition(FETCH_FAILED)
}

fn reference(object: &GitRepository) -> Reference {
    let none = GitRepositoryRef::default();
    let wanted = object.spec.reference.as_ref().unwrap_or(&none);
    Reference::from_spec(ReferenceFields {
        branch: wanted.branch.as_deref().unwrap_or_default(),
        tag: wanted.tag.as_deref().unwrap_or_default(),
        semver: wanted.semver.as_deref().unwrap_or_default(),
        name: wanted.name.as_deref().unwrap_or_default(),
        commit: wanted.commit.as_deref().unwrap_or_default(),
    })
}
