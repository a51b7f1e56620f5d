//! What the tests share.

mod audit;
mod clock;
mod manifests;
mod objects;
mod turn;
mod weather;
mod world;

use std::time::Duration;

pub use self::{
    audit::Write,
    clock::Clock,
    manifests::{config_map, deployment, git_repository},
    objects::{entries, field, is_ready, message, ready, reason, revision, wait_all},
    weather::Sky,
    world::World,
};

/// Longer than anything here takes on a machine with other work.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// How long something may take that nothing has to wait for: far below every polling interval.
pub const AT_ONCE: Duration = Duration::from_secs(10);
