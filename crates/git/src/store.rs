//! The bare repository that keeps fetched objects between fetches.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::{fs, io};

use git2::{ErrorCode, ObjectType, Odb, Oid, Repository};

use crate::Error;
use crate::protocol::{ShallowUpdate, is_hash};

/// Says that a directory is ours to wipe.
const OWNED: &str = "sluice-store";
/// Says that an object could not be read back, so that the next fetch starts anew.
const DAMAGED: &str = "sluice-damaged";
/// The last commits fetched, one hash a line: what we tell servers that we have.
const TIPS: &str = "sluice-tips";
/// Tips to remember.
const MAX_TIPS: usize = 64;
/// Every fetch that transfers something adds a pack; beyond this it is cheaper to start anew.
const MAX_PACKS: usize = 128;

/// A bare repository at a path. All methods block.
#[derive(Clone, Debug)]
pub struct Store(PathBuf);

impl Store {
    /// Opens the store; creates it when the directory is absent or empty; wipes it when it is
    /// damaged or fragmented. Refuses a directory with anything else in it.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let store = Self(path.to_path_buf());
        if store.is_foreign().map_err(store_error)? {
            return Err(Error::Store(format!(
                "{} holds other files: give an empty directory",
                path.display()
            )));
        }
        let usable = path.join(OWNED).exists()
            && !path.join(DAMAGED).exists()
            && store.packs() <= MAX_PACKS
            && store.repository().is_ok_and(|repository| repository.odb().is_ok());
        if !usable {
            store.reset()?;
        }
        Ok(store)
    }

    /// Forgets everything.
    pub fn reset(&self) -> Result<(), Error> {
        fs::create_dir_all(&self.0).map_err(store_error)?;
        // It stays while all else goes: who is killed here, or meets another who does the same, must not leave a
        // directory that nobody dares to wipe.
        fs::write(self.0.join(OWNED), "").map_err(store_error)?;
        empty(&self.0).map_err(store_error)?;
        Repository::init_bare(&self.0).map(|_| ()).map_err(|err| Error::Store(err.message().to_owned()))
    }

    /// Opens the repository.
    pub fn repository(&self) -> Result<Repository, Error> {
        Repository::open_bare(&self.0).map_err(|err| Error::Store(err.message().to_owned()))
    }

    /// The directory that packs belong under.
    pub fn objects(&self) -> PathBuf {
        self.0.join("objects")
    }

    /// Whether an object and, when it leads to a commit, that commit with its whole tree are there.
    pub fn is_complete(&self, sha: &str) -> bool {
        let check = || -> Result<bool, git2::Error> {
            let repository = Repository::open_bare(&self.0)?;
            let odb = repository.odb()?;
            let commit = repository.find_object(Oid::from_str(sha)?, None)?.peel_to_commit()?;
            tree_is_complete(&repository, &odb, commit.tree_id(), &mut HashSet::new())
        };
        check().unwrap_or(false)
    }

    /// Whether an object is there.
    pub fn contains(&self, sha: &str) -> bool {
        let check = || -> Result<bool, git2::Error> {
            Ok(Repository::open_bare(&self.0)?.odb()?.exists(Oid::from_str(sha)?))
        };
        check().unwrap_or(false)
    }

    /// Commits that we have with their trees.
    pub fn tips(&self) -> Vec<String> {
        self.lines(TIPS)
    }

    /// Remembers a commit as the newest tip.
    pub fn add_tip(&self, sha: &str) -> Result<(), Error> {
        let mut tips = self.tips();
        tips.retain(|tip| tip != sha);
        tips.insert(0, sha.to_owned());
        tips.truncate(MAX_TIPS);
        self.write_lines(TIPS, &tips)
    }

    /// Commits whose parents we lack.
    pub fn shallow(&self) -> Vec<String> {
        self.lines("shallow")
    }

    /// Applies what a fetch changed about them.
    pub fn update_shallow(&self, update: &ShallowUpdate) -> Result<(), Error> {
        if *update == ShallowUpdate::default() {
            return Ok(());
        }
        let mut shallow = self.shallow();
        shallow.retain(|sha| !update.unshallow.contains(sha));
        for sha in &update.shallow {
            if !shallow.contains(sha) {
                shallow.push(sha.clone());
            }
        }
        self.write_lines("shallow", &shallow)
    }

    fn lines(&self, name: &str) -> Vec<String> {
        let text = fs::read_to_string(self.0.join(name)).unwrap_or_default();
        text.lines().filter(|line| is_hash(line)).map(str::to_owned).collect()
    }

    /// Replaces a file at once, so that a crash leaves the old or the new content.
    fn write_lines(&self, name: &str, lines: &[String]) -> Result<(), Error> {
        let temporary = self.0.join(format!("{name}.new"));
        let text: String = lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
        fs::write(&temporary, text)
            .and_then(|()| fs::rename(&temporary, self.0.join(name)))
            .map_err(store_error)
    }

    fn packs(&self) -> usize {
        let Ok(entries) = fs::read_dir(self.objects().join("pack")) else { return 0 };
        entries
            .flatten()
            .filter(|entry| entry.path().extension().is_some_and(|extension| extension == "pack"))
            .count()
    }

    fn is_foreign(&self) -> io::Result<bool> {
        if self.0.join(OWNED).exists() {
            return Ok(false);
        }
        match fs::read_dir(&self.0) {
            Ok(mut entries) => Ok(entries.next().is_some()),
            Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(err) => Err(err),
        }
    }
}

/// Marks a store so that the next fetch wipes it.
pub fn mark_damaged(path: &Path) {
    if let Err(err) = fs::write(path.join(DAMAGED), "") {
        tracing::warn!(store = %path.display(), error = %err, "cannot mark a damaged object store");
    }
}

/// Removes all but the mark. The directory itself stays: it may be a mount point.
fn empty(path: &Path) -> io::Result<()> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_name() == OWNED {
            continue;
        }
        let path = entry.path();
        let removed =
            if entry.file_type()?.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
        match removed {
            Err(err) if err.kind() != io::ErrorKind::NotFound => return Err(err),
            _ => {}
        }
    }
    Ok(())
}

/// Walks the trees and asks for each blob, without reading blobs.
fn tree_is_complete(
    repository: &Repository,
    odb: &Odb<'_>,
    id: Oid,
    seen: &mut HashSet<Oid>,
) -> Result<bool, git2::Error> {
    let mut pending = vec![id];
    while let Some(id) = pending.pop() {
        if !seen.insert(id) {
            continue;
        }
        let tree = match repository.find_tree(id) {
            Ok(tree) => tree,
            Err(err) if err.code() == ErrorCode::NotFound => return Ok(false),
            Err(err) => return Err(err),
        };
        for entry in &tree {
            match entry.kind() {
                Some(ObjectType::Tree) => pending.push(entry.id()),
                Some(ObjectType::Blob) if seen.insert(entry.id()) && !odb.exists(entry.id()) => {
                    return Ok(false);
                }
                _ => {}
            }
        }
    }
    Ok(true)
}

#[allow(clippy::needless_pass_by_value, reason = "fits map_err")]
fn store_error(err: io::Error) -> Error {
    Error::Store(err.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA: &str = "0123456789012345678901234567890123456789";

    #[test]
    fn refuses_directories_of_others() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("precious"), "x").unwrap();
        assert!(matches!(Store::open(dir.path()), Err(Error::Store(_))));
        assert!(dir.path().join("precious").exists());
    }

    #[test]
    fn wipes_what_is_marked_or_broken() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store");
        Store::open(&path).unwrap().add_tip(SHA).unwrap();
        assert_eq!(Store::open(&path).unwrap().tips(), [SHA]);
        mark_damaged(&path);
        assert!(Store::open(&path).unwrap().tips().is_empty());
        Store::open(&path).unwrap().add_tip(SHA).unwrap();
        fs::remove_dir_all(path.join("objects")).unwrap();
        fs::remove_file(path.join("HEAD")).unwrap();
        assert!(Store::open(&path).unwrap().tips().is_empty());
    }

    #[test]
    fn keeps_the_shallow_boundary() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let add = ShallowUpdate { shallow: vec![SHA.to_owned()], unshallow: vec![] };
        store.update_shallow(&add).unwrap();
        store.update_shallow(&add).unwrap();
        assert_eq!(store.shallow(), [SHA]);
        store.update_shallow(&ShallowUpdate { shallow: vec![], unshallow: vec![SHA.to_owned()] }).unwrap();
        assert!(store.shallow().is_empty());
    }
}
