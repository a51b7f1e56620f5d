//! Command-line flags: those of Flux's source-controller, with the same defaults.

use std::path::PathBuf;
use std::time::Duration;

use sluice_archive::Algorithm;
use sluice_artifact::StorageConfig;
use sluice_chart::LoadOptions;
use sluice_chart::load::Limits;
use sluice_runtime::flags::{CommonArgs, parse_duration};

/// Features that can be switched, with their defaults.
pub const FEATURE_GATES: &[(&str, bool)] =
    &[("CacheSecretsAndConfigMaps", false), (OBJECT_LEVEL_WORKLOAD_IDENTITY, false)];

/// Lets an object name the service account that it gets cloud credentials for.
pub const OBJECT_LEVEL_WORKLOAD_IDENTITY: &str = "ObjectLevelWorkloadIdentity";

/// Flags of source-controller.
#[derive(Clone, Debug, clap::Parser)]
#[command(name = "source-controller", version, about = "Fetches sources and serves each as a tarball")]
pub struct Args {
    /// Flags that every controller has.
    #[command(flatten)]
    pub common: CommonArgs,
    /// Where artifacts are stored and served.
    #[command(flatten)]
    pub storage: StorageArgs,

    /// How many objects of one kind are worked on at once.
    #[arg(long, default_value = "2", value_name = "COUNT")]
    pub concurrent: usize,
    /// When an object whose dependencies are not ready is looked at again.
    #[arg(long, value_parser = parse_duration, default_value = "30s", value_name = "DURATION")]
    pub requeue_dependency: Duration,
    /// The service account to get cloud credentials for where an object names none.
    #[arg(long, default_value = "", value_name = "NAME")]
    pub default_service_account: String,

    /// Refuse sources over HTTP at loopback and private addresses; link-local ones are refused in any case.
    #[arg(long)]
    pub public_addresses_only: bool,

    /// The most bytes of LFS files in the artifact of a `GitRepository` with the annotation `sluice.dev/lfs: Enabled`.
    #[arg(long, default_value = "104857600", value_name = "BYTES")]
    pub git_lfs_max_size: u64,

    /// Key exchange algorithms for SSH, comma-separated, preferred first.
    #[arg(long, value_delimiter = ',', value_name = "ALGORITHMS")]
    pub ssh_kex_algos: Vec<String>,
    /// Host key algorithms for SSH, comma-separated, preferred first.
    #[arg(long, value_delimiter = ',', value_name = "ALGORITHMS")]
    pub ssh_hostkey_algos: Vec<String>,

    /// Largest index of a Helm repository in bytes.
    #[arg(long, default_value = "52428800", value_name = "BYTES")]
    pub helm_index_max_size: i64,
    /// Largest Helm chart in bytes.
    #[arg(long, default_value = "10485760", value_name = "BYTES")]
    pub helm_chart_max_size: i64,
    /// Largest file of a Helm chart in bytes.
    #[arg(long, default_value = "5242880", value_name = "BYTES")]
    pub helm_chart_file_max_size: i64,
    /// Most indexes of Helm repositories kept in memory; 0 keeps none.
    #[arg(long, default_value = "0", value_name = "COUNT")]
    pub helm_cache_max_size: usize,
    /// How long an index of a Helm repository is kept in memory.
    #[arg(long, value_parser = parse_duration, default_value = "15m", value_name = "DURATION")]
    pub helm_cache_ttl: Duration,
    /// How often outdated indexes of Helm repositories are dropped from memory.
    #[arg(long, value_parser = parse_duration, default_value = "1m", value_name = "DURATION")]
    pub helm_cache_purge_interval: Duration,
}

/// Flags about the storage of artifacts.
#[derive(Clone, Debug, clap::Args)]
pub struct StorageArgs {
    /// The directory that artifacts are stored in; must exist.
    #[arg(long, env = "STORAGE_PATH", default_value = "/data", value_name = "DIR")]
    pub storage_path: PathBuf,
    /// The address that artifacts are served at.
    #[arg(long, env = "STORAGE_ADDRESS", default_value = ":9090", value_name = "ADDRESS")]
    pub storage_addr: String,
    /// The host in the URLs of artifacts, as consumers reach it.
    #[arg(long, env = "STORAGE_ADV_ADDR", default_value = "", value_name = "HOST")]
    pub storage_adv_addr: String,
    /// How long artifacts that are no longer current are kept.
    #[arg(long, value_parser = parse_duration, default_value = "1m", value_name = "DURATION")]
    pub artifact_retention_ttl: Duration,
    /// How many artifacts of an object are kept at most.
    #[arg(long, default_value = "2", value_name = "COUNT")]
    pub artifact_retention_records: usize,
    /// What digests of artifacts are computed with: sha1, sha256, sha384, sha512 or blake3.
    #[arg(long, default_value = "sha256", value_name = "ALGORITHM")]
    pub artifact_digest_algo: Algorithm,
}

impl Args {
    /// Bounds on what Helm charts may be.
    pub fn chart_options(&self) -> LoadOptions {
        let defaults = Limits::default();
        let file = self.helm_chart_file_max_size.try_into().unwrap_or(0);
        LoadOptions {
            limits: Limits { file, chart: defaults.chart.max(file), ..defaults },
            ..LoadOptions::default()
        }
    }
}

impl StorageArgs {
    /// The storage that the flags describe.
    pub fn config(&self) -> StorageConfig {
        StorageConfig {
            path: self.storage_path.clone(),
            address: self.storage_addr.clone(),
            advertised_address: self.storage_adv_addr.clone(),
            retention_ttl: self.artifact_retention_ttl,
            retention_records: self.artifact_retention_records,
            algorithm: self.artifact_digest_algo,
        }
    }
}
