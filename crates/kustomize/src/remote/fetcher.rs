//! Fetches what a build asks for, each thing once.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::{Remote, RemoteError, Repository, redact};
use crate::error::Error;
use crate::fs::{Mount, clean};

/// What identifies a tree: address, reference, whether with submodules.
type Key = (String, String, bool);

/// The network as one build sees it.
pub(crate) struct Fetcher<'a> {
    remote: Option<&'a dyn Remote>,
    /// How many things may be fetched.
    limit: usize,
    files: RefCell<BTreeMap<String, Vec<u8>>>,
    trees: RefCell<BTreeMap<Key, Rc<Mount>>>,
}

impl<'a> Fetcher<'a> {
    /// Without a remote everything is refused.
    pub(crate) fn new(remote: Option<&'a dyn Remote>, limit: usize) -> Self {
        Self { remote, limit, files: RefCell::default(), trees: RefCell::default() }
    }

    /// The file at a URL, of at most `bytes` bytes.
    pub(crate) fn file(&self, url: &str, bytes: u64) -> Result<Vec<u8>, Error> {
        if let Some(content) = self.files.borrow().get(url) {
            return Ok(content.clone());
        }
        let content = self.remote(url)?.file(url, bytes).map_err(|source| match source {
            // GitHub and others answer an address of a repository with an error or with a page.
            RemoteError::Status { .. } if Repository::parse(url).is_ok() => {
                Error::UrlOfRepository { url: redact(url), source }
            }
            source => Error::Fetch { url: redact(url), source },
        })?;
        self.files.borrow_mut().insert(url.to_owned(), content.clone());
        Ok(content)
    }

    /// The tree of a repository, of at most `bytes` bytes, under a path that is made of its address.
    pub(crate) fn tree(&self, repository: &Repository, bytes: u64) -> Result<Rc<Mount>, Error> {
        let key = (repository.address(), repository.reference.clone(), repository.submodules);
        if let Some(tree) = self.trees.borrow().get(&key) {
            return Ok(Rc::clone(tree));
        }
        let checkout = self.remote(&repository.text)?.repository(repository, bytes).map_err(|source| {
            Error::Clone { url: repository.shown(), reference: repository.reference.clone(), source }
        })?;
        let tree = Rc::new(Mount::new(checkout.files, checkout.root, place(repository)));
        self.trees.borrow_mut().insert(key, Rc::clone(&tree));
        Ok(tree)
    }

    /// The URLs of all that was fetched, without credentials.
    pub(crate) fn fetched(&self) -> Vec<String> {
        let files = self.files.borrow();
        let trees = self.trees.borrow();
        let trees = trees.keys().map(|(address, reference, _)| match reference.as_str() {
            "" => redact(address),
            reference => format!("{}?ref={reference}", redact(address)),
        });
        files.keys().map(|url| redact(url)).chain(trees).collect()
    }

    fn remote(&self, url: &str) -> Result<&'a dyn Remote, Error> {
        let remote = self.remote.ok_or_else(|| Error::RemoteRefused { url: redact(url) })?;
        if self.files.borrow().len() + self.trees.borrow().len() >= self.limit {
            return Err(Error::Limit(format!("more than {} files and repositories are fetched", self.limit)));
        }
        Ok(remote)
    }
}

/// Where a tree is shown: `/github.com/owner/repo`.
fn place(repository: &Repository) -> PathBuf {
    let shown = repository.shown();
    let bare = shown.split_once("://").map_or(shown.as_str(), |(_, rest)| rest);
    let bare = bare.rsplit_once('@').map_or(bare, |(_, rest)| rest);
    clean(&Path::new("/").join(bare.replacen(':', "/", 1).trim_start_matches('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trees_have_lasting_names() {
        for (text, path) in [
            ("https://me:secret@example.com/o/r?ref=v1", "/example.com/o/r"),
            ("git@github.com:o/r.git", "/github.com/o/r.git"),
            ("file:///srv/git/r", "/srv/git/r"),
            ("https://example.com/../../r.git", "/r.git"),
        ] {
            assert_eq!(place(&Repository::parse(text).unwrap()), Path::new(path), "{text}");
        }
    }
}
