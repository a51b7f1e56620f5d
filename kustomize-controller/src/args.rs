//! Command-line flags: those of Flux's kustomize-controller, with the same defaults.

use std::time::Duration;

use sluice_runtime::flags::{CommonArgs, parse_bool, parse_duration};

/// Flags of kustomize-controller.
#[derive(Clone, Debug, clap::Parser)]
#[command(
    name = "kustomize-controller",
    version,
    about = "Builds, applies, prunes and health-checks manifests"
)]
pub struct Args {
    /// Flags that every controller has.
    #[command(flatten)]
    pub common: CommonArgs,

    /// How many Kustomizations are worked on at once; waiting ones don't count.
    #[arg(long, default_value = "4", value_name = "COUNT")]
    pub concurrent: usize,
    /// How many objects of one Kustomization are applied at once.
    #[arg(long, default_value = "4", value_name = "COUNT")]
    pub concurrent_ssa: usize,
    /// When a Kustomization whose dependencies are not ready is looked at again, should no event say so earlier.
    #[arg(long, value_parser = parse_duration, default_value = "30s", value_name = "DURATION")]
    pub requeue_dependency: Duration,
    /// Refuse kustomize bases on other servers.
    #[arg(long, value_parser = parse_bool, action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true", value_name = "BOOL")]
    pub no_remote_bases: bool,
    /// How often the download of an artifact is tried again.
    #[arg(long, default_value = "9", value_name = "COUNT")]
    pub http_retry: u32,
    /// The service account to impersonate where a Kustomization names none.
    #[arg(long, default_value = "", value_name = "NAME")]
    pub default_service_account: String,
    /// The service account to decrypt with where a Kustomization names none.
    #[arg(long, default_value = "", value_name = "NAME")]
    pub default_decryption_service_account: String,
    /// The service account to reach remote clusters with where a Kustomization names none.
    #[arg(long, default_value = "", value_name = "NAME")]
    pub default_kubeconfig_service_account: String,
    /// The Secret in the controller's namespace with age keys for Kustomizations that name none.
    #[arg(long, default_value = "", value_name = "NAME")]
    pub sops_age_secret: String,
    /// The `ConfigMap` in the controller's namespace with Vault logins.
    #[arg(long, default_value = "", value_name = "NAME")]
    pub sops_vault_configmap: String,
    /// Field managers whose fields are taken over (repeatable).
    #[arg(long, value_name = "MANAGER")]
    pub override_manager: Vec<String>,
    /// Kinds to apply before all others but definitions: `group/Kind`, comma-separated.
    #[arg(long, default_value = "", value_name = "KINDS")]
    pub custom_apply_stage_kinds: String,
    /// Correct drift when it happens: watch the metadata of what was applied, besides looking at every interval. Costs
    /// one watch for each kind that is applied.
    #[arg(long, value_parser = parse_bool, action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true", value_name = "BOOL")]
    pub watch_inventory: bool,
    /// Refuse sources of other namespaces.
    #[arg(long, value_parser = parse_bool, action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true", value_name = "BOOL")]
    pub no_cross_namespace_refs: bool,
    /// Run the credential plugins that kubeconfigs name.
    #[arg(long, value_parser = parse_bool, action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true", value_name = "BOOL")]
    pub insecure_kubeconfig_exec: bool,
    /// Allow kubeconfigs to switch the verification of certificates off.
    #[arg(long, value_parser = parse_bool, action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true", value_name = "BOOL")]
    pub insecure_kubeconfig_tls: bool,
}

/// Features that can be switched, with their defaults.
pub const FEATURE_GATES: &[(&str, bool)] = &[
    ("AdditiveCELDependencyCheck", false),
    ("CacheSecretsAndConfigMaps", false),
    ("CancelHealthCheckOnNewRevision", false),
    ("DirectSourceFetch", false),
    ("DisableConfigWatchers", false),
    ("DisableFailFastBehavior", false),
    ("DisableStatusPollerCache", true),
    ("ExternalArtifact", false),
    ("GroupChangeLog", false),
    ("MigrateAPIVersion", false),
    ("ObjectLevelWorkloadIdentity", false),
    ("StrictPostBuildSubstitutions", true),
];
