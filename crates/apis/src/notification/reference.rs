//! The Flux objects that events come from and webhooks trigger.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

vocabulary! {
    /// The kinds that send events and can be triggered.
    pub enum ReferenceKind {
        /// A bucket.
        Bucket = "Bucket",
        /// A Git repository.
        GitRepository = "GitRepository",
        /// Applied manifests.
        Kustomization = "Kustomization",
        /// A Helm release.
        HelmRelease = "HelmRelease",
        /// A Helm chart.
        HelmChart = "HelmChart",
        /// A Helm repository.
        HelmRepository = "HelmRepository",
        /// A scanned image.
        ImageRepository = "ImageRepository",
        /// A policy for an image.
        ImagePolicy = "ImagePolicy",
        /// Image updates written to Git.
        ImageUpdateAutomation = "ImageUpdateAutomation",
        /// An OCI artifact.
        OciRepository = "OCIRepository",
        /// Artifacts made of others.
        ArtifactGenerator = "ArtifactGenerator",
        /// An artifact that another controller made.
        ExternalArtifact = "ExternalArtifact",
    }
}

/// Objects of one kind: one by name, or with name `*` all or those with the labels.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CrossNamespaceObjectReference {
    /// API version of the kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// The kind.
    pub kind: ReferenceKind,
    /// Name, or `*`.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Namespace; that of the referring object when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub namespace: Option<String>,
    /// Labels that must all be there with these values. An empty map asks for the object all the same: it differs from
    /// none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub match_labels: Option<BTreeMap<String, String>>,
}
