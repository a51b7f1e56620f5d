//! OpenPGP signatures of our own.

use std::time::{Duration, SystemTime};

use pgp::composed::{ArmorOptions, Deserializable, DetachedSignature, SignedSecretKey, SignedSecretSubKey};
use pgp::packet::{SecretKey, SignatureType};
use pgp::types::{KeyDetails, Password, SecretParams, SigningKey};
use rand_core::OsRng;

/// Why a key can't be used to sign. No text repeats any of the key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// The text holds no key.
    #[error("could not read signing key: {0}")]
    Key(String),
    /// The text holds several keys.
    #[error("multiple entities read, could not determine which signing key to use")]
    Several,
    /// The key has a passphrase and none is given.
    #[error("the key is protected by a passphrase")]
    Locked,
    /// The passphrase is wrong.
    #[error("could not decrypt private key of the signing key: {0}")]
    Passphrase(String),
    /// The signature can't be made.
    #[error("could not sign: {0}")]
    Sign(String),
}

/// A secret key that signs.
pub struct PgpSigner {
    /// Unlocked.
    key: SignedSecretKey,
}

impl PgpSigner {
    /// Reads one armored secret key.
    pub fn read(armored: &str, passphrase: Option<&str>) -> Result<Self, SignError> {
        let unreadable = |error: pgp::errors::Error| SignError::Key(error.to_string());
        let (keys, _) = SignedSecretKey::from_string_many(armored.trim_start()).map_err(unreadable)?;
        let mut keys = keys.collect::<Result<Vec<_>, _>>().map_err(unreadable)?;
        let mut key = keys.pop().ok_or_else(|| SignError::Key("it holds no private key".to_owned()))?;
        if !keys.is_empty() {
            return Err(SignError::Several);
        }
        let locked = matches!(key.primary_key.secret_params(), SecretParams::Encrypted(_))
            || key
                .secret_subkeys
                .iter()
                .any(|subkey| matches!(subkey.key.secret_params(), SecretParams::Encrypted(_)));
        if locked {
            let password = Password::from(passphrase.ok_or(SignError::Locked)?);
            // Once: to unlock a key takes long on purpose.
            let wrong = |error: pgp::errors::Error| SignError::Passphrase(error.to_string());
            key.primary_key.remove_password(&password).map_err(wrong)?;
            for subkey in &mut key.secret_subkeys {
                subkey.key.remove_password(&password).map_err(wrong)?;
            }
        }
        let signer = Self { key };
        // A key that can't sign shows now rather than at the first commit.
        signer.sign(b"")?;
        Ok(signer)
    }

    /// An armored detached signature.
    pub fn sign(&self, content: &[u8]) -> Result<String, SignError> {
        match self.subkey(SystemTime::now()) {
            Some(subkey) => sign_with(&subkey.key, content),
            None => sign_with(&self.key.primary_key, content),
        }
    }

    /// The newest subkey that is made for signing and can be used now; as gpg, this comes before the primary key.
    fn subkey(&self, now: SystemTime) -> Option<&SignedSecretSubKey> {
        let primary = &self.key.primary_key;
        let usable = self.key.secret_subkeys.iter().filter(|subkey| may_sign(primary, subkey, now));
        usable.max_by_key(|subkey| SystemTime::from(subkey.key.created_at()))
    }
}

fn sign_with(key: &impl SigningKey, content: &[u8]) -> Result<String, SignError> {
    let failed = |error: pgp::errors::Error| SignError::Sign(error.to_string());
    let signature =
        DetachedSignature::sign_binary_data(OsRng, key, &Password::empty(), key.hash_alg(), content)
            .map_err(failed)?;
    signature.to_armored_string(ArmorOptions::default()).map_err(failed)
}

fn may_sign(primary: &SecretKey, subkey: &SignedSecretSubKey, now: SystemTime) -> bool {
    let of_type = |wanted| subkey.signatures.iter().filter(move |signature| signature.typ() == Some(wanted));
    let bound = |signature: &&pgp::packet::Signature| {
        signature.verify_subkey_binding(primary.public_key(), subkey.key.public_key()).is_ok()
    };
    if of_type(SignatureType::SubkeyRevocation).any(|signature| bound(&signature)) {
        return false;
    }
    let newest = of_type(SignatureType::SubkeyBinding)
        .filter(bound)
        .max_by_key(|signature| signature.created().map(pgp::types::Timestamp::as_secs));
    newest.is_some_and(|binding| {
        let created = SystemTime::from(subkey.key.created_at());
        let expires = binding.key_expiration_time().map(pgp::types::Duration::as_secs);
        let expires = expires.filter(|seconds| *seconds > 0);
        binding.key_flags().sign()
            && expires.is_none_or(|seconds| created + Duration::from_secs(seconds.into()) > now)
    })
}
