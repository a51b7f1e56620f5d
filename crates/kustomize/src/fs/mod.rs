//! Where files come from.

mod jail;
mod memory;
mod mount;
mod overlay;
mod recorder;

use std::path::{Component, Path, PathBuf};

pub use jail::Jail;
pub use memory::Memory;
pub use mount::Mount;
pub use overlay::Overlay;
pub use recorder::{Recorder, Trail};

/// What a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symlink; only in listings, everything else follows it.
    Symlink,
}

/// An entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirEntry {
    /// Its name, without a path.
    pub name: String,
    /// What it is.
    pub kind: FileKind,
}

/// Why a file can't be read.
#[derive(Debug, thiserror::Error)]
pub enum FsError {
    /// There is no such file.
    #[error("open {}: no such file or directory", .path.display())]
    NotFound {
        /// The path asked for.
        path: PathBuf,
    },
    /// There is no such directory.
    #[error("evalsymlink failure on '{}' : lstat {}: no such file or directory", .path.display(), .missing.display())]
    NoDirectory {
        /// The path asked for.
        path: PathBuf,
        /// The first part of it that is missing.
        missing: PathBuf,
    },
    /// A directory where a file is needed.
    #[error("read {}: is a directory", .path.display())]
    IsDirectory {
        /// The path asked for.
        path: PathBuf,
    },
    /// A file where a directory is needed.
    #[error("'{}': file is not directory", .path.display())]
    NotDirectory {
        /// The path asked for.
        path: PathBuf,
    },
    /// The path, or the symlink it is, leaves the root.
    #[error("path '{}' is outside of the root: files can only be read from the source itself", .path.display())]
    Outside {
        /// The path asked for, as written: where it would lead is not told.
        path: PathBuf,
        /// The root.
        root: PathBuf,
        /// How messages name the root.
        shown: PathBuf,
    },
    /// Neither file nor directory.
    #[error("open {}: not a regular file: sockets, pipes and devices can't be read", .path.display())]
    Special {
        /// The path asked for.
        path: PathBuf,
    },
    /// The system refused.
    #[error("open {}: {source}", .path.display())]
    Io {
        /// The path asked for.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

/// A read-only tree of files. Paths are absolute; implementations decide what root they accept.
pub trait FileSystem {
    /// The path without `..` and symlinks; it must exist.
    fn canonical(&self, path: &Path) -> Result<PathBuf, FsError>;

    /// What the path leads to, symlinks followed; never [`FileKind::Symlink`].
    fn kind(&self, path: &Path) -> Result<FileKind, FsError>;

    /// A file's content.
    fn read(&self, path: &Path) -> Result<Vec<u8>, FsError>;

    /// A directory's entries, sorted by name.
    fn list(&self, directory: &Path) -> Result<Vec<DirEntry>, FsError>;

    /// Whether the path leads to a file.
    fn is_file(&self, path: &Path) -> bool {
        matches!(self.kind(path), Ok(FileKind::File))
    }

    /// Whether the path leads to a directory.
    fn is_directory(&self, path: &Path) -> bool {
        matches!(self.kind(path), Ok(FileKind::Directory))
    }
}

/// Removes `.` and `..` by the letter, without asking a file system. `..` at the root stays at the root.
pub fn clean(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                if matches!(out.components().next_back(), Some(Component::Normal(_))) {
                    out.pop();
                } else if !out.has_root() {
                    out.push("..");
                }
            }
            other => out.push(other),
        }
    }
    if out.as_os_str().is_empty() {
        out.push(".");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cleans_by_the_letter() {
        for (path, want) in
            [("/a/./b/../c", "/a/c"), ("/../..", "/"), ("a/..", "."), ("../a/..", ".."), ("a//b/", "a/b")]
        {
            assert_eq!(clean(Path::new(path)), Path::new(want), "{path}");
        }
    }
}
