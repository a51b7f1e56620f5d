//! Making commits in a store, without a work tree.

use std::path::Path;

use git2::build::TreeUpdateBuilder;
use git2::{FileMode, Oid, Repository, Signature, Time};

use crate::{Commit, Error, Person};

/// Makes the armored signature of a commit's bytes.
pub type Signer = dyn Fn(&[u8]) -> Result<String, String> + Send + Sync;

/// A commit to be made.
pub struct NewCommit<'a> {
    /// The new content of files by path. The files must exist in the parent; their modes stay.
    pub files: &'a [(String, Vec<u8>)],
    /// Author and committer.
    pub author: &'a Person,
    /// The message.
    pub message: &'a str,
    /// Signs it.
    pub signer: Option<&'a Signer>,
}

/// Makes a commit on top of a fetched one, in its store, and gives its hash; None if no file would change.
///
/// Blocks: call it where blocking is allowed.
pub fn commit(parent: &Commit, new: &NewCommit<'_>) -> Result<Option<String>, Error> {
    let repository = open(parent.store())?;
    let parent = repository.find_commit(oid(&parent.sha)?).map_err(failed)?;
    let before = parent.tree().map_err(failed)?;
    let mut update = TreeUpdateBuilder::new();
    for (path, content) in new.files {
        let entry = before
            .get_path(Path::new(path))
            .map_err(|error| Error::Commit(format!("{path}: {}", error.message())))?;
        let mode = match entry.filemode() {
            0o100_755 => FileMode::BlobExecutable,
            0o100_644 | 0o100_664 => FileMode::Blob,
            _ => return Err(Error::Commit(format!("{path} is no file"))),
        };
        update.upsert(path, repository.blob(content).map_err(failed)?, mode);
    }
    let tree = update.create_updated(&repository, &before).map_err(failed)?;
    if tree == before.id() {
        return Ok(None);
    }
    let tree = repository.find_tree(tree).map_err(failed)?;
    let author = signature(new.author)?;
    let Some(signer) = new.signer else {
        let id = repository.commit(None, &author, &author, new.message, &tree, &[&parent]);
        return id.map(|id| Some(id.to_string())).map_err(failed);
    };
    let content =
        repository.commit_create_buffer(&author, &author, new.message, &tree, &[&parent]).map_err(failed)?;
    let armored = signer(&content).map_err(|error| Error::Commit(format!("unable to sign it: {error}")))?;
    let text = std::str::from_utf8(&content)
        .map_err(|_| Error::Commit("its bytes are not UTF-8, so it can't be signed".to_owned()))?;
    let id = repository.commit_signed(text, armored.trim_end(), None).map_err(failed)?;
    Ok(Some(id.to_string()))
}

/// Whether two commits of the store of `parent` differ in nothing but when they were made: neither in content, parents
/// and message, nor in who made them, nor in whether they are signed.
///
/// Blocks: call it where blocking is allowed.
pub fn is_repeat(parent: &Commit, one: &str, other: &str) -> Result<bool, Error> {
    let repository = open(parent.store())?;
    let find = |sha: &str| {
        let found = repository.find_commit(oid(sha)?);
        found.map_err(|error| Error::Object { id: sha.to_owned(), reason: error.message().to_owned() })
    };
    let (one, other) = (find(one)?, find(other)?);
    let parents = |commit: &git2::Commit<'_>| commit.parent_ids().collect::<Vec<_>>();
    let people = |commit: &git2::Commit<'_>| {
        let (author, committer) = (commit.author(), commit.committer());
        [author.name_bytes(), author.email_bytes(), committer.name_bytes(), committer.email_bytes()]
            .map(<[u8]>::to_vec)
    };
    let signed = |commit: &git2::Commit<'_>| commit.header_field_bytes("gpgsig").is_ok();
    Ok(one.tree_id() == other.tree_id()
        && parents(&one) == parents(&other)
        && one.message_bytes() == other.message_bytes()
        && people(&one) == people(&other)
        && signed(&one) == signed(&other))
}

fn signature(person: &Person) -> Result<Signature<'static>, Error> {
    let time = Time::new(person.seconds, person.offset_minutes);
    // Git leaves out what would end a field early, and so does everyone who has such a name.
    let clean = |text: &str| text.replace(['<', '>', '\n', '\0'], "").trim().to_owned();
    let (name, email) = (clean(&person.name), clean(&person.email));
    Signature::new(&name, &email, &time).map_err(failed)
}

pub(crate) fn open(store: &Path) -> Result<Repository, Error> {
    Repository::open_bare(store).map_err(|error| Error::Store(error.message().to_owned()))
}

pub(crate) fn oid(sha: &str) -> Result<Oid, Error> {
    Oid::from_str(sha)
        .map_err(|error| Error::Object { id: sha.to_owned(), reason: error.message().to_owned() })
}

#[allow(clippy::needless_pass_by_value, reason = "fits map_err")]
fn failed(error: git2::Error) -> Error {
    Error::Commit(error.message().to_owned())
}
