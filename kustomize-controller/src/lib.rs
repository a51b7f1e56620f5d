//! kustomize-controller: builds, applies, prunes and health-checks manifests.

pub mod args;
mod kustomization;
mod metrics;

use sluice_apply::clusters::{Dialect, Policy, TokenCache};
use sluice_apply::order::GroupKind;
use sluice_artifact::{Fetcher, FetcherConfig};
use sluice_runtime::{Manager, RuntimeError};

pub use args::Args;

use crate::args::FEATURE_GATES;
use crate::kustomization::{Access, Keys, Options, Setup};
use crate::metrics::Metrics;

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
}

/// Runs until told to end.
pub async fn run(args: Args) -> Result<(), Error> {
    let gates = args.common.gates(FEATURE_GATES).map_err(RuntimeError::from)?;
    let object_level_identity = gates.enabled("ObjectLevelWorkloadIdentity");
    for (flag, value) in [
        ("--default-decryption-service-account", &args.default_decryption_service_account),
        ("--default-kubeconfig-service-account", &args.default_kubeconfig_service_account),
    ] {
        if !value.is_empty() && !object_level_identity {
            return Err(Error::Gate(flag));
        }
    }
    let manager = Manager::new("kustomize-controller", &args.common).await?;
    let setup = Setup {
        options: Options {
            look_again: args.requeue_dependency,
            access: Access {
                same_namespace_only: args.no_cross_namespace_refs,
                external_artifacts: gates.enabled("ExternalArtifact"),
            },
            remote_bases: !args.no_remote_bases,
            watch_inventory: args.watch_inventory,
            strict_substitution: gates.enabled("StrictPostBuildSubstitutions"),
            additive_ready_expression: gates.enabled("AdditiveCELDependencyCheck"),
            fail_fast: !gates.enabled("DisableFailFastBehavior"),
            concurrent_applies: args.concurrent_ssa,
            override_managers: args.override_manager.clone(),
            stage_kinds: GroupKind::parse_set(&args.custom_apply_stage_kinds),
            migrate_api_version: gates.enabled("MigrateAPIVersion"),
            object_level_identity,
            keys: Keys {
                namespace: std::env::var("RUNTIME_NAMESPACE").unwrap_or_default(),
                age_secret: args.sops_age_secret.clone(),
                vault_config_map: args.sops_vault_configmap.clone(),
                service_account: args.default_decryption_service_account.clone(),
            },
        },
        policy: Policy {
            dialect: Dialect::Kustomize,
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
        fetcher: Fetcher::new(FetcherConfig { retries: args.http_retry, ..FetcherConfig::default() })?,
        metrics: Metrics::register(&manager.metrics()),
    };
    let task = kustomization::start(&manager, setup);
    Ok(manager.run(vec![task]).await?)
}
