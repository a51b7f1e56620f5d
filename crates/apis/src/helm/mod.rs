//! `helm.toolkit.fluxcd.io`: Helm charts released to a cluster.

pub mod v2;

/// The API group.
pub const GROUP: &str = "helm.toolkit.fluxcd.io";

/// Condition types of Helm releases.
pub mod condition_types {
    pub use crate::meta::condition_types::{READY, RECONCILING, STALLED};

    /// The last install or upgrade succeeded.
    pub const RELEASED: &str = "Released";
    /// The last tests passed.
    pub const TEST_SUCCESS: &str = "TestSuccess";
    /// The last failed release was rolled back or uninstalled.
    pub const REMEDIATED: &str = "Remediated";
    /// The objects in the cluster differ from the release.
    pub const DRIFTED: &str = "Drifted";
}

/// Event metadata key: the version of the chart.
pub const REVISION_KEY: &str = "helm.toolkit.fluxcd.io/revision";
/// Event metadata key: the digest of the values.
pub const TOKEN_KEY: &str = "helm.toolkit.fluxcd.io/token";
/// Event metadata key: the version of the app that the chart names.
pub const APP_VERSION_KEY: &str = "helm.toolkit.fluxcd.io/app-version";
/// Event metadata key: the digest of the OCI artifact of the chart.
pub const OCI_DIGEST_KEY: &str = "helm.toolkit.fluxcd.io/oci-digest";
/// Label of charts and released objects: name of the `HelmRelease` that they belong to.
pub const NAME_LABEL: &str = "helm.toolkit.fluxcd.io/name";
/// Label of charts and released objects: namespace of the `HelmRelease` that they belong to.
pub const NAMESPACE_LABEL: &str = "helm.toolkit.fluxcd.io/namespace";
/// Label or annotation of objects that drift detection leaves alone (value `disabled`).
pub const DRIFT_DETECTION_KEY: &str = "helm.toolkit.fluxcd.io/driftDetection";

/// Condition and event reasons of Helm releases.
pub mod reasons {
    pub use crate::meta::reasons::{
        ACCESS_DENIED, DEPENDENCY_NOT_READY, INVALID_CEL_EXPRESSION, PROGRESSING, PROGRESSING_WITH_RETRY,
    };

    /// The install succeeded.
    pub const INSTALL_SUCCEEDED: &str = "InstallSucceeded";
    /// The install failed.
    pub const INSTALL_FAILED: &str = "InstallFailed";
    /// The upgrade succeeded.
    pub const UPGRADE_SUCCEEDED: &str = "UpgradeSucceeded";
    /// The upgrade failed.
    pub const UPGRADE_FAILED: &str = "UpgradeFailed";
    /// The tests succeeded.
    pub const TEST_SUCCEEDED: &str = "TestSucceeded";
    /// A test failed.
    pub const TEST_FAILED: &str = "TestFailed";
    /// The rollback succeeded.
    pub const ROLLBACK_SUCCEEDED: &str = "RollbackSucceeded";
    /// The rollback failed.
    pub const ROLLBACK_FAILED: &str = "RollbackFailed";
    /// The uninstall succeeded.
    pub const UNINSTALL_SUCCEEDED: &str = "UninstallSucceeded";
    /// The uninstall failed.
    pub const UNINSTALL_FAILED: &str = "UninstallFailed";
    /// The chart's artifact is not available.
    pub const ARTIFACT_FAILED: &str = "ArtifactFailed";
    /// The source has no artifact for its latest generation yet.
    pub const SOURCE_NOT_READY: &str = "SourceNotReady";
    /// The values can't be composed.
    pub const VALUES_ERROR: &str = "ValuesError";
    /// The chart's version does not fit its source's.
    pub const CHART_MUTATE_ERROR: &str = "ChartMutateError";
    /// The cluster can't be reached as the spec says.
    pub const REST_CLIENT_ERROR: &str = "RESTClientError";
    /// The state of the release can't be told.
    pub const STATE_ERROR: &str = "StateError";
    /// An action failed without having begun.
    pub const RECONCILE_ERROR: &str = "ReconcileError";
    /// No retries are left.
    pub const RETRIES_EXCEEDED: &str = "RetriesExceeded";
    /// There is no release to go back to.
    pub const MISSING_ROLLBACK_TARGET: &str = "MissingRollbackTarget";
    /// An action was interrupted.
    pub const PENDING_RELEASE: &str = "PendingRelease";
    /// The release has not been tested yet.
    pub const AWAITING_TESTS: &str = "AwaitingTests";
    /// Objects differ from the release.
    pub const DRIFT_DETECTED: &str = "DriftDetected";
    /// No object differs from the release.
    pub const NO_DRIFT_DETECTED: &str = "NoDriftDetected";
    /// Objects that differed were corrected.
    pub const DRIFT_CORRECTED: &str = "DriftCorrected";
    /// Objects that differ could not be corrected.
    pub const DRIFT_CORRECTION_FAILED: &str = "DriftCorrectionFailed";
    /// The inventory can't be told.
    pub const INVENTORY_BUILD_FAILED: &str = "InventoryBuildFailed";
    /// Whether a kind has a namespace can't be told.
    pub const NAMESPACE_CHECK_SKIPPED: &str = "NamespaceCheckSkipped";
    /// Something newer made waiting pointless.
    pub const HEALTH_CHECK_CANCELED: &str = "HealthCheckCanceled";
}
