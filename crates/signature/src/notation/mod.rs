//! notation: signatures with certificates of authorities that the user names, judged by a trust policy of his.
//!
//! Envelopes in JSON (JWS) are understood, those in CBOR (COSE) and countersignatures of time-stamping authorities are
//! not.

mod envelope;
mod policy;

use jiff::Timestamp;

pub use policy::{Policy, TrustPolicy};

use crate::Error;
use crate::certificate::{CODE_SIGNING, Certificate, check_chain};
use envelope::{Envelope, Payload};
use policy::{Action, Check};

/// Type of artifacts that are signatures.
pub const ARTIFACT_TYPE: &str = "application/vnd.cncf.notary.signature";
/// Media type of the layer with an envelope in JSON.
pub const JWS_TYPE: &str = "application/jose+json";

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

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
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

/// Checks an envelope in JSON; what checks that the policy only wants to be logged have to say.
pub fn verify_jws(
    envelope: &[u8],
    target: Target<'_>,
    policy: &Policy,
    authorities: &Authorities,
    now: Timestamp,
) -> Result<Vec<Warning>, Error> {
    // Without integrity nothing else means anything.
    let envelope = Envelope::read(envelope)?;
    envelope.check_signature()?;
    check_target(&envelope.payload, target)?;

    let mut warnings = Vec::new();
    let checks = [
        (Check::Authenticity, check_authenticity(&envelope, policy, authorities, now)),
        (Check::Expiry, check_expiry(&envelope, now)),
        (Check::AuthenticTimestamp, check_time(&envelope, now)),
        (Check::Revocation, check_revocation(&envelope)),
    ];
    for (check, result) in checks {
        match (result, policy.action(check)) {
            (Ok(()), _) | (Err(_), Action::Skip) => {}
            (Err(error), Action::Log) => warnings.push(format!("{}: {error}", check.name())),
            (Err(error), Action::Enforce) => return Err(error),
        }
    }
    Ok(warnings)
}

fn check_target(payload: &Payload, target: Target<'_>) -> Result<(), Error> {
    let signed = &payload.target_artifact;
    if signed.digest == target.digest && signed.size == target.size {
        return Ok(());
    }
    Err(Error::new(format!("the signature is of {}, not of this artifact", signed.digest)))
}

fn check_authenticity(
    envelope: &Envelope,
    policy: &Policy,
    authorities: &Authorities,
    now: Timestamp,
) -> Result<(), Error> {
    // Whether certificates are of this time is another check.
    let at = envelope.signing_time.unwrap_or(now);
    check_chain(&envelope.chain, &authorities.0, at)
        .map_err(|error| Error::new(format!("signature is not produced by a trusted signer: {error}")))?;
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

/// Without a countersignature nobody vouches for the time of the signature: the certificates must still be valid.
fn check_time(envelope: &Envelope, now: Timestamp) -> Result<(), Error> {
    envelope.chain.iter().try_for_each(|certificate| certificate.check_time(now))
}

fn check_revocation(envelope: &Envelope) -> Result<(), Error> {
    match envelope.chain.iter().find(|certificate| certificate.names_revocation()) {
        None => Ok(()),
        Some(certificate) => Err(Error::new(format!(
            "whether certificate '{}' was revoked cannot be checked: set the override 'revocation' of the trust policy to 'log' or 'skip'",
            certificate.subject()
        ))),
    }
}
