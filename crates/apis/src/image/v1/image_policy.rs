//! `ImagePolicy`: which tag of an image is the latest.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::k8s::Condition;
use crate::meta::{Duration, NamespacedObjectReference, is_false, is_zero};
use crate::schema::DURATION_PATTERN;

vocabulary! {
    /// When the digest of the selected tag is looked up.
    #[derive(Default)]
    pub enum DigestReflectionPolicy {
        /// At every interval.
        Always = "Always",
        /// When the tag changes.
        IfNotPresent = "IfNotPresent",
        /// Not at all.
        #[default]
        Never = "Never",
    }
}

vocabulary! {
    /// Which end of a sorted list is the latest.
    #[derive(Default)]
    pub enum Order {
        /// The last in ascending order.
        #[default]
        Ascending = "asc",
        /// The last in descending order.
        Descending = "desc",
    }
}

/// The desired state of an `ImagePolicy`.
#[derive(Clone, CustomResource, Debug, Default, Deserialize, kube::KubeSchema, PartialEq, Serialize)]
#[kube(
    group = "image.toolkit.fluxcd.io",
    version = "v1",
    kind = "ImagePolicy",
    plural = "imagepolicies",
    shortname = "imgpol",
    shortname = "imagepol",
    category = "all",
    category = "fluxcd",
    category = "fluxcd-images",
    namespaced,
    status = "ImagePolicyStatus",
    derive = "PartialEq",
    doc = "The choice of the latest tag of an image.",
    printcolumn(name = "Image", type_ = "string", json_path = ".status.latestRef.name"),
    printcolumn(name = "Tag", type_ = "string", json_path = ".status.latestRef.tag"),
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
#[x_kube(validation = Rule::new(
    "!has(self.interval) || (has(self.digestReflectionPolicy) && self.digestReflectionPolicy == 'Always')"
).message("spec.interval is only accepted when spec.digestReflectionPolicy is set to 'Always'"))]
#[x_kube(validation = Rule::new(
    "has(self.interval) || !has(self.digestReflectionPolicy) || self.digestReflectionPolicy != 'Always'"
).message("spec.interval must be set when spec.digestReflectionPolicy is set to 'Always'"))]
pub struct ImagePolicySpec {
    /// The scanned image.
    pub image_repository_ref: NamespacedObjectReference,
    /// How to order the tags: exactly one way.
    pub policy: ImagePolicyChoice,
    /// Which tags count, and which part of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter_tags: Option<TagFilter>,
    /// When the digest of the selected tag is looked up.
    #[serde(default)]
    pub digest_reflection_policy: DigestReflectionPolicy,
    /// How often to look up the digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = DURATION_PATTERN))]
    pub interval: Option<Duration>,
    /// Whether the policy is suspended.
    #[serde(default, skip_serializing_if = "is_false")]
    pub suspend: bool,
}

/// How to order tags: exactly one way.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImagePolicyChoice {
    /// By version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub semver: Option<SemverPolicy>,
    /// By alphabet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alphabetical: Option<AlphabeticalPolicy>,
    /// By number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub numerical: Option<NumericalPolicy>,
    /// How long a tag must have been known before it is taken. An addition to Flux's API.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = DURATION_PATTERN))]
    pub min_age: Option<Duration>,
}

/// The highest version in a range.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct SemverPolicy {
    /// The range.
    pub range: String,
}

/// The last by alphabet.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct AlphabeticalPolicy {
    /// The order.
    #[serde(default)]
    pub order: Order,
}

/// The last by number.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct NumericalPolicy {
    /// The order.
    #[serde(default)]
    pub order: Order,
}

/// Which tags count, and which part of them.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct TagFilter {
    /// Regular expression that tags must match.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// What is ordered, with `$name` for the groups of the pattern; the whole tag when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extract: Option<String>,
}

/// A selected image.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct ImageRef {
    /// The image, without tag.
    pub name: String,
    /// The tag.
    pub tag: String,
    /// The digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

/// The observed state of an `ImagePolicy`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("default" = { "observedGeneration": -1 }))]
pub struct ImagePolicyStatus {
    /// The selected image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latest_ref: Option<ImageRef>,
    /// The image that was selected before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_previous_ref: Option<ImageRef>,
    /// The generation of the spec that was last reconciled.
    #[serde(skip_serializing_if = "is_zero")]
    pub observed_generation: i64,
    /// The conditions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "crate::schema::conditions")]
    pub conditions: Vec<Condition>,
    /// The last value seen of the annotation that asks for a reconciliation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
}

conditioned!(ImagePolicy);
suspendable!(ImagePolicy);
