//! OpenPGP: secret keys decrypt data keys without any outside program.

use ::pgp::composed::{
    DecryptionOptions, Deserializable, Message, SignedPublicKey, SignedSecretKey, TheRing,
};
use ::pgp::types::{KeyDetails, Password};

use crate::keyring::ImportError;

/// What `gpg` says of data without keys. Its first line, which names a new temporary directory each time, is left out.
const UNREADABLE: &str = "failed to import armored key data into GnuPG keyring (exit status 2): gpg: no valid OpenPGP data found.\ngpg: Total number processed: 0";

/// How deep messages may nest.
const MAX_DEPTH: usize = 4;

/// Secret keys.
#[derive(Default)]
pub(crate) struct PgpKeys {
    keys: Vec<SignedSecretKey>,
}

impl PgpKeys {
    /// Reads armored or binary secret keys. Public keys among them are of no use, and no error.
    pub(crate) fn import(&mut self, data: &[u8]) -> Result<(), ImportError> {
        let keys = secret_keys(data).map_err(|detail| ImportError {
            message: UNREADABLE.to_owned(),
            detail: Some(format!("no OpenPGP key can be read there: {detail}")),
        })?;
        self.keys.extend(keys);
        Ok(())
    }

    /// The fingerprints of the primary keys.
    pub(crate) fn names(&self) -> impl Iterator<Item = String> {
        self.keys.iter().map(|key| format!("{:X}", key.fingerprint()))
    }

    /// Decrypts an armored data key.
    pub(crate) fn decrypt(&self, encrypted: &str) -> Result<Vec<u8>, String> {
        const CONTEXT: &str = "could not decrypt data key with PGP key";
        if self.keys.is_empty() {
            return Err(format!("{CONTEXT}: the decryption Secret holds none (an entry that ends in .asc)"));
        }
        let fail = |why: String| format!("{CONTEXT}: {why}");
        let (message, _) = Message::from_armor(encrypted.trim().as_bytes())
            .map_err(|error| fail(format!("it is not an OpenPGP message: {error}")))?;
        let none = Password::empty();
        let ring = TheRing {
            secret_keys: self.keys.iter().collect(),
            key_passwords: vec![&none],
            decrypt_options: DecryptionOptions::new().enable_gnupg_aead(),
            ..TheRing::default()
        };
        let (mut message, _) = message.decrypt_the_ring(ring, true).map_err(|error| {
            fail(format!("{error} (no secret key is there for it, or the key is protected by a passphrase)"))
        })?;
        let mut depth = 0;
        while message.is_compressed() {
            depth += 1;
            if depth > MAX_DEPTH {
                return Err(fail("it nests too deep".to_owned()));
            }
            message = message.decompress().map_err(|error| fail(error.to_string()))?;
        }
        let plain = message.as_data_vec().map_err(|error| fail(error.to_string()))?;
        if plain.is_empty() {
            return Err("failed to decrypt sops data key with pgp: zero bytes returned".to_owned());
        }
        Ok(plain)
    }
}

/// All secret keys; none where there are only public ones.
fn secret_keys(data: &[u8]) -> Result<Vec<SignedSecretKey>, String> {
    const PRIVATE: (&str, &str) =
        ("-----BEGIN PGP PRIVATE KEY BLOCK-----", "-----END PGP PRIVATE KEY BLOCK-----");
    let read = |error: ::pgp::errors::Error| error.to_string();
    let mut found = Vec::new();
    let Some(text) = std::str::from_utf8(data).ok().filter(|text| text.contains("-----BEGIN PGP")) else {
        if is_public(SignedPublicKey::from_bytes_many(data)) {
            return Ok(found);
        }
        for key in SignedSecretKey::from_bytes_many(data).map_err(read)? {
            found.push(key.map_err(read)?);
        }
        return if found.is_empty() { Err("it is empty".to_owned()) } else { Ok(found) };
    };
    // One entry may hold several blocks.
    for block in text.split_inclusive(PRIVATE.1) {
        let Some(start) = block.find(PRIVATE.0) else { continue };
        let block = format!("{}\n", block.get(start..).unwrap_or_default());
        let (keys, _) = SignedSecretKey::from_string_many(&block).map_err(read)?;
        for key in keys {
            found.push(key.map_err(read)?);
        }
    }
    if found.is_empty() && !is_public(SignedPublicKey::from_string_many(text).map(|(keys, _)| keys)) {
        return Err("it holds no private key".to_owned());
    }
    Ok(found)
}

/// Whether there is a public key first.
fn is_public<T, E>(keys: Result<impl Iterator<Item = Result<T, E>>, E>) -> bool {
    keys.is_ok_and(|mut keys| matches!(keys.next(), Some(Ok(_))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_key_is_told_as_gpg_tells_it() {
        let truncated =
            "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlIYEaSr\n-----END PGP PRIVATE KEY BLOCK-----\n";
        for data in ["", "garbage\n", truncated] {
            let error = PgpKeys::default().import(data.as_bytes()).unwrap_err();
            assert_eq!(
                error.to_string(),
                "failed to import armored key data into GnuPG keyring (exit status 2): gpg: no valid OpenPGP data found.\ngpg: Total number processed: 0"
            );
            assert!(error.detail.is_some(), "{data}");
        }
    }
}
