//! Reading a commit's tree straight from the object store, without a work tree.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::Path;

use git2::{ObjectType, Odb, OdbObject, Oid, Repository};

use crate::lfs::Large;
use crate::store::mark_damaged;
use crate::{Commit, Error, packed};

/// Nesting beyond this is an attack, not a repository.
const MAX_DEPTH: usize = 256;

/// Files of at least this many bytes are read piece by piece.
const STREAMED: u64 = 1 << 20;

/// What a tree entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A file without the executable bit.
    File,
    /// A file with the executable bit.
    Executable,
    /// A symbolic link; its content is the target.
    Symlink,
    /// A submodule.
    Submodule,
}

impl Kind {
    /// Whether it is a file, executable or not.
    pub(crate) fn is_file(self) -> bool {
        matches!(self, Self::File | Self::Executable)
    }
}

/// What to do after an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Walk {
    /// Go on; enters a directory.
    Continue,
    /// Do not enter this directory. The same as `Continue` for other entries.
    SkipDirectory,
    /// End the walk.
    Stop,
}

/// An entry of a commit's tree, valid during the visit.
pub struct Entry<'a> {
    /// Path from the root, with `/` between parts and none at either end. Any bytes but NUL.
    pub path: &'a [u8],
    /// What it is.
    pub kind: Kind,
    /// Mode as git stores it, such as 0o100644.
    pub mode: u32,
    /// Hash of the object (of the foreign commit for a submodule).
    pub id: Oid,
    odb: &'a Odb<'a>,
    store: &'a Path,
    /// What stands in a file of its own, in place of the object.
    large: Option<&'a Large>,
}

impl Entry<'_> {
    /// Size of the content in bytes; 0 for directories and submodules. Does not read the content.
    pub fn size(&self) -> Result<u64, Error> {
        if let Some(large) = self.large {
            return Ok(large.size);
        }
        match self.kind {
            Kind::Directory | Kind::Submodule => Ok(0),
            _ => self
                .odb
                .read_header(self.id)
                .map(|(size, _)| size as u64)
                .map_err(|err| unreadable(self.store, self.id, &err)),
        }
    }

    /// The content of a file, or the target of a symbolic link. Large files are not held in memory.
    pub fn reader(&self) -> Result<Box<dyn Read + '_>, Error> {
        if let Some(Large { path, .. }) = self.large {
            let file = File::open(path).map_err(|error| Error::Store(error.to_string()))?;
            return Ok(Box::new(file));
        }
        if self.size()? >= STREAMED
            && let Ok(Some(blob)) = packed::open(&self.store.join("objects"), self.id)
        {
            return Ok(Box::new(Watched { content: blob, store: self.store }));
        }
        let object = self.odb.read(self.id).map_err(|err| unreadable(self.store, self.id, &err))?;
        if object.kind() != ObjectType::Blob {
            return Err(Error::Object {
                id: self.id.to_string(),
                reason: "the object is not a blob".to_owned(),
            });
        }
        Ok(Box::new(Cursor::new(Data(object))))
    }

    /// The same place, taken for a directory: a submodule whose content is visited next.
    pub(crate) fn as_directory(&self) -> Entry<'_> {
        Entry { path: self.path, kind: Kind::Directory, mode: 0o040_000, ..*self }
    }

    /// The same file with other content.
    pub(crate) fn with_content<'b>(&'b self, large: &'b Large) -> Entry<'b> {
        Entry { large: Some(large), ..*self }
    }

    /// The whole content, refused when longer than `limit` bytes.
    pub fn read(&self, limit: u64) -> Result<Vec<u8>, Error> {
        let size = self.size()?;
        if size > limit {
            return Err(Error::Object {
                id: self.id.to_string(),
                reason: format!("{size} bytes exceed the limit of {limit}"),
            });
        }
        let mut content = Vec::with_capacity(size as usize);
        let copied = io::copy(&mut self.reader()?, &mut content);
        copied.map_err(|err| Error::Object { id: self.id.to_string(), reason: err.to_string() })?;
        Ok(content)
    }
}

/// An object in memory.
struct Data<'a>(OdbObject<'a>);

impl AsRef<[u8]> for Data<'_> {
    fn as_ref(&self) -> &[u8] {
        self.0.data()
    }
}

/// Notes damage that shows only while reading.
struct Watched<'a, R> {
    content: R,
    store: &'a Path,
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.content.read(buffer).inspect_err(|_| mark_damaged(self.store))
    }
}

impl Commit {
    /// Visits all entries depth first, each directory before its content, and the entries of a
    /// directory in the order of their names' bytes.
    ///
    /// Blocks: call it where blocking is allowed. Entries named `.`, `..` or `.git`, or with a
    /// slash in their name, fail the walk with [`Error::UnsafePath`].
    pub fn walk<E: From<Error>>(
        &self,
        mut visit: impl FnMut(&Entry<'_>) -> Result<Walk, E>,
    ) -> Result<(), E> {
        self.walk_at(&mut Vec::with_capacity(256), &mut visit).map(|_| ())
    }

    /// Visits all entries as if the tree lay at `path`; the root itself is not visited.
    pub(crate) fn walk_at<E: From<Error>>(
        &self,
        path: &mut Vec<u8>,
        visit: &mut impl FnMut(&Entry<'_>) -> Result<Walk, E>,
    ) -> Result<Walk, E> {
        let repository = self.open()?;
        let odb = repository.odb().map_err(|err| Error::Store(err.message().to_owned()))?;
        self.walk_tree(&repository, &odb, self.tree, path, 0, visit)
    }

    /// The entry at a path with `/` between its parts, if there is one.
    pub fn lookup<T, E: From<Error>>(
        &self,
        path: &[u8],
        found: impl FnOnce(&Entry<'_>) -> Result<T, E>,
    ) -> Result<Option<T>, E> {
        let repository = self.open()?;
        let odb = repository.odb().map_err(|err| Error::Store(err.message().to_owned()))?;
        let mut id = self.tree;
        let mut parts =
            path.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".").peekable();
        while let Some(part) = parts.next() {
            let tree = repository.find_tree(id).map_err(|err| unreadable(&self.store, id, &err))?;
            let Some(entry) = tree.iter().find(|entry| entry.name_bytes() == part) else { return Ok(None) };
            let (kind, mode) = kind(entry.filemode_raw());
            id = entry.id();
            if parts.peek().is_none() {
                return found(&Entry { path, kind, mode, id, odb: &odb, store: &self.store, large: None })
                    .map(Some);
            }
            if kind != Kind::Directory {
                return Ok(None);
            }
        }
        Ok(None)
    }

    fn open(&self) -> Result<Repository, Error> {
        Repository::open_bare(&self.store).map_err(|err| Error::Store(err.message().to_owned()))
    }

    fn walk_tree<E: From<Error>>(
        &self,
        repository: &Repository,
        odb: &Odb<'_>,
        id: Oid,
        path: &mut Vec<u8>,
        depth: usize,
        visit: &mut impl FnMut(&Entry<'_>) -> Result<Walk, E>,
    ) -> Result<Walk, E> {
        if depth > MAX_DEPTH {
            return Err(self.unsafe_path(path, "directories are nested too deep").into());
        }
        let tree = repository.find_tree(id).map_err(|err| unreadable(&self.store, id, &err))?;
        // Git orders a directory as if its name ended with a slash; file systems and tar do not.
        let mut entries: Vec<_> = tree.iter().collect();
        entries.sort_unstable_by(|a, b| a.name_bytes().cmp(b.name_bytes()));
        for pair in entries.windows(2) {
            if pair[0].name_bytes() == pair[1].name_bytes() {
                path.extend_from_slice(pair[0].name_bytes());
                return Err(self.unsafe_path(path, "two entries have this name").into());
            }
        }
        let parent = path.len();
        for entry in &entries {
            path.truncate(parent);
            if parent > 0 {
                path.push(b'/');
            }
            path.extend_from_slice(entry.name_bytes());
            if let Some(reason) = unsafe_name(entry.name_bytes()) {
                return Err(self.unsafe_path(path, reason).into());
            }
            let (kind, mode) = kind(entry.filemode_raw());
            let id = entry.id();
            match visit(&Entry { path, kind, mode, id, odb, store: &self.store, large: None })? {
                Walk::Stop => return Ok(Walk::Stop),
                Walk::Continue if kind == Kind::Directory => {
                    if self.walk_tree(repository, odb, entry.id(), path, depth + 1, visit)? == Walk::Stop {
                        return Ok(Walk::Stop);
                    }
                }
                Walk::Continue | Walk::SkipDirectory => {}
            }
        }
        path.truncate(parent);
        Ok(Walk::Continue)
    }

    fn unsafe_path(&self, path: &[u8], reason: &'static str) -> Error {
        Error::UnsafePath {
            commit: self.sha.clone(),
            path: String::from_utf8_lossy(path).into_owned(),
            reason,
        }
    }
}

/// Maps a mode as git does: only the type bits and the owner's executable bit count.
fn kind(mode: i32) -> (Kind, u32) {
    let mode = mode as u32;
    let kind = match mode & 0o170_000 {
        0o040_000 => Kind::Directory,
        0o120_000 => Kind::Symlink,
        0o160_000 => Kind::Submodule,
        _ if mode & 0o100 != 0 => Kind::Executable,
        _ => Kind::File,
    };
    (kind, mode)
}

/// Names that git fsck rejects, because they would escape or hijack a checkout.
fn unsafe_name(name: &[u8]) -> Option<&'static str> {
    match name {
        b"" => Some("the name is empty"),
        b"." | b".." => Some("the name is '.' or '..'"),
        _ if name.eq_ignore_ascii_case(b".git") => Some("the name is '.git'"),
        _ if name.contains(&b'/') => Some("the name contains a slash"),
        _ => None,
    }
}

/// An object that was there after the fetch cannot be read: the store is damaged, so the next
/// fetch must not trust it.
fn unreadable(store: &Path, id: Oid, err: &git2::Error) -> Error {
    mark_damaged(store);
    Error::Object { id: id.to_string(), reason: err.message().to_owned() }
}
