//! `ArtifactGenerator`: makes `ExternalArtifact`s of the files of other sources.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::conditions::ConditionedObject;
use crate::k8s::Condition;
use crate::kustomize::v1::CommonMetadata;

vocabulary! {
    /// The kinds that files can come from.
    pub enum SourceKind {
        /// A bucket.
        Bucket = "Bucket",
        /// A Git repository.
        GitRepository = "GitRepository",
        /// An OCI artifact.
        OciRepository = "OCIRepository",
        /// A Helm chart.
        HelmChart = "HelmChart",
        /// An artifact that another controller made.
        ExternalArtifact = "ExternalArtifact",
    }
}

vocabulary! {
    /// What to do with files that are there already.
    pub enum CopyStrategy {
        /// Replace them.
        Overwrite = "Overwrite",
        /// Merge YAML files.
        Merge = "Merge",
        /// Unpack archives.
        Extract = "Extract",
    }
}

/// The desired state of an `ArtifactGenerator`.
#[derive(Clone, CustomResource, Debug, Default, Deserialize, kube::KubeSchema, PartialEq, Serialize)]
#[kube(
    group = "source.extensions.fluxcd.io",
    version = "v1beta1",
    kind = "ArtifactGenerator",
    plural = "artifactgenerators",
    shortname = "ag",
    category = "all",
    category = "fluxcd",
    category = "fluxcd-sources",
    namespaced,
    status = "ArtifactGeneratorStatus",
    derive = "PartialEq",
    doc = "Artifacts made of the files of other sources.",
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
#[x_kube(validation = Rule::new(concat!(
    "has(self.pathPattern) && size(self.pathPattern) > 0 || self.artifacts.all(a, a.name.matches(",
    r"'^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$'))"
)).message("artifact names must be valid Kubernetes object names when pathPattern is not set"))]
pub struct ArtifactGeneratorSpec {
    /// Labels and annotations to put on the artifacts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub common_metadata: Option<CommonMetadata>,
    /// Where files come from.
    #[schemars(length(min = 1, max = 1000))]
    pub sources: Vec<SourceReference>,
    /// Directories of a source that match each make one artifact, `@<alias>/<pattern>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024), regex(pattern = r"^@([a-z0-9]([a-z0-9_-]*[a-z0-9])?)/(.*)$"))]
    pub path_pattern: Option<String>,
    /// The artifacts to make.
    #[serde(rename = "artifacts")]
    #[schemars(length(min = 1, max = 1000))]
    pub output_artifacts: Vec<OutputArtifact>,
}

/// A source and the name that the rest of the spec calls it by.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct SourceReference {
    /// The name that the rest of the spec calls it by.
    #[schemars(length(max = 63), regex(pattern = "^[a-z0-9]([a-z0-9_-]*[a-z0-9])?$"))]
    pub alias: String,
    /// Kind of the source.
    pub kind: SourceKind,
    /// Name of the source.
    #[schemars(length(max = 253), regex(pattern = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"))]
    pub name: String,
    /// Namespace of the source; that of the generator when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub namespace: Option<String>,
}

/// An artifact to make.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OutputArtifact {
    /// Name of the `ExternalArtifact`.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// The source whose revision it takes, `@<alias>`; a digest of its content when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), regex(pattern = "^@([a-z0-9]([a-z0-9_-]*[a-z0-9])?)$"))]
    pub revision: Option<String>,
    /// The source whose origin revision it takes, `@<alias>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), regex(pattern = "^@([a-z0-9]([a-z0-9_-]*[a-z0-9])?)$"))]
    pub origin_revision: Option<String>,
    /// What to put into it, in order.
    #[schemars(length(min = 1))]
    pub copy: Vec<CopyOperation>,
}

/// Files to copy.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct CopyOperation {
    /// What to copy, `@<alias>/<pattern>`.
    #[schemars(length(min = 1, max = 1024), regex(pattern = "^@([a-z0-9]([a-z0-9_-]*[a-z0-9])?)/(.*)$"))]
    pub from: String,
    /// Where to, `@artifact/<path>`.
    #[schemars(length(min = 1, max = 1024), regex(pattern = "^@(artifact)/(.*)$"))]
    pub to: String,
    /// Patterns of what not to copy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub exclude: Vec<String>,
    /// What to do with files that are there already; replace them when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy: Option<CopyStrategy>,
}

/// An artifact that was made.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct ExternalArtifactRef {
    /// Name of the `ExternalArtifact`.
    pub name: String,
    /// Namespace of the `ExternalArtifact`.
    pub namespace: String,
    /// Digest of the file.
    pub digest: String,
    /// Name of the file.
    pub filename: String,
}

/// The observed state of an `ArtifactGenerator`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ArtifactGeneratorStatus {
    /// The conditions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "crate::schema::conditions")]
    pub conditions: Vec<Condition>,
    /// The artifacts that were made.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub inventory: Vec<ExternalArtifactRef>,
    /// Digest of the sources that the artifacts were made of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_sources_digest: Option<String>,
    /// The last value seen of the annotation that asks for a reconciliation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
}

/// The status has no observed generation: it reads as 0 and setting it does nothing.
impl ConditionedObject for ArtifactGenerator {
    fn conditions(&self) -> &[Condition] {
        self.status.as_ref().map_or(&[], |status| &status.conditions)
    }

    fn conditions_mut(&mut self) -> &mut Vec<Condition> {
        &mut self.status.get_or_insert_default().conditions
    }

    fn observed_generation(&self) -> i64 {
        0
    }

    fn set_observed_generation(&mut self, _: i64) {}

    fn last_handled_reconcile_at(&self) -> Option<&str> {
        self.status.as_ref()?.last_handled_reconcile_at.as_deref()
    }

    fn set_last_handled_reconcile_at(&mut self, token: &str) {
        self.status.get_or_insert_default().last_handled_reconcile_at =
            (!token.is_empty()).then(|| token.to_owned());
    }
}
