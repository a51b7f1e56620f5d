//! From what objects refer to, back to the objects that refer to it.

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    hash::Hash,
    sync::RwLock,
};

use crate::{
    ObjectKey,
    sync::{read, write},
};

/// A reverse index: for each reference the objects that hold it.
///
/// Kept up to date from the referring kind's own stream, see [`Controller::index`](crate::Controller::index).
pub struct Index<R> {
    maps: RwLock<Maps<R>>,
}

struct Maps<R> {
    references: HashMap<ObjectKey, Vec<R>>,
    dependents: HashMap<R, BTreeSet<ObjectKey>>,
}

impl<R: Clone + Eq + Hash> Index<R> {
    /// An empty index.
    pub fn new() -> Self {
        Self { maps: RwLock::new(Maps { references: HashMap::new(), dependents: HashMap::new() }) }
    }

    /// Replaces what `key` refers to.
    pub fn set(&self, key: &ObjectKey, references: Vec<R>) {
        let mut maps = write(&self.maps);
        maps.drop_references(key);
        for reference in &references {
            maps.dependents.entry(reference.clone()).or_default().insert(key.clone());
        }
        if !references.is_empty() {
            maps.references.insert(key.clone(), references);
        }
    }

    /// Forgets an object.
    pub fn remove(&self, key: &ObjectKey) {
        write(&self.maps).drop_references(key);
    }

    /// The objects that hold this reference, in order of namespace and name.
    pub fn dependents(&self, reference: &R) -> Vec<ObjectKey> {
        let maps = read(&self.maps);
        maps.dependents.get(reference).map(|keys| keys.iter().cloned().collect()).unwrap_or_default()
    }
}

impl<R: Clone + Eq + Hash> Maps<R> {
    fn drop_references(&mut self, key: &ObjectKey) {
        for reference in self.references.remove(key).unwrap_or_default() {
            if let Some(keys) = self.dependents.get_mut(&reference) {
                keys.remove(key);
                if keys.is_empty() {
                    self.dependents.remove(&reference);
                }
            }
        }
    }
}

impl<R: Clone + Eq + Hash> Default for Index<R> {
    fn default() -> Self {
        Self::new()
    }
}

impl<R> fmt::Debug for Index<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let maps = read(&self.maps);
        f.debug_struct("Index")
            .field("objects", &maps.references.len())
            .field("references", &maps.dependents.len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> ObjectKey {
        ObjectKey::new("ns", name)
    }

    #[test]
    fn follows_changes_of_references() {
        let index = Index::new();
        index.set(&key("b"), vec!["repo", "secret"]);
        index.set(&key("a"), vec!["repo", "repo"]);
        assert_eq!(index.dependents(&"repo"), [key("a"), key("b")]);
        index.set(&key("b"), vec!["other"]);
        assert_eq!(index.dependents(&"repo"), [key("a")]);
        assert_eq!(index.dependents(&"secret"), []);
        assert_eq!(index.dependents(&"other"), [key("b")]);
        index.remove(&key("a"));
        index.remove(&key("b"));
        let maps = read(&index.maps);
        assert!(maps.references.is_empty() && maps.dependents.is_empty());
    }
}
