//! The files of a commit together with those of included artifacts, in a directory.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use sluice_archive::{Limits, Symlinks, extract};
use sluice_artifact::{Storage, Workspace};
use sluice_git::{Content, Kind, Walk};

use super::include::Include;
use crate::conditions::reasons::{COPY_FAILURE, DIRECTORY_CREATION_FAILED, ILLEGAL_PATH};
use crate::conditions::types::STORAGE_OPERATION_FAILED;
use crate::failure::Failure;

/// How messages name the directory that artifacts are unpacked in. The real name is another each time, and a
/// condition must not change with every attempt.
const SHOWN_UNPACKED: &str = "/tmp/include/unpack";

/// A directory with files, removed when dropped.
pub(super) struct Worktree {
    workspace: Workspace,
    /// How messages name it.
    shown: String,
}

/// Why the files of a commit could not be written.
#[derive(Debug, thiserror::Error)]
enum CheckoutError {
    #[error(transparent)]
    Git(#[from] sluice_git::Error),
    #[error("'{path}': {source}")]
    Write { path: String, source: io::Error },
}

impl Worktree {
    /// Writes the files of a commit to a new directory in `parent`. Links are left out: no artifact holds any.
    pub(super) fn check_out(content: &Content, parent: &Path, shown: String) -> Result<Self, Failure> {
        let failed = |error: &dyn std::fmt::Display| {
            let message = format!("failed to create temporary working directory: {error}");
            Failure::retry(DIRECTORY_CREATION_FAILED, message).with_condition(STORAGE_OPERATION_FAILED)
        };
        let workspace = Workspace::create(parent, "tree-").map_err(|error| failed(&error))?;
        let worktree = Self { workspace, shown };
        worktree.fill(content).map_err(|error| failed(&error))?;
        Ok(worktree)
    }

    /// The directory.
    pub(super) fn path(&self) -> PathBuf {
        self.workspace.path().join("files")
    }

    fn fill(&self, content: &Content) -> Result<(), CheckoutError> {
        let root = self.path();
        let failed = |path: &[u8], source| CheckoutError::Write {
            path: String::from_utf8_lossy(path).into_owned(),
            source,
        };
        make_dir(&root).map_err(|source| failed(b"", source))?;
        content.walk(|entry| {
            // Names in a tree are neither `..` nor do they hold slashes: the walk fails otherwise.
            let path = root.join(std::ffi::OsStr::from_bytes(entry.path));
            let written = match entry.kind {
                Kind::Directory | Kind::Submodule => make_dir(&path),
                Kind::File | Kind::Executable => {
                    let mode = if entry.kind == Kind::Executable { 0o700 } else { 0o600 };
                    let mut content = entry.reader()?;
                    OpenOptions::new()
                        .write(true)
                        .create_new(true)
                        .mode(mode)
                        .open(&path)
                        .and_then(|mut file| io::copy(&mut content, &mut file).map(drop))
                }
                Kind::Symlink => Ok(()),
            };
            written.map(|()| Walk::Continue).map_err(|source| failed(entry.path, source))
        })
    }

    /// Copies a part of an artifact of this storage to its place.
    pub(super) fn add(&self, storage: &Storage, include: &Include) -> Result<(), Failure> {
        let failure =
            |reason, message| Failure::retry(reason, message).with_condition(STORAGE_OPERATION_FAILED);
        let Include { repository, from, to, .. } = include;
        if to.contains('\0') {
            let message =
                format!("path calculation for include '{repository}' failed: {to:?} holds a NUL character");
            return Err(failure(ILLEGAL_PATH, message));
        }
        self.copy(storage, include).map_err(|error| {
            let message = format!("failed to copy '{repository}' include from {from} to {to}: {error}");
            failure(COPY_FAILURE, message)
        })
    }

    fn copy(&self, storage: &Storage, include: &Include) -> Result<(), String> {
        let text = |error: io::Error| go_text(&error);
        let archive = storage.read(&include.artifact).map_err(|error| error.to_string())?;
        let unpacked = Workspace::create(self.workspace.path(), "include-").map_err(text)?;
        let unpacked = unpacked.path().join("unpack");
        extract(archive, &unpacked, &Limits::any_size(), Symlinks::Reject)
            .map_err(|error| error.to_string())?;

        let (from, to) = (join_within(&unpacked, &include.from), join_within(&self.path(), &include.to));
        let shown = |path: &Path, root: &Path, shown: &str| match path.strip_prefix(root) {
            Ok(rest) if rest.as_os_str().is_empty() => shown.to_owned(),
            Ok(rest) => format!("{shown}/{}", rest.display()),
            Err(_) => shown.to_owned(),
        };
        let (shown_from, shown_to) =
            (shown(&from, &unpacked, SHOWN_UNPACKED), shown(&to, &self.path(), &self.shown));
        if let Some(parent) = to.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(parent).map_err(text)?;
        }
        if let Err(error) = fs::metadata(&from) {
            return Err(format!("cannot stat {shown_from}: stat {shown_from}: {}", go_text(&error)));
        }
        // A directory is never replaced, not even an empty one: Go's rename refuses it.
        let exists = to.is_dir().then(|| "file exists".to_owned());
        exists.map_or_else(|| fs::rename(&from, &to).map_err(text), Err).map_err(|error| {
            format!(
                "link error: cannot rename {shown_from} to {shown_to}: rename {shown_from} {shown_to}: {error}"
            )
        })
    }
}

/// A path below `root`, whatever the text says. There are no links below.
fn join_within(root: &Path, text: &str) -> PathBuf {
    let mut parts: Vec<&str> = Vec::new();
    for part in text.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.iter().fold(root.to_owned(), |path, part| path.join(part))
}

/// The words of a system error as Go has them.
fn go_text(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file or directory".to_owned(),
        io::ErrorKind::AlreadyExists => "file exists".to_owned(),
        io::ErrorKind::NotADirectory => "not a directory".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::StorageFull => "no space left on device".to_owned(),
        io::ErrorKind::ReadOnlyFilesystem => "read-only file system".to_owned(),
        _ => error.to_string(),
    }
}

fn make_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_leads_out() {
        let root = Path::new("/root");
        for (text, path) in [
            ("", "/root"),
            ("./", "/root"),
            ("a/b/", "/root/a/b"),
            ("/etc/passwd", "/root/etc/passwd"),
            ("../../x", "/root/x"),
            ("a/../../../b", "/root/b"),
        ] {
            assert_eq!(join_within(root, text), Path::new(path), "{text}");
        }
    }
}
