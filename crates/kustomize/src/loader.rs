//! Reads the files that a kustomization names, within its restrictions.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::error::Error;
use crate::fs::{FileKind, FileSystem, FsError, Mount, clean};
use crate::remote::{Fetcher, Repository, is_file_url, redact};
use crate::schema::Schema;
use crate::{Environment, LoadRestrictions, Options};

/// What one build shares: where things come from, the options, and what it notes on the way.
pub(crate) struct Context<'a> {
    pub(crate) environment: Environment<'a>,
    pub(crate) options: &'a Options,
    pub(crate) schema: RefCell<Schema>,
    fetcher: Fetcher<'a>,
    notes: RefCell<Notes>,
}

#[derive(Default)]
struct Notes {
    warnings: Vec<String>,
    topics: BTreeSet<String>,
    reads: usize,
    bytes: u64,
}

impl<'a> Context<'a> {
    pub(crate) fn new(environment: Environment<'a>, options: &'a Options) -> Self {
        let fetcher = Fetcher::new(environment.remote, options.limits.fetches);
        Self { environment, options, schema: RefCell::default(), fetcher, notes: RefCell::default() }
    }

    /// Notes a warning, once for each `topic`.
    pub(crate) fn warn(&self, topic: &str, warning: impl FnOnce() -> String) {
        let mut notes = self.notes.borrow_mut();
        if notes.topics.insert(topic.to_owned()) {
            notes.warnings.push(warning());
        }
    }

    /// Counts what was read.
    fn count(&self, content: Vec<u8>) -> Result<Vec<u8>, Error> {
        let mut notes = self.notes.borrow_mut();
        notes.reads += 1;
        notes.bytes += content.len() as u64;
        let limits = self.options.limits;
        if notes.bytes > limits.bytes {
            return Err(Error::Limit(format!("more than {} bytes are read", limits.bytes)));
        }
        if notes.reads > limits.files {
            return Err(Error::Limit(format!("more than {} files are read", limits.files)));
        }
        Ok(content)
    }

    /// How many bytes may still be read.
    fn remaining(&self) -> u64 {
        self.options.limits.bytes.saturating_sub(self.notes.borrow().bytes)
    }

    /// The warnings, and the URLs of what was fetched.
    pub(crate) fn into_notes(self) -> (Vec<String>, Vec<String>) {
        (self.notes.into_inner().warnings, self.fetcher.fetched())
    }
}

/// The tree of a repository, entered by one reference to it.
struct Tree {
    repository: Repository,
    files: Rc<Mount>,
}

/// A directory, of the build's own files or of a fetched tree.
#[derive(Clone)]
struct Place {
    tree: Option<Rc<Tree>>,
    root: PathBuf,
}

impl Place {
    fn is_in_tree_of(&self, other: &Self) -> bool {
        match (&self.tree, &other.tree) {
            (None, None) => true,
            (Some(tree), Some(other)) => Rc::ptr_eq(tree, other),
            _ => false,
        }
    }
}

/// Reads files as named by the kustomization in one directory.
#[derive(Clone)]
pub(crate) struct Loader<'a> {
    pub(crate) context: &'a Context<'a>,
    place: Place,
    /// The directories whose kustomizations lead here.
    referrers: Vec<Place>,
}

impl<'a> Loader<'a> {
    /// For the directory that is built.
    pub(crate) fn at(context: &'a Context<'a>, directory: &Path) -> Result<Self, Error> {
        let root = confirm(context.environment.files, directory).map_err(Error::NotDirectory)?;
        Ok(Self { context, place: Place { tree: None, root }, referrers: Vec::new() })
    }

    /// For a directory of a repository that is built.
    pub(crate) fn at_repository(context: &'a Context<'a>, repository: &Repository) -> Result<Self, Error> {
        let place = enter(context, repository)?;
        Ok(Self { context, place, referrers: Vec::new() })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.place.root
    }

    /// The files of the tree that this is in.
    pub(crate) fn files(&self) -> &dyn FileSystem {
        match &self.place.tree {
            Some(tree) => &*tree.files,
            None => self.context.environment.files,
        }
    }

    /// Whether there is something at the path.
    pub(crate) fn exists(&self, path: &str) -> bool {
        self.files().kind(&clean(&self.root().join(path))).is_ok()
    }

    /// For a directory that the kustomization names, or a repository.
    pub(crate) fn descend(&self, path: &str) -> Result<Self, Error> {
        if path.is_empty() {
            return Err(Error::EmptyRoot);
        }
        let place = match Repository::parse(path) {
            Ok(repository) => {
                self.refuse_cycle_of(&repository)?;
                enter(self.context, &repository)?
            }
            // Nobody calls a directory so.
            Err(_) if path.contains("://") && self.context.environment.remote.is_none() => {
                return Err(Error::RemoteRefused { url: redact(path) });
            }
            Err(reason) if path.contains("://") => {
                return Err(Error::NotARepository { url: redact(path), reason });
            }
            Err(_) => self.local(path)?,
        };
        let mut referrers = self.referrers.clone();
        referrers.push(self.place.clone());
        let contains =
            |visited: &&Place| visited.is_in_tree_of(&place) && visited.root.starts_with(&place.root);
        if let Some(visited) = referrers.iter().rev().find(contains) {
            let chain =
                referrers.iter().map(|place| place.root.clone()).chain([place.root.clone()]).collect();
            return Err(Error::Cycle { candidate: place.root, visited: visited.root.clone(), chain });
        }
        if referrers.len() > self.context.options.limits.depth {
            let limit = self.context.options.limits.depth;
            return Err(Error::Limit(format!("kustomizations are nested more than {limit} deep")));
        }
        Ok(Self { context: self.context, place, referrers })
    }

    /// A directory beside this one.
    fn local(&self, path: &str) -> Result<Place, Error> {
        if Path::new(path).is_absolute() {
            return Err(Error::AbsoluteRoot { path: path.to_owned() });
        }
        if self.context.options.dialect == crate::Dialect::Latest && is_ambiguous(path) {
            return Err(Error::AmbiguousPath { path: path.to_owned() });
        }
        let root =
            confirm(self.files(), &self.root().join(path)).map_err(|error| match &self.place.tree {
                Some(tree) if matches!(error, FsError::Outside { .. }) => Error::OutsideRepository {
                    base: path.to_owned(),
                    repository: tree.files.shown().to_owned(),
                },
                _ => self.not_a_directory(path, error),
            })?;
        Ok(Place { tree: self.place.tree.clone(), root })
    }

    fn not_a_directory(&self, path: &str, error: FsError) -> Error {
        let error = match self.escape("abs", path, error) {
            Ok(error) => error,
            Err(error) => return Error::NotDirectory(error),
        };
        match error {
            // kustomize tells whether there is such a path. Beside the source, which is a temporary directory there,
            // never is.
            Error::Escape { path, root, .. } if path.parent() == root.parent() => {
                Error::NotDirectory(FsError::NoDirectory { missing: path.clone(), path })
            }
            error => Error::EscapingDirectory(Box::new(error)),
        }
    }

    /// The error for a path that leads out of the source, or the other error that it is.
    fn escape(&self, operation: &'static str, path: &str, error: FsError) -> Result<Error, FsError> {
        let FsError::Outside { root, shown, .. } = error else { return Err(error) };
        let below = self.root().strip_prefix(&root).unwrap_or(Path::new(""));
        Ok(Error::Escape { operation, path: clean(&shown.join(below).join(path)), root: shown })
    }

    /// A repository must not lead to itself.
    fn refuse_cycle_of(&self, repository: &Repository) -> Result<(), Error> {
        let text = &repository.text;
        let visited =
            self.referrers.iter().chain([&self.place]).rev().filter_map(|place| place.tree.as_ref());
        match visited.map(|tree| &tree.repository.text).find(|visited| visited.starts_with(text)) {
            Some(visited) => Err(Error::RemoteCycle { candidate: redact(text), visited: redact(visited) }),
            None => Ok(()),
        }
    }

    /// Reads a file that the kustomization names.
    pub(crate) fn load(&self, path: &str) -> Result<Vec<u8>, Error> {
        if is_file_url(path) {
            let content = self.context.fetcher.file(path, self.context.remaining())?;
            return self.context.count(content);
        }
        let joined = self.root().join(path);
        // What is fetched may never reach beyond its own directory.
        let is_restricted =
            self.context.options.load_restrictions == LoadRestrictions::RootOnly || self.place.tree.is_some();
        if is_restricted
            && let Ok(real) = self.files().canonical(&clean(&joined))
            && self.files().kind(&real)? == FileKind::File
            && !real.starts_with(self.root())
        {
            return Err(Error::Restricted { file: clean(&joined), root: self.root().to_owned() });
        }
        let content = self.files().read(&clean(&joined));
        let content = content.map_err(|error| self.escape("read", path, error).unwrap_or_else(Error::Fs))?;
        self.context.count(content)
    }

    /// Reads a file by its path from the root of all files.
    pub(crate) fn read(&self, path: &Path) -> Result<Vec<u8>, Error> {
        let content = self.files().read(&clean(path))?;
        self.context.count(content)
    }
}

/// The directory of a repository that a reference to it means.
fn enter(context: &Context<'_>, repository: &Repository) -> Result<Place, Error> {
    if repository.forced {
        context.warn("git::", || {
            "the prefix 'git::' of repositories means nothing: please remove it".to_owned()
        });
    }
    let files = context.fetcher.tree(repository, context.remaining())?;
    let directory = files.shown().join(&repository.directory);
    let root = confirm(&*files, &directory).map_err(|error| match error {
        FsError::Outside { .. } => Error::OutsideRepository {
            base: repository.directory.clone(),
            repository: files.shown().to_owned(),
        },
        error => Error::NotInRepository(error),
    })?;
    Ok(Place { tree: Some(Rc::new(Tree { repository: repository.clone(), files })), root })
}

/// The real path of a directory.
fn confirm(fs: &dyn FileSystem, path: &Path) -> Result<PathBuf, FsError> {
    let path = clean(path);
    let real = fs.canonical(&path).map_err(|error| match error {
        FsError::NotFound { .. } => {
            FsError::NoDirectory { missing: first_missing(fs, &path), path: path.clone() }
        }
        other => other,
    })?;
    match fs.kind(&real)? {
        FileKind::Directory => Ok(real),
        _ => Err(FsError::NotDirectory { path }),
    }
}

/// The first part of a path that is not there.
fn first_missing(fs: &dyn FileSystem, path: &Path) -> PathBuf {
    let is_missing = |part: &&Path| matches!(fs.canonical(part), Err(FsError::NotFound { .. }));
    path.ancestors().take_while(is_missing).last().unwrap_or(path).to_owned()
}

/// `..` inside a part of the path: what YAML makes of two list entries without a dash between them.
fn is_ambiguous(path: &str) -> bool {
    path.split('/').any(|part| part != ".." && part.contains(".."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::Memory;

    #[test]
    fn finds_cycles_and_files() {
        let fs = Memory::new().with("/a/b/f", "x").with("/c/g", "y");
        let options = Options::default();
        let context = Context::new(Environment::of(&fs), &options);
        let loader = Loader::at(&context, Path::new("/a/b")).unwrap();
        assert_eq!(loader.load("f").unwrap(), b"x");
        assert!(matches!(loader.load("../../c/g"), Err(Error::Restricted { .. })));
        assert!(matches!(loader.descend(".."), Err(Error::Cycle { .. })));
        assert!(matches!(loader.descend("."), Err(Error::Cycle { .. })));
        let other = loader.descend("../../c").unwrap();
        assert!(matches!(other.descend("../a/b"), Err(Error::Cycle { .. })));
        assert!(matches!(other.descend("/a"), Err(Error::AbsoluteRoot { .. })));
        assert!(matches!(loader.load("none"), Err(Error::Fs(FsError::NotFound { .. }))));
    }

    #[test]
    fn remote_bases_are_refused_without_their_password() {
        let fs = Memory::new().with("/a/f", "x");
        let options = Options::default();
        let context = Context::new(Environment::of(&fs), &options);
        let loader = Loader::at(&context, Path::new("/a")).unwrap();
        let error = loader.descend("https://me:secret@example.com/repo?ref=v1").err().unwrap().to_string();
        assert!(error.contains("https://***@example.com/repo") && !error.contains("secret"), "{error}");
        assert!(matches!(loader.load("https://example.com/a.yaml"), Err(Error::RemoteRefused { .. })));
    }
}
