//! The tags of images on disk: small files, one for each image or object, and when they were first seen.

mod files;
mod journal;
mod plain;
mod seen;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

pub(super) use self::seen::Seen;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use sluice_image::tags;
use sluice_runtime::ObjectKey;

/// Names the layout of a directory.
const VERSION: &str = ".storage-version";
/// Where files by image are.
const BY_IMAGE: &str = "images";
/// Where files by object are.
const BY_OBJECT: &str = "ImageRepository";

/// How the tags are laid out. Another layout starts empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// One file for each image, shared by all objects that scan it.
    ByImage,
    /// One file for each object, compressed from so many bytes on.
    ByObject { compress_from: usize },
}

/// Whose tags.
#[derive(Clone, Copy, Debug)]
pub(super) struct Identity<'a> {
    pub(super) object: &'a ObjectKey,
    /// The canonical name of the image.
    pub(super) image: &'a str,
}

/// What a write has done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Written {
    /// Of the tags that are there now.
    pub(super) revision: String,
    /// Whether there were tags before.
    pub(super) had_tags: bool,
}

/// The store. All methods block.
#[derive(Clone, Debug)]
pub(super) struct TagStore {
    root: PathBuf,
    layout: Layout,
    /// Held while a list is written: objects may scan the same image.
    writing: Arc<Mutex<()>>,
}

impl TagStore {
    /// Opens the store in a directory, which is created if absent. What another layout left there is removed.
    pub(super) fn open(root: &Path, layout: Layout) -> io::Result<Self> {
        fs::create_dir_all(root)?;
        let store = Self { root: root.to_owned(), layout, writing: Arc::default() };
        let version = root.join(VERSION);
        if fs::read_to_string(&version).unwrap_or_default().trim() != store.version() {
            for name in [BY_IMAGE, BY_OBJECT] {
                match fs::remove_dir_all(root.join(name)) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
            fs::write(version, format!("{}\n", store.version()))?;
        }
        Ok(store)
    }

    fn version(&self) -> &'static str {
        match self.layout {
            Layout::ByImage => "sluice-2",
            Layout::ByObject { .. } => "2",
        }
    }

    /// The tags, greatest first; none if they are unknown or can't be read any more.
    pub(super) fn read(&self, of: Identity<'_>) -> io::Result<Vec<String>> {
        let path = self.path(of);
        match self.layout {
            Layout::ByImage => journal::read(&path),
            Layout::ByObject { .. } => plain::read(&path),
        }
    }

    /// When the tags were first seen. What is unknown counts as seen at `now`.
    pub(super) fn seen(&self, of: Identity<'_>, now: Timestamp) -> io::Result<Seen> {
        let path = self.path(of);
        match self.layout {
            Layout::ByImage => journal::seen(&path, now),
            Layout::ByObject { .. } => plain::seen(&path, now),
        }
    }

    /// Keeps a list that is sorted greatest first. Those that were not there before are seen first at `now`. A list that
    /// did not change is not touched.
    pub(super) fn write(&self, of: Identity<'_>, list: &[String], now: Timestamp) -> io::Result<Written> {
        let path = self.path(of);
        let revision = match self.layout {
            Layout::ByImage => tags::revision(list),
            Layout::ByObject { .. } => tags::file_revision(list),
        };
        let _one = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let had_tags = match self.layout {
            Layout::ByImage => journal::write(&path, list, now)?,
            Layout::ByObject { compress_from } => plain::write(&path, list, now, compress_from)?,
        };
        Ok(Written { revision, had_tags })
    }

    /// Forgets the tags.
    pub(super) fn remove(&self, of: Identity<'_>) -> io::Result<()> {
        let path = self.path(of);
        match self.layout {
            Layout::ByImage => journal::remove(&path),
            Layout::ByObject { .. } => plain::remove_all(&path),
        }
    }

    /// Whether all objects that scan an image share its tags.
    pub(super) fn shares_images(&self) -> bool {
        self.layout == Layout::ByImage
    }

    fn path(&self, of: Identity<'_>) -> PathBuf {
        match self.layout {
            // Names of images are no file names: they may be long, and have dots as parts.
            Layout::ByImage => {
                let digest = hex::encode(Sha256::digest(of.image));
                self.root.join(BY_IMAGE).join(format!("{digest}.txt"))
            }
            Layout::ByObject { .. } => {
                let object = self.root.join(BY_OBJECT).join(&*of.object.namespace);
                object.join(&*of.object.name).join("tags.txt")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> ObjectKey {
        ObjectKey::new("ns", name)
    }

    fn list(count: usize) -> Vec<String> {
        let mut tags: Vec<_> = (0..count).map(|index| format!("v1.0.0-build.{index}")).collect();
        tags.sort_unstable_by(|a, b| b.cmp(a));
        tags
    }

    #[test]
    fn tags_survive_and_are_small() {
        let directory = tempfile::tempdir().unwrap();
        let (a, b) = (key("a"), key("b"));
        let of = |object| Identity { object, image: "ghcr.io/../org/app" };
        let store = TagStore::open(directory.path(), Layout::ByImage).unwrap();
        assert_eq!(store.read(of(&a)).unwrap(), Vec::<String>::new());
        let tags = list(100_000);
        store.write(of(&a), &tags, Timestamp::now()).unwrap();
        let store = TagStore::open(directory.path(), Layout::ByImage).unwrap();
        assert_eq!(store.read(of(&b)).unwrap(), tags);
        let size: u64 = fs::read_dir(directory.path().join(BY_IMAGE))
            .unwrap()
            .map(|entry| entry.unwrap().metadata().unwrap().len())
            .sum();
        assert!(size < 3 << 20, "{size}");
        store.remove(of(&b)).unwrap();
        assert!(store.read(of(&a)).unwrap().is_empty());
    }

    #[test]
    fn files_by_object_are_where_flux_has_them() {
        let directory = tempfile::tempdir().unwrap();
        let layout = Layout::ByObject { compress_from: 64 * 1024 };
        let store = TagStore::open(directory.path(), layout).unwrap();
        let a = key("a");
        let of = Identity { object: &a, image: "ghcr.io/org/app" };
        let small = list(2);
        let written = store.write(of, &small, Timestamp::now()).unwrap();
        assert!(written.revision.starts_with("sha256:") && !written.had_tags, "{written:?}");
        let file = directory.path().join("ImageRepository/ns/a/tags.txt");
        assert_eq!(fs::read_to_string(&file).unwrap(), "v1.0.0-build.1\nv1.0.0-build.0\n");
        assert_eq!(fs::read_to_string(directory.path().join(VERSION)).unwrap(), "2\n");
        let large = list(10_000);
        store.write(of, &large, Timestamp::now()).unwrap();
        assert!(!file.exists() && file.with_extension("txt.gz").exists());
        assert_eq!(store.read(of).unwrap(), large);
        store.write(of, &small, Timestamp::now()).unwrap();
        assert!(file.exists() && !file.with_extension("txt.gz").exists());
        // Another layout starts anew.
        TagStore::open(directory.path(), Layout::ByImage).unwrap();
        assert!(!file.exists());
    }

    #[test]
    fn when_tags_were_first_seen_survives() {
        let directory = tempfile::tempdir().unwrap();
        let a = key("a");
        let of = Identity { object: &a, image: "x/y" };
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        for layout in [Layout::ByImage, Layout::ByObject { compress_from: 0 }] {
            let store = TagStore::open(directory.path(), layout).unwrap();
            store.write(of, &list(2), at(100)).unwrap();
            store.write(of, &list(3), at(200)).unwrap();
            let store = TagStore::open(directory.path(), layout).unwrap();
            store.write(of, &list(3), at(300)).unwrap();
            let seen = store.seen(of, at(400)).unwrap();
            assert_eq!([seen.of("v1.0.0-build.1"), seen.of("v1.0.0-build.2")], [at(100), at(200)]);
            // A tag that went and comes back may be another image.
            store.write(of, &list(2), at(400)).unwrap();
            store.write(of, &list(3), at(500)).unwrap();
            assert_eq!(store.seen(of, at(600)).unwrap().of("v1.0.0-build.2"), at(500));
            store.remove(of).unwrap();
            assert_eq!(store.seen(of, at(700)).unwrap().of("v1.0.0-build.1"), at(700));
        }
    }

    #[test]
    fn a_list_that_did_not_change_is_not_touched() {
        use std::os::unix::fs::MetadataExt;
        let directory = tempfile::tempdir().unwrap();
        let a = key("a");
        let of = Identity { object: &a, image: "x/y" };
        for layout in [Layout::ByImage, Layout::ByObject { compress_from: 0 }] {
            let store = TagStore::open(directory.path(), layout).unwrap();
            let first = store.write(of, &list(3), Timestamp::now()).unwrap();
            let path = store.path(of);
            let file = if path.exists() { path.clone() } else { path.with_extension("txt.gz") };
            let state = || {
                let file = fs::metadata(&file).unwrap();
                (file.ino(), file.mtime_nsec(), file.len())
            };
            let before = state();
            let second = store.write(of, &list(3), Timestamp::now()).unwrap();
            assert_eq!(second, Written { had_tags: true, ..first });
            assert_eq!(state(), before);
            // Nor is a time noted that the file itself tells.
            assert!(!path.with_extension(seen::EXTENSION).exists());
            store.write(of, &list(4), Timestamp::now()).unwrap();
            assert_ne!(state(), before);
        }
    }

    #[test]
    fn damaged_files_count_as_none() {
        let directory = tempfile::tempdir().unwrap();
        let a = key("a");
        let of = Identity { object: &a, image: "x/y" };
        for layout in [Layout::ByImage, Layout::ByObject { compress_from: 0 }] {
            let store = TagStore::open(directory.path(), layout).unwrap();
            store.write(of, &list(3), Timestamp::now()).unwrap();
            for path in [store.path(of), store.path(of).with_extension("txt.gz")] {
                if path.exists() {
                    fs::write(path, [0xff, 0xfe, 0x00]).unwrap();
                }
            }
            assert!(store.read(of).unwrap().is_empty());
        }
    }
}
