//! OpenPGP: secret keys decrypt data keys without any outside program.

use ::pgp::composed::{DecryptionOptions, Deserializable, Message, SignedSecretKey, TheRing};
use ::pgp::types::{KeyDetails, Password};

/// How deep messages may nest.
const MAX_DEPTH: usize = 4;

/// Secret keys.
#[derive(Default)]
pub(crate) struct PgpKeys {
    keys: Vec<SignedSecretKey>,
}

impl PgpKeys {
    /// Reads armored or binary secret keys. Public keys among them are of no use, and no error.
    pub(crate) fn import(&mut self, data: &[u8]) -> Result<(), String> {
        let fail = |error: String| format!("failed to import armored key data into GnuPG keyring: {error}");
        let mut found = Vec::new();
        if let Some(text) = std::str::from_utf8(data).ok().filter(|text| text.contains("-----BEGIN PGP")) {
            // One entry may hold several blocks.
            for block in text.split_inclusive("-----END PGP PRIVATE KEY BLOCK-----") {
                let Some(start) = block.find("-----BEGIN PGP PRIVATE KEY BLOCK-----") else { continue };
                let block = format!("{}\n", block.get(start..).unwrap_or_default());
                let (keys, _) =
                    SignedSecretKey::from_string_many(&block).map_err(|error| fail(error.to_string()))?;
                for key in keys {
                    found.push(key.map_err(|error| fail(error.to_string()))?);
                }
            }
        } else {
            let keys = SignedSecretKey::from_bytes_many(data).map_err(|error| fail(error.to_string()))?;
            for key in keys {
                found.push(key.map_err(|error| fail(error.to_string()))?);
            }
        }
        if found.is_empty() {
            return Err(fail("it holds no private key".to_owned()));
        }
        self.keys.extend(found);
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
