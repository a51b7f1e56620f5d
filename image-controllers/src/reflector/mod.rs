//! image-reflector-controller: scans registries for tags, and selects the latest by policies.

mod access;
mod args;
mod lanes;
mod policy;
mod repository;
mod store;

use std::sync::Arc;

use sluice_auth::cloud::{CloudAccess, TokenCache, TokenMetrics};
use sluice_oci::Registries;
use sluice_runtime::{Manager, RuntimeError};

pub use self::args::Args;
use self::args::{FEATURE_GATES, FLUX_STORAGE, OBJECT_LEVEL_WORKLOAD_IDENTITY};
use self::lanes::RegistryLanes;
use self::store::{Layout, TagStore};

/// Why the controller could not start or had to end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The parts that every controller has.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// The store of tags can't be used.
    #[error("unable to open the store of tags at --storage-path: {0}")]
    Storage(#[from] std::io::Error),
    /// A flag needs a feature that is off.
    #[error("--default-service-account needs the feature gate {OBJECT_LEVEL_WORKLOAD_IDENTITY}")]
    Gate,
}

/// Runs until told to end.
pub async fn run(args: Args) -> Result<(), Error> {
    let gates = args.common.gates(FEATURE_GATES).map_err(RuntimeError::from)?;
    let workload_identity = gates.enabled(OBJECT_LEVEL_WORKLOAD_IDENTITY);
    if !args.default_service_account.is_empty() && !workload_identity {
        return Err(Error::Gate);
    }
    let manager = Manager::new("image-reflector-controller", &args.common).await?;
    let layout = if gates.enabled(FLUX_STORAGE) {
        Layout::ByObject { compress_from: args.storage_compression_threshold.saturating_mul(1024) }
    } else {
        Layout::ByImage
    };
    let shared = Arc::new(Shared {
        tags: TagStore::open(&args.storage_path, layout)?,
        registries: Registries::default(),
        lanes: RegistryLanes::new(args.concurrent),
        clouds: CloudAccess::new(
            manager.client(),
            TokenCache {
                size: args.common.token_cache_max_size,
                longest: args.common.token_cache_max_duration,
            },
            TokenMetrics::register(&manager.metrics()),
            workload_identity,
            args.default_service_account.as_str(),
        ),
        no_cross_namespace_refs: args.no_cross_namespace_refs,
        requeue_dependency: args.requeue_dependency,
    });
    let repositories = manager.controller();
    let policies = policy::controller(&manager, &repositories);
    let scans = repository::start(repositories, &policies, &shared, args.concurrent);
    let choices = policy::start(policies, &shared, args.concurrent);
    Ok(manager.run(vec![scans, choices]).await?)
}

/// What the reconcilers of both kinds need.
struct Shared {
    tags: TagStore,
    registries: Registries,
    lanes: RegistryLanes,
    /// Credentials of clouds.
    clouds: CloudAccess,
    no_cross_namespace_refs: bool,
    requeue_dependency: std::time::Duration,
}
