//! The observed state of a `HelmRelease`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::k8s::{Condition, Time};
use crate::kustomize::v1::Inventory;
use crate::meta::{Duration, is_zero, lenient_duration};

vocabulary! {
    /// An action that makes a release.
    pub enum ReleaseAction {
        /// Install.
        Install = "install",
        /// Upgrade.
        Upgrade = "upgrade",
    }
}

/// The observed state of a `HelmRelease`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("default" = { "observedGeneration": -1 }))]
pub struct HelmReleaseStatus {
    /// The generation of the spec that was last reconciled.
    #[serde(skip_serializing_if = "is_zero")]
    pub observed_generation: i64,
    /// Digest of the post-renderers of the last successful reconciliation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_post_renderers_digest: Option<String>,
    /// Digest of the common metadata of the last successful reconciliation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_common_metadata_digest: Option<String>,
    /// The generation that was last tried.
    #[serde(skip_serializing_if = "is_zero")]
    pub last_attempted_generation: i64,
    /// The conditions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "crate::schema::conditions")]
    pub conditions: Vec<Condition>,
    /// The `HelmChart` that was created for the release, as `<namespace>/<name>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub helm_chart: Option<String>,
    /// Namespace of Helm's storage.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub storage_namespace: Option<String>,
    /// What the last release put into the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inventory: Option<Inventory>,
    /// The releases up to the last successful one, the latest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<ReleaseSnapshot>,
    /// The action that was last performed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_attempted_release_action: Option<ReleaseAction>,
    /// How long it took.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "lenient_duration")]
    pub last_attempted_release_action_duration: Option<Duration>,
    /// Failures of the present desired state.
    #[serde(skip_serializing_if = "is_zero")]
    pub failures: i64,
    /// Failed installs of the present desired state.
    #[serde(skip_serializing_if = "is_zero")]
    pub install_failures: i64,
    /// Failed upgrades of the present desired state.
    #[serde(skip_serializing_if = "is_zero")]
    pub upgrade_failures: i64,
    /// The revision of the chart that was last tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_attempted_revision: Option<String>,
    /// The digest of the OCI artifact that was last tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_attempted_revision_digest: Option<String>,
    /// SHA-1 of the values that were last tried, written by old versions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_attempted_values_checksum: Option<String>,
    /// Revision of the last successful release, written by old versions.
    #[serde(skip_serializing_if = "is_zero")]
    #[schemars(schema_with = "crate::schema::integer")]
    pub last_release_revision: i64,
    /// Digest of the values that were last tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_attempted_config_digest: Option<String>,
    /// The last value seen of the annotation that asks for a forced upgrade.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_handled_force_at: Option<String>,
    /// The last value seen of the annotation that asks for a reset of the failure counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_handled_reset_at: Option<String>,
    /// The last value seen of the annotation that asks for a reconciliation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
}

/// A release as Helm's storage had it.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseSnapshot {
    /// Version of the way in which the digest is computed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// Digest of the release object.
    pub digest: String,
    /// Name of the release.
    pub name: String,
    /// Namespace of the release.
    pub namespace: String,
    /// Revision of the release.
    #[schemars(schema_with = "crate::schema::integer")]
    pub version: i64,
    /// Status of the release.
    pub status: String,
    /// Name of the chart.
    pub chart_name: String,
    /// Version of the chart.
    pub chart_version: String,
    /// Version of the app that the chart names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app_version: Option<String>,
    /// Digest of the values.
    pub config_digest: String,
    /// When the release was first deployed.
    pub first_deployed: Time,
    /// When the release was last deployed.
    pub last_deployed: Time,
    /// When the release was deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted: Option<Time>,
    /// The tests that ran, by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_hooks: Option<BTreeMap<String, TestHookStatus>>,
    /// Digest of the OCI artifact of the chart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oci_digest: Option<String>,
    /// The action that made the snapshot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
}

/// The last run of a test.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TestHookStatus {
    /// When it started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_started: Option<Time>,
    /// When it completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_completed: Option<Time>,
    /// How it went.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
}
