//! The operations: list, resolve, fetch.

use std::path::Path;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::protocol::Session;
use crate::reference::revision;
use crate::select::Wanted;
use crate::{Cause, Commit, Error, Reference, Remote};

/// Bounds of one operation.
#[derive(Clone, Debug)]
pub struct Options {
    /// When to give up.
    pub deadline: Instant,
    /// How much to accept.
    pub limits: Limits,
}

/// How much a remote may send. What is beyond fails with [`crate::Cause::TooLarge`].
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of one pack as transferred.
    pub pack_bytes: u64,
    /// Objects in one pack.
    pub objects: u32,
    /// Bytes of a reference listing.
    pub listing_bytes: u64,
}

impl Options {
    /// Gives up after `timeout`; default limits.
    pub fn timeout(timeout: Duration) -> Self {
        Self { deadline: Instant::now() + timeout, limits: Limits::default() }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { pack_bytes: 4 << 30, objects: 20_000_000, listing_bytes: 256 << 20 }
    }
}

/// One advertised reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteRef {
    /// Full name, or `HEAD`.
    pub name: String,
    /// Hash of the object that it names, in hexadecimal.
    pub sha: String,
    /// Hash of the commit, when the object is an annotated tag.
    pub peeled: Option<String>,
}

/// Where a reference points at now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Revision text as in [`Commit::revision`].
    pub revision: String,
    /// Hash of the commit in hexadecimal.
    pub sha: String,
}

/// Lists the references whose full names begin with one of `prefixes`; all when there are none.
///
/// An empty repository gives an empty list.
pub async fn ls_remote(
    remote: &Remote,
    prefixes: &[&str],
    options: &Options,
) -> Result<Vec<RemoteRef>, Error> {
    let failed = |cause| Error::list_failed(remote, cause);
    let work = async {
        let mut session = Session::open(remote, &options.limits).await.map_err(failed)?;
        session.references(prefixes).await.map_err(failed)
    };
    within(options.deadline, work, failed).await
}

/// Resolves a branch, tag or name to its commit without transferring objects.
///
/// `Ok(None)` when the remote has no such reference, and for the kinds of reference that need
/// objects to be resolved (see [`Reference::is_listable`]).
pub async fn resolve(
    remote: &Remote,
    reference: &Reference,
    options: &Options,
) -> Result<Option<Head>, Error> {
    let wanted = match reference {
        Reference::Branch(name) => Wanted::branch(name)?,
        Reference::Tag(name) => Wanted::tag(name)?,
        Reference::Name(name) => Wanted::name(name)?,
        Reference::SemVer(_) | Reference::Commit { .. } => return Ok(None),
    };
    let references = ls_remote(remote, &[&wanted.name], options).await?;
    Ok(wanted.find(&references).map(|target| Head {
        revision: revision(target.label.as_deref(), &target.commit),
        sha: target.commit,
    }))
}

/// Brings the commit that `reference` means, with its tree, into the bare repository `store`.
///
/// The directory is created when absent and wiped when damaged; it must be absent, empty or an
/// earlier store. Only what it lacks is transferred. At most one fetch at a time may use a store.
/// Dropping the future cancels the fetch.
pub async fn fetch(
    remote: &Remote,
    reference: &Reference,
    store: &Path,
    options: &Options,
) -> Result<Commit, Error> {
    let failed = |cause| Error::clone_failed(remote, cause);
    // Boxed, because its states are large and callers nest it.
    let work = Box::pin(crate::fetch::run(remote, reference, store, &options.limits));
    within(options.deadline, work, failed).await
}

/// Brings one commit with its tree into the bare repository `store`, wherever it is in the history. A server that
/// does not hand out single commits is asked for all that its branches and tags lead to.
///
/// The store is as for [`fetch`].
pub async fn fetch_commit(
    remote: &Remote,
    sha: &str,
    store: &Path,
    options: &Options,
) -> Result<Commit, Error> {
    let reference = Reference::Commit { sha: sha.to_owned(), branch: None, name: None };
    fetch(remote, &reference, store, options).await
}

/// Bounds the time of an operation.
pub(crate) async fn within<T>(
    deadline: Instant,
    work: impl Future<Output = Result<T, Error>>,
    failed: impl FnOnce(Cause) -> Error,
) -> Result<T, Error> {
    let allowed = deadline.saturating_duration_since(Instant::now());
    timeout_at(deadline, work).await.unwrap_or_else(|_| Err(failed(Cause::Timeout(allowed))))
}
