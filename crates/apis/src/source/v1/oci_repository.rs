//! `OCIRepository`: an artifact in an OCI registry.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::artifact::{Artifact, source};
use super::verification::OciVerification;
use super::{DEFAULT_TIMEOUT, default_timeout};
use crate::k8s::Condition;
use crate::meta::{Duration, LocalObjectReference, is_false, is_zero};
use crate::schema::{DURATION_PATTERN, TIMEOUT_PATTERN};

vocabulary! {
    /// Who hosts the registry: how credentials are obtained.
    #[derive(Default)]
    pub enum OciProvider {
        /// Credentials from the Secret or service account, or none.
        #[default]
        Generic = "generic",
        /// AWS ECR with workload identity.
        Aws = "aws",
        /// Azure ACR with workload identity.
        Azure = "azure",
        /// Google Artifact Registry with workload identity.
        Gcp = "gcp",
    }
}

vocabulary! {
    /// What to do with the selected layer.
    pub enum LayerOperation {
        /// Unpack it and pack its files as an artifact of our own.
        Extract = "extract",
        /// Store it as it is.
        Copy = "copy",
    }
}

/// The desired state of an `OCIRepository`.
#[derive(Clone, CustomResource, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[kube(
    group = "source.toolkit.fluxcd.io",
    version = "v1",
    kind = "OCIRepository",
    root = "OciRepository",
    plural = "ocirepositories",
    shortname = "ocirepo",
    category = "all",
    category = "fluxcd",
    category = "fluxcd-sources",
    namespaced,
    status = "OciRepositoryStatus",
    derive = "PartialEq",
    doc = "An artifact in an OCI registry.",
    annotation("kustomize.toolkit.fluxcd.io/substitute", "disabled"),
    printcolumn(name = "URL", type_ = "string", json_path = ".spec.url"),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].status"#
    ),
    printcolumn(
        name = "Status",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].message"#
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct OciRepositorySpec {
    /// Address of the repository, `oci://<registry>/<path>`.
    #[schemars(regex(pattern = r"^oci://.*$"))]
    pub url: String,
    /// What to pull; tag `latest` when not given.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<OciRepositoryRef>,
    /// Which layer to take; the first when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layer_selector: Option<LayerSelector>,
    /// Who hosts the registry.
    #[serde(default)]
    pub provider: OciProvider,
    /// Secret of type `kubernetes.io/dockerconfigjson`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<LocalObjectReference>,
    /// Which signatures to check.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verify: Option<OciVerification>,
    /// Service account whose pull secrets or identity are used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_account_name: Option<String>,
    /// Secret with a CA (`ca.crt`) and a client certificate (`tls.crt`, `tls.key`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cert_secret_ref: Option<LocalObjectReference>,
    /// Secret with the address and credentials of a proxy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy_secret_ref: Option<LocalObjectReference>,
    /// How often to look for a new revision.
    #[schemars(regex(pattern = DURATION_PATTERN))]
    pub interval: Duration,
    /// How long registry operations may take.
    #[serde(default = "default_timeout")]
    #[schemars(regex(pattern = TIMEOUT_PATTERN), extend("default" = DEFAULT_TIMEOUT))]
    pub timeout: Duration,
    /// Patterns in `.gitignore` format of what to leave out of the artifact; replaces the defaults.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ignore: Option<String>,
    /// Whether plain HTTP is allowed.
    #[serde(default, skip_serializing_if = "is_false")]
    pub insecure: bool,
    /// Whether the reconciliation is suspended.
    #[serde(default, skip_serializing_if = "is_false")]
    pub suspend: bool,
}

/// What to pull: digest wins over version range, then tag.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OciRepositoryRef {
    /// Digest, `<algorithm>:<checksum>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Range of versions; the tag with the highest version in it is taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub semver: Option<String>,
    /// Regular expression that tags must match to count for the range.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub semver_filter: Option<String>,
    /// Tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
}

/// Which layer of the artifact to take, and what to do with it.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LayerSelector {
    /// Media type; the first layer that has it is taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// What to do with the layer; extract when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<LayerOperation>,
}

/// The observed state of an `OCIRepository`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("default" = { "observedGeneration": -1 }))]
pub struct OciRepositoryStatus {
    /// The generation of the spec that was last reconciled.
    #[serde(skip_serializing_if = "is_zero")]
    pub observed_generation: i64,
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
    /// The ignore patterns that the artifact was built with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_ignore: Option<String>,
    /// The layer that the artifact was built from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_layer_selector: Option<LayerSelector>,
    /// The last value seen of the annotation that asks for a reconciliation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
}

conditioned!(OciRepository);
source!(OciRepository);
suspendable!(OciRepository);
