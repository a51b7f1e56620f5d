//! What a build read, so that a later revision in which none of it changed needs no build.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::{DirEntry, FileKind, FileSystem, FsError};

/// A question that was asked of a file system. Paths are relative to its root.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Question {
    Canonical(PathBuf),
    Kind(PathBuf),
    Read(PathBuf),
    List(PathBuf),
}

/// The answer's SHA-256 digest; `None` if it was an error.
type Answer = Option<[u8; 32]>;

/// All that was asked of a file system, with the answers' digests: as long as another tree gives the same answers,
/// a build gives the same result. Complete by construction, as a build sees nothing but those answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trail(BTreeMap<Question, Answer>);

impl Trail {
    /// Adds what was asked of the same tree at another time.
    pub fn join(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Whether another tree, which begins at `root`, gives the same answers. An empty trail never holds.
    pub fn holds(&self, files: &dyn FileSystem, root: &Path) -> bool {
        !self.0.is_empty() && self.0.iter().all(|(question, answer)| ask(files, root, question) == *answer)
    }
}

/// A file system that notes what it is asked.
pub struct Recorder<'a> {
    files: &'a dyn FileSystem,
    root: &'a Path,
    trail: RefCell<BTreeMap<Question, Answer>>,
}

impl<'a> Recorder<'a> {
    /// Notes what is asked of `files`, whose tree begins at `root`.
    pub fn new(files: &'a dyn FileSystem, root: &'a Path) -> Self {
        Self { files, root, trail: RefCell::default() }
    }

    /// What was asked so far.
    pub fn into_trail(self) -> Trail {
        Trail(self.trail.into_inner())
    }

    fn note(&self, question: impl FnOnce(PathBuf) -> Question, path: &Path, answer: Answer) {
        let relative = path.strip_prefix(self.root).unwrap_or(path).to_owned();
        self.trail.borrow_mut().insert(question(relative), answer);
    }
}

impl FileSystem for Recorder<'_> {
    fn canonical(&self, path: &Path) -> Result<PathBuf, FsError> {
        let answer = self.files.canonical(path);
        self.note(Question::Canonical, path, canonical_digest(&answer, self.root));
        answer
    }

    fn kind(&self, path: &Path) -> Result<FileKind, FsError> {
        let answer = self.files.kind(path);
        self.note(Question::Kind, path, kind_digest(&answer));
        answer
    }

    fn read(&self, path: &Path) -> Result<Vec<u8>, FsError> {
        let answer = self.files.read(path);
        self.note(Question::Read, path, read_digest(&answer));
        answer
    }

    fn list(&self, directory: &Path) -> Result<Vec<DirEntry>, FsError> {
        let answer = self.files.list(directory);
        self.note(Question::List, directory, list_digest(&answer));
        answer
    }
}

fn ask(files: &dyn FileSystem, root: &Path, question: &Question) -> Answer {
    match question {
        Question::Canonical(path) => canonical_digest(&files.canonical(&root.join(path)), root),
        Question::Kind(path) => kind_digest(&files.kind(&root.join(path))),
        Question::Read(path) => read_digest(&files.read(&root.join(path))),
        Question::List(path) => list_digest(&files.list(&root.join(path))),
    }
}

fn canonical_digest(answer: &Result<PathBuf, FsError>, root: &Path) -> Answer {
    let path = answer.as_ref().ok()?;
    Some(Sha256::digest(path.strip_prefix(root).unwrap_or(path).as_os_str().as_encoded_bytes()).into())
}

fn kind_digest(answer: &Result<FileKind, FsError>) -> Answer {
    Some(Sha256::digest([*answer.as_ref().ok()? as u8]).into())
}

fn read_digest(answer: &Result<Vec<u8>, FsError>) -> Answer {
    Some(Sha256::digest(answer.as_ref().ok()?).into())
}

fn list_digest(answer: &Result<Vec<DirEntry>, FsError>) -> Answer {
    let mut hasher = Sha256::new();
    for entry in answer.as_ref().ok()? {
        hasher.update(entry.name.as_bytes());
        hasher.update([0, entry.kind as u8]);
    }
    Some(hasher.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::Memory;

    #[test]
    fn holds_until_something_that_was_looked_at_changes() {
        let before = Memory::new().with("/a/f", "x").with("/a/d/g", "y").with("/a/other", "z");
        let recorder = Recorder::new(&before, Path::new("/a"));
        recorder.read(Path::new("/a/f")).unwrap();
        recorder.list(Path::new("/a/d")).unwrap();
        assert!(recorder.read(Path::new("/a/none")).is_err());
        let trail = recorder.into_trail();
        let holds = |files: &Memory| trail.holds(files, Path::new("/a"));
        assert!(holds(&before));
        assert!(holds(&before.clone().with("/a/other", "changed")));
        assert!(holds(&before.clone().with("/a/d/g", "changed")));
        assert!(!holds(&before.clone().with("/a/f", "changed")));
        assert!(!holds(&before.clone().with("/a/d/h", "new")));
        assert!(!holds(&before.clone().with("/a/none", "there now")));
        let moved = Memory::new().with("/b/f", "x").with("/b/d/g", "y");
        assert!(trail.holds(&moved, Path::new("/b")));
        assert!(!Trail::default().holds(&before, Path::new("/a")));
    }
}
