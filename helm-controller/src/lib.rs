//! helm-controller: installs, upgrades, tests, repairs and uninstalls releases of Helm charts.

pub mod args;
mod helmrelease;

use sluice_apply::clusters::{Dialect, Policy, TokenCache};
use sluice_archive::Algorithm;
use sluice_artifact::{Fetcher, FetcherConfig};
use sluice_runtime::{Manager, RuntimeError};

pub use args::Args;

use crate::args::FEATURE_GATES;
use crate::helmrelease::{Access, Options, Setup};

/// Why the controller could not start or had to end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The parts that every controller has.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// Artifacts can't be fetched.
    #[error("unable to prepare for artifacts: {0}")]
    Fetcher(#[from] sluice_artifact::FetchError),
    /// A flag needs a feature that is off.
    #[error("{0} needs the feature gate ObjectLevelWorkloadIdentity")]
    Gate(&'static str),
    /// No such algorithm.
    #[error("unable to configure snapshot digest algorithm: {0}")]
    Algorithm(#[from] sluice_archive::UnknownAlgorithm),
}

/// Runs until told to end.
pub async fn run(args: Args) -> Result<(), Error> {
    let gates = args.common.gates(FEATURE_GATES).map_err(RuntimeError::from)?;
    let object_level_identity = gates.enabled("ObjectLevelWorkloadIdentity");
    if !args.default_kubeconfig_service_account.is_empty() && !object_level_identity {
        return Err(Error::Gate("--default-kubeconfig-service-account"));
    }
    let manager = Manager::new("helm-controller", &args.common).await?;
    for gate in ["CorrectDrift", "DetectDrift"] {
        if gates.enabled(gate) {
            tracing::warn!(gate, "the feature gate has no effect, as in Flux: use spec.driftDetection");
        }
    }
    let setup = Setup {
        options: Options {
            look_again: args.requeue_dependency,
            access: Access {
                same_namespace_only: args.no_cross_namespace_refs,
                external_artifacts: gates.enabled("ExternalArtifact"),
            },
            additive_ready_expression: gates.enabled("AdditiveCELDependencyCheck"),
            retry_by_default: gates.enabled("DefaultToRetryOnFailure"),
            track_chart_digest: !gates.enabled("DisableChartDigestTracking"),
            allow_dns: gates.enabled("AllowDNSLookups"),
            artifact_values: gates.enabled("ArtifactValues"),
            helm_3_defaults: gates.enabled("UseHelm3Defaults"),
            cancel_waits: gates.enabled("CancelHealthCheckOnNewRevision"),
            override_managers: args.override_manager.clone(),
            algorithm: args.snapshot_digest_algo.parse::<Algorithm>()?,
        },
        policy: Policy {
            dialect: Dialect::Helm,
            default_service_account: args.default_service_account.clone(),
            insecure_exec: args.insecure_kubeconfig_exec,
            insecure_tls: args.insecure_kubeconfig_tls,
            cloud_service_account: args.default_kubeconfig_service_account.clone(),
            object_level_identity,
        },
        tokens: TokenCache {
            size: args.common.token_cache_max_size,
            longest: args.common.token_cache_max_duration,
        },
        concurrency: args.concurrent,
        configs: (!gates.enabled("DisableConfigWatchers"))
            .then(|| args.common.watch_configs_label_selector.clone()),
        fetcher: Fetcher::new(FetcherConfig {
            retries: args.http_retry,
            timeout: Some(args.http_timeout),
            ..FetcherConfig::default()
        })?,
    };
    let task = helmrelease::start(&manager, setup);
    Ok(manager.run(vec![task]).await?)
}
