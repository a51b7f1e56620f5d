//! The directory of a controller that produces artifacts.

mod error;
mod garbage;
mod host;
mod integrity;
mod lock;
mod path;
mod staged;

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sluice_apis::source::v1::Artifact;
use sluice_archive::Algorithm;

pub use error::{IntegrityError, StorageError};
pub use lock::Lock;
pub use path::ArtifactPath;
pub use staged::Staged;

use integrity::Verified;

/// How artifacts are stored.
#[derive(Debug, Clone)]
pub struct StorageConfig {
    /// Root directory; must exist.
    pub path: PathBuf,
    /// Address that the file server listens on, such as `:9090`.
    pub address: String,
    /// Host (with port) in the artifacts' URLs; derived from `address` when empty.
    pub advertised_address: String,
    /// How long artifacts that are no longer current are kept.
    pub retention_ttl: Duration,
    /// How many artifacts of an object are kept at most, the current one included.
    pub retention_records: usize,
    /// What digests are computed with.
    pub algorithm: Algorithm,
}

/// Stores artifacts in a directory. Methods block; call them where blocking is allowed.
#[derive(Debug)]
pub struct Storage {
    config: StorageConfig,
    host: String,
    verified: Verified,
}

impl Storage {
    /// Opens the storage; its directory must exist.
    pub fn open(config: StorageConfig) -> Result<Self, StorageError> {
        if !config.path.is_dir() {
            return Err(StorageError::Root(config.path));
        }
        let host = host::advertised(&config.address, &config.advertised_address)?;
        Ok(Self { config, host, verified: Verified::default() })
    }

    /// The root directory.
    pub fn root(&self) -> &Path {
        &self.config.path
    }

    /// What digests are computed with.
    pub fn algorithm(&self) -> Algorithm {
        self.config.algorithm
    }

    /// Where the artifact at this path can be downloaded.
    pub fn url(&self, path: &str) -> String {
        let scheme = if self.host.starts_with("http://") || self.host.starts_with("https://") {
            ""
        } else {
            "http://"
        };
        format!("{scheme}{}/{}", self.host, path.trim_start_matches('/'))
    }

    /// Points the URL of an artifact at this server: its address may have changed since it was stored.
    pub fn rehost(&self, artifact: &mut Artifact) {
        if !artifact.path.is_empty() {
            artifact.url = self.url(&artifact.path);
        }
    }

    /// Whether the artifact's file is there.
    pub fn contains(&self, artifact: &Artifact) -> bool {
        self.locate(&artifact.path)
            .is_ok_and(|path| fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file()))
    }

    /// Compares the artifact's file with its digest. A file that has not changed since it was written or
    /// last verified is not read again.
    pub fn verify(&self, artifact: &Artifact) -> Result<(), IntegrityError> {
        let path = self.locate(&artifact.path).map_err(|e| IntegrityError::Io(io::Error::other(e)))?;
        self.verified.check(&path, &artifact.digest)
    }

    /// Opens the artifact's file.
    pub fn read(&self, artifact: &Artifact) -> Result<fs::File, StorageError> {
        let path = self.locate(&artifact.path)?;
        fs::File::open(&path).map_err(|source| StorageError::Io { path, source })
    }

    /// Makes the directory of an artifact.
    pub fn make_dir(&self, path: &ArtifactPath) -> Result<(), StorageError> {
        let dir = self.config.path.join(path.dir());
        let make = fs::DirBuilder::new().recursive(true).mode(0o700).create(&dir);
        make.map_err(|source| StorageError::Io { path: dir, source })
    }

    /// Waits for the exclusive right to write an artifact. Its directory must exist.
    pub fn lock(&self, path: &ArtifactPath) -> Result<Lock, StorageError> {
        let file = self.config.path.join(format!("{path}.lock"));
        Lock::acquire(&file).map_err(|source| StorageError::Io { path: file, source })
    }

    /// Begins to write an artifact. Readers see nothing of it until [`Staged::commit`].
    pub fn stage(&self, path: &ArtifactPath) -> Result<Staged<'_>, StorageError> {
        Staged::create(self, path)
    }

    /// Removes the artifact's file.
    pub fn remove(&self, artifact: &Artifact) -> Result<(), StorageError> {
        let path = self.locate(&artifact.path)?;
        self.verified.forget(&path);
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(StorageError::Io { path, source }),
            _ => Ok(()),
        }
    }

    /// Removes everything that is stored for an object; whether there was anything.
    pub fn remove_object(&self, path: &ArtifactPath) -> Result<bool, StorageError> {
        let dir = self.config.path.join(path.dir());
        self.verified.forget_below(&dir);
        match fs::remove_dir_all(&dir) {
            Ok(()) => Ok(true),
            Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(source) => Err(StorageError::Io { path: dir, source }),
        }
    }

    /// Points the link `name` beside the artifact at it; returns the link's URL.
    pub fn link(&self, path: &ArtifactPath, name: &str) -> Result<String, StorageError> {
        let link = path.sibling(name);
        let target = self.config.path.join(path.to_string());
        let temporary = self.config.path.join(path.sibling(&format!(".{name}.tmp")).to_string());
        let result = match fs::remove_file(&temporary) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            _ => std::os::unix::fs::symlink(&target, &temporary)
                .and_then(|()| fs::rename(&temporary, self.config.path.join(link.to_string()))),
        };
        result.map_err(|source| StorageError::Io { path: temporary, source })?;
        Ok(self.url(&link.to_string()))
    }

    /// Removes artifacts of the same object that are too old or too many; returns their files.
    pub fn collect_garbage(&self, current: &Artifact) -> Result<Vec<PathBuf>, StorageError> {
        let path = self.locate(&current.path)?;
        let removed = garbage::collect(&path, self.config.retention_ttl, self.config.retention_records)?;
        for file in &removed {
            self.verified.forget(file);
        }
        Ok(removed)
    }

    /// The file of a path from a status, which anyone who may write statuses can set.
    fn locate(&self, path: &str) -> Result<PathBuf, StorageError> {
        let relative = path.trim_start_matches('/');
        let clean = |part: &str| !matches!(part, "" | "." | "..") && !part.contains('\0');
        if relative.split('/').all(clean) {
            Ok(self.config.path.join(relative))
        } else {
            Err(StorageError::Path(path.to_owned()))
        }
    }
}
