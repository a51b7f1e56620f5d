//! Files below one directory of the disk.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::{DirEntry, FileKind, FileSystem, FsError, clean};

/// The largest file that is read, in bytes. A manifest has to pass an API server that takes 3 MiB.
const MAX_FILE: u64 = 64 << 20;

/// The files below one directory of the disk, and no others: neither `..`, nor an absolute path, nor a symlink
/// leads out.
#[derive(Debug, Clone)]
pub struct Jail {
    given: PathBuf,
    root: PathBuf,
    shown: PathBuf,
}

impl Jail {
    /// Jails to `root`, which must be a directory.
    pub fn new(root: &Path) -> Result<Self, FsError> {
        let given = std::path::absolute(root).map_err(|source| io(root, source))?;
        let canonical = given.canonicalize().map_err(|source| io(&given, source))?;
        if !canonical.is_dir() {
            return Err(FsError::NotDirectory { path: given });
        }
        Ok(Self { given: clean(&given), shown: canonical.clone(), root: canonical })
    }

    /// Names the root otherwise in messages about paths outside of it.
    #[must_use]
    pub fn shown_as(self, shown: impl Into<PathBuf>) -> Self {
        Self { shown: shown.into(), ..self }
    }

    /// The root, without symlinks.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The real path, if it is inside. A path outside is told from a missing one by its letters only, so that
    /// nobody can probe which files exist elsewhere.
    fn resolve(&self, path: &Path) -> Result<PathBuf, FsError> {
        let outside =
            || FsError::Outside { path: path.to_owned(), root: self.root.clone(), shown: self.shown.clone() };
        let cleaned = clean(path);
        let below = cleaned.strip_prefix(&self.root).or_else(|_| cleaned.strip_prefix(&self.given));
        let start = self.root.join(below.map_err(|_| outside())?);
        match start.canonicalize() {
            Ok(real) if real.starts_with(&self.root) => Ok(real),
            Ok(_) => Err(outside()),
            Err(source) => {
                // A dangling symlink may point anywhere: what it points to is not reported on.
                Err(io(path, source))
            }
        }
    }
}

fn io(path: &Path, source: std::io::Error) -> FsError {
    let path = path.to_owned();
    match source.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => FsError::NotFound { path },
        std::io::ErrorKind::IsADirectory => FsError::IsDirectory { path },
        _ => FsError::Io { path, source },
    }
}

impl FileSystem for Jail {
    fn canonical(&self, path: &Path) -> Result<PathBuf, FsError> {
        self.resolve(path)
    }

    fn kind(&self, path: &Path) -> Result<FileKind, FsError> {
        let real = self.resolve(path)?;
        let metadata = real.metadata().map_err(|source| io(path, source))?;
        if metadata.is_dir() {
            Ok(FileKind::Directory)
        } else if metadata.is_file() {
            Ok(FileKind::File)
        } else {
            Err(FsError::Special { path: path.to_owned() })
        }
    }

    fn read(&self, path: &Path) -> Result<Vec<u8>, FsError> {
        match self.kind(path)? {
            FileKind::File => {}
            _ => return Err(FsError::IsDirectory { path: path.to_owned() }),
        }
        let real = self.resolve(path)?;
        let file = std::fs::File::open(real).map_err(|source| io(path, source))?;
        let mut content = Vec::new();
        file.take(MAX_FILE + 1).read_to_end(&mut content).map_err(|source| io(path, source))?;
        if content.len() as u64 > MAX_FILE {
            let source = std::io::Error::other(format!("larger than {} MiB", MAX_FILE >> 20));
            return Err(FsError::Io { path: path.to_owned(), source });
        }
        Ok(content)
    }

    fn list(&self, directory: &Path) -> Result<Vec<DirEntry>, FsError> {
        let real = self.resolve(directory)?;
        let mut entries = Vec::new();
        for entry in std::fs::read_dir(real).map_err(|source| io(directory, source))? {
            let entry = entry.map_err(|source| io(directory, source))?;
            let kind = entry.file_type().map_err(|source| io(directory, source))?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let kind = if kind.is_dir() {
                FileKind::Directory
            } else if kind.is_symlink() {
                FileKind::Symlink
            } else if kind.is_file() {
                FileKind::File
            } else {
                continue;
            };
            entries.push(DirEntry { name, kind });
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leads_out() {
        let dir = tempfile::tempdir().unwrap();
        let inside = dir.path().join("inside");
        std::fs::create_dir(&inside).unwrap();
        std::fs::write(dir.path().join("secret"), "s").unwrap();
        std::fs::write(inside.join("file"), "f").unwrap();
        std::os::unix::fs::symlink("../secret", inside.join("link")).unwrap();
        std::os::unix::fs::symlink("..", inside.join("up")).unwrap();
        std::os::unix::fs::symlink("file", inside.join("good")).unwrap();
        let jail = Jail::new(&inside).unwrap();
        assert_eq!(jail.read(&inside.join("file")).unwrap(), b"f");
        assert_eq!(jail.read(&inside.join("good")).unwrap(), b"f");
        for path in ["link", "../secret", "up/secret", "up/inside/../secret", "up"] {
            let error = jail.read(&inside.join(path)).unwrap_err();
            assert!(matches!(error, FsError::Outside { .. }), "{path}: {error}");
        }
        assert!(matches!(jail.read(Path::new("/etc/hostname")), Err(FsError::Outside { .. })));
        assert!(matches!(jail.read(&inside.join("none")), Err(FsError::NotFound { .. })));
        assert!(matches!(jail.read(&inside), Err(FsError::IsDirectory { .. })));
        assert!(jail.list(&inside.join("up")).is_err());
    }

    #[test]
    fn root_may_be_a_symlink() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("real")).unwrap();
        std::fs::write(dir.path().join("real/file"), "f").unwrap();
        std::os::unix::fs::symlink("real", dir.path().join("link")).unwrap();
        let jail = Jail::new(&dir.path().join("link")).unwrap();
        assert_eq!(jail.read(&dir.path().join("link/file")).unwrap(), b"f");
    }
}
