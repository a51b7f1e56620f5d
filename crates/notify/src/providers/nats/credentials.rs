//! How NATS knows us: a credentials file, an nkey, or name and password.
//!
//! Nkeys are Ed25519 keys in base32, with a prefix that says what they are for and a checksum:
//! <https://docs.nats.io/running-a-nats-service/configuration/securing_nats/auth_intro/nkey_auth>.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use ring::signature::{Ed25519KeyPair, KeyPair};

use crate::settings::Settings;

/// What the settings say, unread.
pub(super) enum Credentials {
    None,
    /// The text of a `.creds` file: a JWT and a seed.
    File(Vec<u8>),
    Seed(Vec<u8>),
    User {
        name: String,
        password: String,
    },
}

/// Credentials that can be shown to a server.
pub(super) enum Unlocked {
    None,
    Jwt { jwt: String, key: Nkey },
    Nkey(Nkey),
    User { name: String, password: String },
}

/// A key pair.
pub(super) struct Nkey {
    pair: Ed25519KeyPair,
    /// What the key is for: user, account, server ...
    role: u8,
}

impl Credentials {
    /// The strongest of those that the settings have.
    pub(super) fn of(settings: &Settings) -> Self {
        let secret = |key: &str| settings.secret.get(key).filter(|value| !value.is_empty()).cloned();
        if let Some(file) = secret("creds") {
            Self::File(file)
        } else if let Some(seed) = secret("nkey") {
            Self::Seed(seed)
        } else if !settings.username.is_empty() && !settings.password.is_empty() {
            Self::User { name: settings.username.clone(), password: settings.password.clone() }
        } else {
            Self::None
        }
    }

    /// Reads them.
    pub(super) fn unlock(&self) -> Result<Unlocked, String> {
        Ok(match self {
            Self::None => Unlocked::None,
            Self::User { name, password } => {
                Unlocked::User { name: name.clone(), password: password.clone() }
            }
            Self::Seed(seed) => Unlocked::Nkey(
                Nkey::from_seed(seed).map_err(|reason| format!("error parsing nkey seed: {reason}"))?,
            ),
            Self::File(file) => {
                let wrong =
                    |reason: &str| format!("error connecting to server: invalid credentials file: {reason}");
                let text = String::from_utf8_lossy(file);
                let mut blocks = blocks(&text);
                let jwt = blocks.next().ok_or_else(|| wrong("it has no JWT"))?.to_owned();
                let seed = blocks.next().ok_or_else(|| wrong("it has no seed"))?;
                let key = Nkey::from_seed(seed.as_bytes()).map_err(|reason| wrong(&reason))?;
                Unlocked::Jwt { jwt, key }
            }
        })
    }
}

/// What stands between lines of `---BEGIN ...---` and `---END ...---`.
fn blocks(text: &str) -> impl Iterator<Item = &str> {
    let is_mark = |line: &str| line.starts_with("---") && line.ends_with("---");
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty()).peekable();
    std::iter::from_fn(move || {
        loop {
            let line = lines.next()?;
            if is_mark(line) && line.contains("BEGIN") {
                return lines.next().filter(|line| !is_mark(line));
            }
        }
    })
}

impl Nkey {
    fn from_seed(seed: &[u8]) -> Result<Self, String> {
        /// What the first five bits of a seed say.
        const SEED: u8 = 18 << 3;
        let text = String::from_utf8_lossy(seed);
        let raw = base32_decode(text.trim()).ok_or("illegal base32 data")?;
        let (data, checksum) = raw.split_at_checked(raw.len().saturating_sub(2)).unwrap_or_default();
        if data.len() != 34 {
            return Err("invalid seed length".to_owned());
        }
        if crc16(data).to_le_bytes() != *checksum {
            return Err("invalid checksum".to_owned());
        }
        if data[0] & 0b1111_1000 != SEED {
            return Err("expected a seed".to_owned());
        }
        let role = (data[0] & 0b0000_0111) << 5 | (data[1] & 0b1111_1000) >> 3;
        let pair = Ed25519KeyPair::from_seed_unchecked(&data[2..]).map_err(|error| error.to_string())?;
        Ok(Self { pair, role })
    }

    /// The public key, as servers name it.
    pub(super) fn public(&self) -> String {
        let mut raw = vec![self.role];
        raw.extend_from_slice(self.pair.public_key().as_ref());
        raw.extend(crc16(&raw).to_le_bytes());
        base32_encode(&raw)
    }

    /// Proves to a server that we hold the key.
    pub(super) fn sign(&self, nonce: &str) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(self.pair.sign(nonce.as_bytes()))
    }
}

/// RFC 4648, without padding.
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

fn base32_decode(text: &str) -> Option<Vec<u8>> {
    let (mut out, mut bits, mut count) = (Vec::with_capacity(text.len() * 5 / 8), 0_u32, 0);
    for byte in text.bytes() {
        let value = BASE32.iter().position(|known| *known == byte)?;
        bits = bits << 5 | value as u32;
        count += 5;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
        }
    }
    Some(out)
}

fn base32_encode(data: &[u8]) -> String {
    let mut out = String::with_capacity(data.len() * 8 / 5 + 1);
    let (mut bits, mut count) = (0_u32, 0);
    for byte in data {
        bits = bits << 8 | u32::from(*byte);
        count += 8;
        while count >= 5 {
            count -= 5;
            out.push(char::from(BASE32[(bits >> count) as usize & 31]));
        }
    }
    if count > 0 {
        out.push(char::from(BASE32[(bits << (5 - count)) as usize & 31]));
    }
    out
}

/// CRC-16/XMODEM.
fn crc16(data: &[u8]) -> u16 {
    data.iter().fold(0, |crc, byte| {
        (0..8).fold(
            crc ^ u16::from(*byte) << 8,
            |crc, _| {
                if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 }
            },
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of NATS' documentation of nkeys.
    const SEED: &[u8] = b"SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY";
    const PUBLIC: &str = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4";

    #[test]
    fn a_seed_gives_its_public_key() {
        assert_eq!(Nkey::from_seed(SEED).unwrap().public(), PUBLIC);
    }

    #[test]
    fn what_is_no_seed_is_refused() {
        for (text, reason) in [
            (&b"bad"[..], "illegal base32 data"),
            (b"AAAA", "invalid seed length"),
            (
                &SEED.iter().map(|b| if *b == b'3' { b'4' } else { *b }).collect::<Vec<_>>(),
                "invalid checksum",
            ),
            (b"", "invalid seed length"),
        ] {
            assert_eq!(Nkey::from_seed(text).err().unwrap(), reason);
        }
    }

    #[test]
    fn a_credentials_file_has_a_jwt_and_a_seed() {
        let file = format!(
            "-----BEGIN NATS USER JWT-----\nabc.def.ghi\n------END NATS USER JWT------\n\n\
             ************************* IMPORTANT *************************\nNKEY Seed printed below.\n\n\
             -----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
            String::from_utf8_lossy(SEED)
        );
        let unlocked = Credentials::File(file.into_bytes()).unlock().unwrap();
        assert!(
            matches!(unlocked, Unlocked::Jwt { jwt, key } if jwt == "abc.def.ghi" && key.public() == PUBLIC)
        );
        assert!(Credentials::File(b"nothing".to_vec()).unlock().is_err());
    }

    #[test]
    fn the_checksum_is_xmodems() {
        assert_eq!(crc16(b"123456789"), 0x31c3);
    }
}
