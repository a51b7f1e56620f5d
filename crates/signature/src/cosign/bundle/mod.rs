//! Bundles: a signature with all that is needed to check it.

mod format;
mod log;
mod stamps;
mod statement;

use jiff::Timestamp;

use self::format::{Bundle, Envelope};
use self::log::Signed;
use super::root::TrustedRoot;
use super::{Identity, Trust, check_identity, fulcio};
use crate::key::{Hash, Kind, Scheme};
use crate::{Error, PublicKey};

/// What the types of artifacts and media with bundles begin with.
pub const BUNDLE_TYPE: &str = "application/vnd.dev.sigstore.bundle";

/// Checks that a bundle is about the manifest with this digest, and that somebody who is trusted signed it.
pub fn verify_bundle(bundle: &[u8], digest: &str, trust: &Trust) -> Result<(), Error> {
    let bundle = Bundle::read(bundle)?;
    let envelope = bundle.envelope()?;
    match trust {
        Trust::Key(key) => {
            if bundle.certificate()?.is_some() {
                return Err(Error::new("the bundle was signed by an identity and not by a key"));
            }
            check(key, envelope, &[Hash::Sha256])?;
        }
        Trust::Identities { root, identities } => check_keyless(&bundle, envelope, root, identities)?,
    }
    statement::check(&envelope.payload_type, &envelope.payload.0, digest)
}

fn check_keyless(
    bundle: &Bundle,
    envelope: &Envelope,
    root: &TrustedRoot,
    identities: &[Identity],
) -> Result<(), Error> {
    // Whoever has an account somewhere may sign: a signature by just anybody says nothing.
    if identities.is_empty() {
        return Err(Error::new(
            "bundles count for identities only: name them in spec.verify.matchOIDCIdentity",
        ));
    }
    let certificate = bundle.certificate()?;
    let certificate =
        certificate.ok_or_else(|| Error::new("the bundle has no certificate: it was made with a key"))?;
    let signature = envelope.signature()?;
    let promised =
        log::check(bundle.entries(), &Signed { envelope, signature, certificate: &certificate }, root)?;
    let times = times(bundle, signature, promised, root)?;
    fulcio::check(&certificate, root, &times)?;
    let key = certificate.key()?;
    let hashes: &[Hash] = match key.kind() {
        Kind::P384 | Kind::P521 => &[key.usual_hash(), Hash::Sha256],
        _ => &[Hash::Sha256],
    };
    check(&key, envelope, hashes)?;
    check_identity(&certificate, identities)
}

/// When the signature was made: as the log says, or as authorities say where no log tells a time.
fn times(
    bundle: &Bundle,
    signature: &[u8],
    promised: Vec<Timestamp>,
    root: &TrustedRoot,
) -> Result<Vec<Timestamp>, Error> {
    if bundle.entries().iter().all(|entry| entry.integrated_time == 0) {
        return stamps::times(&bundle.stamps(), signature, root);
    }
    if promised.is_empty() {
        return Err(Error::new(
            "the log does not promise that the signature was made at the time that it tells",
        ));
    }
    Ok(promised)
}

/// Checks that the key made the signature, of a hash of one of those kinds.
fn check(key: &PublicKey, envelope: &Envelope, hashes: &[Hash]) -> Result<(), Error> {
    let (message, signature) = (envelope.signed(), envelope.signature()?);
    if hashes.iter().any(|hash| key.verify(&message, signature, *hash, Scheme::Usual).is_ok()) {
        return Ok(());
    }
    Err(Error::new("the signature of the bundle does not fit the key"))
}
