//! `Bucket`: the objects of an S3-compatible, Google or Azure bucket.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::artifact::{Artifact, source};
use super::{DEFAULT_TIMEOUT, default_timeout};
use crate::k8s::Condition;
use crate::meta::{Duration, LocalObjectReference, is_false, is_zero};
use crate::schema::{DURATION_PATTERN, TIMEOUT_PATTERN};

vocabulary! {
    /// Who hosts the bucket.
    #[derive(Default)]
    pub enum BucketProvider {
        /// Any S3-compatible store.
        #[default]
        Generic = "generic",
        /// AWS S3.
        Aws = "aws",
        /// Google Cloud Storage.
        Gcp = "gcp",
        /// Azure Blob Storage.
        Azure = "azure",
    }
}

vocabulary! {
    /// The kind of security token service.
    pub enum BucketStsProvider {
        /// AWS STS.
        Aws = "aws",
        /// An S3-compatible service with LDAP.
        Ldap = "ldap",
    }
}

/// The desired state of a `Bucket`.
#[derive(Clone, CustomResource, Debug, Default, Deserialize, kube::KubeSchema, PartialEq, Serialize)]
#[kube(
    group = "source.toolkit.fluxcd.io",
    version = "v1",
    kind = "Bucket",
    plural = "buckets",
    category = "all",
    category = "fluxcd",
    category = "fluxcd-sources",
    namespaced,
    status = "BucketStatus",
    derive = "PartialEq",
    doc = "A bucket whose objects become an artifact.",
    annotation("kustomize.toolkit.fluxcd.io/substitute", "disabled"),
    printcolumn(name = "Endpoint", type_ = "string", json_path = ".spec.endpoint"),
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
#[x_kube(validation = Rule::new("self.provider == 'aws' || self.provider == 'generic' || !has(self.sts)")
    .message("STS configuration is only supported for the 'aws' and 'generic' Bucket providers"))]
#[x_kube(validation = Rule::new("self.provider != 'aws' || !has(self.sts) || self.sts.provider == 'aws'")
    .message("'aws' is the only supported STS provider for the 'aws' Bucket provider"))]
#[x_kube(validation = Rule::new("self.provider != 'generic' || !has(self.sts) || self.sts.provider == 'ldap'")
    .message("'ldap' is the only supported STS provider for the 'generic' Bucket provider"))]
#[x_kube(validation = Rule::new("!has(self.sts) || self.sts.provider != 'aws' || !has(self.sts.secretRef)")
    .message("spec.sts.secretRef is not required for the 'aws' STS provider"))]
#[x_kube(validation = Rule::new("!has(self.sts) || self.sts.provider != 'aws' || !has(self.sts.certSecretRef)")
    .message("spec.sts.certSecretRef is not required for the 'aws' STS provider"))]
#[x_kube(validation = Rule::new("self.provider != 'generic' || !has(self.serviceAccountName)")
    .message("ServiceAccountName is not supported for the 'generic' Bucket provider"))]
#[x_kube(validation = Rule::new("!has(self.secretRef) || !has(self.serviceAccountName)")
    .message("cannot set both .spec.secretRef and .spec.serviceAccountName"))]
pub struct BucketSpec {
    /// Who hosts the bucket.
    #[serde(default)]
    pub provider: BucketProvider,
    /// Name of the bucket.
    pub bucket_name: String,
    /// Host, and port if needed, of the store.
    pub endpoint: String,
    /// Where to get temporary credentials.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sts: Option<BucketSts>,
    /// Whether plain HTTP is allowed.
    #[serde(default, skip_serializing_if = "is_false")]
    pub insecure: bool,
    /// Region of the bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Only objects whose names start so count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// Secret with the credentials.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<LocalObjectReference>,
    /// Service account whose identity is used with the provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_account_name: Option<String>,
    /// Secret with a CA (`ca.crt`) and a client certificate (`tls.crt`, `tls.key`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cert_secret_ref: Option<LocalObjectReference>,
    /// Secret with the address and credentials of a proxy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy_secret_ref: Option<LocalObjectReference>,
    /// How often to look for changes.
    #[schemars(regex(pattern = DURATION_PATTERN))]
    pub interval: Duration,
    /// How long fetching may take.
    #[serde(default = "default_timeout")]
    #[schemars(regex(pattern = TIMEOUT_PATTERN), extend("default" = DEFAULT_TIMEOUT))]
    pub timeout: Duration,
    /// Patterns in `.gitignore` format of what to leave out of the artifact; replaces the defaults.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ignore: Option<String>,
    /// Whether the reconciliation is suspended.
    #[serde(default, skip_serializing_if = "is_false")]
    pub suspend: bool,
}

/// A security token service that gives temporary credentials.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BucketSts {
    /// The kind of service.
    pub provider: BucketStsProvider,
    /// HTTP(S) address of the service.
    #[schemars(regex(pattern = r"^(http|https)://.*$"))]
    pub endpoint: String,
    /// Secret with the credentials for the service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<LocalObjectReference>,
    /// Secret with a CA (`ca.crt`) and a client certificate (`tls.crt`, `tls.key`) for the service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cert_secret_ref: Option<LocalObjectReference>,
}

/// The observed state of a `Bucket`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("default" = { "observedGeneration": -1 }))]
pub struct BucketStatus {
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
    /// The last value seen of the annotation that asks for a reconciliation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
}

conditioned!(Bucket);
source!(Bucket);
suspendable!(Bucket);
