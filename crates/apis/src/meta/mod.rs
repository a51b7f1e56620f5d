//! What all Flux kinds share: durations, references, and the well-known names.

mod duration;
mod reference;

pub use duration::{Duration, DurationError, format_duration, parse_duration};
pub use reference::{
    AccessFrom, DependencyReference, KubeConfigReference, LocalObjectReference, NamespaceSelector,
    NamespacedObjectKindReference, NamespacedObjectReference, SecretKeyReference,
};

pub(crate) use duration::lenient as lenient_duration;

use crate::k8s::Time;

/// The finalizer of every Flux kind.
pub const FINALIZER: &str = "finalizers.fluxcd.io";

/// Annotation: a new value asks for a reconciliation now.
pub const REQUESTED_AT_ANNOTATION: &str = "reconcile.fluxcd.io/requestedAt";
/// Annotation: equal to [`REQUESTED_AT_ANNOTATION`] it asks for one forced Helm upgrade.
pub const FORCE_REQUESTED_AT_ANNOTATION: &str = "reconcile.fluxcd.io/forceAt";
/// Annotation: equal to [`REQUESTED_AT_ANNOTATION`] it resets the failure counts of a Helm release.
pub const RESET_REQUESTED_AT_ANNOTATION: &str = "reconcile.fluxcd.io/resetAt";
/// Annotation or label on an object or Flux kind that switches its reconciliation off (value [`DISABLED`]).
pub const RECONCILE_ANNOTATION: &str = "kustomize.toolkit.fluxcd.io/reconcile";
/// Annotation or label that keeps an object from being garbage collected (value [`DISABLED`]).
pub const PRUNE_ANNOTATION: &str = "kustomize.toolkit.fluxcd.io/prune";
/// Annotation or label that selects how an object is applied (`Override`, `Merge`, `IfNotPresent`, `Ignore`).
pub const SSA_ANNOTATION: &str = "kustomize.toolkit.fluxcd.io/ssa";
/// Annotation or label that allows deleting and recreating an object on immutable field changes (value [`ENABLED`]).
pub const FORCE_ANNOTATION: &str = "kustomize.toolkit.fluxcd.io/force";
/// Annotation or label that switches post-build variable substitution off for an object (value [`DISABLED`]).
pub const SUBSTITUTE_ANNOTATION: &str = "kustomize.toolkit.fluxcd.io/substitute";
/// Label (value `Enabled`) of ConfigMaps and Secrets whose changes trigger the objects that use them.
pub const WATCH_LABEL: &str = "reconcile.fluxcd.io/watch";
/// Prefix of annotations that are copied to the metadata of events.
pub const EVENT_ANNOTATION_PREFIX: &str = "event.toolkit.fluxcd.io/";
/// The value `disabled` of the switches above.
pub const DISABLED: &str = "disabled";
/// The value `enabled` of the switches above.
pub const ENABLED: &str = "enabled";

/// Artifact metadata key: where the packed source came from (OCI image spec).
pub const OCI_SOURCE_ANNOTATION: &str = "org.opencontainers.image.source";
/// Artifact metadata key: which revision of the source was packed (OCI image spec).
pub const OCI_REVISION_ANNOTATION: &str = "org.opencontainers.image.revision";

/// Condition types that every kind may have.
pub mod condition_types {
    /// The object is reconciled and usable.
    pub const READY: &str = "Ready";
    /// Work is going on towards the desired state; absent when there is none.
    pub const RECONCILING: &str = "Reconciling";
    /// No progress is possible until a human changes something; absent otherwise.
    pub const STALLED: &str = "Stalled";
}

/// Condition reasons that every kind may use.
pub mod reasons {
    /// The last reconciliation succeeded.
    pub const SUCCEEDED: &str = "Succeeded";
    /// The last reconciliation failed.
    pub const FAILED: &str = "Failed";
    /// A reconciliation is going on.
    pub const PROGRESSING: &str = "Progressing";
    /// A failed reconciliation is going to be retried.
    pub const PROGRESSING_WITH_RETRY: &str = "ProgressingWithRetry";
    /// A dependency is not ready.
    pub const DEPENDENCY_NOT_READY: &str = "DependencyNotReady";
    /// Reconciliation is suspended.
    pub const SUSPENDED: &str = "Suspended";
    /// A cross-namespace reference is not allowed.
    pub const ACCESS_DENIED: &str = "AccessDenied";
    /// The spec needs a feature gate that is off.
    pub const FEATURE_GATE_DISABLED: &str = "FeatureGateDisabled";
    /// A CEL expression in the spec is invalid.
    pub const INVALID_CEL_EXPRESSION: &str = "InvalidCELExpression";
    /// A URL in the spec is invalid.
    pub const INVALID_URL: &str = "InvalidURL";
}

/// Now, in UTC and whole seconds, as the API stores times.
pub fn now() -> Time {
    let now = jiff::Timestamp::now();
    Time(jiff::Timestamp::from_second(now.as_second()).unwrap_or(now))
}

/// For `skip_serializing_if`: Go's `omitempty` leaves out false.
#[allow(clippy::trivially_copy_pass_by_ref)] // serde calls it with a reference
pub(crate) fn is_false(value: &bool) -> bool {
    !*value
}

/// For `skip_serializing_if`: Go's `omitempty` leaves out zero.
#[allow(clippy::trivially_copy_pass_by_ref)] // serde calls it with a reference
pub(crate) fn is_zero(value: &i64) -> bool {
    *value == 0
}
