//! Native keys: X25519.

use bech32::{Bech32, Hrp};
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

use super::{FileKey, Stanza, derive, unwrap_key};

const LABEL: &str = "age-encryption.org/v1/X25519";

/// A native private key; it is wiped from memory when dropped.
pub(super) struct Identity {
    secret: StaticSecret,
    public: PublicKey,
}

impl Identity {
    /// Reads `AGE-SECRET-KEY-1…`.
    pub(super) fn parse(line: &str) -> Result<Self, &'static str> {
        if line.starts_with("AGE-PLUGIN-") {
            return Err("identities of plugins are not supported: nothing is run");
        }
        if line.starts_with("AGE-SECRET-KEY-PQ-") {
            return Err("post-quantum identities are not supported yet");
        }
        if !line.starts_with("AGE-SECRET-KEY-1") {
            return Err("unknown identity type");
        }
        let malformed = "malformed secret key";
        let (prefix, bytes) = bech32::decode(line).map_err(|_| malformed)?;
        let bytes = Zeroizing::new(bytes);
        if !prefix.as_str().eq_ignore_ascii_case("age-secret-key-") {
            return Err(malformed);
        }
        let bytes: [u8; 32] = bytes.as_slice().try_into().map_err(|_| malformed)?;
        let secret = StaticSecret::from(bytes);
        Ok(Self { public: PublicKey::from(&secret), secret })
    }

    /// `age1…`
    pub(super) fn recipient(&self) -> String {
        let prefix = Hrp::parse_unchecked("age");
        bech32::encode::<Bech32>(prefix, self.public.as_bytes()).unwrap_or_default()
    }

    pub(super) fn open(&self, stanza: &Stanza) -> Option<FileKey> {
        if stanza.kind != "X25519" || stanza.arguments.len() != 1 {
            return None;
        }
        let share = PublicKey::from(stanza.bytes::<32>(0)?);
        let shared = self.secret.diffie_hellman(&share);
        // A share that makes any secret the same was not made honestly.
        if !shared.was_contributory() {
            return None;
        }
        let salt = [share.as_bytes().as_slice(), self.public.as_bytes()].concat();
        unwrap_key(&derive(&salt, shared.as_bytes(), LABEL), &stanza.body)
    }
}
