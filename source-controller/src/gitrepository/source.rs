//! Phase: the commit that the object asks for.

use sluice_apis::conditions::{delete, is_false, is_true, mark_true};
use sluice_apis::source::v1::{GitRepository, GitRepositoryRef, Source};
use sluice_git::{Content, Options, Reference, ReferenceFields, Remote, fetch, resolve};
use sluice_runtime::Pass;

use super::include::Include;
use super::status::{config_changed, mark_stored};
use super::stores::{Store, Turn};
use super::{GitReconciler, large, verify};
use crate::conditions::types::{ARTIFACT_IN_STORAGE, ARTIFACT_OUTDATED, FETCH_FAILED, SOURCE_VERIFIED};
use crate::conditions::{Drift, mark_progress, reasons};
use crate::failure::Failure;
use crate::finish::Success;
use crate::helmchart::values::clean;
use crate::kind::SourceKind;
use crate::lanes::Lanes;

/// What the remote has.
pub(super) enum Fetched {
    /// What is stored already; nothing was transferred.
    Unchanged(Success),
    /// This commit, whose objects are here now, and what is added to it. Its objects stay for as long as the turn.
    Content(Box<Content>, Vec<Include>, Turn),
}

impl GitReconciler {
    /// Finds out what the remote has, and fetches it if it is new or must be built anew.
    pub(super) async fn fetch(&self, pass: &mut Pass<GitRepository>) -> Result<Fetched, Failure> {
        // A failed verification is found again or not; a successful one is of the previous revision.
        if is_false(&pass.object, SOURCE_VERIFIED) {
            delete(&mut pass.object, SOURCE_VERIFIED);
        }
        large::check(&pass.object)?;
        let remote = self.remote(pass.client(), &pass.object).await?;
        let includes = self.find_includes(pass).await?;

        let reference = reference(&pass.object);
        if let Some(revision) = self.stored_head(pass, &remote, &reference).await?
            && !config_changed(&pass.object, &includes)
        {
            delete(&mut pass.object, FETCH_FAILED);
            if pass.object.spec.verify.is_none() {
                verify::forget(&mut pass.object);
            }
            // Says the same as before, but of the current generation.
            mark_stored(&mut pass.object, &revision);
            let message = format!("no changes since last reconciliation: observed revision '{revision}'");
            let reason = reasons::GIT_OPERATION_SUCCEEDED;
            return Ok(Fetched::Unchanged(Success::Unchanged { reason, message }));
        }

        let store = self.stores.open(pass.key(), &pass.object);
        let turn = Lanes::aside(pass, store.turn()).await?;
        let mut content = self.fetch_content(pass, &remote, &reference, &store).await?;
        delete(&mut pass.object, FETCH_FAILED);
        let commit = content.commit();
        verify::verify(pass, commit).await?;
        if !pass.object.has_revision(&commit.revision) {
            let message = format!("new upstream revision '{}'", commit.revision);
            if pass.object.artifact().is_some() {
                mark_true(&mut pass.object, ARTIFACT_OUTDATED, reasons::NEW_REVISION, &message);
            }
            mark_progress(&mut pass.object, Drift::Yes, &format!("building artifact: {message}"));
            pass.progress().await?;
        }
        if !pass.object.has_revision(&content.commit().revision) || config_changed(&pass.object, &includes) {
            content = self.fetch_large(pass, &remote, content, &includes, &store).await?;
        }
        Ok(Fetched::Content(Box::new(content), includes, turn))
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
        let work = async || resolve(remote, reference, &options).await;
        let head = self.lanes.ask(pass, &remote.url, work).await?;
        let head =
            head.inspect_err(|error| self.access.heed(remote, error)).map_err(|error| failed(&error))?;
        Ok(head.map(|head| head.revision).filter(|revision| pass.object.has_revision(revision)))
    }

    /// Fetches the commit, and the submodules that the spec wants.
    async fn fetch_content(
        &self,
        pass: &Pass<GitRepository>,
        remote: &Remote,
        reference: &Reference,
        store: &Store,
    ) -> Result<Content, Failure> {
        let spec = &pass.object.spec;
        let options = Options::timeout(spec.timeout.0);
        let work = async || {
            let commit = fetch(remote, reference, store.path(), &options).await?;
            let mut content = Content::new(commit).with_directories(&spec.sparse_checkout);
            if spec.recurse_submodules {
                let store_of = |remote: &Remote| store.submodule(remote.url.as_str());
                content.fetch_submodules(remote, &store_of, &options).await?;
            }
            Ok(content)
        };
        let content = self.lanes.ask(pass, &remote.url, work).await?;
        let content =
            content.inspect_err(|error| self.access.heed(remote, error)).map_err(|error| failed(&error))?;
        self.check_directories(pass, content).await
    }

    /// Whether all directories that are wanted are there.
    async fn check_directories(
        &self,
        pass: &Pass<GitRepository>,
        content: Content,
    ) -> Result<Content, Failure> {
        let directories = pass.object.spec.sparse_checkout.clone();
        if directories.is_empty() {
            return Ok(content);
        }
        let check = move || {
            for directory in directories {
                if !content.contains(&clean(&directory))? {
                    return Ok(Err(directory));
                }
            }
            Ok(Ok(content))
        };
        let checked = tokio::task::spawn_blocking(check).await;
        let checked: Result<Result<Content, String>, sluice_git::Error> = checked.map_err(|error| {
            Failure::retry(reasons::GIT_OPERATION_FAILED, error).with_condition(FETCH_FAILED)
        })?;
        checked.map_err(|error| failed(&error))?.map_err(|directory| {
            // There is no checkout to look into; its name stands for the place where Flux looks.
            let place = format!("{}/{}", worktree_name(pass), clean(&directory));
            let message = format!(
                "failed to sparse checkout directories : sparse checkout dir '{directory}' does not exist in repository: lstat {place}: no such file or directory"
            );
            Failure::retry(reasons::GIT_OPERATION_FAILED, message).with_condition(FETCH_FAILED)
        })
    }
}

/// How messages name the directory with the files of the commit.
pub(super) fn worktree_name(pass: &Pass<GitRepository>) -> String {
    format!("/tmp/gitrepository-{}-{}", pass.key().namespace, pass.key().name)
}

/// Why there is nothing to store.
pub(super) fn failed(error: &sluice_git::Error) -> Failure {
    let failure = match error {
        sluice_git::Error::EmptyRepository => Failure::retry(reasons::EMPTY_GIT_REPOSITORY, error),
        error => {
            let told = |error: &str| format!("failed to checkout and determine revision: {error}");
            Failure::retry(reasons::GIT_OPERATION_FAILED, told(&error.to_string()))
                .with_event(told(&error.without_hint()))
        }
    };
    failure.with_condition(FETCH_FAILED).with_remedy("the folder for temporary files (TMPDIR)")
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
