//! Where fetched Git objects are kept between turns, so that a new commit costs only what is new in it.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use sluice_artifact::Workspace;
use sluice_runtime::ObjectKey;

/// One bare repository for each object, in a directory of this process.
pub(super) struct Stores {
    workspace: Workspace,
    /// Which repository each store holds objects of.
    urls: Mutex<HashMap<ObjectKey, String>>,
}

impl Stores {
    pub(super) fn create() -> io::Result<Self> {
        let workspace = Workspace::create(&std::env::temp_dir(), "sluice-automation-")?;
        Ok(Self { workspace, urls: Mutex::default() })
    }

    /// The store of an object for a fetch from `url`. A store never holds objects of two repositories.
    pub(super) fn open(&self, key: &ObjectKey, url: &str) -> PathBuf {
        let path = self.path(key);
        let mut urls = self.urls.lock().unwrap_or_else(PoisonError::into_inner);
        let before = urls.insert(key.clone(), url.to_owned());
        if before.is_none_or(|before| before != url) {
            remove(&path);
        }
        path
    }

    /// Removes the store of an object that is gone.
    pub(super) fn forget(&self, key: &ObjectKey) {
        self.urls.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
        remove(&self.path(key));
    }

    fn path(&self, key: &ObjectKey) -> PathBuf {
        self.workspace.path().join(&*key.namespace).join(format!("{}.git", key.name))
    }
}

fn remove(path: &Path) {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            // The next fetch finds out whether what is left can be used.
            tracing::warn!(path = %path.display(), %error, "unable to remove fetched Git objects");
        }
        _ => {}
    }
}
