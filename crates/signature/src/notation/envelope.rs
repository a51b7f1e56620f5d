//! Envelopes in JSON: JWS (RFC 7515) with certificates and claims of the Notary project.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::Deserialize;

use crate::certificate::Certificate;
use crate::key::{Hash, Scheme};
use crate::{Error, base64};

/// What is signed.
const PAYLOAD_TYPE: &str = "application/vnd.cncf.notary.payload.v1+json";
/// The claims that we understand, which is what the critical ones have to be among.
const KNOWN: [&str; 4] = [
    "io.cncf.notary.signingScheme",
    "io.cncf.notary.expiry",
    "io.cncf.notary.signingTime",
    "io.cncf.notary.authenticSigningTime",
];

/// An envelope whose parts were read, not checked.
pub(super) struct Envelope {
    pub(super) payload: Payload,
    /// The signer's certificate first.
    pub(super) chain: Vec<Certificate>,
    pub(super) signing_time: Option<Timestamp>,
    pub(super) expiry: Option<Timestamp>,
    hash: Hash,
    scheme: Scheme,
    signed: String,
    signature: Vec<u8>,
}

/// What is signed.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Payload {
    pub(super) target_artifact: TargetArtifact,
}

#[derive(Debug, Deserialize)]
pub(super) struct TargetArtifact {
    pub(super) digest: String,
    pub(super) size: u64,
}

#[derive(Deserialize)]
struct Jws {
    payload: String,
    protected: String,
    header: Header,
    signature: String,
}

#[derive(Deserialize)]
struct Header {
    x5c: Vec<String>,
}

#[derive(Deserialize)]
struct Protected {
    alg: String,
    cty: String,
    #[serde(default)]
    crit: Vec<String>,
    #[serde(rename = "io.cncf.notary.signingScheme")]
    scheme: String,
    #[serde(rename = "io.cncf.notary.signingTime")]
    signing_time: Option<Timestamp>,
    #[serde(rename = "io.cncf.notary.expiry")]
    expiry: Option<Timestamp>,
}

impl Envelope {
    pub(super) fn read(json: &[u8]) -> Result<Self, Error> {
        let bad =
            |error: &dyn std::fmt::Display| Error::new(format!("signature envelope is invalid: {error}"));
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|error| bad(&error));
        let jws: Jws = serde_json::from_slice(json).map_err(|error| bad(&error))?;
        let protected: Protected =
            serde_json::from_slice(&decode(&jws.protected)?).map_err(|error| bad(&error))?;
        if protected.cty != PAYLOAD_TYPE {
            return Err(bad(&format!("payload content type {:?} not supported", protected.cty)));
        }
        if protected.scheme != "notary.x509" {
            return Err(bad(&format!("signing scheme {:?} is not supported", protected.scheme)));
        }
        if let Some(unknown) = protected.crit.iter().find(|claim| !KNOWN.contains(&claim.as_str())) {
            return Err(bad(&format!("the critical claim {unknown:?} is not understood")));
        }
        let (hash, scheme) = match protected.alg.as_str() {
            "PS256" => (Hash::Sha256, Scheme::Pss),
            "PS384" => (Hash::Sha384, Scheme::Pss),
            "PS512" => (Hash::Sha512, Scheme::Pss),
            "ES256" => (Hash::Sha256, Scheme::Fixed),
            "ES384" => (Hash::Sha384, Scheme::Fixed),
            "ES512" => (Hash::Sha512, Scheme::Fixed),
            other => return Err(bad(&format!("signature algorithm {other:?} is not supported"))),
        };
        let payload = decode(&jws.payload)?;
        let chain = jws.header.x5c.iter();
        let chain = chain.map(|der| Certificate::from_der(&base64(der, "a certificate")?));
        Ok(Self {
            payload: serde_json::from_slice(&payload).map_err(|error| bad(&error))?,
            chain: chain.collect::<Result<_, _>>()?,
            signing_time: protected.signing_time,
            expiry: protected.expiry,
            hash,
            scheme,
            signed: format!("{}.{}", jws.protected, jws.payload),
            signature: decode(&jws.signature)?,
        })
    }

    /// The signer's certificate.
    pub(super) fn leaf(&self) -> Result<&Certificate, Error> {
        self.chain.first().ok_or_else(|| Error::new("signature envelope is invalid: it has no certificate"))
    }

    /// Checks that the signer's key made the signature.
    pub(super) fn check_signature(&self) -> Result<(), Error> {
        let key = self.leaf()?.key()?;
        key.verify(self.signed.as_bytes(), &self.signature, self.hash, self.scheme)
            .map_err(|_| Error::new("signature is invalid: it does not fit the certificate"))
    }
}
