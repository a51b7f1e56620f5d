//! `kustomize.toolkit.fluxcd.io`: manifests applied to a cluster.

pub mod v1;

/// The API group.
pub const GROUP: &str = "kustomize.toolkit.fluxcd.io";
/// Event metadata key: the revision of the source's artifact.
pub const REVISION_KEY: &str = "kustomize.toolkit.fluxcd.io/revision";
/// Event metadata key: the revision that the OCI artifact was packed from.
pub const ORIGIN_REVISION_KEY: &str = "kustomize.toolkit.fluxcd.io/originRevision";
/// Event metadata key: the event updates the status of the commit.
pub const COMMIT_STATUS_KEY: &str = "kustomize.toolkit.fluxcd.io/commit_status";
/// Label of applied objects: name of the Kustomization that owns them.
pub const NAME_LABEL: &str = "kustomize.toolkit.fluxcd.io/name";
/// Label of applied objects: namespace of the Kustomization that owns them.
pub const NAMESPACE_LABEL: &str = "kustomize.toolkit.fluxcd.io/namespace";

/// Condition types of Kustomizations.
pub mod condition_types {
    pub use crate::meta::condition_types::{READY, RECONCILING, STALLED};

    /// The health checks of the last applied revision passed.
    pub const HEALTHY: &str = "Healthy";
}

/// Condition and event reasons of Kustomizations.
pub mod reasons {
    pub use crate::meta::reasons::{
        ACCESS_DENIED, DEPENDENCY_NOT_READY, FEATURE_GATE_DISABLED, INVALID_CEL_EXPRESSION, PROGRESSING,
        PROGRESSING_WITH_RETRY, SUCCEEDED,
    };

    /// The source or its artifact is not available.
    pub const ARTIFACT_FAILED: &str = "ArtifactFailed";
    /// The manifests could not be built.
    pub const BUILD_FAILED: &str = "BuildFailed";
    /// The manifests could not be applied.
    pub const RECONCILIATION_FAILED: &str = "ReconciliationFailed";
    /// The manifests are applied and healthy.
    pub const RECONCILIATION_SUCCEEDED: &str = "ReconciliationSucceeded";
    /// Stale objects could not be deleted.
    pub const PRUNE_FAILED: &str = "PruneFailed";
    /// The applied objects are not healthy.
    pub const HEALTH_CHECK_FAILED: &str = "HealthCheckFailed";
    /// Something newer made waiting for health pointless.
    pub const HEALTH_CHECK_CANCELED: &str = "HealthCheckCanceled";
}
