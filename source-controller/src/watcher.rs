//! source-watcher: makes artifacts of the files of several sources, and serves them as source-controller does its own.
//!
//! A process of its own, with flags, lease and storage of its own: its artifacts are others than source-controller's,
//! and either can be replaced without the other.

use std::sync::Arc;
use std::time::Duration;

use sluice_artifact::{FetchError, Fetcher, FetcherConfig, Storage};
use sluice_runtime::flags::{CommonArgs, parse_bool, parse_duration};
use sluice_runtime::{Manager, RuntimeError};

use crate::args::StorageArgs;
use crate::artifactgenerator::{self, Options, Setup};
use crate::{Error, file_server};

/// Features that can be switched, with their defaults.
const FEATURE_GATES: &[(&str, bool)] = &[("DirectSourceFetch", false)];

/// Flags of source-watcher: those of Flux's, with the same defaults.
#[derive(Clone, Debug, clap::Parser)]
#[command(name = "source-watcher", version, about = "Makes artifacts of the files of several sources")]
pub struct Args {
    /// Flags that every controller has.
    #[command(flatten)]
    pub common: CommonArgs,
    /// Where artifacts are stored and served.
    #[command(flatten)]
    pub storage: StorageArgs,

    /// How many generators are worked on at once.
    #[arg(long, default_value = "10", value_name = "COUNT")]
    pub concurrent: usize,
    /// How often the download of an artifact is tried again.
    #[arg(long, default_value = "9", value_name = "COUNT")]
    pub http_retry: u32,
    /// How long one reconciliation may take.
    #[arg(long, value_parser = parse_duration, default_value = "10m", value_name = "DURATION")]
    pub reconciliation_timeout: Duration,
    /// When a generator whose sources are not ready is looked at again.
    #[arg(long, value_parser = parse_duration, default_value = "5s", value_name = "DURATION")]
    pub requeue_dependency: Duration,
    /// Refuse sources of other namespaces.
    #[arg(long, value_parser = parse_bool, action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true", value_name = "BOOL")]
    pub no_cross_namespace_refs: bool,
}

/// Runs until told to end.
pub async fn run(args: Args) -> Result<(), Error> {
    // Sources are kept by a watch, which is as fresh as a read; the gate is known so that manifests keep working.
    args.common.gates(FEATURE_GATES).map_err(RuntimeError::from)?;
    let manager = Manager::new("source-watcher", &args.common).await?;
    let storage = Arc::new(Storage::open(args.storage.config())?);
    let files = file_server(&args.storage, &storage)?;
    let fetcher = FetcherConfig { retries: args.http_retry, ..FetcherConfig::default() };
    let setup = Setup {
        storage,
        fetcher: Fetcher::new(fetcher).map_err(|error: FetchError| Error::Fetcher(error))?,
        concurrency: args.concurrent,
        options: Options {
            requeue_dependency: args.requeue_dependency,
            timeout: args.reconciliation_timeout,
            no_cross_namespace_refs: args.no_cross_namespace_refs,
        },
    };
    let generators = artifactgenerator::start(&manager, setup).map_err(Error::Workspace)?;
    Ok(manager.run(vec![files, generators]).await?)
}
