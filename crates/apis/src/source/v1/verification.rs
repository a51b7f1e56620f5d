//! Signatures of OCI artifacts and charts.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::meta::LocalObjectReference;

vocabulary! {
    /// The signature format.
    #[derive(Default)]
    pub enum VerificationProvider {
        /// Sigstore cosign.
        #[default]
        Cosign = "cosign",
        /// Notary project notation.
        Notation = "notation",
    }
}

/// How to verify the signature of an OCI artifact.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OciVerification {
    /// The signature format.
    #[schemars(extend("default" = "cosign"))]
    pub provider: VerificationProvider,
    /// Secret with the trusted public keys; without it signatures are keyless.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<LocalObjectReference>,
    /// Identities that keyless signatures may have; one that matches is enough.
    #[serde(default, rename = "matchOIDCIdentity", skip_serializing_if = "Vec::is_empty")]
    pub match_oidc_identity: Vec<OidcIdentityMatch>,
    /// Secret with a custom sigstore trusted root (`trusted_root.json`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trusted_root_secret_ref: Option<LocalObjectReference>,
}

/// An OIDC identity, given by two regular expressions that must both match.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct OidcIdentityMatch {
    /// Regular expression for the issuer.
    pub issuer: String,
    /// Regular expression for the subject.
    pub subject: String,
}
