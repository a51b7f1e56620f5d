//! Artifacts: what a source controller stores and serves, and what the other controllers fetch.
//!
//! - [`Storage`] keeps archives under `<kind>/<namespace>/<name>/`, written atomically, with retention.
//! - [`serve`] offers them over HTTP.
//! - [`Fetcher`] downloads an artifact, verifies it and unpacks it once per digest for all who ask.

mod fetch;
mod server;
mod storage;
mod workspace;

pub use fetch::{FetchError, Fetcher, FetcherConfig, HostOverrides, Unpacked};
pub use server::serve;
pub use storage::{ArtifactPath, IntegrityError, Lock, Staged, Storage, StorageConfig, StorageError};
pub use workspace::Workspace;
