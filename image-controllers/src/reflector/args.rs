//! Command-line flags: those of Flux's image-reflector-controller, with the same defaults.

use std::path::PathBuf;
use std::time::Duration;

use sluice_runtime::flags::{CommonArgs, parse_bool, parse_duration};

/// Features that can be switched, with their defaults.
pub const FEATURE_GATES: &[(&str, bool)] =
    &[(FLUX_STORAGE, false), ("CacheSecretsAndConfigMaps", false), (OBJECT_LEVEL_WORKLOAD_IDENTITY, false)];

/// Keeps the tags of each object in a file of its own, with another revision.
pub const FLUX_STORAGE: &str = "FluxStorage";
/// Lets an object name the service account that it gets cloud credentials for.
pub const OBJECT_LEVEL_WORKLOAD_IDENTITY: &str = "ObjectLevelWorkloadIdentity";

/// Flags of image-reflector-controller.
#[derive(Clone, Debug, clap::Parser)]
#[command(
    name = "image-reflector-controller",
    version,
    about = "Scans registries for tags and selects the latest by policies"
)]
pub struct Args {
    /// Flags that every controller has.
    #[command(flatten)]
    pub common: CommonArgs,

    /// The directory in which tags are kept.
    #[arg(long, default_value = "/data", value_name = "DIR")]
    pub storage_path: PathBuf,
    /// Without effect: tags are kept in plain files.
    #[arg(long, default_value = "268435456", value_name = "BYTES")]
    pub storage_value_log_file_size: i64,
    /// With the feature gate `FluxStorage`, from how many KiB on tags are compressed.
    #[arg(long, default_value = "64", value_name = "KIB")]
    pub storage_compression_threshold: usize,
    /// Without effect: there is no garbage in plain files.
    #[arg(long, default_value = "10", value_name = "MINUTES")]
    pub gc_interval: u16,

    /// How many objects of one kind are worked on at once.
    #[arg(long, default_value = "4", value_name = "COUNT")]
    pub concurrent: usize,
    /// When a policy whose repository has no tags is looked at again.
    #[arg(long, value_parser = parse_duration, default_value = "30s", value_name = "DURATION")]
    pub requeue_dependency: Duration,
    /// The service account to get cloud credentials for where an object names none.
    #[arg(long, default_value = "", value_name = "NAME")]
    pub default_service_account: String,
    /// Refuse references to objects in other namespaces.
    #[arg(long, value_parser = parse_bool, action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true", value_name = "BOOL")]
    pub no_cross_namespace_refs: bool,
}
