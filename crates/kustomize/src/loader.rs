//! Reads the files that a kustomization names, within its restrictions.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::fs::{FileKind, FileSystem, FsError, clean};
use crate::schema::Schema;
use crate::{Input, LoadRestrictions, Options};

/// What one build shares: the files, the options, and what it notes on the way.
pub(crate) struct Context<'a> {
    pub(crate) fs: &'a dyn FileSystem,
    pub(crate) options: &'a Options,
    pub(crate) schema: RefCell<Schema>,
    notes: RefCell<Notes>,
}

#[derive(Default)]
struct Notes {
    inputs: BTreeMap<PathBuf, Input>,
    warnings: Vec<String>,
    topics: BTreeSet<String>,
    reads: usize,
    bytes: u64,
}

impl<'a> Context<'a> {
    pub(crate) fn new(fs: &'a dyn FileSystem, options: &'a Options) -> Self {
        Self { fs, options, schema: RefCell::default(), notes: RefCell::default() }
    }

    /// Notes a warning, once for each `topic`.
    pub(crate) fn warn(&self, topic: &str, warning: impl FnOnce() -> String) {
        let mut notes = self.notes.borrow_mut();
        if notes.topics.insert(topic.to_owned()) {
            notes.warnings.push(warning());
        }
    }

    /// Notes what the result depends on.
    pub(crate) fn note(&self, path: &Path, input: Input) {
        self.notes.borrow_mut().inputs.insert(clean(path), input);
    }

    /// Reads a file and notes its digest, or that it isn't there.
    pub(crate) fn read(&self, path: &Path) -> Result<Vec<u8>, Error> {
        let content = self.fs.read(path);
        let mut notes = self.notes.borrow_mut();
        let key = clean(path);
        match content {
            Ok(content) => {
                notes.reads += 1;
                notes.bytes += content.len() as u64;
                let limits = self.options.limits;
                if notes.bytes > limits.bytes {
                    return Err(Error::Limit(format!("more than {} bytes are read", limits.bytes)));
                }
                if notes.reads > limits.files {
                    return Err(Error::Limit(format!("more than {} files are read", limits.files)));
                }
                notes.inputs.entry(key).or_insert_with(|| Input::File(Sha256::digest(&content).into()));
                Ok(content)
            }
            Err(error) => {
                if matches!(error, FsError::NotFound { .. }) {
                    notes.inputs.entry(key).or_insert(Input::Absent);
                }
                Err(error.into())
            }
        }
    }

    pub(crate) fn into_notes(self) -> (BTreeMap<PathBuf, Input>, Vec<String>) {
        let notes = self.notes.into_inner();
        (notes.inputs, notes.warnings)
    }
}

/// Reads files as named by the kustomization in one directory.
#[derive(Clone)]
pub(crate) struct Loader<'a> {
    pub(crate) context: &'a Context<'a>,
    root: PathBuf,
    /// The directories whose kustomizations lead here.
    referrers: Vec<PathBuf>,
}

impl<'a> Loader<'a> {
    /// For the directory that is built.
    pub(crate) fn at(context: &'a Context<'a>, directory: &Path) -> Result<Self, Error> {
        let root = confirm(context.fs, directory)?;
        Ok(Self { context, root, referrers: Vec::new() })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Whether there is something at the path.
    pub(crate) fn exists(&self, path: &str) -> bool {
        let path = clean(&self.root.join(path));
        let exists = self.context.fs.kind(&path).is_ok();
        if !exists {
            self.context.note(&path, Input::Absent);
        }
        exists
    }

    /// For a directory that the kustomization names.
    pub(crate) fn descend(&self, path: &str) -> Result<Self, Error> {
        if path.is_empty() {
            return Err(Error::EmptyRoot);
        }
        if Path::new(path).is_absolute() {
            return Err(Error::AbsoluteRoot { path: path.to_owned() });
        }
        if self.context.options.dialect == crate::Dialect::Latest && is_ambiguous(path) {
            return Err(Error::AmbiguousPath { path: path.to_owned() });
        }
        let root = match confirm(self.context.fs, &self.root.join(path)) {
            Ok(root) => root,
            Err(_) if is_remote(path) => return Err(Error::RemoteRefused { url: redact(path) }),
            Err(error) => return Err(error),
        };
        let mut referrers = self.referrers.clone();
        referrers.push(self.root.clone());
        if let Some(visited) = referrers.iter().rev().find(|visited| visited.starts_with(&root)) {
            return Err(Error::Cycle { candidate: root.clone(), visited: visited.clone() });
        }
        if referrers.len() > self.context.options.limits.depth {
            let limit = self.context.options.limits.depth;
            return Err(Error::Limit(format!("kustomizations are nested more than {limit} deep")));
        }
        Ok(Self { context: self.context, root, referrers })
    }

    /// Reads a file that the kustomization names.
    pub(crate) fn load(&self, path: &str) -> Result<Vec<u8>, Error> {
        if path.starts_with("http://") || path.starts_with("https://") {
            return Err(Error::RemoteRefused { url: redact(path) });
        }
        let joined = self.root.join(path);
        if self.context.options.load_restrictions == LoadRestrictions::RootOnly {
            let real = self.context.fs.canonical(&clean(&joined));
            let real = match real {
                Ok(real) => real,
                Err(error) => return self.context.read(&joined).and(Err(error.into())),
            };
            if self.context.fs.kind(&real)? == FileKind::File && !real.starts_with(&self.root) {
                return Err(Error::Restricted { file: clean(&joined), root: self.root.clone() });
            }
        }
        self.context.read(&clean(&joined))
    }
}

/// The real path of a directory.
fn confirm(fs: &dyn FileSystem, path: &Path) -> Result<PathBuf, Error> {
    let path = clean(path);
    let check = || {
        let real = fs.canonical(&path)?;
        match fs.kind(&real)? {
            FileKind::Directory => Ok(real),
            _ => Err(FsError::NotDirectory { path: path.clone() }),
        }
    };
    check().map_err(Error::NotDirectory)
}

/// `..` inside a part of the path: what YAML makes of two list entries without a dash between them.
fn is_ambiguous(path: &str) -> bool {
    path.split('/').any(|part| part != ".." && part.contains(".."))
}

/// Whether a path that is no directory looks like a repository.
fn is_remote(path: &str) -> bool {
    path.contains("://")
        || path.starts_with("git::")
        || path.contains("git@")
        || path.contains("?ref=")
        || path.contains(".git/")
        || Path::new(path).extension().is_some_and(|extension| extension == "git")
        || ["github.com/", "github.com:", "gitlab.com/", "bitbucket.org/"]
            .iter()
            .any(|host| path.starts_with(host))
}

/// A URL without user and password.
fn redact(url: &str) -> String {
    let start = url.find("://").map_or(0, |at| at + 3);
    let (scheme, rest) = url.split_at(start);
    let host_end = rest.find('/').unwrap_or(rest.len());
    match rest.get(..host_end).and_then(|host| host.rfind('@')) {
        Some(at) => format!("{scheme}***@{}", rest.get(at + 1..).unwrap_or_default()),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::Memory;

    #[test]
    fn finds_cycles_and_files() {
        let fs = Memory::new().with("/a/b/f", "x").with("/c/g", "y");
        let options = Options::default();
        let context = Context::new(&fs, &options);
        let loader = Loader::at(&context, Path::new("/a/b")).unwrap();
        assert_eq!(loader.load("f").unwrap(), b"x");
        assert!(matches!(loader.load("../../c/g"), Err(Error::Restricted { .. })));
        assert!(matches!(loader.descend(".."), Err(Error::Cycle { .. })));
        assert!(matches!(loader.descend("."), Err(Error::Cycle { .. })));
        let other = loader.descend("../../c").unwrap();
        assert!(matches!(other.descend("../a/b"), Err(Error::Cycle { .. })));
        assert!(matches!(other.descend("/a"), Err(Error::AbsoluteRoot { .. })));
        assert!(matches!(loader.load("none"), Err(Error::Fs(FsError::NotFound { .. }))));
        let (inputs, _) = context.into_notes();
        assert_eq!(inputs.get(Path::new("/a/b/none")), Some(&Input::Absent));
    }

    #[test]
    fn remote_bases_are_refused_without_their_password() {
        let fs = Memory::new().with("/a/f", "x");
        let options = Options::default();
        let context = Context::new(&fs, &options);
        let loader = Loader::at(&context, Path::new("/a")).unwrap();
        let error = loader.descend("https://me:secret@example.com/repo?ref=v1").err().unwrap().to_string();
        assert!(error.contains("https://***@example.com/repo") && !error.contains("secret"), "{error}");
        assert!(matches!(loader.load("https://example.com/a.yaml"), Err(Error::RemoteRefused { .. })));
    }
}
