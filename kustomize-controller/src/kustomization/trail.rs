//! What a build read, so that a later revision in which none of it changed needs no build.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sluice_kustomize::fs::{DirEntry, FileKind, FileSystem, FsError};

/// A question that was asked of a file system. Paths are relative to its root.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Question {
    Canonical(PathBuf),
    Kind(PathBuf),
    Read(PathBuf),
    List(PathBuf),
}

/// The answer's digest; `None` if it was an error.
type Answer = Option<blake3::Hash>;

/// All that was asked of a file system, with the answers' digests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trail(BTreeMap<Question, Answer>);

impl Trail {
    /// Whether another tree gives the same answers, that is: whether a build would read the same.
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
    Some(blake3::hash(path.strip_prefix(root).unwrap_or(path).as_os_str().as_encoded_bytes()))
}

fn kind_digest(answer: &Result<FileKind, FsError>) -> Answer {
    Some(blake3::hash(format!("{:?}", answer.as_ref().ok()?).as_bytes()))
}

fn read_digest(answer: &Result<Vec<u8>, FsError>) -> Answer {
    Some(blake3::hash(answer.as_ref().ok()?))
}

fn list_digest(answer: &Result<Vec<DirEntry>, FsError>) -> Answer {
    let mut hasher = blake3::Hasher::new();
    for entry in answer.as_ref().ok()? {
        hasher.update(format!("{:?}\0{:?}\n", entry.name, entry.kind).as_bytes());
    }
    Some(hasher.finalize())
}
