//! Files put over a tree.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{DirEntry, FileKind, FileSystem, FsError, clean};

/// A tree with the content of some of its files replaced, nothing written: for decrypted files.
pub struct Overlay<'a> {
    base: &'a dyn FileSystem,
    files: BTreeMap<PathBuf, Vec<u8>>,
}

impl<'a> Overlay<'a> {
    /// Starts with the tree as it is.
    pub fn new(base: &'a dyn FileSystem) -> Self {
        Self { base, files: BTreeMap::new() }
    }

    /// Replaces the content of a file that the tree has.
    pub fn replace(&mut self, path: &Path, content: Vec<u8>) -> Result<(), FsError> {
        self.files.insert(self.base.canonical(path)?, content);
        Ok(())
    }
}

impl FileSystem for Overlay<'_> {
    fn canonical(&self, path: &Path) -> Result<PathBuf, FsError> {
        self.base.canonical(path)
    }

    fn kind(&self, path: &Path) -> Result<FileKind, FsError> {
        self.base.kind(path)
    }

    fn read(&self, path: &Path) -> Result<Vec<u8>, FsError> {
        if !self.files.is_empty() {
            let real = self.base.canonical(&clean(path))?;
            if let Some(content) = self.files.get(&real) {
                return Ok(content.clone());
            }
        }
        self.base.read(path)
    }

    fn list(&self, directory: &Path) -> Result<Vec<DirEntry>, FsError> {
        self.base.list(directory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::Memory;

    #[test]
    fn replaces_by_any_spelling() {
        let base = Memory::new().with("/a/f", "old").with("/a/g", "kept");
        let mut overlay = Overlay::new(&base);
        overlay.replace(Path::new("/a/f"), b"new".to_vec()).unwrap();
        assert_eq!(overlay.read(Path::new("/a/./f")).unwrap(), b"new");
        assert_eq!(overlay.read(Path::new("/a/g")).unwrap(), b"kept");
        assert!(overlay.replace(Path::new("/a/none"), Vec::new()).is_err());
    }
}
