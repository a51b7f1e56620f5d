//! age (<https://c2sp.org/age>): what is encrypted for native X25519 keys or SSH keys.
//!
//! Written out here because the library for it can't be built together with the SSH client: they need two releases of
//! one crate that exclude each other. The primitives are others'.

mod file;
mod native;
mod payload;
mod ssh;

use zeroize::Zeroizing;

use self::file::{File, Stanza};
use crate::keyring::ImportError;

/// The longest encrypted data key, in bytes.
const MAX_ENCRYPTED: usize = 1 << 20;

/// How long the key is that encrypts a file.
const FILE_KEY: usize = 16;

type FileKey = Zeroizing<Vec<u8>>;

/// A private key.
enum Identity {
    Native(native::Identity),
    Ssh(Box<ssh::Identity>),
}

impl Identity {
    /// The file's key, if the stanza holds it for this identity.
    fn open(&self, stanza: &Stanza) -> Option<FileKey> {
        match self {
            Self::Native(identity) => identity.open(stanza),
            Self::Ssh(identity) => identity.open(stanza),
        }
    }

    /// The public key.
    fn recipient(&self) -> String {
        match self {
            Self::Native(identity) => identity.recipient(),
            Self::Ssh(identity) => identity.recipient(),
        }
    }
}

/// age identities.
#[derive(Default)]
pub(crate) struct AgeKeys {
    identities: Vec<Identity>,
}

impl AgeKeys {
    /// Reads a key file: lines with native identities, or one SSH private key. The error holds no part of it.
    pub(crate) fn import(&mut self, text: &str) -> Result<(), ImportError> {
        let fail = |why: &str| ImportError::new(format!("failed to parse and add to age identities: {why}"));
        let text = text.trim();
        if text.starts_with("-----BEGIN") {
            let identity = ssh::Identity::parse(text).map_err(fail)?;
            self.identities.push(Identity::Ssh(Box::new(identity)));
            return Ok(());
        }
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let identity = native::Identity::parse(line).map_err(|why| ImportError {
                detail: Some(format!("it is the one in line {}", index + 1)),
                ..fail(&why)
            })?;
            self.identities.push(Identity::Native(identity));
        }
        Ok(())
    }

    /// The public keys.
    pub(crate) fn names(&self) -> impl Iterator<Item = String> {
        self.identities.iter().map(Identity::recipient)
    }

    /// Decrypts an armored data key.
    pub(crate) fn decrypt(&self, encrypted: &str) -> Result<Vec<u8>, String> {
        const CONTEXT: &str = "failed to create reader for decrypting sops data key with age";
        if self.identities.is_empty() {
            return Err(none_found());
        }
        let fail = |why: &str| format!("{CONTEXT}: {why}");
        if encrypted.len() > MAX_ENCRYPTED {
            return Err(fail("it is too large"));
        }
        let file = File::parse(encrypted).map_err(fail)?;
        let key = self
            .identities
            .iter()
            .find_map(|identity| file.stanzas.iter().find_map(|stanza| identity.open(stanza)))
            .ok_or_else(|| match self.identities.len() {
                1 => fail(
                    "identity did not match any of the recipients: incorrect identity for recipient block",
                ),
                _ => fail("no identity matched any of the recipients"),
            })?;
        file.verify(&key).map_err(fail)?;
        payload::open(&key, &file.payload).ok_or_else(|| {
            "failed to copy age decrypted data into bytes.Buffer: it was changed after it was encrypted"
                .to_owned()
        })
    }
}

/// That there are no identities, in the words of SOPS, which looks for them in more places. What a user can do about it
/// is told by whoever knows where they come from here.
fn none_found() -> String {
    let folder = |name: &str| std::env::var(name).ok().filter(|folder| !folder.is_empty());
    let home = folder("HOME").unwrap_or_else(|| "/".to_owned());
    let config = folder("XDG_CONFIG_HOME").unwrap_or_else(|| format!("{home}/.config"));
    format!(
        "failed to load age identities. Did not find keys in locations 'SOPS_AGE_SSH_PRIVATE_KEY_FILE', \
         'SOPS_AGE_SSH_PRIVATE_KEY_CMD', '{home}/.ssh/id_ed25519', '{home}/.ssh/id_rsa', 'SOPS_AGE_KEY', \
         'SOPS_AGE_KEY_FILE', 'SOPS_AGE_KEY_CMD', and '{config}/sops/age/keys.txt'."
    )
}

/// HKDF with SHA-256 (RFC 5869): 32 bytes.
fn derive(salt: &[u8], secret: &[u8], info: &str) -> Zeroizing<[u8; 32]> {
    use ring::hkdf::{HKDF_SHA256, Salt};
    let mut out = Zeroizing::new([0; 32]);
    let extracted = Salt::new(HKDF_SHA256, salt).extract(secret);
    let info = [info.as_bytes()];
    // 32 bytes are what the hash has: never too many.
    if let Ok(expanded) = extracted.expand(&info, HKDF_SHA256) {
        let filled = expanded.fill(out.as_mut_slice());
        debug_assert!(filled.is_ok());
    }
    out
}

/// ChaCha20-Poly1305 (RFC 8439): nothing if the text was not made with the key and nonce.
fn unseal(key: &[u8; 32], nonce: [u8; 12], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
    let key = LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, key).ok()?);
    let mut buffer = Zeroizing::new(sealed.to_vec());
    let length =
        key.open_in_place(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut buffer).ok()?.len();
    buffer.truncate(length);
    Some(buffer)
}

/// The file's key in a stanza's body.
fn unwrap_key(key: &[u8; 32], body: &[u8]) -> Option<FileKey> {
    unseal(key, [0; 12], body).filter(|key| key.len() == FILE_KEY)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: &str = include_str!("../../tests/fixtures/keys/one.agekey");
    const OTHER: &str = include_str!("../../tests/fixtures/keys/two.agekey");

    /// The encrypted data key of a fixture.
    fn encrypted(text: &str) -> String {
        let begin = text.find("-----BEGIN AGE").unwrap();
        let end = text.find("-----END AGE ENCRYPTED FILE-----").unwrap() + 32;
        text[begin..end].lines().map(str::trim).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn what_is_encrypted_for_a_key_is_decrypted_by_it() {
        let sealed = encrypted(include_str!("../../tests/fixtures/encrypted/regex.yaml"));
        let mut keys = AgeKeys::default();
        assert!(keys.decrypt(&sealed).unwrap_err().contains("Did not find keys in locations"));
        keys.import(OTHER).unwrap();
        assert!(keys.decrypt(&sealed).unwrap_err().ends_with("incorrect identity for recipient block"));
        keys.import(OTHER).unwrap();
        assert!(keys.decrypt(&sealed).unwrap_err().ends_with("no identity matched any of the recipients"));
        keys.import(KEYS).unwrap();
        assert_eq!(keys.decrypt(&sealed).unwrap().len(), 32);
        let names: Vec<String> = keys.names().collect();
        assert!(KEYS.contains(&names[2]) && OTHER.contains(&names[0]), "{names:?}");
        assert!(keys.decrypt("nonsense").is_err());
    }

    #[test]
    fn any_changed_character_is_noticed() {
        let sealed = encrypted(include_str!("../../tests/fixtures/encrypted/regex.yaml"));
        let mut keys = AgeKeys::default();
        keys.import(KEYS).unwrap();
        for (index, c) in sealed.char_indices() {
            if !c.is_ascii_alphanumeric() {
                continue;
            }
            let mut changed = sealed.clone();
            let other = if c == 'A' { "B" } else { "A" };
            changed.replace_range(index..=index, other);
            assert!(keys.decrypt(&changed).is_err(), "{index}");
        }
    }

    #[test]
    fn bad_files_are_refused_by_line() {
        let mut keys = AgeKeys::default();
        let error = keys.import("# comment\nAGE-SECRET-KEY-1SECRET\n").unwrap_err();
        assert_eq!(error.detail.as_deref(), Some("it is the one in line 2"));
        let mut told = |text: &str| keys.import(text).unwrap_err().message;
        // In the words of age 1.3, which kustomize-controller 1.9.4 has.
        for (text, want) in [
            (
                "AGE-SECRET-KEY-1BAD",
                "malformed secret key: separator '1' at invalid position: pos=15, len=19",
            ),
            ("nonsense", "unknown identity type"),
        ] {
            assert_eq!(told(text), format!("failed to parse and add to age identities: {want}"));
        }
        assert!(!told("AGE-SECRET-KEY-1SECRET").contains("1SECRET"));
        assert!(told("AGE-PLUGIN-YUBIKEY-1XYZ").contains("plugins are not supported"));
        assert!(told("AGE-SECRET-KEY-PQ-1XYZ").contains("post-quantum"));
        assert!(keys.import("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n").is_err());
    }
}
