//! Knowing that a file still holds what its digest says, without hashing it each time.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use sluice_archive::Digest;

use super::IntegrityError;

/// Files whose digest is known, as of a state of their inode.
#[derive(Debug, Default)]
pub(super) struct Verified(Mutex<HashMap<PathBuf, (Stamp, String)>>);

/// What changes whenever the content of a file does: nobody can set the change time of an inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    size: u64,
    changed: (i64, i64),
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            inode: metadata.ino(),
            size: metadata.size(),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

impl Verified {
    pub(super) fn check(&self, path: &Path, digest: &str) -> Result<(), IntegrityError> {
        if digest.is_empty() {
            return Err(IntegrityError::NoDigest);
        }
        let parse = digest.parse::<Digest>();
        let wanted = parse.map_err(|source| IntegrityError::Digest { digest: digest.to_owned(), source })?;
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        let known = (Stamp::of(&metadata), digest.to_owned());
        if self.lock().get(path) == Some(&known) {
            return Ok(());
        }
        if Digest::of(wanted.algorithm(), file)? != wanted {
            return Err(IntegrityError::Mismatch(digest.to_owned()));
        }
        self.lock().insert(path.to_owned(), known);
        Ok(())
    }

    pub(super) fn remember(&self, path: PathBuf, metadata: &Metadata, digest: &str) {
        self.lock().insert(path, (Stamp::of(metadata), digest.to_owned()));
    }

    pub(super) fn forget(&self, path: &Path) {
        self.lock().remove(path);
    }

    pub(super) fn forget_below(&self, dir: &Path) {
        self.lock().retain(|path, _| !path.starts_with(dir));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PathBuf, (Stamp, String)>> {
        // Every change is a single insert or remove: a panic elsewhere leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
