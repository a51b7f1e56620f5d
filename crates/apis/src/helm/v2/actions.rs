//! The settings of Helm's actions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::meta::{Duration, is_false};
use crate::schema::DURATION_PATTERN;

vocabulary! {
    /// What to do with the CRDs of a chart.
    pub enum CrdsPolicy {
        /// Nothing.
        Skip = "Skip",
        /// Create those that are missing.
        Create = "Create",
        /// Create those that are missing and replace the others.
        CreateReplace = "CreateReplace",
    }
}

vocabulary! {
    /// What to do when a release fails.
    pub enum ReleaseStrategyName {
        /// Roll it back or uninstall it, then try again as often as there are retries.
        RemediateOnFailure = "RemediateOnFailure",
        /// Leave it and try again at an interval.
        RetryOnFailure = "RetryOnFailure",
    }
}

vocabulary! {
    /// How to remedy a failed upgrade.
    pub enum RemediationStrategy {
        /// Roll back to the last release that worked.
        Rollback = "rollback",
        /// Uninstall.
        Uninstall = "uninstall",
    }
}

vocabulary! {
    /// Whether objects are applied by the server.
    pub enum ServerSideApplyMode {
        /// Yes.
        Enabled = "enabled",
        /// No.
        Disabled = "disabled",
        /// As the release was applied before.
        Auto = "auto",
    }
}

vocabulary! {
    /// What to do when the chart of a release gets another name.
    pub enum ChartNameChangeStrategy {
        /// Upgrade the release.
        InPlaceUpdate = "InPlaceUpdate",
        /// Uninstall and install it.
        Reinstall = "Reinstall",
    }
}

vocabulary! {
    /// What happens to the dependents of deleted objects.
    #[derive(Default)]
    pub enum DeletionPropagation {
        /// They are deleted afterwards.
        #[default]
        Background = "background",
        /// They are deleted first.
        Foreground = "foreground",
        /// They stay.
        Orphan = "orphan",
    }
}

/// The install action.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Install {
    /// How long any Kubernetes operation may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = DURATION_PATTERN))]
    pub timeout: Option<Duration>,
    /// What to do when it fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy: Option<InstallStrategy>,
    /// How to remedy a failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remediation: Option<InstallRemediation>,
    /// Whether objects of others are left alone instead of taken over.
    #[serde(default, skip_serializing_if = "is_false")]
    pub disable_take_ownership: bool,
    /// Whether not to wait for the objects to be ready.
    #[serde(default, skip_serializing_if = "is_false")]
    pub disable_wait: bool,
    /// Whether not to wait for Jobs to complete.
    #[serde(default, skip_serializing_if = "is_false")]
    pub disable_wait_for_jobs: bool,
    /// Whether hooks don't run.
    #[serde(default, skip_serializing_if = "is_false")]
    pub disable_hooks: bool,
    /// Whether the manifests are not checked against the cluster's `OpenAPI` schema.
    #[serde(default, rename = "disableOpenAPIValidation", skip_serializing_if = "is_false")]
    pub disable_openapi_validation: bool,
    /// Whether the values are not checked against the chart's schema.
    #[serde(default, skip_serializing_if = "is_false")]
    pub disable_schema_validation: bool,
    /// Whether to reuse the name of a deleted release that is still in the history.
    #[serde(default, skip_serializing_if = "is_false")]
    pub replace: bool,
    /// Whether the CRDs of the chart are left out; `crds: Skip` says the same.
    #[serde(default, rename = "skipCRDs", skip_serializing_if = "is_false")]
    pub skip_crds: bool,
    /// What to do with the CRDs of the chart; create when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crds: Option<CrdsPolicy>,
    /// Whether to create the target namespace.
    #[serde(default, skip_serializing_if = "is_false")]
    pub create_namespace: bool,
    /// Whether objects are applied by the server; true when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_side_apply: Option<bool>,
}

/// What to do when an install fails.
#[derive(Clone, Debug, Deserialize, Eq, kube::KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.retryInterval) || self.name != 'RemediateOnFailure'")
    .message(".retryInterval cannot be set when .name is 'RemediateOnFailure'"))]
pub struct InstallStrategy {
    /// The way.
    pub name: ReleaseStrategyName,
    /// How soon to try again; 5 minutes when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = DURATION_PATTERN))]
    pub retry_interval: Option<Duration>,
}

/// How to remedy a failed install: by uninstalling.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InstallRemediation {
    /// How often to try again; below 0 without end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::schema::integer")]
    pub retries: Option<i64>,
    /// Whether failed tests are no failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ignore_test_failures: Option<bool>,
    /// Whether to remedy the last failure too, when no retries are left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remediate_last_failure: Option<bool>,
}

/// The upgrade action.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Upgrade {
    /// How long any Kubernetes operation may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = DURATION_PATTERN))]
    pub timeout: Option<Duration>,
    /// What to do when it fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy: Option<UpgradeStrategy>,
    /// How to remedy a failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remediation: Option<UpgradeRemediation>,
    /// Whether objects of others are left alone instead of taken over.
    #[serde(default, skip_serializing_if = "is_false")]
    pub disable_take_ownership: bool,
    /// Whether not to wait for the objects to be ready.
    #[serde(default, skip_serializing_if = "is_false")]
    pub disable_wait: bool,
    /// Whether not to wait for Jobs to complete.
    #[serde(default, skip_serializing_if = "is_false")]
    pub disable_wait_for_jobs: bool,
    /// Whether hooks don't run.
    #[serde(default, skip_serializing_if = "is_false")]
    pub disable_hooks: bool,
    /// Whether the manifests are not checked against the cluster's `OpenAPI` schema.
    #[serde(default, rename = "disableOpenAPIValidation", skip_serializing_if = "is_false")]
    pub disable_openapi_validation: bool,
    /// Whether the values are not checked against the chart's schema.
    #[serde(default, skip_serializing_if = "is_false")]
    pub disable_schema_validation: bool,
    /// Whether objects are replaced instead of patched; not used with server-side apply.
    #[serde(default, skip_serializing_if = "is_false")]
    pub force: bool,
    /// Whether the values of the last release are kept under the new ones.
    #[serde(default, skip_serializing_if = "is_false")]
    pub preserve_values: bool,
    /// Whether objects that a failed upgrade created are deleted.
    #[serde(default, skip_serializing_if = "is_false")]
    pub cleanup_on_fail: bool,
    /// What to do with the CRDs of the chart; nothing when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crds: Option<CrdsPolicy>,
    /// What to do when the chart gets another name; reinstall when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chart_name_change_strategy: Option<ChartNameChangeStrategy>,
    /// Whether objects are applied by the server; as before when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_side_apply: Option<ServerSideApplyMode>,
}

/// What to do when an upgrade fails.
#[derive(Clone, Debug, Deserialize, Eq, kube::KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.retryInterval) || self.name == 'RetryOnFailure'")
    .message(".retryInterval can only be set when .name is 'RetryOnFailure'"))]
pub struct UpgradeStrategy {
    /// The way.
    pub name: ReleaseStrategyName,
    /// How soon to try again; 5 minutes when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = DURATION_PATTERN))]
    pub retry_interval: Option<Duration>,
}

/// How to remedy a failed upgrade.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UpgradeRemediation {
    /// How often to try again; below 0 without end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::schema::integer")]
    pub retries: Option<i64>,
    /// Whether failed tests are no failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ignore_test_failures: Option<bool>,
    /// Whether to remedy the last failure too, when no retries are left; true with retries when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remediate_last_failure: Option<bool>,
    /// The way; rollback when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy: Option<RemediationStrategy>,
}

/// The test action.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Test {
    /// Whether tests run after installs and upgrades.
    #[serde(default, skip_serializing_if = "is_false")]
    pub enable: bool,
    /// How long any Kubernetes operation may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = DURATION_PATTERN))]
    pub timeout: Option<Duration>,
    /// Whether failed tests are no failure.
    #[serde(default, skip_serializing_if = "is_false")]
    pub ignore_failures: bool,
    /// Which tests run; all when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub filters: Vec<TestFilter>,
}

/// A test to run or to leave out.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct TestFilter {
    /// Name of the test.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Whether it is left out.
    #[serde(default, skip_serializing_if = "is_false")]
    pub exclude: bool,
}

/// The rollback action.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rollback {
    /// How long any Kubernetes operation may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = DURATION_PATTERN))]
    pub timeout: Option<Duration>,
    /// Whether not to wait for the objects to be ready.
    #[serde(default, skip_serializing_if = "is_false")]
    pub disable_wait: bool,
    /// Whether not to wait for Jobs to complete.
    #[serde(default, skip_serializing_if = "is_false")]
    pub disable_wait_for_jobs: bool,
    /// Whether hooks don't run.
    #[serde(default, skip_serializing_if = "is_false")]
    pub disable_hooks: bool,
    /// Whether pods are restarted; kept for compatibility, without effect.
    #[serde(default, skip_serializing_if = "is_false")]
    pub recreate: bool,
    /// Whether objects are replaced instead of patched; not used with server-side apply.
    #[serde(default, skip_serializing_if = "is_false")]
    pub force: bool,
    /// Whether objects that a failed rollback created are deleted.
    #[serde(default, skip_serializing_if = "is_false")]
    pub cleanup_on_fail: bool,
    /// Whether objects are applied by the server; as before when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_side_apply: Option<ServerSideApplyMode>,
}

/// The uninstall action.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Uninstall {
    /// How long any Kubernetes operation may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = DURATION_PATTERN))]
    pub timeout: Option<Duration>,
    /// Whether hooks don't run.
    #[serde(default, skip_serializing_if = "is_false")]
    pub disable_hooks: bool,
    /// Whether the history of the release is kept.
    #[serde(default, skip_serializing_if = "is_false")]
    pub keep_history: bool,
    /// Whether not to wait for the objects to be gone.
    #[serde(default, skip_serializing_if = "is_false")]
    pub disable_wait: bool,
    /// What happens to the dependents of deleted objects.
    #[serde(default)]
    pub deletion_propagation: DeletionPropagation,
}
