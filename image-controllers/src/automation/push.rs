//! Phase: the edits are committed and pushed.

use sluice_apis::image::v1::ImageUpdateAutomation;
use sluice_git::{
    Cause, Commit, Error, NewCommit, Options, Person, Reference, Rule, Update, commit, fetch, is_repeat, push,
};
use sluice_runtime::Pass;

use super::AutomationReconciler;
use super::edit::{Change, Edits};
use super::message;
use super::refspec::{Local, Refspec};
use super::source::Source;
use crate::failure::{Failure, reasons};

/// A commit that the remote has now.
pub(super) struct Pushed {
    pub(super) sha: String,
    /// `<branch>@sha1:<hash>`
    pub(super) revision: String,
    /// Its message.
    pub(super) message: String,
    pub(super) changes: Vec<Change>,
    /// What people are told.
    pub(super) summary: String,
    /// Whether this turn made it.
    pub(super) is_new: bool,
    /// Whether people are told of it though it is not new.
    pub(super) is_told: bool,
}

impl AutomationReconciler {
    /// Commits on top of `base` and pushes. None if nothing would change.
    pub(super) async fn push(
        &self,
        pass: &Pass<ImageUpdateAutomation>,
        source: &Source,
        base: &Commit,
        edits: Edits,
    ) -> Result<Option<Pushed>, Failure> {
        let commit = pass.object.spec.git.as_ref().map(|git| &git.commit);
        let template = commit.and_then(|commit| commit.message_template.as_deref()).unwrap_or_default();
        let message = message::of(&pass.object, template, &edits.changes)?;
        let Edits { files, changes, .. } = edits;
        let Some(made) = make(pass, source, base, files, &message).await? else {
            tracing::info!("no changes made in the source; no commit");
            return Ok(None);
        };
        // A branch of its own that differs from what would be pushed in nothing but the time is left alone.
        let (sha, is_new) = match self.repeated(pass, source, base, &made).await? {
            Some(found) => (found, false),
            None => (made, true),
        };
        let plan = &source.push;
        let options = Options::timeout(source.timeout);
        if is_new {
            let rule = match (plan.switches, self.force_push_branch) {
                (true, true) => Rule::Force,
                _ => Rule::At(base.sha.clone()),
            };
            let update = Update { name: format!("refs/heads/{}", plan.branch), sha: sha.clone(), rule };
            self.send(pass, source, base, &[update], &options).await?;
        }
        let mut summary =
            format!("pushed commit '{}' to branch '{}'", sha.get(..7).unwrap_or(&sha), plan.branch);
        if let Ok(Some(refspec)) = Refspec::parse(&plan.refspec) {
            let updates = refspec_updates(source, base, &sha, &refspec)?;
            self.send(pass, source, base, &updates, &options).await?;
            summary = format!("{summary} and refspecs '{}'", plan.refspec);
        }
        if !message.is_empty() {
            summary = format!("{summary}\n{message}");
        }
        let revision = format!("{}@sha1:{sha}", plan.branch);
        Ok(Some(Pushed { sha, revision, message, changes, summary, is_new, is_told: false }))
    }

    async fn send(
        &self,
        pass: &Pass<ImageUpdateAutomation>,
        source: &Source,
        base: &Commit,
        updates: &[Update],
        options: &Options,
    ) -> Result<(), Failure> {
        let work = async || push(&source.remote, base, updates, &source.push.options, options).await;
        let moved = self.lanes.ask(pass, &source.remote.url, work).await?;
        moved.inspect_err(|error| self.access.heed(&source.remote, error)).map(drop).map_err(failed)
    }

    /// The commit that the push branch is at, if it says the same as the one that was just made.
    async fn repeated(
        &self,
        pass: &Pass<ImageUpdateAutomation>,
        source: &Source,
        base: &Commit,
        made: &str,
    ) -> Result<Option<String>, Failure> {
        if !source.push.switches {
            return Ok(None);
        }
        let head = self.push_branch(pass, source).await.map_err(|failure| match failure {
            Ok(error) => failed(error),
            Err(failure) => failure,
        })?;
        let Some(head) = head else { return Ok(None) };
        let (base, made, found) = (base.clone(), made.to_owned(), head.sha.clone());
        let same = tokio::task::spawn_blocking(move || is_repeat(&base, &made, &found)).await;
        // A store that was made anew for the fetch lacks the new commit: then it is pushed.
        Ok(matches!(same, Ok(Ok(true))).then_some(head.sha))
    }

    /// The head of the push branch, if there is one.
    pub(super) async fn push_branch(
        &self,
        pass: &Pass<ImageUpdateAutomation>,
        source: &Source,
    ) -> Result<Option<Commit>, Result<Error, Failure>> {
        let options = Options::timeout(source.timeout);
        let reference = Reference::Branch(source.push.branch.clone());
        let store = self.stores.open(pass.key(), source.remote.url.as_str());
        let work = async || fetch(&source.remote, &reference, &store, &options).await;
        match self.lanes.ask(pass, &source.remote.url, work).await.map_err(|error| Err(error.into()))? {
            Ok(head) => Ok(Some(head)),
            Err(error) if matches!(error.cause(), Some(Cause::RefNotFound(_))) => Ok(None),
            Err(error) => Err(Ok(error)),
        }
    }
}

fn refspec_updates(
    source: &Source,
    base: &Commit,
    sha: &str,
    refspec: &Refspec<'_>,
) -> Result<Vec<Update>, Failure> {
    let plan = &source.push;
    let mut local = Local::new();
    if let Some(from) = &plan.from {
        local.insert(format!("refs/heads/{from}"), base.sha.clone());
    }
    for name in [format!("refs/heads/{}", plan.branch), "HEAD".to_owned()] {
        local.insert(name, sha.to_owned());
    }
    let updates: Vec<Update> = refspec
        .resolve(&local)
        .into_iter()
        .map(|(name, sha)| Update { name, sha, rule: Rule::FastForward })
        .collect();
    if updates.is_empty() {
        let known: Vec<_> = local.into_keys().collect();
        let message = format!(
            "failed to update source: failed to push to remote: the refspec '{}' matches none of {}",
            plan.refspec,
            known.join(", ")
        );
        return Err(Failure::retry(reasons::GIT_OPERATION_FAILED, message));
    }
    Ok(updates)
}

/// Makes the commit; its hash.
async fn make(
    pass: &Pass<ImageUpdateAutomation>,
    source: &Source,
    base: &Commit,
    files: Vec<(String, Vec<u8>)>,
    message: &str,
) -> Result<Option<String>, Failure> {
    let author = pass.object.spec.git.as_ref().map(|git| git.commit.author.clone()).unwrap_or_default();
    let author = Person {
        // A commit without a name is none to Git.
        name: author.name.filter(|name| !name.is_empty()).unwrap_or_else(|| author.email.clone()),
        email: author.email,
        seconds: jiff::Timestamp::now().as_second(),
        offset_minutes: 0,
    };
    let (base, signer, message) = (base.clone(), source.signer.clone(), message.to_owned());
    let make = move || {
        let new = NewCommit { files: &files, author: &author, message: &message, signer: signer.as_deref() };
        commit(&base, &new)
    };
    let written = tokio::task::spawn_blocking(make).await;
    written.map_err(|error| Failure::unnamed(error.to_string()))?.map_err(failed)
}

#[allow(clippy::needless_pass_by_value, reason = "fits map_err")]
fn failed(error: Error) -> Failure {
    Failure::retry(reasons::GIT_OPERATION_FAILED, format!("failed to update source: {error}"))
}
