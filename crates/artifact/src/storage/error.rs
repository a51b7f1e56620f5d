//! What can go wrong with stored artifacts.

use std::io;
use std::path::PathBuf;

use sluice_archive::DigestError;
use thiserror::Error;

/// Why the storage could not do what it was asked for.
#[derive(Debug, Error)]
pub enum StorageError {
    /// The root is not an existing directory.
    #[error("invalid dir path: {}: the storage path must be an existing directory", .0.display())]
    Root(PathBuf),
    /// The listen address is no `host:port`.
    #[error("invalid storage address \"{0}\": expected host:port")]
    Address(String),
    /// The name of this machine is needed for URLs, and unknown.
    #[error("0.0.0.0 specified in storage addr but hostname is invalid: {0}")]
    Hostname(io::Error),
    /// A path leads out of the storage.
    #[error("invalid artifact path '{0}'")]
    Path(String),
    /// A file or directory could not be used.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Why a stored artifact cannot be trusted.
#[derive(Debug, Error)]
pub enum IntegrityError {
    /// The artifact has no digest.
    #[error("artifact has no digest")]
    NoDigest,
    /// The artifact's digest is malformed.
    #[error("failed to parse artifact digest '{digest}': {source}")]
    Digest {
        /// The digest as given.
        digest: String,
        /// What is wrong with it.
        source: DigestError,
    },
    /// The file cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The file holds something else.
    #[error("computed digest doesn't match '{0}'")]
    Mismatch(String),
}
