//! Helm's actions. Each records what it is about to do before it does it, so that whoever comes after a crash can
//! tell what was going on.

mod crds;
mod install;
mod render;
mod rollback;
mod test;
mod uninstall;
mod upgrade;

use sluice_apply::Cluster;

pub use self::crds::CrdPolicy;
pub use self::install::{Install, install};
pub use self::render::{CapabilityCache, ChartRequest, RenderedChart, render};
pub use self::rollback::{Rollback, rollback};
pub use self::test::{Test, TestFilter, test};
pub use self::uninstall::{Uninstall, UninstallError, Uninstalled, uninstall};
pub use self::upgrade::{ServerSide, Upgrade, upgrade};

use crate::Failure;
use crate::log::Log;
use crate::objects::Requests;
use crate::storage::Storage;
use crate::wait::Waiting;

/// What actions work with.
pub struct Context<'a> {
    /// Requests with the release's identity.
    pub requests: Requests,
    /// Helm's storage.
    pub storage: &'a Storage,
    /// What the action says.
    pub log: Log,
    /// How to wait.
    pub waiting: Waiting<'a>,
    /// What the cluster can do.
    pub capabilities: &'a CapabilityCache,
}

impl<'a> Context<'a> {
    /// Actions on a cluster with this storage.
    pub fn new(
        cluster: Cluster,
        storage: &'a Storage,
        waiting: Waiting<'a>,
        capabilities: &'a CapabilityCache,
    ) -> Self {
        Self { requests: Requests::new(cluster), storage, log: Log::default(), waiting, capabilities }
    }

    /// The cluster.
    pub fn cluster(&self) -> &Cluster {
        self.requests.cluster()
    }
}

/// Which hooks run, and how objects are awaited: what actions have in common.
#[derive(Clone, Copy, Debug)]
pub struct Common {
    /// How long each Kubernetes operation may take.
    pub timeout: std::time::Duration,
    /// Whether hooks are left out.
    pub no_hooks: bool,
    /// Whether Jobs have to complete.
    pub wait_for_jobs: bool,
}

/// How an apply method is stored.
fn method(server_side: bool) -> String {
    let method = if server_side {
        crate::record::apply_method::SERVER_SIDE
    } else {
        crate::record::apply_method::CLIENT_SIDE
    };
    method.to_owned()
}

/// A failure whose text begins with what was being done.
fn within(what: &str) -> impl Fn(Failure) -> Failure + '_ {
    move |failure| failure.within(what)
}
