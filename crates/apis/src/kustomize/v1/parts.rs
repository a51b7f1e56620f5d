//! The parts of a `Kustomization`'s spec.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::meta::{LocalObjectReference, is_false};

/// Labels and annotations that win over those of the manifests.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct CommonMetadata {
    /// Annotations to add.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Labels to add.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

vocabulary! {
    /// The decryption tool.
    #[derive(Default)]
    pub enum DecryptionProvider {
        /// Mozilla SOPS.
        #[default]
        Sops = "sops",
    }
}

/// How to decrypt Secrets.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Decryption {
    /// The tool.
    pub provider: DecryptionProvider,
    /// Secret with the private keys or cloud credentials.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<LocalObjectReference>,
    /// Service account whose identity is used with cloud key services.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_account_name: Option<String>,
}

/// Variable substitution on the built manifests.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PostBuild {
    /// Variables and their values; they win over those of `substituteFrom`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub substitute: BTreeMap<String, String>,
    /// ConfigMaps and Secrets with variables; later ones win.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub substitute_from: Vec<SubstituteReference>,
    /// When to substitute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub substitute_strategy: Option<SubstituteStrategy>,
}

vocabulary! {
    /// When variables are substituted.
    pub enum SubstituteStrategy {
        /// If there is at least one variable.
        WithVariables = "WithVariables",
        /// Even if there is none, so that defaults take effect.
        Always = "Always",
    }
}

vocabulary! {
    /// The kinds that variables may come from.
    pub enum SubstituteReferenceKind {
        /// A Secret.
        Secret = "Secret",
        /// A ConfigMap.
        ConfigMap = "ConfigMap",
    }
}

/// A ConfigMap or Secret with variables, in the namespace of the Kustomization.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct SubstituteReference {
    /// Its kind.
    pub kind: SubstituteReferenceKind,
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Whether it may be missing.
    #[serde(default, skip_serializing_if = "is_false")]
    #[schemars(extend("default" = false))]
    pub optional: bool,
}

/// A patch and what it applies to.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Patch {
    /// The patch in YAML: a strategic merge patch or a list of JSON patch operations.
    pub patch: String,
    /// What it applies to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Selector>,
}

/// Selects objects; every given field must match. Group, version, kind, name and namespace are anchored regular
/// expressions.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Selector {
    /// API group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// API version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Selector over the annotations, in the syntax of label selectors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub annotation_selector: Option<String>,
    /// Selector over the labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label_selector: Option<String>,
}

/// An image to rename, retag or pin.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Image {
    /// The image as the manifests name it, without tag.
    pub name: String,
    /// The new name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_name: Option<String>,
    /// The new tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_tag: Option<String>,
    /// The new digest; wins over the tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

vocabulary! {
    /// What a kustomize build can write into annotations.
    pub enum BuildMetadata {
        /// Which file an object came from.
        OriginAnnotations = "originAnnotations",
        /// Which transformers changed an object.
        TransformerAnnotations = "transformerAnnotations",
    }
}

/// CEL expressions that judge the health of one kind.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CustomHealthCheck {
    /// API version of the kind.
    pub api_version: String,
    /// The kind. The CRD does not require it, so it may be missing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// True while the object is still on its way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_progress: Option<String>,
    /// True when the object failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
    /// True when the object is healthy.
    pub current: String,
}

/// Fields that others manage: they are neither applied nor counted as drift.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct IgnoreRule {
    /// The fields, as JSON pointers.
    pub paths: Vec<String>,
    /// The objects; all when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Selector>,
}
