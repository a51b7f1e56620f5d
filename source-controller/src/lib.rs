//! source-controller: fetches sources and serves each as a tarball.

mod announce;
pub mod args;
mod artifactgenerator;
mod bucket;
mod conditions;
mod directory;
mod failure;
mod finalize;
mod finish;
mod gitrepository;
mod helm;
mod helmchart;
mod helmrepository;
mod kind;
mod lanes;
mod notify;
mod ocirepository;
mod publish;
mod signature;
mod storage;
pub mod watcher;

use std::sync::Arc;

use sluice_artifact::{FetchError, Storage, StorageError, serve};
use sluice_auth::cloud::{CloudAccess, TokenCache, TokenMetrics};
use sluice_git::SshAlgorithms;
use sluice_runtime::flags::parse_listen_addr;
use sluice_runtime::{Manager, RuntimeError, Task};
use tokio::net::TcpListener;

pub use args::Args;

use crate::args::{FEATURE_GATES, OBJECT_LEVEL_WORKLOAD_IDENTITY, StorageArgs};

/// Why the controller could not start or had to end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The parts that every controller has.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// The storage cannot be used.
    #[error("unable to configure the storage: {0}")]
    Storage(#[from] StorageError),
    /// There is no directory for what is being fetched.
    #[error("unable to create a temporary directory: {0}")]
    Workspace(#[source] std::io::Error),
    /// Artifacts cannot be fetched.
    #[error("unable to prepare the download of artifacts: {0}")]
    Fetcher(#[source] FetchError),
    /// A flag needs a feature that is off.
    #[error("--default-service-account needs the feature gate {OBJECT_LEVEL_WORKLOAD_IDENTITY}")]
    Gate,
}

/// Runs until told to end.
pub async fn run(args: Args) -> Result<(), Error> {
    let gates = args.common.gates(FEATURE_GATES).map_err(RuntimeError::from)?;
    if !args.default_service_account.is_empty() && !gates.enabled(OBJECT_LEVEL_WORKLOAD_IDENTITY) {
        return Err(Error::Gate);
    }
    if args.public_addresses_only {
        sluice_http::restrict(sluice_http::Reach::PublicOnly);
    }
    let manager = Manager::new("source-controller", &args.common).await?;
    let storage = Arc::new(Storage::open(args.storage.config())?);
    let files = file_server(&args.storage, &storage)?;
    let concurrency = args.concurrent;
    let load = args.chart_options();
    let workload_identity = gates.enabled(OBJECT_LEVEL_WORKLOAD_IDENTITY);
    let clouds = Arc::new(CloudAccess::new(
        manager.client(),
        TokenCache { size: args.common.token_cache_max_size, longest: args.common.token_cache_max_duration },
        TokenMetrics::register(&manager.metrics()),
        workload_identity,
        args.default_service_account.as_str(),
    ));
    let git = gitrepository::Setup {
        storage: Arc::clone(&storage),
        concurrency,
        requeue_dependency: args.requeue_dependency,
        ssh: SshAlgorithms { kex: args.ssh_kex_algos, host_key: args.ssh_hostkey_algos },
        max_lfs: args.git_lfs_max_size,
        clouds: Arc::clone(&clouds),
    };
    let git = gitrepository::start(&manager, git).map_err(Error::Workspace)?;
    let buckets = bucket::Setup { storage: Arc::clone(&storage), concurrency, clouds: Arc::clone(&clouds) };
    let buckets = bucket::start(&manager, buckets).map_err(Error::Workspace)?;
    let max_index = args.helm_index_max_size.try_into().unwrap_or(0);
    let helm = helmrepository::Setup { storage: Arc::clone(&storage), concurrency, max_index };
    let (repositories, helm) = helmrepository::start(&manager, helm).map_err(Error::Workspace)?;
    let charts = helmchart::Setup {
        storage: Arc::clone(&storage),
        concurrency,
        repositories,
        clouds: Arc::clone(&clouds),
        load,
        max_chart: args.helm_chart_max_size.try_into().unwrap_or(0),
        max_index,
        cache: helmchart::CacheBounds {
            size: args.helm_cache_max_size,
            ttl: args.helm_cache_ttl,
            purge_interval: args.helm_cache_purge_interval,
        },
    };
    let charts = helmchart::start(&manager, charts).map_err(Error::Workspace)?;
    let oci = ocirepository::Setup { storage, concurrency, clouds };
    let oci = ocirepository::start(&manager, oci).map_err(Error::Workspace)?;
    Ok(manager.run(vec![files, buckets, git, oci, helm, charts]).await?)
}

/// Serves artifacts while this process leads: only the leader has them.
fn file_server(args: &StorageArgs, storage: &Arc<Storage>) -> Result<Task, Error> {
    let address = parse_listen_addr("storage-addr", &args.storage_addr).map_err(RuntimeError::from)?;
    let storage = Arc::clone(storage);
    Ok(Task::new("artifact server", move |cancel| async move {
        let Some(address) = address else { return Ok(()) };
        let listener = TcpListener::bind(address).await?;
        tracing::info!(%address, "serving artifacts");
        serve(listener, storage.root().to_owned(), cancel.cancelled_owned()).await?;
        Ok(())
    }))
}
