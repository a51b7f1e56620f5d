//! Signatures with what is signed and who signed it, whatever they are written in.

use jiff::Timestamp;
use serde::Deserialize;

use super::claims::{Claims, SigningScheme};
use super::{Format, cose, jws};
use crate::Error;
use crate::certificate::Certificate;
use crate::notation::algorithm::Algorithm;
use crate::timestamp::{self, Stamp, Trusted};

/// Largest envelope in bytes.
const MAX_SIZE: usize = 4 << 20;
/// Longest chain of certificates: each costs a verification.
const MAX_CHAIN: usize = 16;

/// An envelope whose parts were read, not checked.
pub(super) struct Envelope {
    /// The signer's certificate first.
    pub(super) chain: Vec<Certificate>,
    pub(super) scheme: SigningScheme,
    /// When it was signed, by the word of the signer or the authority.
    pub(super) signing_time: Timestamp,
    pub(super) expiry: Option<Timestamp>,
    algorithm: Algorithm,
    payload: Vec<u8>,
    signed: Vec<u8>,
    signature: Vec<u8>,
    token: Option<Vec<u8>>,
}

/// What the formats have in common.
pub(super) struct Parts {
    pub(super) claims: Claims,
    pub(super) payload: Vec<u8>,
    /// Certificates in DER, the signer's first.
    pub(super) chain: Vec<Vec<u8>>,
    /// What the signature is of.
    pub(super) signed: Vec<u8>,
    pub(super) signature: Vec<u8>,
    /// The countersignature of a time-stamping authority.
    pub(super) token: Option<Vec<u8>>,
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

fn invalid(error: impl std::fmt::Display) -> Error {
    Error::new(format!("signature envelope is invalid: {error}"))
}

impl Envelope {
    pub(super) fn read(format: Format, bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() > MAX_SIZE {
            return Err(invalid(format!("it has more than {MAX_SIZE} bytes")));
        }
        let parts = match format {
            Format::Jws => jws::read(bytes),
            Format::Cose => cose::read(bytes),
        };
        let Parts { claims, payload, chain, signed, signature, token } = parts.map_err(invalid)?;
        let (scheme, signing_time) = claims.check().map_err(invalid)?;
        match chain.len() {
            0 => return Err(invalid("it has no certificate")),
            1..=MAX_CHAIN => {}
            more => return Err(invalid(format!("it has {more} certificates: {MAX_CHAIN} are looked at"))),
        }
        let chain = chain.iter().map(|der| Certificate::from_der(der)).collect::<Result<_, _>>();
        Ok(Self {
            chain: chain.map_err(invalid)?,
            scheme,
            signing_time,
            expiry: claims.expiry,
            algorithm: claims.algorithm,
            payload,
            signed,
            signature,
            token,
        })
    }

    /// The signer's certificate.
    pub(super) fn leaf(&self) -> Result<&Certificate, Error> {
        self.chain.first().ok_or_else(|| invalid("it has no certificate"))
    }

    /// What a time-stamping authority vouches for; None if none does.
    pub(super) fn stamp(&self, authorities: &[Certificate]) -> Option<Result<Stamp, Error>> {
        let token = self.token.as_deref()?;
        let trusted = Trusted { roots: authorities, others: &[] };
        Some(timestamp::verify(token, &self.signature, trusted))
    }

    /// Checks that the signer's key made the signature; what is signed.
    pub(super) fn check_signature(&self) -> Result<Payload, Error> {
        let failed = |why: &dyn std::fmt::Display| Error::new(format!("signature is invalid: {why}"));
        let key = self.leaf()?.key()?;
        // The key says what it signs with: an envelope that could choose might choose something weaker.
        let algorithm = Algorithm::of(&key);
        let algorithm = algorithm.ok_or_else(|| {
            failed(&format!("the certificate's key, {}, is of no kind that signs envelopes", key.kind()))
        })?;
        if algorithm != self.algorithm {
            let (said, due) = (self.algorithm.name(), algorithm.name());
            return Err(failed(&format!(
                "its algorithm is {said}, and {due} is that of the certificate's key"
            )));
        }
        key.verify(&self.signed, &self.signature, algorithm.hash(), algorithm.scheme())
            .map_err(|_| failed(&"it does not fit the certificate"))?;
        serde_json::from_slice(&self.payload).map_err(|error| invalid(format!("its payload: {error}")))
    }
}
