//! The directory of one process, and the removal of those that killed processes left behind.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use tempfile::TempDir;

/// Locked by the living process that owns the directory.
const LOCK: &str = "lock";
/// The lock until it is held.
const UNNAMED_LOCK: &str = ".lock.new";

/// A directory that only this process uses, removed when dropped.
#[derive(Debug)]
pub struct Workspace {
    dir: TempDir,
    /// Held for as long as the directory is in use.
    _lock: File,
}

impl Workspace {
    /// Makes a directory in `parent` whose name begins with `prefix`, and removes those of the same prefix
    /// whose process is gone.
    pub fn create(parent: &Path, prefix: &str) -> io::Result<Self> {
        fs::create_dir_all(parent)?;
        remove_abandoned(parent, prefix)?;
        let dir = TempDir::with_prefix_in(prefix, parent)?;
        // Locked before it has its name: a process that starts at the same time must not find it unlocked.
        let unnamed = dir.path().join(UNNAMED_LOCK);
        let lock = File::create(&unnamed)?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
        fs::rename(unnamed, dir.path().join(LOCK))?;
        Ok(Self { dir, _lock: lock })
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }
}

fn remove_abandoned(parent: &Path, prefix: &str) -> io::Result<()> {
    for entry in fs::read_dir(parent)? {
        let entry = entry?;
        if !entry.file_name().as_encoded_bytes().starts_with(prefix.as_bytes()) {
            continue;
        }
        // Without a lock file the owner may be about to create it: leave the directory alone.
        let Ok(lock) = File::open(entry.path().join(LOCK)) else { continue };
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok() {
            tracing::debug!(path = %entry.path().display(), "removing files of a process that is gone");
            // Another process may be removing it as well.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    Ok(())
}
