//! Command-line flags: those of Flux's helm-controller, with the same defaults.

use std::time::Duration;

use sluice_runtime::flags::{CommonArgs, parse_bool, parse_duration};

/// Flags of helm-controller.
#[derive(Clone, Debug, clap::Parser)]
#[command(
    name = "helm-controller",
    version,
    about = "Releases Helm charts: installs, upgrades, tests, repairs and uninstalls them"
)]
pub struct Args {
    /// Flags that every controller has.
    #[command(flatten)]
    pub common: CommonArgs,

    /// How many `HelmReleases` are worked on at once; waiting ones don't count.
    #[arg(long, default_value = "4", value_name = "COUNT")]
    pub concurrent: usize,
    /// When a `HelmRelease` whose dependencies are not ready is looked at again, should no event say so earlier.
    #[arg(long, value_parser = parse_duration, default_value = "30s", value_name = "DURATION")]
    pub requeue_dependency: Duration,
    /// How long actions that go on may take to end when the process is asked to: pods are killed after it anyway.
    #[arg(long, value_parser = parse_duration, default_value = "600s", value_name = "DURATION")]
    pub graceful_shutdown_timeout: Duration,
    /// How often the download of an artifact is tried again.
    #[arg(long, default_value = "9", value_name = "COUNT")]
    pub http_retry: u32,
    /// How long each try to download an artifact may take.
    #[arg(long, value_parser = parse_duration, default_value = "30s", value_name = "DURATION")]
    pub http_timeout: Duration,
    /// The service account to impersonate where a `HelmRelease` names none.
    #[arg(long, default_value = "", value_name = "NAME")]
    pub default_service_account: String,
    /// The service account to reach remote clusters with where a `HelmRelease` names none.
    #[arg(long, default_value = "", value_name = "NAME")]
    pub default_kubeconfig_service_account: String,
    /// The algorithm of the digests in the status: sha256, sha1, sha384, sha512 or blake3.
    #[arg(long, default_value = "sha256", value_name = "ALGORITHM")]
    pub snapshot_digest_algo: String,
    /// Field managers whose fields are taken over (repeatable).
    #[arg(long, value_name = "MANAGER")]
    pub override_manager: Vec<String>,
    /// Refuse charts of other namespaces.
    #[arg(long, value_parser = parse_bool, action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true", value_name = "BOOL")]
    pub no_cross_namespace_refs: bool,
    /// Run the credential plugins that kubeconfigs name.
    #[arg(long, value_parser = parse_bool, action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true", value_name = "BOOL")]
    pub insecure_kubeconfig_exec: bool,
    /// Allow kubeconfigs to switch the verification of certificates off.
    #[arg(long, value_parser = parse_bool, action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true", value_name = "BOOL")]
    pub insecure_kubeconfig_tls: bool,
    /// Accepted for compatibility: memory is bounded without a watch.
    #[arg(long, default_value = "95", value_name = "PERCENT", hide = true)]
    pub oom_watch_memory_threshold: u8,
    /// Accepted for compatibility.
    #[arg(long, value_parser = parse_duration, default_value = "500ms", value_name = "DURATION", hide = true)]
    pub oom_watch_interval: Duration,
    /// Accepted for compatibility.
    #[arg(long, default_value = "", value_name = "PATH", hide = true)]
    pub oom_watch_max_memory_path: String,
    /// Accepted for compatibility.
    #[arg(long, default_value = "", value_name = "PATH", hide = true)]
    pub oom_watch_current_memory_path: String,
}

/// Features that can be switched, with their defaults.
pub const FEATURE_GATES: &[(&str, bool)] = &[
    ("AdditiveCELDependencyCheck", false),
    ("AdoptLegacyReleases", false),
    ("AllowDNSLookups", false),
    ("ArtifactValues", false),
    ("CacheSecretsAndConfigMaps", false),
    ("CancelHealthCheckOnNewRevision", false),
    ("CorrectDrift", false),
    ("DefaultToRetryOnFailure", false),
    ("DetectDrift", false),
    ("DirectSourceFetch", false),
    ("DisableChartDigestTracking", false),
    ("DisableConfigWatchers", false),
    ("ExternalArtifact", false),
    ("OOMWatch", false),
    ("ObjectLevelWorkloadIdentity", false),
    ("UseHelm3Defaults", false),
];
