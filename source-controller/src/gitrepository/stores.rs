//! Where fetched Git objects are kept between turns, so that a new commit costs only what is new in it.
//!
//! Objects of one namespace that name the same URL and the same credentials share a store: fifty branches of a
//! repository cost little more than one. Namespaces share nothing, and neither do different credentials: what one
//! may read another need not.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sluice_apis::source::v1::GitRepository;
use sluice_archive::{Algorithm, Digest};
use sluice_artifact::Workspace;
use sluice_runtime::ObjectKey;
use tokio::sync::{Mutex as Turns, OwnedMutexGuard};

/// The right to fetch into a store and to read what is there. Given back when dropped.
pub(super) type Turn = OwnedMutexGuard<()>;

/// One bare repository for each origin, in a directory of this process.
pub(super) struct Stores {
    workspace: Workspace,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// The store that each object uses.
    of: HashMap<ObjectKey, String>,
    turns: HashMap<String, Arc<Turns<()>>>,
    /// Stores removed so far, for the names of what is being removed.
    removed: u64,
}

/// A place for the Git objects of one repository.
pub(super) struct Store {
    path: PathBuf,
    turns: Arc<Turns<()>>,
}

impl Stores {
    pub(super) fn create() -> io::Result<Self> {
        let workspace = Workspace::create(&std::env::temp_dir(), "sluice-git-")?;
        Ok(Self { workspace, known: Mutex::default() })
    }

    /// The store of an object. The one that it used before goes, if that was another and nobody else uses it.
    ///
    /// A store never holds objects of two repositories: else a commit of the former could be asked for and
    /// given as if the new one had it.
    pub(super) fn open(&self, key: &ObjectKey, object: &GitRepository) -> Store {
        let name = name(&key.namespace, object);
        let mut known = self.lock();
        let before = known.of.insert(key.clone(), name.clone());
        let abandoned =
            before.filter(|before| *before != name).and_then(|before| self.set_aside(&mut known, &before));
        let turns = Arc::clone(known.turns.entry(name.clone()).or_default());
        drop(known);
        remove(abandoned);
        Store { path: self.workspace.path().join(format!("{name}.git")), turns }
    }

    /// A directory of this process.
    pub(super) fn path(&self) -> &Path {
        self.workspace.path()
    }

    /// Removes the store of an object that is gone, if nobody else uses it.
    pub(super) fn forget(&self, key: &ObjectKey) {
        let mut known = self.lock();
        let before = known.of.remove(key);
        let abandoned = before.and_then(|before| self.set_aside(&mut known, &before));
        drop(known);
        remove(abandoned);
    }

    /// Gives a store that nobody uses any more another name, under which nobody looks for it.
    fn set_aside(&self, known: &mut Known, name: &str) -> Option<PathBuf> {
        if known.of.values().any(|used| used == name) {
            return None;
        }
        known.turns.remove(name);
        known.removed += 1;
        let aside = self.workspace.path().join(format!("removed-{}", known.removed));
        let moved = std::fs::create_dir(&aside).and_then(|()| {
            for extension in ["git", "modules", "lfs"] {
                let file = format!("{name}.{extension}");
                match std::fs::rename(self.workspace.path().join(&file), aside.join(&file)) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
            Ok(())
        });
        if let Err(error) = moved {
            // The next fetch finds out whether what is left can be used.
            tracing::warn!(store = name, %error, "unable to remove fetched Git objects");
        }
        Some(aside)
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        // What a panic could leave half done is a store that stays until the process ends.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store {
    /// The bare repository.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Waits until nobody else fetches into the store or reads it: a fetch may find that it has to start anew.
    pub(super) async fn turn(&self) -> Turn {
        Arc::clone(&self.turns).lock_owned().await
    }

    /// The bare repository of a submodule, fetched from `url`.
    pub(super) fn submodule(&self, url: &str) -> PathBuf {
        self.path.with_extension("modules").join(format!("{}.git", hash(url)))
    }

    /// The folder for large files.
    pub(super) fn large(&self) -> PathBuf {
        self.path.with_extension("lfs")
    }
}

/// Names what is fetched, and in whose name. Kubernetes' names and URLs hold no line breaks.
fn name(namespace: &str, object: &GitRepository) -> String {
    let spec = &object.spec;
    let secret = |reference: &Option<sluice_apis::meta::LocalObjectReference>| {
        reference.as_ref().map(|reference| reference.name.clone()).unwrap_or_default()
    };
    let provider = spec.provider.as_ref().map(|provider| format!("{provider:?}")).unwrap_or_default();
    let account = spec.service_account_name.clone().unwrap_or_default();
    let parts = [
        namespace,
        &spec.url,
        &secret(&spec.secret_ref),
        &secret(&spec.proxy_secret_ref),
        &provider,
        &account,
    ];
    hash(&parts.join("\n"))
}

fn hash(text: &str) -> String {
    // Memory can always be read.
    Digest::of(Algorithm::Sha256, text.as_bytes()).map(|digest| digest.hex()).unwrap_or_default()
}

fn remove(path: Option<PathBuf>) {
    let Some(path) = path else { return };
    match std::fs::remove_dir_all(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(path = %path.display(), %error, "unable to remove fetched Git objects");
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use sluice_apis::meta::LocalObjectReference;
    use sluice_apis::source::v1::GitRepositorySpec;

    use super::*;

    fn object(url: &str, secret: Option<&str>) -> GitRepository {
        let secret_ref = secret.map(|name| LocalObjectReference { name: name.to_owned() });
        GitRepository::new(
            "x",
            GitRepositorySpec { url: url.to_owned(), secret_ref, ..GitRepositorySpec::default() },
        )
    }

    #[test]
    fn only_the_same_way_to_the_same_repository_is_shared() {
        let stores = Stores::create().unwrap();
        let open = |namespace: &str, name: &str, url: &str, secret: Option<&str>| {
            stores.open(&ObjectKey::new(namespace, name), &object(url, secret)).path
        };
        let first = open("a", "1", "https://h/x", None);
        assert_eq!(open("a", "2", "https://h/x", None), first);
        let others = [
            open("a", "3", "https://h/y", None),
            open("a", "4", "https://h/x", Some("s")),
            open("a", "5", "https://h/x", Some("t")),
            open("b", "1", "https://h/x", None),
        ];
        for (index, other) in others.iter().enumerate() {
            assert!(*other != first && !others[..index].contains(other), "{index}");
        }
    }

    #[test]
    fn a_store_goes_with_its_last_user() {
        let stores = Stores::create().unwrap();
        let (one, two) = (ObjectKey::new("a", "1"), ObjectKey::new("a", "2"));
        let old = object("https://h/x", None);
        let store = stores.open(&one, &old);
        stores.open(&two, &old);
        for path in [store.path.clone(), store.submodule("https://h/m"), store.large()] {
            std::fs::create_dir_all(path).unwrap();
        }
        stores.open(&one, &object("https://h/y", None));
        assert!(store.path.exists() && store.large().exists());
        stores.forget(&two);
        assert_eq!(
            std::fs::read_dir(stores.path()).unwrap().flatten().filter(|e| e.path().is_dir()).count(),
            0
        );
    }
}
