//! notation: signatures with certificates of authorities that the user names, judged by a trust policy of his.
//!
//! Envelopes in JSON (JWS) and in CBOR (COSE) are understood, with countersignatures of time-stamping authorities.

mod algorithm;
mod cbor;
mod claims;
mod cose;
mod envelope;
mod jws;
mod policy;

use jiff::Timestamp;

pub use policy::{Policy, TrustPolicy};

use crate::Error;
use crate::certificate::{Certificate, check_chain};
use crate::oids::CODE_SIGNING;
use crate::timestamp::Stamp;
use claims::SigningScheme;
use envelope::{Envelope, Payload};
use policy::{Action, Check};

/// Type of artifacts that are signatures.
pub const ARTIFACT_TYPE: &str = "application/vnd.cncf.notary.signature";

/// What an envelope is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// JSON Web Signature.
    Jws,
    /// CBOR Object Signing and Encryption.
    Cose,
}

impl Format {
    /// The format of a layer with this media type.
    pub fn of_media_type(media_type: &str) -> Option<Self> {
        match media_type {
            "application/jose+json" => Some(Self::Jws),
            "application/cose" => Some(Self::Cose),
            _ => None,
        }
    }
}

/// Authorities that are trusted.
#[derive(Clone, Debug, Default)]
pub struct Authorities(Vec<Certificate>);

impl Authorities {
    /// Adds the certificates of a PEM text; how many those were.
    pub fn add_pem(&mut self, text: &[u8]) -> Result<usize, Error> {
        let found = Certificate::all_from_pem(text)?;
        let count = found.len();
        self.0.extend(found);
        Ok(count)
    }
}

/// The manifest that a signature has to be about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target<'a> {
    /// Its digest.
    pub digest: &'a str,
    /// Its size in bytes.
    pub size: u64,
}

/// What a check that is not enforced found.
pub type Warning = String;

/// A signature that the policy lets pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Whether somebody who is trusted signed. A policy may want no more than to be told that it was somebody else.
    pub is_authentic: bool,
    /// What checks that are not enforced found.
    pub warnings: Vec<Warning>,
}

/// Checks an envelope.
pub fn verify(
    format: Format,
    envelope: &[u8],
    target: Target<'_>,
    policy: &Policy,
    authorities: &Authorities,
    now: Timestamp,
) -> Result<Accepted, Error> {
    // Without integrity nothing else means anything.
    let envelope = Envelope::read(format, envelope)?;
    check_target(&envelope.check_signature()?, target)?;

    let authenticity = check_authenticity(&envelope, policy, authorities);
    let is_authentic = authenticity.is_ok();
    let (time, stamp) = match check_time(&envelope, policy, authorities, now) {
        Ok(stamp) => (Ok(()), stamp),
        Err(error) => (Err(error), None),
    };
    let mut warnings = Vec::new();
    let checks = [
        (Check::Authenticity, authenticity),
        (Check::Expiry, check_expiry(&envelope, now)),
        (Check::AuthenticTimestamp, time),
        (Check::Revocation, check_revocation(&envelope, stamp.as_ref())),
    ];
    for (check, result) in checks {
        match (result, policy.action(check)) {
            (Ok(()), _) | (Err(_), Action::Skip) => {}
            (Err(error), Action::Log) => warnings.push(format!("{}: {error}", check.name())),
            (Err(error), Action::Enforce) => return Err(error),
        }
    }
    Ok(Accepted { is_authentic, warnings })
}

fn check_target(payload: &Payload, target: Target<'_>) -> Result<(), Error> {
    let signed = &payload.target_artifact;
    if signed.digest == target.digest && signed.size == target.size {
        return Ok(());
    }
    Err(Error::new(format!("the signature is of {}, not of this artifact", signed.digest)))
}

fn check_authenticity(envelope: &Envelope, policy: &Policy, authorities: &Authorities) -> Result<(), Error> {
    let untrusted = |why: &dyn std::fmt::Display| {
        Error::new(format!("signature is not produced by a trusted signer: {why}"))
    };
    let store = envelope.scheme.trust_store();
    if !policy.has_store(store) {
        return Err(untrusted(&format!("the trust policy names no trust store '{store}:…'")));
    }
    // Whether certificates are of this time is another check.
    check_chain(&envelope.chain, &authorities.0, envelope.signing_time).map_err(|error| untrusted(&error))?;
    let leaf = envelope.leaf()?;
    if leaf.is_ca() || !leaf.may_sign() || leaf.is_for(CODE_SIGNING) == Some(false) {
        return Err(Error::new(format!("certificate '{}' is not one for signing", leaf.subject())));
    }
    policy.check_identity(&leaf.subject())
}

fn check_expiry(envelope: &Envelope, now: Timestamp) -> Result<(), Error> {
    match envelope.expiry {
        Some(expiry) if expiry <= now => {
            Err(Error::new(format!("digital signature has expired on {expiry}")))
        }
        _ => Ok(()),
    }
}

/// An authority vouches for the time of its signatures. For that of others nobody does without a countersignature: the
/// certificates must still be valid.
fn check_time(
    envelope: &Envelope,
    policy: &Policy,
    authorities: &Authorities,
    now: Timestamp,
) -> Result<Option<Stamp>, Error> {
    let at = match envelope.scheme {
        SigningScheme::SigningAuthority => envelope.signing_time,
        SigningScheme::X509 => now,
    };
    let valid = envelope.chain.iter().try_for_each(|certificate| certificate.check_time(at));
    if envelope.scheme == SigningScheme::X509 && policy.wants_countersignature(valid.is_ok()) {
        return check_stamp(envelope, authorities).map(Some);
    }
    valid.map(|()| None)
}

/// Checks that a time-stamping authority saw the signature while all of its certificates were valid.
fn check_stamp(envelope: &Envelope, authorities: &Authorities) -> Result<Stamp, Error> {
    let stamp = envelope.stamp(&authorities.0).ok_or_else(|| {
        Error::new(
            "the trust policy names a trust store 'tsa:…', and the signature has no countersignature of a time-stamping \
             authority: sign with one, or set 'verifyTimestamp' to 'afterCertExpiry'",
        )
    })??;
    for at in [stamp.from, stamp.to] {
        envelope.chain.iter().try_for_each(|certificate| certificate.check_time(at))?;
    }
    Ok(stamp)
}

fn check_revocation(envelope: &Envelope, stamp: Option<&Stamp>) -> Result<(), Error> {
    let mut chains = envelope.chain.iter().chain(stamp.into_iter().flat_map(|stamp| &stamp.chain));
    match chains.find(|certificate| certificate.names_revocation()) {
        None => Ok(()),
        Some(certificate) => Err(Error::new(format!(
            "whether certificate '{}' was revoked cannot be checked: set the override 'revocation' of the trust policy to 'log' or 'skip'",
            certificate.subject()
        ))),
    }
}
