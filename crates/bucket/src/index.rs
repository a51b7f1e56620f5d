//! What is in a bucket, and the digest of that.

use std::collections::BTreeMap;

use sluice_archive::{Algorithm, Digest};

/// Keys and their entity tags.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Index(BTreeMap<String, String>);

impl Index {
    /// Adds an object, or another tag for one that is there.
    pub fn add(&mut self, key: String, etag: String) {
        self.0.insert(key, etag);
    }

    /// Takes an object out.
    pub fn remove(&mut self, key: &str) {
        self.0.remove(key);
    }

    /// How many objects there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The objects in the order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, etag)| (key.as_str(), etag.as_str()))
    }

    /// The digest over a line `<key> <tag>` for each object.
    pub fn digest(&self, algorithm: Algorithm) -> Digest {
        let mut hasher = algorithm.hasher();
        for (key, etag) in &self.0 {
            for part in [key, " ", etag, "\n"] {
                hasher.update(part.as_bytes());
            }
        }
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_over_sorted_lines() {
        let mut index = Index::default();
        assert_eq!(
            index.digest(Algorithm::Sha256).to_string(),
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        index.add("b".into(), "2".into());
        index.add("a/x".into(), "1".into());
        index.add("gone".into(), "3".into());
        index.remove("gone");
        // printf 'a/x 1\nb 2\n' | sha256sum
        assert_eq!(
            index.digest(Algorithm::Sha256).to_string(),
            "sha256:a649c3c32ada4425a2f31c7e8b3ef8ac83eb8549cd18bd658e50328ab28d274a"
        );
        assert_eq!(index.len(), 2);
    }
}
