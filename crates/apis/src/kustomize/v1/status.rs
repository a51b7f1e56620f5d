//! The observed state of a `Kustomization`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::k8s::{Condition, Time};
use crate::meta::{Duration, is_zero, lenient_duration};

/// The observed state of a `Kustomization`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("default" = { "observedGeneration": -1 }))]
pub struct KustomizationStatus {
    /// The last value seen of the annotation that asks for a reconciliation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
    /// The generation of the spec that was last reconciled.
    #[serde(skip_serializing_if = "is_zero")]
    pub observed_generation: i64,
    /// The conditions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "crate::schema::conditions")]
    pub conditions: Vec<Condition>,
    /// The revision of the source that was last applied and found healthy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_applied_revision: Option<String>,
    /// The revision that the last applied OCI artifact was packed from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_applied_origin_revision: Option<String>,
    /// The revision of the source that was last tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_attempted_revision: Option<String>,
    /// What the last apply put into the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inventory: Option<Inventory>,
    /// The last reconciliations, the latest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<Snapshot>,
}

fn duration_or_zero<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    lenient_duration(deserializer).map(Option::unwrap_or_default)
}

/// The objects that were applied.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Inventory {
    /// One entry for each object.
    pub entries: Vec<ResourceRef>,
}

/// An applied object.
#[derive(Clone, Debug, Default, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
pub struct ResourceRef {
    /// `<namespace>_<name>_<group>_<kind>`, with `:` written as `__` in names.
    pub id: String,
    /// API version without the group.
    #[serde(rename = "v")]
    pub version: String,
}

/// Reconciliations of one build with one outcome.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot {
    /// Digest of the built manifests.
    pub digest: String,
    /// When it was first reconciled.
    pub first_reconciled: Time,
    /// When it was last reconciled.
    pub last_reconciled: Time,
    /// How long the last reconciliation took; zero if it cannot be read.
    #[serde(deserialize_with = "duration_or_zero")]
    pub last_reconciled_duration: Duration,
    /// The reason of the Ready condition after the last reconciliation.
    pub last_reconciled_status: String,
    /// How often it was reconciled.
    pub total_reconciliations: i64,
    /// More about it, such as the revision.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}
