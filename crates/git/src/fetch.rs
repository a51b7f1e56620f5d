//! Bringing a commit into a store: what to ask for, what to do when the remote or the store fails.

use std::path::Path;

use git2::{Oid, Repository};

use crate::commit::Tag;
use crate::pack::PackWriter;
use crate::protocol::{FetchRequest, Session, is_hash};
use crate::select::{Target, Wanted, highest};
use crate::store::Store;
use crate::{Cause, Commit, Error, Limits, Reference, Remote};

/// Runs a fetch; the caller bounds its time.
pub async fn run(
    remote: &Remote,
    reference: &Reference,
    path: &Path,
    limits: &Limits,
) -> Result<Commit, Error> {
    // What cannot be valid fails before anything is contacted.
    let plan = Plan::of(reference)?;
    let path = path.to_path_buf();
    let store = blocking(move || Store::open(&path)).await?;
    let fetch = Fetch { remote, store, limits };
    let mut session = fetch.session().await?;
    match plan {
        Plan::Listed { wanted, missing } => {
            let references = fetch.references(&mut session, &wanted.name).await?;
            match wanted.find(&references) {
                Some(target) => fetch.single(session, target).await,
                None => Err(fetch.absent(&mut session, missing).await),
            }
        }
        Plan::Highest(constraint) => {
            let references = fetch.references(&mut session, "refs/tags/").await?;
            if references.is_empty() && fetch.is_empty(&mut session).await? {
                return Err(Error::EmptyRepository);
            }
            fetch.newest(session, highest(&constraint, &references)?).await
        }
        Plan::Commit { sha, branch, name } => {
            let mut label = name.clone();
            let mut reference = name;
            let mut head = None;
            if let Some(branch) = &branch {
                let references = fetch.references(&mut session, &branch.name).await?;
                head = branch.find(&references);
                if head.is_none() {
                    return Err(fetch.absent(&mut session, Missing::Ref(branch.name.clone())).await);
                }
                label = label.or_else(|| Some(branch.label.clone()));
                reference = reference.or_else(|| Some(branch.name.clone()));
            }
            fetch.commit(session, Target { object: sha.clone(), commit: sha, label, reference }, head).await
        }
    }
}

/// Brings a commit with all its ancestors into a store, which is emptied before.
pub async fn history(remote: &Remote, sha: &str, path: &Path, limits: &Limits) -> Result<(), Error> {
    let path = path.to_path_buf();
    let store = blocking(move || Store::open(&path)).await?;
    let fetch = Fetch { remote, store, limits };
    fetch.history(fetch.session().await?, vec![sha.to_owned()]).await
}

/// What a reference asks for, checked.
enum Plan {
    Listed { wanted: Wanted, missing: Missing },
    Highest(String),
    Commit { sha: String, branch: Option<Wanted>, name: Option<String> },
}

/// How to report a reference that the remote lacks.
enum Missing {
    /// By the full name of a branch or tag.
    Ref(String),
    /// As an unresolvable name.
    Name(String),
}

impl Plan {
    fn of(reference: &Reference) -> Result<Self, Error> {
        let listed = |wanted: Wanted| {
            let missing = Missing::Ref(wanted.name.clone());
            Self::Listed { wanted, missing }
        };
        Ok(match reference {
            Reference::Branch(name) => listed(Wanted::branch(name)?),
            Reference::Tag(name) => listed(Wanted::tag(name)?),
            Reference::Name(name) => {
                Self::Listed { wanted: Wanted::name(name)?, missing: Missing::Name(name.clone()) }
            }
            Reference::SemVer(constraint) => {
                highest(constraint, &[]).or_else(|err| match err {
                    Error::NoSemverMatch(_) => Ok(Vec::new()),
                    other => Err(other),
                })?;
                Self::Highest(constraint.clone())
            }
            Reference::Commit { sha, branch, name } => {
                let sha = sha.to_ascii_lowercase();
                if !is_hash(&sha) {
                    let hint = "a commit needs all 40 hexadecimal digits of its hash";
                    return Err(Error::UnresolvableCommit { commit: sha.escape_debug().to_string(), hint });
                }
                Self::Commit {
                    sha,
                    branch: branch.as_deref().map(Wanted::branch).transpose()?,
                    name: name.clone(),
                }
            }
        })
    }
}

/// The parties of a fetch.
struct Fetch<'a> {
    remote: &'a Remote,
    store: Store,
    limits: &'a Limits,
}

impl Fetch<'_> {
    async fn session(&self) -> Result<Session, Error> {
        Session::open(self.remote, self.limits).await.map_err(|cause| self.failed(cause))
    }

    async fn references(&self, session: &mut Session, prefix: &str) -> Result<Vec<crate::RemoteRef>, Error> {
        session.references(&[prefix]).await.map_err(|cause| self.failed(cause))
    }

    fn failed(&self, cause: Cause) -> Error {
        Error::clone_failed(self.remote, cause)
    }

    /// The error for a missing reference: an empty repository explains it better.
    async fn absent(&self, session: &mut Session, missing: Missing) -> Error {
        match (missing, self.is_empty(session).await) {
            (_, Err(err)) => err,
            (Missing::Ref(_), Ok(true)) => Error::EmptyRepository,
            (Missing::Ref(name), Ok(false)) => self.failed(Cause::RefNotFound(name)),
            (Missing::Name(name), Ok(_)) => Error::UnresolvableName(name),
        }
    }

    async fn is_empty(&self, session: &mut Session) -> Result<bool, Error> {
        let references = session.references(&[]).await.map_err(|cause| self.failed(cause))?;
        Ok(references.is_empty())
    }

    /// Fetches one target at depth 1.
    async fn single(&self, session: Session, target: Target) -> Result<Commit, Error> {
        self.bring(session, std::slice::from_ref(&target)).await?;
        self.read(target).await
    }

    /// Fetches targets whose versions are equal and takes the one whose commit is newest.
    async fn newest(&self, session: Session, targets: Vec<Target>) -> Result<Commit, Error> {
        self.bring(session, &targets).await?;
        let mut newest: Option<Commit> = None;
        for target in targets {
            let commit = self.read(target).await?;
            if newest.as_ref().is_none_or(|newest| commit.committer.seconds > newest.committer.seconds) {
                newest = Some(commit);
            }
        }
        newest.ok_or(Error::EmptyRepository)
    }

    /// Fetches a commit by its hash: alone when the remote permits it, else with the history of
    /// its branch, else with everything.
    async fn commit(&self, session: Session, target: Target, head: Option<Target>) -> Result<Commit, Error> {
        let advertised = head.as_ref().is_some_and(|head| head.commit == target.commit);
        if self.is_complete(&target.object).await || advertised || session.offers_any_commit() {
            match self.bring(session, std::slice::from_ref(&target)).await {
                Ok(()) => return self.read(target).await,
                // "not our ref" in one wording or another: the history will tell.
                Err(Error::Clone { cause: Cause::Remote(reason), .. }) => {
                    tracing::debug!(
                        commit = target.commit,
                        reason,
                        "remote does not hand out the commit alone"
                    );
                }
                Err(err) => return Err(err),
            }
        }
        let mut session = self.session().await?;
        let heads = if let Some(head) = head {
            vec![head.object]
        } else {
            let references = session
                .references(&["refs/heads/", "refs/tags/"])
                .await
                .map_err(|cause| self.failed(cause))?;
            references.into_iter().map(|reference| reference.sha).collect()
        };
        if heads.is_empty() {
            return Err(Error::EmptyRepository);
        }
        self.history(session, heads).await?;
        let store = self.store.clone();
        let sha = target.commit.clone();
        if !blocking(move || Ok(store.contains(&sha))).await? {
            return Err(Error::UnresolvableCommit { commit: target.commit, hint: "" });
        }
        self.read(target).await
    }

    /// Makes the targets complete in the store, from scratch if what is there gets in the way.
    async fn bring(&self, session: Session, targets: &[Target]) -> Result<(), Error> {
        if self.are_complete(targets).await {
            return self.remember(targets).await;
        }
        let store = self.store.clone();
        let (tips, shallow) = blocking(move || Ok((store.tips(), store.shallow()))).await?;
        let fresh = tips.is_empty();
        let wants = wants(targets);
        let request = FetchRequest { wants: wants.clone(), haves: tips, shallow, single_commit: true };
        let first = self.transfer(session, request).await;
        match first {
            Ok(()) if self.are_complete(targets).await => return self.remember(targets).await,
            Ok(()) if fresh => return Err(self.incomplete()),
            Err(err) if fresh || !is_about_store(&err) => return Err(err),
            _ => tracing::info!("object store does not fit the remote any more; fetching anew"),
        }
        self.reset().await?;
        let request = FetchRequest { wants, single_commit: true, ..FetchRequest::default() };
        self.transfer(self.session().await?, request).await?;
        if !self.are_complete(targets).await {
            return Err(self.incomplete());
        }
        self.remember(targets).await
    }

    /// Fetches commits with all their ancestors.
    async fn history(&self, session: Session, mut wants: Vec<String>) -> Result<(), Error> {
        wants.sort_unstable();
        wants.dedup();
        // A store without ancestors would make the server leave them out again.
        self.reset().await?;
        self.transfer(session, FetchRequest { wants, ..FetchRequest::default() }).await
    }

    async fn transfer(&self, mut session: Session, request: FetchRequest) -> Result<(), Error> {
        let failed = |cause| self.failed(cause);
        let mut writer =
            PackWriter::start(self.store.objects(), self.limits.clone()).await.map_err(failed)?;
        let update = session.fetch(&request, &mut writer).await.map_err(failed)?;
        drop(session);
        writer.finish().await.map_err(failed)?;
        let store = self.store.clone();
        blocking(move || store.update_shallow(&update)).await
    }

    async fn read(&self, target: Target) -> Result<Commit, Error> {
        let store = self.store.clone();
        blocking(move || read(&store.repository()?, &target)).await
    }

    async fn is_complete(&self, sha: &str) -> bool {
        let (store, sha) = (self.store.clone(), sha.to_owned());
        blocking(move || Ok(store.is_complete(&sha))).await.unwrap_or(false)
    }

    async fn are_complete(&self, targets: &[Target]) -> bool {
        for target in targets {
            if !self.is_complete(&target.object).await {
                return false;
            }
        }
        true
    }

    async fn remember(&self, targets: &[Target]) -> Result<(), Error> {
        let store = self.store.clone();
        let commits: Vec<String> = targets.iter().map(|target| target.commit.clone()).collect();
        blocking(move || commits.iter().try_for_each(|sha| store.add_tip(sha))).await
    }

    async fn reset(&self) -> Result<(), Error> {
        let store = self.store.clone();
        blocking(move || store.reset()).await
    }

    fn incomplete(&self) -> Error {
        self.failed(Cause::Protocol(
            "the remote left out objects of the commit, or the reference is no commit".to_owned(),
        ))
    }
}

fn wants(targets: &[Target]) -> Vec<String> {
    let mut wants: Vec<String> = targets.iter().map(|target| target.object.clone()).collect();
    wants.sort_unstable();
    wants.dedup();
    wants
}

fn is_about_store(err: &Error) -> bool {
    matches!(err, Error::Store(_) | Error::Clone { cause: Cause::Store(_) | Cause::Remote(_), .. })
}

fn read(repository: &Repository, target: &Target) -> Result<Commit, Error> {
    let id = |sha: &str| {
        Oid::from_str(sha)
            .map_err(|err| Error::Object { id: sha.to_owned(), reason: err.message().to_owned() })
    };
    let commit = id(&target.commit)?;
    if target.object != target.commit {
        // What a tag leads to is what its maker signed, not what the remote says of it.
        let object = id(&target.object)?;
        let peeled = repository.find_object(object, None).and_then(|object| object.peel_to_commit());
        let peeled = peeled
            .map_err(|err| Error::Object { id: target.object.clone(), reason: err.message().to_owned() })?;
        if peeled.id() != commit {
            let reason = format!("the tag leads to {}, not to {commit} as the remote says", peeled.id());
            return Err(Error::Object { id: target.object.clone(), reason });
        }
    }
    let name = target.reference.as_deref().and_then(|reference| reference.strip_prefix("refs/tags/"));
    let tag = match name {
        Some(name) if target.object != target.commit => Tag::read(repository, id(&target.object)?, name)?,
        _ => None,
    };
    Commit::read(repository, commit, target.label.as_deref(), target.reference.clone(), tag)
}

/// Runs what blocks on a thread that may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|err| Err(Error::Store(err.to_string())))
}
