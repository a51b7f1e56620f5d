//! `HelmChart`: a chart from a Helm repository, or packaged from the artifact of another source.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::artifact::{Artifact, source};
use super::verification::{OidcIdentityMatch, VerificationProvider};
use crate::k8s::Condition;
use crate::meta::{Duration, LocalObjectReference, is_false, is_zero};
use crate::schema::DURATION_PATTERN;

vocabulary! {
    /// The kinds that a chart may come from.
    pub enum ChartSourceKind {
        /// A Helm repository.
        HelmRepository = "HelmRepository",
        /// A directory of a Git repository.
        GitRepository = "GitRepository",
        /// A directory of a bucket.
        Bucket = "Bucket",
    }
}

vocabulary! {
    /// What makes a new artifact.
    #[derive(Default)]
    pub enum ChartReconcileStrategy {
        /// A new version of the chart.
        #[default]
        ChartVersion = "ChartVersion",
        /// A new revision of the source; it is appended to the chart's version.
        Revision = "Revision",
    }
}

/// The desired state of a `HelmChart`.
#[derive(Clone, CustomResource, Debug, Deserialize, kube::KubeSchema, PartialEq, Serialize)]
#[kube(
    group = "source.toolkit.fluxcd.io",
    version = "v1",
    kind = "HelmChart",
    plural = "helmcharts",
    shortname = "hc",
    category = "all",
    category = "fluxcd",
    category = "fluxcd-sources",
    namespaced,
    status = "HelmChartStatus",
    derive = "PartialEq",
    doc = "A Helm chart as an artifact.",
    annotation("kustomize.toolkit.fluxcd.io/substitute", "disabled"),
    printcolumn(name = "Chart", type_ = "string", json_path = ".spec.chart"),
    printcolumn(name = "Version", type_ = "string", json_path = ".spec.version"),
    printcolumn(name = "Source Kind", type_ = "string", json_path = ".spec.sourceRef.kind"),
    printcolumn(name = "Source Name", type_ = "string", json_path = ".spec.sourceRef.name"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].status"#
    ),
    printcolumn(
        name = "Status",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].message"#
    )
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.verify) || self.sourceRef.kind == 'HelmRepository'")
    .message("spec.verify is only supported when spec.sourceRef.kind is 'HelmRepository'"))]
pub struct HelmChartSpec {
    /// Name of the chart in the repository, or path of its directory in the artifact.
    pub chart: String,
    /// Version or range of versions; not used with Git repositories and buckets.
    #[serde(default = "any_version")]
    pub version: String,
    /// Where the chart comes from.
    pub source_ref: LocalHelmChartSourceReference,
    /// How often to look for a new version.
    #[schemars(regex(pattern = DURATION_PATTERN))]
    pub interval: Duration,
    /// What makes a new artifact.
    #[serde(default)]
    pub reconcile_strategy: ChartReconcileStrategy,
    /// Values files to merge, in order, into the chart's `values.yaml`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values_files: Vec<String>,
    /// Whether values files that don't exist are passed over.
    #[serde(default, skip_serializing_if = "is_false")]
    pub ignore_missing_values_files: bool,
    /// Whether the reconciliation is suspended.
    #[serde(default, skip_serializing_if = "is_false")]
    pub suspend: bool,
    /// Which signatures to check.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verify: Option<HelmChartVerification>,
}

/// Every version.
fn any_version() -> String {
    "*".to_owned()
}

/// A source in the namespace of the chart.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LocalHelmChartSourceReference {
    /// API version of the source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// Kind of the source.
    pub kind: ChartSourceKind,
    /// Name of the source.
    pub name: String,
}

/// How to verify the signature of a chart in an OCI registry.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HelmChartVerification {
    /// The signature format.
    #[schemars(extend("default" = "cosign"))]
    pub provider: VerificationProvider,
    /// Secret with the trusted public keys; without it signatures are keyless.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<LocalObjectReference>,
    /// Identities that keyless signatures may have; one that matches is enough.
    #[serde(default, rename = "matchOIDCIdentity", skip_serializing_if = "Vec::is_empty")]
    pub match_oidc_identity: Vec<OidcIdentityMatch>,
}

/// The observed state of a `HelmChart`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("default" = { "observedGeneration": -1 }))]
pub struct HelmChartStatus {
    /// The generation of the spec that was last reconciled.
    #[serde(skip_serializing_if = "is_zero")]
    pub observed_generation: i64,
    /// The revision of the source's artifact that the chart was built from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_source_artifact_revision: Option<String>,
    /// The name of the chart that was resolved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_chart_name: Option<String>,
    /// The values files that were merged.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub observed_values_files: Vec<String>,
    /// The conditions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "crate::schema::conditions")]
    pub conditions: Vec<Condition>,
    /// Address of the latest artifact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The last successful artifact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact: Option<Artifact>,
    /// The last value seen of the annotation that asks for a reconciliation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
}

conditioned!(HelmChart);
source!(HelmChart);
suspendable!(HelmChart);
