//! `HelmRelease`: installs, upgrades, tests and repairs one release of a chart.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::actions::{Install, Rollback, Test, Uninstall, Upgrade};
use super::chart::{CrossNamespaceChartReference, HelmChartTemplate};
use super::status::HelmReleaseStatus;
use super::values::ValuesReference;
use crate::kustomize::v1::{CommonMetadata, CustomHealthCheck, IgnoreRule, Image, Patch};
use crate::meta::{DependencyReference, Duration, KubeConfigReference, is_false};
use crate::schema::DURATION_PATTERN;

vocabulary! {
    /// What to do about objects in the cluster that differ from the release.
    pub enum DriftDetectionMode {
        /// Correct them.
        Enabled = "enabled",
        /// Report them.
        Warn = "warn",
        /// Don't look.
        Disabled = "disabled",
    }
}

vocabulary! {
    /// Whether hooks pass through the post-renderers.
    pub enum PostRenderStrategy {
        /// They don't.
        NoHooks = "nohooks",
        /// They do, together with the templates.
        Combined = "combined",
        /// They do, on their own.
        Separate = "separate",
    }
}

vocabulary! {
    /// How to tell that the objects of a release are ready.
    pub enum WaitStrategyName {
        /// By the conventions of kstatus.
        Poller = "poller",
        /// As Helm 3 does.
        Legacy = "legacy",
    }
}

/// The desired state of a `HelmRelease`.
#[derive(Clone, CustomResource, Debug, Default, Deserialize, kube::KubeSchema, PartialEq, Serialize)]
#[kube(
    group = "helm.toolkit.fluxcd.io",
    version = "v2",
    kind = "HelmRelease",
    plural = "helmreleases",
    shortname = "hr",
    category = "all",
    category = "fluxcd",
    category = "fluxcd-appliers",
    namespaced,
    status = "HelmReleaseStatus",
    derive = "PartialEq",
    doc = "A release of a Helm chart.",
    annotation("kustomize.toolkit.fluxcd.io/substitute", "disabled"),
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
#[x_kube(validation = Rule::new(
    "(has(self.chart) && !has(self.chartRef)) || (!has(self.chart) && has(self.chartRef))"
).message("either chart or chartRef must be set"))]
pub struct HelmReleaseSpec {
    /// Template of the `HelmChart` to create.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chart: Option<HelmChartTemplate>,
    /// Object whose artifact is the chart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chart_ref: Option<CrossNamespaceChartReference>,
    /// How often to reconcile.
    #[schemars(regex(pattern = DURATION_PATTERN))]
    pub interval: Duration,
    /// How to reach another cluster to release to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kube_config: Option<KubeConfigReference>,
    /// Whether the reconciliation is suspended.
    #[serde(default, skip_serializing_if = "is_false")]
    pub suspend: bool,
    /// Name of the release; when not given, target namespace and name joined by a dash.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 53))]
    pub release_name: Option<String>,
    /// Namespace to release to; that of the object when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub target_namespace: Option<String>,
    /// Namespace of Helm's storage; that of the object when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub storage_namespace: Option<String>,
    /// Releases that must be ready first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<DependencyReference>,
    /// How long any Kubernetes operation of an action may take; 5 minutes when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = DURATION_PATTERN))]
    pub timeout: Option<Duration>,
    /// How many revisions Helm keeps; 5 when not given, 0 for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::schema::integer")]
    pub max_history: Option<i64>,
    /// Service account to act as.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub service_account_name: Option<String>,
    /// Whether one client serves a whole reconciliation; true when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub persistent_client: Option<bool>,
    /// What to do about objects in the cluster that differ from the release.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift_detection: Option<DriftDetection>,
    /// The install action.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub install: Option<Install>,
    /// The upgrade action.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upgrade: Option<Upgrade>,
    /// The test action.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test: Option<Test>,
    /// The rollback action.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollback: Option<Rollback>,
    /// The uninstall action.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uninstall: Option<Uninstall>,
    /// Where values come from, in the order in which they are merged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values_from: Vec<ValuesReference>,
    /// Values; they win over those of `valuesFrom`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::schema::anything")]
    pub values: Option<serde_json::Value>,
    /// Labels and annotations to put on every object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub common_metadata: Option<CommonMetadata>,
    /// What changes the rendered manifests, in order. An empty list has a digest, none has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub post_renderers: Option<Vec<PostRenderer>>,
    /// Whether hooks pass through the post-renderers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub post_render_strategy: Option<PostRenderStrategy>,
    /// How to judge the health of kinds that don't follow the conventions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub health_check_exprs: Vec<CustomHealthCheck>,
    /// How to tell that the objects of the release are ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait_strategy: Option<WaitStrategy>,
}

/// What to do about objects in the cluster that differ from the release.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct DriftDetection {
    /// What to do; nothing when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<DriftDetectionMode>,
    /// Fields that don't count.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignore: Vec<IgnoreRule>,
}

/// Something that changes the rendered manifests.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct PostRenderer {
    /// Changes by kustomize.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kustomize: Option<PostRendererKustomize>,
}

/// Changes by kustomize.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct PostRendererKustomize {
    /// Patches to apply, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub patches: Vec<Patch>,
    /// Image names, tags and digests to replace.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<Image>,
}

/// How to tell that the objects of a release are ready.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct WaitStrategy {
    /// The way.
    pub name: WaitStrategyName,
}

conditioned!(HelmRelease);
suspendable!(HelmRelease);
