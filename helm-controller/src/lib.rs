//! helm-controller: installs, upgrades, tests, repairs and uninstalls releases of Helm charts.

pub mod args;
mod clusters;
mod helmrelease;

use sluice_archive::Algorithm;
use sluice_artifact::{Fetcher, FetcherConfig};
use sluice_runtime::{Manager, RuntimeError};

pub use args::Args;

use crate::args::FEATURE_GATES;
use crate::clusters::Policy;
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
    /// A flag or feature gate that is not there yet.
    #[error("{0} is not supported by this version")]
    Unsupported(&'static str),
}

/// Runs until told to end.
pub async fn run(args: Args) -> Result<(), Error> {
    let gates = args.common.gates(FEATURE_GATES).map_err(RuntimeError::from)?;
    let object_level_identity = gates.enabled("ObjectLevelWorkloadIdentity");
    if !args.default_kubeconfig_service_account.is_empty() && !object_level_identity {
        return Err(Error::Gate("--default-kubeconfig-service-account"));
    }
    for gate in ["AllowDNSLookups", "CorrectDrift", "DetectDrift"] {
        if gates.enabled(gate) {
            return Err(Error::Unsupported(gate));
        }
    }
    if !args.override_manager.is_empty() {
        return Err(Error::Unsupported("--override-manager"));
    }
    let manager = Manager::new("helm-controller", &args.common).await?;
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
            helm_3_defaults: gates.enabled("UseHelm3Defaults"),
            cancel_waits: gates.enabled("CancelHealthCheckOnNewRevision"),
            algorithm: args.snapshot_digest_algo.parse::<Algorithm>()?,
        },
        policy: Policy {
            default_service_account: args.default_service_account.clone(),
            insecure_exec: args.insecure_kubeconfig_exec,
            insecure_tls: args.insecure_kubeconfig_tls,
        },
        concurrency: args.concurrent,
        configs: (!gates.enabled("DisableConfigWatchers"))
            .then(|| args.common.watch_configs_label_selector.clone()),
        fetcher: Fetcher::new(FetcherConfig { retries: args.http_retry, ..FetcherConfig::default() })?,
    };
    let task = helmrelease::start(&manager, setup);
    Ok(manager.run(vec![task]).await?)
}
