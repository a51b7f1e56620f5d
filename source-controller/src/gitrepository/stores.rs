//! Where fetched Git objects are kept between turns, so that a new commit costs only what is new in it.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use sluice_archive::{Algorithm, Digest};
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
        let workspace = Workspace::create(&std::env::temp_dir(), "sluice-git-")?;
        Ok(Self { workspace, urls: Mutex::default() })
    }

    /// The store of an object for a fetch from `url`.
    ///
    /// A store never holds objects of two repositories: else a commit of the former could be asked for and
    /// given as if the new one had it.
    pub(super) fn open(&self, key: &ObjectKey, url: &str) -> PathBuf {
        let path = self.store(key);
        let before = self.lock().insert(key.clone(), url.to_owned());
        if before.is_none_or(|before| before != url) {
            remove(&path);
            remove(&self.submodules(key));
        }
        path
    }

    /// The store of a submodule of an object, fetched from `url`.
    pub(super) fn open_submodule(&self, key: &ObjectKey, url: &str) -> PathBuf {
        let name =
            Digest::of(Algorithm::Sha256, url.as_bytes()).map(|digest| digest.hex()).unwrap_or_default();
        self.submodules(key).join(format!("{name}.git"))
    }

    /// A directory of this process.
    pub(super) fn path(&self) -> &Path {
        self.workspace.path()
    }

    /// Removes the store of an object that is gone.
    pub(super) fn forget(&self, key: &ObjectKey) {
        self.lock().remove(key);
        remove(&self.store(key));
        remove(&self.submodules(key));
    }

    fn submodules(&self, key: &ObjectKey) -> PathBuf {
        self.store(key).with_extension("modules")
    }

    fn store(&self, key: &ObjectKey) -> PathBuf {
        self.workspace.path().join(&*key.namespace).join(format!("{}.git", key.name))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ObjectKey, String>> {
        // A single insert or remove at a time: a panic elsewhere leaves nothing half done.
        self.urls.lock().unwrap_or_else(PoisonError::into_inner)
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
