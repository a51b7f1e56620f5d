//! What an artifact of a commit holds: its tree, with submodules filled in, of which some directories may be
//! wanted only.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::lfs::LargeFiles;
use crate::{Commit, Entry, Error, Kind, Options, Remote, Submodule, Walk, fetch_commit};

/// How deep submodules may be in each other, as in Go's Git library.
const MAX_NESTING: usize = 10;

/// The most submodules of one commit, those in submodules included.
const MAX_SUBMODULES: usize = 256;

/// A commit's tree with the trees of its submodules.
#[derive(Clone, Debug)]
pub struct Content {
    commit: Commit,
    /// Submodules by their path.
    submodules: BTreeMap<Vec<u8>, Self>,
    /// Directories that are wanted, as paths without slashes at either end; all if there are none.
    directories: Vec<String>,
    /// Where a submodule's commit came from.
    origin: Option<Remote>,
    /// What pointers of LFS stand for, once it was fetched.
    large: Arc<LargeFiles>,
}

impl Content {
    /// The tree of a commit. A submodule is an empty directory.
    pub fn new(commit: Commit) -> Self {
        Self {
            commit,
            submodules: BTreeMap::new(),
            directories: Vec::new(),
            origin: None,
            large: Arc::default(),
        }
    }

    /// Leaves only what is at or below the given paths; all of it if there are none. `./` in front of a path is
    /// of no matter, and neither is a slash after it.
    #[must_use]
    pub fn with_directories(mut self, directories: &[String]) -> Self {
        let directories: Vec<String> = directories.iter().map(|path| clean(path)).collect();
        // The root as one of them is the same as no choice at all.
        self.directories = if directories.iter().any(String::is_empty) { Vec::new() } else { directories };
        self
    }

    /// Fetches the submodules below the wanted directories, and theirs, each into the store that `store_of` names.
    ///
    /// Credentials go along as [`Submodule::remote`] says. A submodule that `.gitmodules` does not list stays an
    /// empty directory.
    pub async fn fetch_submodules(
        &mut self,
        remote: &Remote,
        store_of: &(dyn Fn(&Remote) -> PathBuf + Send + Sync),
        options: &Options,
    ) -> Result<(), Error> {
        let mut left = MAX_SUBMODULES;
        self.fetch_nested(remote, store_of, options, MAX_NESTING, &mut left).await
    }

    async fn fetch_nested(
        &mut self,
        remote: &Remote,
        store_of: &(dyn Fn(&Remote) -> PathBuf + Send + Sync),
        options: &Options,
        depth: usize,
        left: &mut usize,
    ) -> Result<(), Error> {
        let commit = self.commit.clone();
        let listed = tokio::task::spawn_blocking(move || commit.submodules())
            .await
            .unwrap_or_else(|error| Err(Error::Store(error.to_string())))?;
        for module in listed {
            if !self.wants(&module.path) {
                continue;
            }
            let failed = |reason: String| Error::Submodule { path: module.path.clone(), reason };
            if depth == 0 {
                return Err(failed(format!("submodules are nested deeper than {MAX_NESTING}")));
            }
            *left = left
                .checked_sub(1)
                .ok_or_else(|| failed(format!("there are more than {MAX_SUBMODULES} submodules")))?;
            let content = fetch_one(&module, remote, store_of, options).await;
            let (mut content, from) = content.map_err(|error| failed(error.to_string()))?;
            content.directories = self.directories_in(&module.path);
            Box::pin(content.fetch_nested(&from, store_of, options, depth - 1, left)).await?;
            content.origin = Some(from);
            self.submodules.insert(module.path.into_bytes(), content);
        }
        Ok(())
    }

    /// The commit.
    pub fn commit(&self) -> &Commit {
        &self.commit
    }

    /// Visits what belongs to the content, in the order of [`Commit::walk`]. Blocks.
    pub fn walk<E: From<Error>>(
        &self,
        mut visit: impl FnMut(&Entry<'_>) -> Result<Walk, E>,
    ) -> Result<(), E> {
        self.walk_at(&mut Vec::new(), &mut visit).map(|_| ())
    }

    fn walk_at<E: From<Error>>(
        &self,
        root: &mut Vec<u8>,
        visit: &mut dyn FnMut(&Entry<'_>) -> Result<Walk, E>,
    ) -> Result<Walk, E> {
        let start = if root.is_empty() { 0 } else { root.len() + 1 };
        self.commit.walk_at(root, &mut |entry: &Entry<'_>| {
            let path = &entry.path[start..];
            if !self.directories.is_empty() && !self.wants(&String::from_utf8_lossy(path)) {
                return Ok(Walk::SkipDirectory);
            }
            match self.submodules.get(path).filter(|_| entry.kind == Kind::Submodule) {
                Some(module) => match visit(&entry.as_directory())? {
                    Walk::Continue => module.walk_at(&mut entry.path.to_vec(), visit),
                    other => Ok(other),
                },
                None => match self.large.get(&entry.id).filter(|_| entry.kind.is_file()) {
                    Some(large) => visit(&entry.with_content(large)),
                    None => visit(entry),
                },
            }
        })
    }

    /// Where the content at a path came from, and the full name of the reference that led to it.
    pub(crate) fn origin_of<'a>(&'a self, path: &[u8], own: &'a Remote) -> (&'a Remote, Option<String>) {
        for (at, module) in &self.submodules {
            let below = path.strip_prefix(at.as_slice()).and_then(|rest| rest.strip_prefix(b"/"));
            if let (Some(below), Some(origin)) = (below, &module.origin) {
                return module.origin_of(below, origin);
            }
        }
        (own, self.commit.reference.clone())
    }

    /// Gives contents in the place of their pointers from now on.
    pub(crate) fn set_large(&mut self, large: &Arc<LargeFiles>) {
        self.large = Arc::clone(large);
        for module in self.submodules.values_mut() {
            module.set_large(large);
        }
    }

    /// Whether there is something at a path. Blocks.
    pub fn contains(&self, path: &str) -> Result<bool, Error> {
        let path = &clean(path);
        if path.is_empty() || path.starts_with('/') {
            return Ok(path.is_empty());
        }
        for (at, module) in &self.submodules {
            let below = path.as_bytes().strip_prefix(at.as_slice()).and_then(|rest| rest.strip_prefix(b"/"));
            if let Some(below) = below {
                return module.contains(&String::from_utf8_lossy(below));
            }
        }
        let found = self.commit.lookup(path.as_bytes(), |_| Ok::<_, Error>(()))?;
        Ok(found.is_some() && self.wants(path))
    }

    /// Whether a path is one of the wanted directories, in one of them, or on the way to one.
    fn wants(&self, path: &str) -> bool {
        self.directories.is_empty()
            || self.directories.iter().any(|dir| is_within(path, dir) || is_within(dir, path))
    }

    /// The wanted directories of a submodule at a path that is wanted, as that submodule sees them.
    fn directories_in(&self, path: &str) -> Vec<String> {
        if self.directories.iter().any(|dir| is_within(path, dir)) {
            return Vec::new();
        }
        let below = |dir: &String| dir.strip_prefix(path)?.strip_prefix('/').map(str::to_owned);
        self.directories.iter().filter_map(below).collect()
    }
}

/// Whether a path is `dir` or below it.
fn is_within(path: &str, dir: &str) -> bool {
    path.strip_prefix(dir).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A path without `.` and empty parts; empty for the root. One that begins with a slash is left as it is: no entry
/// of a tree does.
fn clean(path: &str) -> String {
    if path.starts_with('/') {
        return path.to_owned();
    }
    let parts: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    parts.join("/")
}

async fn fetch_one(
    module: &Submodule,
    parent: &Remote,
    store_of: &(dyn Fn(&Remote) -> PathBuf + Send + Sync),
    options: &Options,
) -> Result<(Content, Remote), Error> {
    let remote = module.remote(parent)?;
    let store = store_of(&remote);
    let commit = fetch_commit(&remote, &module.sha, &store, options).await?;
    Ok((Content::new(commit), remote))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cleaned() {
        for (path, cleaned) in
            [("./a/", "a"), ("a/b//", "a/b"), ("./", ""), (".", ""), ("", ""), ("././/a", "a"), ("/a", "/a")]
        {
            assert_eq!(clean(path), cleaned, "{path}");
        }
    }
}
