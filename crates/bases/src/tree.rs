//! A fetched tree on the disk, which lives as long as it is read.

use std::fs;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use sluice_git::{Content, Entry, Error, Kind, Walk};
use sluice_kustomize::FileSystem;
use sluice_kustomize::fs::{DirEntry, FileKind, FsError, Jail};
use sluice_kustomize::remote::{Checkout, RemoteError};
use tempfile::TempDir;

/// The most entries of a tree.
const MAX_ENTRIES: usize = 500_000;

/// Files in a directory that is removed with this.
pub struct Tree {
    files: Jail,
    _directory: TempDir,
}

/// Writes a commit's files, of at most `limit` bytes.
pub fn write(content: &Content, limit: u64) -> Result<Tree, RemoteError> {
    let directory = TempDir::with_prefix("sluice-base-").map_err(|error| disk(&error))?;
    let mut left = Budget { bytes: limit, entries: MAX_ENTRIES, limit };
    let walked = content.walk(|entry| -> Result<Walk, Stop> {
        left.take(entry)?;
        write_entry(entry, directory.path())?;
        Ok(Walk::Continue)
    });
    walked.map_err(|Stop(error)| error)?;
    let files = Jail::new(directory.path()).map_err(|error| RemoteError::Failed(error.to_string()))?;
    Ok(Tree { files, _directory: directory })
}

impl From<Tree> for Checkout {
    fn from(tree: Tree) -> Self {
        let root = tree.files.root().to_owned();
        Self { files: Box::new(tree), root }
    }
}

/// What may still be written.
struct Budget {
    bytes: u64,
    entries: usize,
    limit: u64,
}

impl Budget {
    fn take(&mut self, entry: &Entry<'_>) -> Result<(), Stop> {
        let too_large = || Stop(RemoteError::TooLarge { limit: self.limit });
        self.bytes = self.bytes.checked_sub(entry.size()?).ok_or_else(too_large)?;
        self.entries = self.entries.checked_sub(1).ok_or_else(|| {
            Stop(RemoteError::Failed(format!("the repository has more than {MAX_ENTRIES} files")))
        })?;
        Ok(())
    }
}

/// Writes one entry. A tree has each name once, so that nothing is written through a link; where links lead is
/// checked when they are read.
fn write_entry(entry: &Entry<'_>, root: &Path) -> Result<(), Stop> {
    let path = root.join(Path::new(std::ffi::OsStr::from_bytes(entry.path)));
    match entry.kind {
        Kind::Directory | Kind::Submodule => fs::create_dir(&path)?,
        Kind::Symlink => {
            let target = entry.read(4096)?;
            std::os::unix::fs::symlink(std::ffi::OsStr::from_bytes(&target), &path)?;
        }
        Kind::File | Kind::Executable => {
            let mut file = fs::File::create_new(&path)?;
            io::copy(&mut entry.reader()?, &mut file)?;
            file.flush()?;
        }
    }
    Ok(())
}

/// Why writing ends.
struct Stop(RemoteError);

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self(RemoteError::Failed(error.to_string()))
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self(disk(&error))
    }
}

/// The disk's fault.
pub fn disk(error: &io::Error) -> RemoteError {
    RemoteError::Failed(format!("the repository can't be written to the temporary directory: {error}"))
}

impl FileSystem for Tree {
    fn canonical(&self, path: &Path) -> Result<PathBuf, FsError> {
        self.files.canonical(path)
    }

    fn kind(&self, path: &Path) -> Result<FileKind, FsError> {
        self.files.kind(path)
    }

    fn read(&self, path: &Path) -> Result<Vec<u8>, FsError> {
        self.files.read(path)
    }

    fn list(&self, directory: &Path) -> Result<Vec<DirEntry>, FsError> {
        self.files.list(directory)
    }
}
