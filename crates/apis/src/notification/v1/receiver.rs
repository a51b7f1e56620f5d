//! `Receiver`: webhooks that trigger reconciliations.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::k8s::Condition;
use crate::meta::{Duration, LocalObjectReference, is_false, is_zero};
use crate::notification::CrossNamespaceObjectReference;
use crate::schema::DURATION_PATTERN;

vocabulary! {
    /// Who sends the webhooks: how they are checked.
    pub enum ReceiverType {
        /// Anyone who knows the address.
        Generic = "generic",
        /// Anyone, with a signature.
        GenericHmac = "generic-hmac",
        /// Anyone, with an OIDC token.
        GenericOidc = "generic-oidc",
        /// GitHub.
        GitHub = "github",
        /// GitLab.
        GitLab = "gitlab",
        /// Bitbucket.
        Bitbucket = "bitbucket",
        /// Harbor.
        Harbor = "harbor",
        /// Docker Hub.
        DockerHub = "dockerhub",
        /// Quay.
        Quay = "quay",
        /// Google Container Registry.
        Gcr = "gcr",
        /// Sonatype Nexus.
        Nexus = "nexus",
        /// Azure Container Registry.
        Acr = "acr",
        /// `CDEvents`.
        CdEvents = "cdevents",
    }
}

/// The desired state of a `Receiver`.
#[derive(Clone, CustomResource, Debug, Deserialize, kube::KubeSchema, PartialEq, Serialize)]
#[kube(
    group = "notification.toolkit.fluxcd.io",
    version = "v1",
    kind = "Receiver",
    plural = "receivers",
    category = "all",
    category = "fluxcd",
    category = "fluxcd-notifications",
    namespaced,
    status = "ReceiverStatus",
    derive = "PartialEq",
    doc = "Webhooks that trigger reconciliations.",
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
    "self.type != 'generic-oidc' || (has(self.oidcProviders) && size(self.oidcProviders) > 0)"
).message("generic-oidc receivers must define at least one oidcProvider"))]
#[x_kube(validation = Rule::new(
    "self.type == 'generic-oidc' || !has(self.oidcProviders) || size(self.oidcProviders) == 0"
).message("oidcProviders can only be set when type is generic-oidc"))]
#[x_kube(validation = Rule::new("self.type != 'generic-oidc' || !has(self.secretRef)")
    .message("secretRef cannot be set when type is generic-oidc"))]
#[x_kube(validation = Rule::new("self.type == 'generic-oidc' || has(self.secretRef)")
    .message("secretRef is required when type is not generic-oidc"))]
pub struct ReceiverSpec {
    /// Who sends the webhooks.
    #[serde(rename = "type")]
    pub type_: ReceiverType,
    /// How often to reconcile the receiver itself.
    #[serde(default = "default_interval")]
    #[schemars(regex(pattern = DURATION_PATTERN), extend("default" = "10m"))]
    pub interval: Duration,
    /// The events that count; all when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<String>,
    /// The objects to trigger.
    pub resources: Vec<ReceiverResource>,
    /// CEL expression over `res` and `req` that says whether to trigger an object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_filter: Option<String>,
    /// Secret with the `token` that webhooks are checked with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<LocalObjectReference>,
    /// Who may issue OIDC tokens, and what they must say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["issuerURL"]))]
    pub oidc_providers: Vec<OidcProvider>,
    /// Whether webhooks are turned away.
    #[serde(default, skip_serializing_if = "is_false")]
    pub suspend: bool,
}

/// The interval that the CRD fills in.
const fn default_interval() -> Duration {
    Duration::from_secs(600)
}

/// Objects to trigger.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct ReceiverResource {
    /// The objects.
    #[serde(flatten)]
    pub reference: CrossNamespaceObjectReference,
    /// CEL expression over `res` and `req` that says whether to trigger one; that of the spec must allow it too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
}

/// An issuer of OIDC tokens.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct OidcProvider {
    /// Address of the issuer.
    #[serde(rename = "issuerURL")]
    #[schemars(regex(pattern = "^https?://"))]
    pub issuer_url: String,
    /// The audience that tokens must have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
    /// Values for the validations, computed in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub variables: Vec<OidcVariable>,
    /// What tokens must say.
    #[schemars(length(min = 1))]
    pub validations: Vec<OidcValidation>,
}

/// A named value.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct OidcVariable {
    /// Name of the value.
    pub name: String,
    /// CEL expression that gives it.
    pub expression: String,
}

/// A condition on tokens.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct OidcValidation {
    /// CEL expression that must be true.
    pub expression: String,
    /// What to say when it is not.
    pub message: String,
}

/// The observed state of a `Receiver`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("default" = { "observedGeneration": -1 }))]
pub struct ReceiverStatus {
    /// The last value seen of the annotation that asks for a reconciliation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
    /// The conditions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "crate::schema::conditions")]
    pub conditions: Vec<Condition>,
    /// Path that webhooks are sent to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook_path: Option<String>,
    /// The generation of the spec that was last reconciled.
    #[serde(skip_serializing_if = "is_zero")]
    pub observed_generation: i64,
}

conditioned!(Receiver);
suspendable!(Receiver);
