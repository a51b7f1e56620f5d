//! A fetched commit, as it lies in the object store.

use std::path::{Path, PathBuf};

use git2::{ObjectType, Oid, Repository};

use crate::Error;
use crate::reference::revision;

/// A commit whose tree is in a local object store. The store must outlive it.
#[derive(Clone, Debug)]
pub struct Commit {
    /// Revision text: `main@sha1:…`, `v1@sha1:…`, `refs/heads/main@sha1:…` or `sha1:…`.
    pub revision: String,
    /// Full reference that led to the commit, if any, such as `refs/tags/v1`.
    pub reference: Option<String>,
    /// Hash in hexadecimal.
    pub sha: String,
    /// Who wrote the change.
    pub author: Person,
    /// Who made the commit.
    pub committer: Person,
    /// Whole message; bytes that are not UTF-8 are replaced.
    pub message: String,
    /// The signature in the commit's header (PGP or SSH armor), when there is one.
    pub signature: Option<String>,
    /// The commit object without its signature: the bytes that were signed.
    pub payload: Vec<u8>,
    /// The annotated tag that led here.
    pub tag: Option<Tag>,
    pub(crate) store: PathBuf,
    pub(crate) tree: Oid,
}

/// Somebody, at a time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Person {
    /// Name; bytes that are not UTF-8 are replaced.
    pub name: String,
    /// Mail address; bytes that are not UTF-8 are replaced.
    pub email: String,
    /// Seconds since 1970-01-01T00:00:00Z.
    pub seconds: i64,
    /// Minutes east of UTC.
    pub offset_minutes: i32,
}

/// An annotated tag.
#[derive(Clone, Debug)]
pub struct Tag {
    /// Short name.
    pub name: String,
    /// Hash of the tag object.
    pub sha: String,
    /// Whole message without the signature.
    pub message: String,
    /// The signature at the message's end (PGP or SSH armor), when there is one.
    pub signature: Option<String>,
    /// The tag object without its signature: the bytes that were signed.
    pub payload: Vec<u8>,
}

impl Commit {
    /// Reads a commit from a store. `label` is what precedes `@` in the revision text.
    pub(crate) fn read(
        repository: &Repository,
        id: Oid,
        label: Option<&str>,
        reference: Option<String>,
        tag: Option<Tag>,
    ) -> Result<Self, Error> {
        let unreadable =
            |err: git2::Error| Error::Object { id: id.to_string(), reason: err.message().to_owned() };
        let commit = repository.find_commit(id).map_err(unreadable)?;
        let raw = repository
            .odb()
            .and_then(|odb| odb.read(id).map(|object| object.data().to_vec()))
            .map_err(unreadable)?;
        let (payload, signature) = split_commit(&raw);
        Ok(Self {
            revision: revision(label, &id.to_string()),
            reference,
            sha: id.to_string(),
            author: Person::from(&commit.author()),
            committer: Person::from(&commit.committer()),
            message: String::from_utf8_lossy(commit.message_bytes()).into_owned(),
            signature,
            payload,
            tag,
            store: repository.path().to_path_buf(),
            tree: commit.tree_id(),
        })
    }

    /// First line of the message.
    pub fn subject(&self) -> &str {
        self.message.lines().next().unwrap_or_default()
    }

    /// The first 50 characters of the subject, then `...` if there are more.
    pub fn short_message(&self) -> String {
        let subject = self.subject();
        match subject.char_indices().nth(50) {
            Some((end, _)) => format!("{}...", &subject[..end]),
            None => subject.to_owned(),
        }
    }

    /// `<reference>@sha1:<hash>` with the full reference, or `sha1:<hash>`.
    pub fn absolute_reference(&self) -> String {
        revision(self.reference.as_deref(), &self.sha)
    }

    /// The bare repository that holds the objects.
    pub fn store(&self) -> &Path {
        &self.store
    }
}

impl Tag {
    /// Reads a tag object.
    pub(crate) fn read(repository: &Repository, id: Oid, name: &str) -> Result<Option<Self>, Error> {
        let unreadable =
            |err: git2::Error| Error::Object { id: id.to_string(), reason: err.message().to_owned() };
        let odb = repository.odb().map_err(unreadable)?;
        let object = odb.read(id).map_err(unreadable)?;
        if object.kind() != ObjectType::Tag {
            return Ok(None);
        }
        let (payload, signature) = split_tag(object.data());
        let body = find(&payload, b"\n\n").map_or(payload.len(), |at| at + 2);
        let message = String::from_utf8_lossy(&payload[body..]).into_owned();
        Ok(Some(Self { name: name.to_owned(), sha: id.to_string(), message, signature, payload }))
    }
}

impl From<&git2::Signature<'_>> for Person {
    fn from(signature: &git2::Signature<'_>) -> Self {
        Self {
            name: String::from_utf8_lossy(signature.name_bytes()).into_owned(),
            email: String::from_utf8_lossy(signature.email_bytes()).into_owned(),
            seconds: signature.when().seconds(),
            offset_minutes: signature.when().offset_minutes(),
        }
    }
}

/// Splits a commit object into what was signed and the signature, which is a header whose further
/// lines begin with a blank.
fn split_commit(raw: &[u8]) -> (Vec<u8>, Option<String>) {
    let mut payload = Vec::with_capacity(raw.len());
    let mut signature: Option<Vec<u8>> = None;
    let mut inside = false;
    let mut rest = raw;
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let (line, after) = rest.split_at(end + 1);
        if line == b"\n" {
            break;
        }
        rest = after;
        if let Some(first) = line.strip_prefix(b"gpgsig ").filter(|_| signature.is_none()) {
            inside = true;
            signature = Some(first.to_vec());
        } else if inside && line.starts_with(b" ") {
            signature.get_or_insert_default().extend_from_slice(&line[1..]);
        } else {
            inside = false;
            payload.extend_from_slice(line);
        }
    }
    payload.extend_from_slice(rest);
    (payload, signature.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

/// What signatures begin with.
const SIGNATURE_MARKS: [&[u8]; 4] = [
    b"-----BEGIN PGP SIGNATURE-----",
    b"-----BEGIN PGP MESSAGE-----",
    b"-----BEGIN SSH SIGNATURE-----",
    b"-----BEGIN SIGNED MESSAGE-----",
];

/// Splits a tag object into what was signed and the signature, which ends the message: what looks like another one
/// before it is part of the message, as for git itself.
fn split_tag(raw: &[u8]) -> (Vec<u8>, Option<String>) {
    let begins_line = |at: usize| at == 0 || raw[at - 1] == b'\n';
    let is_mark = |at: usize| SIGNATURE_MARKS.iter().any(|mark| raw[at..].starts_with(mark));
    let start = (0..raw.len()).rev().find(|at| begins_line(*at) && is_mark(*at));
    match start {
        Some(at) => (raw[..at].to_vec(), Some(String::from_utf8_lossy(&raw[at..]).into_owned())),
        None => (raw.to_vec(), None),
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
