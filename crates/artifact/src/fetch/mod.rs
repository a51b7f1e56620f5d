//! The consumer's side: artifacts are downloaded, verified and unpacked once per digest, and shared.

mod cache;
mod download;
mod error;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sluice_apis::source::v1::Artifact;
use sluice_archive::Limits;
use tempfile::TempDir;

pub use error::FetchError;

use cache::Cache;

use crate::Workspace;

/// Prefix of the directories that fetchers work in.
const WORKSPACE_PREFIX: &str = "sluice-artifacts-";

/// How artifacts are fetched.
#[derive(Debug, Clone)]
pub struct FetcherConfig {
    /// Where to spool and unpack; a directory of our own is made in it.
    pub dir: PathBuf,
    /// How often to try again after a connection error or a 5xx answer.
    pub retries: u32,
    /// Wait before the first retry; doubles with each further one.
    pub retry_min: Duration,
    /// Longest wait between two tries.
    pub retry_max: Duration,
    /// How long one try may take in all; without a bound, 30 s may pass between two parts of the answer.
    pub timeout: Option<Duration>,
    /// Hosts to ask instead of those in the artifacts' URLs.
    pub hosts: HostOverrides,
    /// Bounds on what an archive may unpack to.
    pub limits: Limits,
    /// Bytes of unpacked artifacts to keep while nobody uses them.
    pub idle_bytes: u64,
    /// How many archives may be unpacked at the same time.
    pub concurrent_unpacks: usize,
}

impl Default for FetcherConfig {
    /// Flux's retries (9 of them, 5 s to 30 s apart), no bound on sizes, 256 MiB of idle artifacts in the
    /// system's temporary directory, hosts from the environment.
    fn default() -> Self {
        Self {
            dir: std::env::temp_dir(),
            retries: 9,
            retry_min: Duration::from_secs(5),
            retry_max: Duration::from_secs(30),
            timeout: None,
            hosts: HostOverrides::from_env(),
            limits: Limits::any_size(),
            idle_bytes: 256 << 20,
            concurrent_unpacks: 4,
        }
    }
}

/// Hosts (with port) that serve the artifacts during development, when the names in their URLs resolve
/// only inside a cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostOverrides {
    /// For every artifact that the source-watcher does not serve.
    pub source_controller: Option<String>,
    /// For artifacts whose URL begins with the host name `source-watcher`.
    pub source_watcher: Option<String>,
}

impl HostOverrides {
    /// Reads `SOURCE_CONTROLLER_LOCALHOST` and `SOURCE_WATCHER_LOCALHOST`.
    pub fn from_env() -> Self {
        let read = |name| std::env::var(name).ok().filter(|host| !host.is_empty());
        Self {
            source_controller: read("SOURCE_CONTROLLER_LOCALHOST"),
            source_watcher: read("SOURCE_WATCHER_LOCALHOST"),
        }
    }

    fn for_url(&self, url: &str) -> Option<&str> {
        let watcher = url.contains("//source-watcher");
        if watcher { self.source_watcher.as_deref() } else { self.source_controller.as_deref() }
    }
}

/// Fetches artifacts. Cheap to clone; clones share the unpacked artifacts.
#[derive(Clone)]
pub struct Fetcher {
    shared: Arc<Shared>,
}

struct Shared {
    config: FetcherConfig,
    client: reqwest::Client,
    workspace: Arc<Workspace>,
    cache: Cache,
    unpacks: tokio::sync::Semaphore,
}

/// An artifact's content in a directory. Other users share it: treat it as read-only.
///
/// The directory is removed when the last user has let go of it and its place in the cache is needed.
#[derive(Debug)]
pub struct Unpacked {
    dir: TempDir,
    digest: String,
    bytes: u64,
    /// The directory around `dir`, which must not go before it does.
    _workspace: Arc<Workspace>,
}

impl Unpacked {
    /// The directory with the artifact's files.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Digest of the archive that this was unpacked from.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Fetcher {
    /// Prepares the directory and the HTTP client, and removes what killed processes left behind.
    ///
    /// The process must have installed a default TLS provider.
    pub fn new(config: FetcherConfig) -> Result<Self, FetchError> {
        let client = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(10))
            .read_timeout(Duration::from_secs(30));
        let client = match config.timeout {
            Some(timeout) => client.timeout(timeout),
            None => client,
        };
        let client = client.build().map_err(|e| FetchError::Client(Arc::new(e)))?;
        let workspace =
            Workspace::create(&config.dir, WORKSPACE_PREFIX).map(Arc::new).map_err(FetchError::workspace)?;
        let cache = Cache::new(config.idle_bytes);
        let unpacks = tokio::sync::Semaphore::new(config.concurrent_unpacks.max(1));
        Ok(Self { shared: Arc::new(Shared { config, client, workspace, cache, unpacks }) })
    }

    /// Gives the content of `artifact`, verified against its digest.
    ///
    /// Callers that ask for the same digest at the same time wait for one download and get the same
    /// directory. Symbolic links in the archive are left out. A failure is not remembered: the next call
    /// tries again. Dropping the future does not stop a download that others wait for.
    pub async fn get(&self, artifact: &Artifact) -> Result<Arc<Unpacked>, FetchError> {
        let digest = download::parse_digest(&artifact.digest)?;
        let shared = Arc::clone(&self.shared);
        let artifact = artifact.clone();
        self.shared
            .cache
            .get_or_fetch(&digest.to_string(), || async move { shared.fetch(&artifact, &digest).await })
            .await
    }

    /// Gives the archive itself, verified against the artifact's digest; it is not kept. One that is larger than
    /// `limit` bytes is refused.
    pub async fn archive(&self, artifact: &Artifact, limit: u64) -> Result<Vec<u8>, FetchError> {
        let digest = download::parse_digest(&artifact.digest)?;
        self.shared.archive(artifact, &digest, limit).await
    }
}
