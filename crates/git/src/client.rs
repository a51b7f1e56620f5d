//! The operations: list, resolve, fetch.

use std::path::Path;
use std::time::Duration;

use tokio::time::Instant;

use crate::{Commit, Error, Reference, Remote};

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
    let _ = (remote, prefixes, options);
    Err(Error::InvalidConfig("not available yet".to_owned()))
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
    let _ = (remote, reference, options);
    Err(Error::InvalidConfig("not available yet".to_owned()))
}

/// Brings the commit that `reference` means, with its tree, into the bare repository `store`.
///
/// The directory is created when absent, wiped when damaged, and transfers only what it lacks.
/// At most one fetch at a time may use a store. Dropping the future cancels the fetch.
pub async fn fetch(
    remote: &Remote,
    reference: &Reference,
    store: &Path,
    options: &Options,
) -> Result<Commit, Error> {
    let _ = (remote, reference, store, options);
    Err(Error::InvalidConfig("not available yet".to_owned()))
}
