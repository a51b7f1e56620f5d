//! The network as kustomize builds need it: files over HTTP, repositories over Git.
//!
//! A build is synchronous and says what it needs while it runs; [`Network`] answers it on an async runtime. A build
//! with a [`Network`] must therefore run where blocking is allowed, as in `tokio::task::spawn_blocking`.
//!
//! Everything is bounded: bytes by what the build may still read, time by the repository's own `timeout=` and by the
//! deadline of the whole build. Redirects leave neither `https` nor the addresses that [`sluice_http`] lets sources
//! reach. A fetched tree lies in a directory of its own that is removed with the build, and nothing in it leads out.

mod address;
mod checkout;
mod download;
mod tree;

use std::time::Duration;

use sluice_kustomize::remote::{Checkout, Remote, RemoteError, Repository};
use tokio::runtime::Handle;
use tokio::time::Instant;

/// What fetching one file may take.
const FILE_TIMEOUT: Duration = Duration::from_mins(1);
/// What one repository may take at most, whatever its `timeout=` says.
const LONGEST: Duration = Duration::from_mins(10);

/// Who we are for SSH servers.
#[derive(Clone, Default)]
pub struct Ssh {
    /// Private key: OpenSSH, PKCS#8, PKCS#1 or SEC1 in PEM.
    pub identity: Vec<u8>,
    /// Lines as in the OpenSSH file of that name. Hosts that it does not list are refused.
    pub known_hosts: Vec<u8>,
}

/// How far a build may reach.
#[derive(Clone)]
pub struct Policy {
    /// When the build must be done.
    pub deadline: Instant,
    /// For repositories over SSH; without it they are refused.
    pub ssh: Option<Ssh>,
}

/// The network, for one build.
pub struct Network {
    runtime: Handle,
    policy: Policy,
}

impl Network {
    /// A network that the runtime works.
    pub fn new(runtime: Handle, policy: Policy) -> Self {
        Self { runtime, policy }
    }

    /// When something that may take `wanted` must be done.
    fn deadline(&self, wanted: Duration) -> Instant {
        self.policy.deadline.min(Instant::now() + wanted.min(LONGEST))
    }
}

impl Remote for Network {
    fn file(&self, url: &str, limit: u64) -> Result<Vec<u8>, RemoteError> {
        self.runtime.block_on(download::file(url, limit, self.deadline(FILE_TIMEOUT)))
    }

    fn repository(&self, repository: &Repository, limit: u64) -> Result<Checkout, RemoteError> {
        let remote = address::remote(repository, self.policy.ssh.as_ref())?;
        let deadline = self.deadline(repository.timeout);
        self.runtime.block_on(checkout::checkout(&remote, repository, limit, deadline))
    }
}

/// A time that was given, in words.
fn seconds(deadline: Instant, since: Instant) -> String {
    format!("{}s", deadline.saturating_duration_since(since).as_secs_f64().round())
}
