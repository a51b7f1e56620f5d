//! An artifact that is being written.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use sluice_apis::meta::now;
use sluice_apis::source::v1::Artifact;
use sluice_archive::Summary;
use tempfile::NamedTempFile;

use super::{ArtifactPath, Storage, StorageError};

/// An artifact that is being written: a temporary file beside its final place. Dropped without
/// [`Staged::commit`], it leaves nothing behind.
#[derive(Debug)]
pub struct Staged<'a> {
    storage: &'a Storage,
    path: ArtifactPath,
    file: BufWriter<NamedTempFile>,
}

impl<'a> Staged<'a> {
    pub(super) fn create(storage: &'a Storage, path: &ArtifactPath) -> Result<Self, StorageError> {
        let dir = storage.root().join(path.dir());
        let file = NamedTempFile::with_prefix_in(format!(".{}.", path.file()), &dir)
            .map_err(|source| StorageError::Io { path: dir, source })?;
        // NamedTempFile gives mode 0600, which is what artifacts have.
        Ok(Self { storage, path: path.clone(), file: BufWriter::with_capacity(64 * 1024, file) })
    }

    /// Puts the file in its place and describes it. `summary` is of the bytes written.
    ///
    /// The file is not forced to disk: after a crash of the machine the integrity check finds a torn file
    /// and the artifact is built again, which is cheaper than waiting for the disk on every one.
    pub fn commit(self, summary: &Summary, revision: &str) -> Result<Artifact, StorageError> {
        let target = self.storage.root().join(self.path.to_string());
        let io_error = |path: PathBuf| move |source: io::Error| StorageError::Io { path, source };
        let temporary = self
            .file
            .into_inner()
            .map_err(io::IntoInnerError::into_error)
            .map_err(io_error(target.clone()))?;
        temporary.persist(&target).map_err(|e| e.error).map_err(io_error(target.clone()))?;
        let digest = summary.digest.to_string();
        if let Ok(metadata) = fs::metadata(&target) {
            self.storage.verified.remember(target, &metadata, &digest);
        }
        let path = self.path.to_string();
        Ok(Artifact {
            url: self.storage.url(&path),
            path,
            revision: revision.to_owned(),
            digest,
            last_update_time: now(),
            size: i64::try_from(summary.size).ok(),
            metadata: std::collections::BTreeMap::default(),
        })
    }
}

impl Write for Staged<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
