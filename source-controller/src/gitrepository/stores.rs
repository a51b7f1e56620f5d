//! Where fetched Git objects are kept between turns, so that a new commit costs only what is new in it.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use sluice_artifact::Workspace;
use sluice_runtime::ObjectKey;

/// Fetches into one store before it is begun anew: each adds objects, and none are removed.
const FETCHES: u32 = 50;

/// One bare repository for each object, in a directory of this process.
pub(super) struct Stores {
    workspace: Workspace,
    used: Mutex<HashMap<ObjectKey, Use>>,
}

struct Use {
    url: String,
    fetches: u32,
}

impl Stores {
    pub(super) fn create() -> io::Result<Self> {
        let workspace = Workspace::create(&std::env::temp_dir(), "sluice-git-")?;
        Ok(Self { workspace, used: Mutex::default() })
    }

    /// The store of an object for one more fetch from `url`.
    ///
    /// A store never holds objects of two repositories: else a commit of the former could be asked for and
    /// given as if the new one had it.
    pub(super) fn open(&self, key: &ObjectKey, url: &str) -> PathBuf {
        let path = self.path(key);
        let mut used = self.lock();
        match used.get_mut(key) {
            Some(entry) if entry.url == url && entry.fetches < FETCHES => entry.fetches += 1,
            _ => {
                remove(&path);
                used.insert(key.clone(), Use { url: url.to_owned(), fetches: 1 });
            }
        }
        path
    }

    /// Removes the store of an object that is gone.
    pub(super) fn forget(&self, key: &ObjectKey) {
        self.lock().remove(key);
        remove(&self.path(key));
    }

    fn path(&self, key: &ObjectKey) -> PathBuf {
        self.workspace.path().join(&*key.namespace).join(format!("{}.git", key.name))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ObjectKey, Use>> {
        // A single insert or remove at a time: a panic elsewhere leaves nothing half done.
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn remove(path: &std::path::Path) {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            // The next fetch finds out whether what is left can be used.
            tracing::warn!(path = %path.display(), %error, "unable to remove fetched Git objects");
        }
        _ => {}
    }
}
