//! Command-line flags: those of Flux's image-automation-controller, with the same defaults.

use sluice_runtime::flags::{CommonArgs, parse_bool};

/// Features that can be switched, with their defaults.
pub const FEATURE_GATES: &[(&str, bool)] = &[
    (FORCE_PUSH_BRANCH, true),
    ("GitShallowClone", true),
    ("GitAllBranchReferences", true),
    ("GitSparseCheckout", false),
    ("CacheSecretsAndConfigMaps", false),
    (OBJECT_LEVEL_WORKLOAD_IDENTITY, false),
];

/// Makes the push branch anew from the branch that is checked out, each time.
pub const FORCE_PUSH_BRANCH: &str = "GitForcePushBranch";
/// Lets an object name the service account that it gets cloud credentials for.
pub const OBJECT_LEVEL_WORKLOAD_IDENTITY: &str = "ObjectLevelWorkloadIdentity";

/// Flags of image-automation-controller.
#[derive(Clone, Debug, clap::Parser)]
#[command(name = "image-automation-controller", version, about = "Commits selected images to Git")]
pub struct Args {
    /// Flags that every controller has.
    #[command(flatten)]
    pub common: CommonArgs,

    /// How many objects are worked on at once.
    #[arg(long, default_value = "4", value_name = "COUNT")]
    pub concurrent: usize,
    /// Key exchange algorithms for SSH, comma-separated, preferred first.
    #[arg(long, value_delimiter = ',', value_name = "ALGORITHMS")]
    pub ssh_kex_algos: Vec<String>,
    /// Host key algorithms for SSH, comma-separated, preferred first.
    #[arg(long, value_delimiter = ',', value_name = "ALGORITHMS")]
    pub ssh_hostkey_algos: Vec<String>,
    /// The service account to get cloud credentials for where an object names none.
    #[arg(long, default_value = "", value_name = "NAME")]
    pub default_service_account: String,
    /// Refuse references to objects in other namespaces.
    #[arg(long, value_parser = parse_bool, action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true", value_name = "BOOL")]
    pub no_cross_namespace_refs: bool,
}
