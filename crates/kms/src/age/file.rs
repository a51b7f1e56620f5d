//! A file's parts: header with stanzas, its code, payload.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use ring::hmac;

use super::derive;

const BEGIN: &str = "-----BEGIN AGE ENCRYPTED FILE-----";
const END: &str = "-----END AGE ENCRYPTED FILE-----";
const VERSION: &[u8] = b"age-encryption.org/v1\n";

/// How many stanzas are read.
const MAX_STANZAS: usize = 1000;

/// How many bytes a full line of a stanza's body stands for.
const FULL_LINE: usize = 64;

/// What holds the file's key for one recipient.
pub(super) struct Stanza {
    pub(super) kind: String,
    pub(super) arguments: Vec<String>,
    pub(super) body: Vec<u8>,
}

impl Stanza {
    /// An argument that is base64.
    pub(super) fn bytes<const N: usize>(&self, index: usize) -> Option<[u8; N]> {
        STANDARD_NO_PAD.decode(self.arguments.get(index)?).ok()?.try_into().ok()
    }
}

/// An encrypted file.
pub(super) struct File {
    pub(super) stanzas: Vec<Stanza>,
    pub(super) payload: Vec<u8>,
    /// The header up to and with `---`.
    authenticated: Vec<u8>,
    code: Vec<u8>,
}

impl File {
    /// Reads an armored file.
    pub(super) fn parse(armored: &str) -> Result<Self, &'static str> {
        let no_file = "failed to read header: it is not an armored age file";
        let inside =
            armored.trim().strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix(END)).ok_or(no_file)?;
        let joined: String = inside.split_ascii_whitespace().collect();
        let bytes = STANDARD.decode(joined).map_err(|_| no_file)?;
        Self::read(&bytes)
    }

    fn read(bytes: &[u8]) -> Result<Self, &'static str> {
        let bad = "failed to read header: it is malformed";
        let mut rest =
            bytes.strip_prefix(VERSION).ok_or("failed to read header: it is of an unknown version")?;
        let mut stanzas = Vec::new();
        loop {
            let line = line(&mut rest).ok_or(bad)?;
            if let Some(code) = line.strip_prefix("--- ") {
                let code = STANDARD_NO_PAD.decode(code).map_err(|_| bad)?;
                let read = bytes.len() - rest.len();
                // All of the header but the space, the code, and the end of its line.
                let end = read.checked_sub(line.len() + 1).ok_or(bad)? + 3;
                let authenticated = bytes.get(..end).ok_or(bad)?.to_vec();
                return Ok(Self { stanzas, payload: rest.to_vec(), authenticated, code });
            }
            if stanzas.len() >= MAX_STANZAS {
                return Err("failed to read header: it has too many recipients");
            }
            let mut words = line.strip_prefix("-> ").ok_or(bad)?.split(' ').map(ToOwned::to_owned);
            let kind = words.next().filter(|kind| !kind.is_empty()).ok_or(bad)?;
            stanzas.push(Stanza { kind, arguments: words.collect(), body: body(&mut rest).ok_or(bad)? });
        }
    }

    /// Whether the header is as it was written.
    pub(super) fn verify(&self, file_key: &[u8]) -> Result<(), &'static str> {
        let key = derive(b"", file_key, "header");
        let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_slice());
        hmac::verify(&key, &self.authenticated, &self.code).map_err(|_| "bad header MAC")
    }
}

fn line<'b>(rest: &mut &'b [u8]) -> Option<&'b str> {
    let end = rest.iter().position(|byte| *byte == b'\n')?;
    let (line, after) = (rest.get(..end)?, rest.get(end + 1..)?);
    *rest = after;
    std::str::from_utf8(line).ok()
}

/// Lines of base64; the first that is not full is the last.
fn body(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let mut text = String::new();
    loop {
        let line = line(rest)?;
        text.push_str(line);
        match line.len() {
            FULL_LINE => {}
            length if length < FULL_LINE => return STANDARD_NO_PAD.decode(text).ok(),
            _ => return None,
        }
    }
}
