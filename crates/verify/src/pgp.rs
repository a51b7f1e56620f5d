//! OpenPGP signatures, with the rules of who may sign: the library checks the mathematics only.

use std::time::{Duration, SystemTime};

use pgp::composed::{
    CleartextSignedMessage, Deserializable, DetachedSignature, SignedPublicKey, SignedPublicSubKey,
};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{Signature, SignatureType};
use pgp::types::{KeyDetails, Tag, VerifyingKey};

use crate::Error;

/// Trusted OpenPGP keys.
#[derive(Clone, Debug, Default)]
pub struct KeyRing {
    keys: Vec<SignedPublicKey>,
    unreadable: Option<String>,
}

impl KeyRing {
    /// Reads armored key rings. One that is malformed does not hide the others.
    pub fn read<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut ring = Self::default();
        for text in texts {
            match keys(text) {
                Ok(keys) => ring.keys.extend(keys),
                Err(error) => ring.unreadable = ring.unreadable.or(Some(error)),
            }
        }
        ring
    }

    /// Reads a key ring, armored or not.
    pub fn read_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let unreadable = |error: pgp::errors::Error| Error::KeyRing(error.to_string());
        let (keys, _) = SignedPublicKey::from_reader_many(bytes).map_err(unreadable)?;
        Ok(Self { keys: keys.collect::<Result<_, _>>().map_err(unreadable)?, unreadable: None })
    }
}

fn keys(text: &str) -> Result<Vec<SignedPublicKey>, String> {
    let (keys, _) = SignedPublicKey::from_string_many(text).map_err(|error| error.to_string())?;
    keys.collect::<Result<_, _>>().map_err(|error| error.to_string())
}

/// Checks an armored detached signature. Returns the id of the primary key of who signed: 16 hexadecimal digits
/// in upper case.
///
/// The key, and the subkey that signed, must be valid now: bound to each other, allowed to sign, neither revoked
/// nor expired. Signatures over weak hashes are refused.
pub fn verify_pgp(signature: &str, payload: &[u8], trusted: &KeyRing) -> Result<String, Error> {
    let (signature, _) = DetachedSignature::from_string(signature.trim())
        .map_err(|error| Error::Signature(error.to_string()))?;
    if trusted.keys.is_empty()
        && let Some(error) = &trusted.unreadable
    {
        return Err(Error::KeyRing(error.clone()));
    }
    trusted_signer(&signature.signature, payload, trusted)
}

/// Checks a clear-signed message (RFC 9580, section 7) by the same rules. Returns the text that was signed, with `\n`
/// at the end of its lines, and the id of the primary key of who signed.
pub fn verify_clear(message: &str, trusted: &KeyRing) -> Result<(String, String), Error> {
    let (message, _) =
        CleartextSignedMessage::from_string(message).map_err(|error| Error::Signature(error.to_string()))?;
    let text = message.signed_text();
    let mut refused = Error::Signature("the message has no signature".to_owned());
    for signature in message.signatures() {
        match trusted_signer(signature, text.as_bytes(), trusted) {
            Ok(key) => return Ok((text.replace("\r\n", "\n"), key)),
            Err(error) => refused = error,
        }
    }
    Err(refused)
}

/// The id of the trusted key that made a signature.
fn trusted_signer(signature: &Signature, payload: &[u8], trusted: &KeyRing) -> Result<String, Error> {
    let now = SystemTime::now();
    let mut reason = made_by_stranger(signature);
    for key in &trusted.keys {
        match check(signature, payload, key, now) {
            Check::Good => return Ok(key_id(&key.primary_key)),
            Check::Other => {}
            Check::Bad(why) => reason = format!(": key {}: {why}", key_id(&key.primary_key)),
        }
    }
    Err(Error::NoPgpKey(reason))
}

/// What a key has to do with a signature.
enum Check {
    /// It made the signature, and may.
    Good,
    /// It did not make it.
    Other,
    /// It made it, or is said to, and that does not count.
    Bad(String),
}

fn check(signature: &Signature, payload: &[u8], key: &SignedPublicKey, now: SystemTime) -> Check {
    if is_made_by(signature, &key.primary_key) {
        return match verify(signature, payload, &key.primary_key, now)
            .and_then(|()| valid(key, now).map(drop))
        {
            Ok(()) if may_sign(key, now) => Check::Good,
            Ok(()) => Check::Bad("it is not made for signing".to_owned()),
            Err(why) => Check::Bad(why),
        };
    }
    let Some(subkey) = key.public_subkeys.iter().find(|subkey| is_made_by(signature, &subkey.key)) else {
        return Check::Other;
    };
    let checked = verify(signature, payload, &subkey.key, now)
        .and_then(|()| valid(key, now))
        .and_then(|_| valid_subkey(key, subkey, now));
    match checked {
        Ok(()) => Check::Good,
        Err(why) => Check::Bad(why),
    }
}

/// Whether the signature names this key as its maker; one that names none may be of any.
fn is_made_by(signature: &Signature, key: &impl KeyDetails) -> bool {
    let (fingerprints, ids) = (signature.issuer_fingerprint(), signature.issuer_key_id());
    let anyone = fingerprints.is_empty() && ids.is_empty();
    anyone
        || fingerprints.iter().any(|fingerprint| **fingerprint == key.fingerprint())
        || fingerprints.is_empty() && ids.iter().any(|id| **id == key.legacy_key_id())
}

fn verify(
    signature: &Signature,
    payload: &[u8],
    key: &impl VerifyingKey,
    now: SystemTime,
) -> Result<(), String> {
    if let Some(hash @ (HashAlgorithm::Md5 | HashAlgorithm::Sha1 | HashAlgorithm::Ripemd160)) =
        signature.hash_alg()
    {
        return Err(format!("the signature uses {hash}, which is not safe any more"));
    }
    if !matches!(signature.typ(), Some(SignatureType::Binary | SignatureType::Text)) {
        return Err("the signature is not one of a document".to_owned());
    }
    signature.verify(key, payload).map_err(|_| "the signature does not fit the content".to_owned())?;
    if is_past(signature, signature.signature_expiration_time().map(pgp::types::Duration::as_secs), now) {
        return Err("the signature has expired".to_owned());
    }
    Ok(())
}

/// The newest self-signature of the primary key, if the key is valid.
fn valid(key: &SignedPublicKey, now: SystemTime) -> Result<&Signature, String> {
    let primary = &key.primary_key;
    if key.details.revocation_signatures.iter().any(|signature| signature.verify_key(primary).is_ok()) {
        return Err("it was revoked".to_owned());
    }
    let newest = self_signature(key).ok_or("it has no valid signature of its own")?;
    let expires = newest.key_expiration_time().map(pgp::types::Duration::as_secs);
    if has_expired(primary, expires, now) {
        return Err("it has expired".to_owned());
    }
    Ok(newest)
}

/// The newest signature by the key itself on it or on one of its users who are not revoked.
fn self_signature(key: &SignedPublicKey) -> Option<&Signature> {
    let primary = &key.primary_key;
    let direct = key.details.direct_signatures.iter().filter(|signature| {
        signature.typ() == Some(SignatureType::Key) && signature.verify_key(primary).is_ok()
    });
    let users = key.details.users.iter().flat_map(|user| {
        let own =
            |signature: &&Signature| signature.verify_certification(primary, Tag::UserId, &user.id).is_ok();
        let revoked = user
            .signatures
            .iter()
            .filter(|signature| signature.typ() == Some(SignatureType::CertRevocation))
            .any(|signature| own(&signature));
        user.signatures.iter().filter(move |signature| !revoked && signature.is_certification()).filter(own)
    });
    direct.chain(users).max_by_key(|signature| signature.created().map(pgp::types::Timestamp::as_secs))
}

/// Whether the primary key itself may sign documents. A key that doesn't say may do all that it can.
fn may_sign(key: &SignedPublicKey, now: SystemTime) -> bool {
    valid(key, now).is_ok_and(|signature| {
        let flags = signature.key_flags();
        let says_nothing = !(flags.sign()
            || flags.certify()
            || flags.encrypt_comms()
            || flags.encrypt_storage()
            || flags.authentication());
        flags.sign() || says_nothing
    })
}

fn valid_subkey(key: &SignedPublicKey, subkey: &SignedPublicSubKey, now: SystemTime) -> Result<(), String> {
    let primary = &key.primary_key;
    let bound = |signature: &&Signature| signature.verify_subkey_binding(primary, &subkey.key).is_ok();
    let id = key_id(&subkey.key);
    let of_type = |wanted| subkey.signatures.iter().filter(move |signature| signature.typ() == Some(wanted));
    if of_type(SignatureType::SubkeyRevocation).any(|signature| bound(&signature)) {
        return Err(format!("its subkey {id} was revoked"));
    }
    let binding = of_type(SignatureType::SubkeyBinding)
        .filter(bound)
        .max_by_key(|signature| signature.created().map(pgp::types::Timestamp::as_secs))
        .ok_or_else(|| format!("its subkey {id} is not bound to it"))?;
    if !binding.key_flags().sign() {
        return Err(format!("its subkey {id} is not made for signing"));
    }
    // Else anybody could claim somebody's signing key as their own subkey.
    let back = binding.embedded_signature();
    if back.is_none_or(|back| back.verify_primary_key_binding(&subkey.key, primary).is_err()) {
        return Err(format!("its subkey {id} does not acknowledge it"));
    }
    if has_expired(&subkey.key, binding.key_expiration_time().map(pgp::types::Duration::as_secs), now) {
        return Err(format!("its subkey {id} has expired"));
    }
    Ok(())
}

/// Whether so many seconds after the key's creation are over; never if zero or not given.
fn has_expired(key: &impl KeyDetails, after: Option<u32>, now: SystemTime) -> bool {
    let created: SystemTime = key.created_at().into();
    after
        .filter(|seconds| *seconds > 0)
        .is_some_and(|seconds| created + Duration::from_secs(seconds.into()) <= now)
}

fn is_past(signature: &Signature, after: Option<u32>, now: SystemTime) -> bool {
    let Some((created, seconds)) = signature.created().zip(after.filter(|seconds| *seconds > 0)) else {
        return false;
    };
    SystemTime::from(created) + Duration::from_secs(seconds.into()) <= now
}

fn key_id(key: &impl KeyDetails) -> String {
    hex(key.legacy_key_id().as_ref())
}

fn made_by_stranger(signature: &Signature) -> String {
    let ids = signature.issuer_key_id();
    let fingerprints = signature.issuer_fingerprint();
    match (fingerprints.first(), ids.first()) {
        (Some(fingerprint), _) => format!(": it was made with {fingerprint:X}"),
        (None, Some(id)) => format!(": it was made with {}", hex(id.as_ref())),
        (None, None) => String::new(),
    }
}

fn hex(bytes: &[u8]) -> String {
    hex::encode_upper(bytes)
}
