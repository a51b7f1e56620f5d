//! Files in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::{DirEntry, FileKind, FileSystem, FsError, clean};

/// Files in memory: for tests, and for trees that never were on a disk.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    files: BTreeMap<PathBuf, Vec<u8>>,
    directories: BTreeSet<PathBuf>,
}

impl Memory {
    /// An empty tree: only `/`.
    pub fn new() -> Self {
        Self { files: BTreeMap::new(), directories: BTreeSet::from([PathBuf::from("/")]) }
    }

    /// Adds or replaces a file and makes the directories above it.
    pub fn insert(&mut self, path: impl AsRef<Path>, content: impl Into<Vec<u8>>) {
        let path = clean(&Path::new("/").join(path));
        for directory in path.ancestors().skip(1) {
            self.directories.insert(directory.to_owned());
        }
        self.files.insert(path, content.into());
    }

    /// The same with more calls in one expression.
    #[must_use]
    pub fn with(mut self, path: impl AsRef<Path>, content: impl Into<Vec<u8>>) -> Self {
        self.insert(path, content);
        self
    }
}

impl FileSystem for Memory {
    fn canonical(&self, path: &Path) -> Result<PathBuf, FsError> {
        let cleaned = clean(&Path::new("/").join(path));
        self.kind(&cleaned).map(|_| cleaned)
    }

    fn kind(&self, path: &Path) -> Result<FileKind, FsError> {
        let cleaned = clean(&Path::new("/").join(path));
        if self.files.contains_key(&cleaned) {
            Ok(FileKind::File)
        } else if self.directories.contains(&cleaned) {
            Ok(FileKind::Directory)
        } else {
            Err(FsError::NotFound { path: path.to_owned() })
        }
    }

    fn read(&self, path: &Path) -> Result<Vec<u8>, FsError> {
        let cleaned = clean(&Path::new("/").join(path));
        match self.files.get(&cleaned) {
            Some(content) => Ok(content.clone()),
            None if self.directories.contains(&cleaned) => {
                Err(FsError::IsDirectory { path: path.to_owned() })
            }
            None => Err(FsError::NotFound { path: path.to_owned() }),
        }
    }

    fn list(&self, directory: &Path) -> Result<Vec<DirEntry>, FsError> {
        let cleaned = clean(&Path::new("/").join(directory));
        match self.kind(&cleaned)? {
            FileKind::Directory => {}
            _ => return Err(FsError::NotDirectory { path: directory.to_owned() }),
        }
        let child = |path: &Path, kind| {
            let name = (path.parent() == Some(&cleaned)).then(|| path.file_name()).flatten()?;
            Some(DirEntry { name: name.to_string_lossy().into_owned(), kind })
        };
        let files = self.files.keys().filter_map(|path| child(path, FileKind::File));
        let directories = self.directories.iter().filter_map(|path| child(path, FileKind::Directory));
        let mut entries: Vec<_> = files.chain(directories).collect();
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_lists() {
        let fs = Memory::new().with("/a/b.yaml", "x").with("/a/c/d", "y");
        assert_eq!(fs.read(Path::new("/a/./c/../b.yaml")).unwrap(), b"x");
        let names: Vec<_> = fs.list(Path::new("/a")).unwrap().into_iter().map(|entry| entry.name).collect();
        assert_eq!(names, ["b.yaml", "c"]);
        assert!(fs.is_directory(Path::new("/a/c")));
        assert!(matches!(fs.read(Path::new("/a/c")), Err(FsError::IsDirectory { .. })));
    }
}
