//! Why an artifact could not be fetched.

use std::io;
use std::sync::Arc;

use sluice_archive::{DigestError, ExtractError};
use thiserror::Error;

/// Why an artifact could not be fetched. Cloneable, since all who wait for one download share its outcome.
#[derive(Debug, Clone, Error)]
pub enum FetchError {
    /// The server does not have the file (404): the source was rebuilt meanwhile, or lost its storage.
    #[error("file not found")]
    NotFound,
    /// The artifact has no digest to verify the download against.
    #[error("failed to verify archive: empty digest")]
    EmptyDigest,
    /// The artifact's digest is malformed or of an unknown algorithm.
    #[error("failed to verify archive: failed to parse digest '{digest}': {source}")]
    InvalidDigest {
        /// The digest as given.
        digest: String,
        /// What is wrong with it.
        source: DigestError,
    },
    /// The download is not what the digest names.
    #[error(
        "failed to verify archive: computed digest doesn't match provided '{digest}' (check whether file size exceeds max download size)"
    )]
    DigestMismatch {
        /// The digest that was expected.
        digest: String,
    },
    /// The URL of the artifact, or the host that replaces its own, is invalid.
    #[error("failed to create a new request: invalid artifact URL '{url}': {reason}")]
    Url {
        /// The URL as given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The server answered with a status that is not worth a retry.
    #[error("failed to download archive from {url} (status: {status})")]
    Status {
        /// The URL that was asked.
        url: String,
        /// Status code and its reason phrase.
        status: String,
    },
    /// All tries failed.
    #[error("failed to download archive: GET {url} giving up after {attempts} attempt(s): {reason}")]
    GaveUp {
        /// The URL that was asked.
        url: String,
        /// Number of tries.
        attempts: u32,
        /// How the last try failed.
        reason: String,
    },
    /// The archive is malformed, hostile or too large, or the disk is full.
    #[error("failed to extract archive: {0}")]
    Extract(#[source] Arc<ExtractError>),
    /// The directory for downloads could not be used.
    #[error("failed to use the directory for downloads: {0}")]
    Workspace(#[source] Arc<io::Error>),
    /// The HTTP client could not be set up.
    #[error("failed to set up the HTTP client: {0}")]
    Client(#[source] Arc<reqwest::Error>),
    /// The process is shutting down.
    #[error("download aborted by shutdown")]
    Aborted,
}

impl FetchError {
    pub(super) fn workspace(error: io::Error) -> Self {
        Self::Workspace(Arc::new(error))
    }
}
