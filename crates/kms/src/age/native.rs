//! Native keys: X25519.

use std::borrow::Cow;

use bech32::{Bech32, Hrp};
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

use super::{FileKey, Stanza, derive, unwrap_key};

const LABEL: &str = "age-encryption.org/v1/X25519";

/// The letters of Bech32.
const LETTERS: &str = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

/// What is wrong with the Bech32 of a line, in the words of age. Of the line it holds no more than a letter that no key
/// has.
fn fault(line: &str) -> String {
    if line.to_lowercase() != line && line.to_uppercase() != line {
        return "mixed case".to_owned();
    }
    let (separator, length) = (line.rfind('1').unwrap_or_default(), line.len());
    if separator < 1 || separator + 7 > length {
        return format!("separator '1' at invalid position: pos={separator}, len={length}");
    }
    let data = line.to_lowercase();
    let foreign = data.char_indices().skip(separator + 1).find(|(_, letter)| !LETTERS.contains(*letter));
    match foreign {
        Some((place, letter)) => {
            let place = place - separator - 1;
            format!("invalid character data part: s[{place}]={}", u32::from(letter))
        }
        None => "invalid checksum".to_owned(),
    }
}

/// A native private key; it is wiped from memory when dropped.
pub(super) struct Identity {
    secret: StaticSecret,
    public: PublicKey,
}

impl Identity {
    /// Reads `AGE-SECRET-KEY-1…`.
    pub(super) fn parse(line: &str) -> Result<Self, Cow<'static, str>> {
        if line.starts_with("AGE-PLUGIN-") {
            return Err("identities of plugins are not supported: nothing is run".into());
        }
        if line.starts_with("AGE-SECRET-KEY-PQ-") {
            return Err("post-quantum identities are not supported yet".into());
        }
        if !line.starts_with("AGE-SECRET-KEY-1") {
            return Err("unknown identity type".into());
        }
        let (_, bytes) =
            bech32::decode(line).map_err(|_| format!("malformed secret key: {}", fault(line)))?;
        let bytes = Zeroizing::new(bytes);
        let bytes: [u8; 32] =
            bytes.as_slice().try_into().map_err(|_| "malformed secret key: invalid X25519 secret key")?;
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
