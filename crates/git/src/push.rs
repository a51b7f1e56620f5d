//! Moving references of a remote, and sending it the objects for that.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use git2::{ObjectType, Oid, PackBuilder, Repository, Tree};
use sha1::{Digest as _, Sha1};

use crate::client::{RemoteRef, within};
use crate::protocol::{Command, PushSession};
use crate::reference::check_name;
use crate::write::{oid, open};
use crate::{Commit, Error, Options, Remote};

/// Longest push option in bytes.
const MAX_OPTION: usize = 4096;

/// A reference of the remote that is to be moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// Its full name.
    pub name: String,
    /// The commit that it shall be at: in the store, with what the remote lacks of its history.
    pub sha: String,
    /// From where it may be moved.
    pub rule: Rule,
}

/// From where a reference may be moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Only from this commit, or from nothing.
    At(String),
    /// Only from commits that the new one descends from, or from nothing. To find out, history may be fetched.
    FastForward,
    /// From anywhere.
    Force,
}

/// Moves references, all or none where the remote knows how. What is where it shall be already is left out; false if
/// that goes for all.
///
/// `base` is a commit that was fetched from this remote; its store has the new commits. `options` are given to the
/// remote's hooks. Dropping the future leaves open whether the references move.
pub async fn push(
    remote: &Remote,
    base: &Commit,
    updates: &[Update],
    push_options: &[String],
    options: &Options,
) -> Result<bool, Error> {
    for update in updates {
        check_name(&update.name)?;
    }
    if let Some(option) =
        push_options.iter().find(|option| option.len() > MAX_OPTION || option.contains('\n'))
    {
        let start: String = option.chars().take(40).collect();
        return Err(Error::InvalidConfig(format!(
            "push option '{}' is longer than {MAX_OPTION} bytes or has several lines",
            start.escape_debug()
        )));
    }
    let failed = |cause| Error::push_failed(remote, cause);
    let work = async {
        let session = PushSession::open(remote, &options.limits).await.map_err(failed)?;
        let known = session.references().to_vec();
        let commands = commands(remote, base, updates, &known, options).await?;
        if commands.is_empty() {
            return Ok(false);
        }
        let mut haves: HashSet<String> = known.into_iter().map(|reference| reference.sha).collect();
        haves.insert(base.sha.clone());
        let (store, news) =
            (base.store().to_path_buf(), commands.iter().map(|new| new.new.clone()).collect());
        let pack = blocking(move || pack(&store, news, &haves)).await?;
        let report = session.push(&commands, push_options, &pack).await.map_err(failed)?;
        if let Some(reason) = report.unpack {
            let name = commands.first().map(|command| command.name.clone()).unwrap_or_default();
            return Err(Error::Rejected {
                name,
                reason: format!("unpack error: {reason}"),
                said: report.said,
            });
        }
        match report.refused.into_iter().next() {
            Some((name, reason)) => Err(Error::Rejected { name, reason, said: report.said }),
            None => Ok(true),
        }
    };
    within(options.deadline, Box::pin(work), failed).await
}

/// What has to be moved, if it may.
async fn commands(
    remote: &Remote,
    base: &Commit,
    updates: &[Update],
    known: &[RemoteRef],
    options: &Options,
) -> Result<Vec<Command>, Error> {
    let mut commands = Vec::new();
    for Update { name, sha, rule } in updates {
        let old = known.iter().find(|reference| reference.name == *name).map(|found| found.sha.clone());
        if old.as_deref() == Some(sha) {
            continue;
        }
        if let Some(found) = &old {
            let allowed = match rule {
                Rule::Force => true,
                Rule::At(expected) => expected == found,
                Rule::FastForward => descends(remote, base, sha, found, options).await?,
            };
            if !allowed {
                return Err(Error::NonFastForward { name: name.clone(), found: found.clone() });
            }
        }
        commands.push(Command { name: name.clone(), old, new: sha.clone() });
    }
    Ok(commands)
}

/// Whether `new` descends from `old`. Where the store's history does not reach back so far, the remote's is fetched.
async fn descends(
    remote: &Remote,
    base: &Commit,
    new: &str,
    old: &str,
    options: &Options,
) -> Result<bool, Error> {
    if old == base.sha {
        let (store, new, old) = (base.store().to_path_buf(), new.to_owned(), old.to_owned());
        return blocking(move || is_ancestor(&store, &new, &old)).await;
    }
    let directory = Scratch::beside(base.store());
    crate::fetch::history(remote, &base.sha, &directory.0, &options.limits).await?;
    let (store, head, old) = (directory.0.clone(), base.sha.clone(), old.to_owned());
    blocking(move || is_ancestor(&store, &head, &old)).await
}

/// A directory that is removed in the end.
struct Scratch(PathBuf);

impl Scratch {
    fn beside(store: &Path) -> Self {
        let store = store.components().as_path();
        Self(store.with_extension("history"))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // The next one to need it starts anew in any case.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Whether `old` is among the ancestors of `new` that the store has, or `new` itself.
fn is_ancestor(store: &Path, new: &str, old: &str) -> Result<bool, Error> {
    let repository = open(store)?;
    let (new, old) = (oid(new)?, oid(old)?);
    let mut seen = HashSet::new();
    let mut open = vec![new];
    while let Some(id) = open.pop() {
        if id == old {
            return Ok(true);
        }
        if seen.insert(id)
            && let Ok(commit) = repository.find_commit(id)
        {
            open.extend(commit.parent_ids());
        }
    }
    Ok(false)
}

/// The objects of commits that a remote lacks, which has some commits with all their history.
fn pack(store: &Path, news: Vec<String>, haves: &HashSet<String>) -> Result<Vec<u8>, Error> {
    let failed = |error: git2::Error| Error::Commit(error.message().to_owned());
    let repository = open(store)?;
    let mut builder = repository.packbuilder().map_err(failed)?;
    builder.set_threads(1);
    let mut seen = HashSet::new();
    let mut open = news;
    while let Some(sha) = open.pop() {
        if haves.contains(&sha) || !seen.insert(sha.clone()) {
            continue;
        }
        let commit = repository.find_commit(oid(&sha)?).map_err(|error| Error::Object {
            id: sha.clone(),
            reason: format!("it is needed for the push: {}", error.message()),
        })?;
        builder.insert_object(commit.id(), None).map_err(failed)?;
        let parent = commit.parent(0).ok().and_then(|parent| parent.tree().ok());
        add_tree(&repository, &mut builder, &commit.tree().map_err(failed)?, parent.as_ref())?;
        open.extend(commit.parent_ids().map(|id| id.to_string()));
    }
    if builder.object_count() == 0 {
        return Ok(empty_pack());
    }
    let mut buffer = git2::Buf::new();
    builder.write_buf(&mut buffer).map_err(failed)?;
    Ok(buffer.to_vec())
}

/// Adds a tree and what in it differs from the other one.
fn add_tree(
    repository: &Repository,
    builder: &mut PackBuilder<'_>,
    tree: &Tree<'_>,
    before: Option<&Tree<'_>>,
) -> Result<(), Error> {
    let failed = |error: git2::Error| Error::Commit(error.message().to_owned());
    if before.is_some_and(|before| before.id() == tree.id()) {
        return Ok(());
    }
    builder.insert_object(tree.id(), None).map_err(failed)?;
    for entry in tree {
        let old: Option<Oid> =
            before.and_then(|before| before.get_name_bytes(entry.name_bytes())).map(|old| old.id());
        if old == Some(entry.id()) {
            continue;
        }
        match entry.kind() {
            Some(ObjectType::Tree) => {
                let tree = repository.find_tree(entry.id()).map_err(failed)?;
                let old = old.and_then(|old| repository.find_tree(old).ok());
                add_tree(repository, builder, &tree, old.as_ref())?;
            }
            Some(ObjectType::Blob) => builder.insert_object(entry.id(), None).map_err(failed)?,
            // The commit of a submodule is in another repository.
            _ => {}
        }
    }
    Ok(())
}

/// A pack without objects (gitformat-pack(5)).
fn empty_pack() -> Vec<u8> {
    let mut pack = b"PACK\0\0\0\x02\0\0\0\0".to_vec();
    let digest = Sha1::digest(&pack);
    pack.extend_from_slice(&digest);
    pack
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(Error::Store(error.to_string())))
}
