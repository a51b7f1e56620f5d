//! Checkpoints: what a log signs of its tree, as a signed note.
//!
//! A note is text, an empty line, and a line for each signature: `— name base64`, where the first four bytes tell which
//! key it is of.

use super::merkle::Node;
use super::root::Log;
use crate::key::{Hash, Kind, Scheme};
use crate::{Error, PublicKey, base64, sha256};

/// Most signatures of a note; witnesses may sign too.
const MAX_SIGNATURES: usize = 100;
/// What the hash of an RSA key's name is made of, beside the key.
const RSA: &[u8] = b"\xffPKIX-RSA-PKCS#1v1.5";

/// What a log said of its tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Checkpoint {
    pub(super) size: u64,
    pub(super) root: Node,
}

/// A note whose signatures were not looked at.
pub(super) struct Note<'a> {
    text: &'a str,
    signatures: Vec<NoteSignature<'a>>,
}

struct NoteSignature<'a> {
    name: &'a str,
    key: [u8; 4],
    signature: Vec<u8>,
}

fn bad(why: impl std::fmt::Display) -> Error {
    Error::new(format!("the log's checkpoint cannot be read: {why}"))
}

impl<'a> Note<'a> {
    pub(super) fn read(note: &'a str) -> Result<Self, Error> {
        let end = note.rfind("\n\n").ok_or_else(|| bad("it is not signed"))?;
        let (text, lines) = note.split_at(end + 1);
        let lines = lines.strip_prefix('\n').and_then(|lines| lines.strip_suffix('\n'));
        let lines = lines.ok_or_else(|| bad("it does not end with a signature"))?;
        let signatures: Vec<_> = lines.split('\n').map(signature).collect::<Result<_, _>>()?;
        if signatures.len() > MAX_SIGNATURES {
            return Err(bad(format!("it has more than {MAX_SIGNATURES} signatures")));
        }
        Ok(Self { text, signatures })
    }

    fn origin(&self) -> &'a str {
        self.text.split('\n').next().unwrap_or_default()
    }

    /// Whether a log of the first version wrote it, which names the number of its tree too: `rekor.example - 123`.
    pub(super) fn names_a_tree(&self) -> bool {
        let number = self.origin().rsplit_once(" - ").map(|(_, number)| number);
        number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
    }

    /// What a log of the first version says, which signs alone.
    pub(super) fn of_tree(&self, log: &Log) -> Result<Checkpoint, Error> {
        let [a, b, c, d, ..] = sha256(log.key.der());
        let is_good = |signed: &NoteSignature<'_>| {
            signed.key == [a, b, c, d] && self.is_by(&log.key, Hash::Sha256, &signed.signature)
        };
        if !self.signatures.iter().all(is_good) {
            return Err(not_signed());
        }
        self.content()
    }

    /// What a log of the second version says, whose name is that of its server.
    pub(super) fn of_server(&self, log: &Log) -> Result<Checkpoint, Error> {
        let name = log.host.as_deref().ok_or_else(|| {
            Error::new("the trusted root does not tell the log's address ('baseUrl'), which is its name")
        })?;
        let key = key_name(name, &log.key);
        let is_own = |signed: &&NoteSignature<'_>| signed.name == name && signed.key == key;
        let own = self.signatures.iter().find(is_own).ok_or_else(not_signed)?;
        if self.origin() != name || !self.is_by(&log.key, log.key.usual_hash(), &own.signature) {
            return Err(not_signed());
        }
        self.content()
    }

    fn is_by(&self, key: &PublicKey, hash: Hash, signature: &[u8]) -> bool {
        key.verify(self.text.as_bytes(), signature, hash, Scheme::Usual).is_ok()
    }

    fn content(&self) -> Result<Checkpoint, Error> {
        let mut lines = self.text.split('\n').skip(1);
        let size = lines.next().and_then(|size| size.parse().ok());
        let size = size.ok_or_else(|| bad("it does not tell the size of the tree"))?;
        let root = base64(lines.next().unwrap_or_default(), "the root of the log's tree")?;
        let root = root.try_into().map_err(|_| bad("the root of the tree is no SHA-256"))?;
        Ok(Checkpoint { size, root })
    }
}

fn not_signed() -> Error {
    Error::new("the log's checkpoint was not signed by the log")
}

fn signature(line: &str) -> Result<NoteSignature<'_>, Error> {
    let parts = line.strip_prefix("— ").and_then(|line| line.split_once(' '));
    let (name, encoded) = parts.ok_or_else(|| bad("a line of a signature is malformed"))?;
    let bytes = base64(encoded, "a signature of the log's checkpoint")?;
    match bytes.split_first_chunk::<4>() {
        Some((key, signature)) if !signature.is_empty() => {
            Ok(NoteSignature { name, key: *key, signature: signature.to_owned() })
        }
        _ => Err(bad("a signature is too short")),
    }
}

/// What tells a key from others in a signature.
fn key_name(name: &str, key: &PublicKey) -> [u8; 4] {
    let named = |kind: &[u8], key: &[u8]| sha256(&[name.as_bytes(), b"\n", kind, key].concat());
    let [a, b, c, d, ..] = match key.kind() {
        Kind::P256 | Kind::P384 | Kind::P521 => sha256(key.der()),
        // The key itself is what the encoding ends with.
        Kind::Ed25519 => named(&[1], key.der().last_chunk::<32>().map_or(&[][..], |key| key)),
        Kind::Rsa { .. } => named(RSA, key.der()),
    };
    [a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_told_apart() {
        let note = |origin: &str| format!("{origin}\n1\nAAAA\n\n— x AAAAAAA=\n");
        for (origin, names) in [
            ("rekor.sigstore.dev - 1193050959916656506", true),
            ("log2025-1.rekor.sigstore.dev", false),
            ("a - b", false),
            ("a - ", false),
        ] {
            assert_eq!(Note::read(&note(origin)).unwrap().names_a_tree(), names, "{origin}");
        }
    }

    #[test]
    fn what_is_malformed_is_told() {
        for (note, wanted) in [
            ("", "it is not signed"),
            ("a\n1\nAAAA\n", "it is not signed"),
            ("a\n1\nAAAA\n\n", "does not end with a signature"),
            ("a\n1\nAAAA\n\n— x AAAAAAA=", "does not end with a signature"),
            ("a\n1\nAAAA\n\nx AAAAAAA=\n", "a line of a signature is malformed"),
            ("a\n1\nAAAA\n\n— x AAAA\n", "a signature is too short"),
            ("a\n1\nAAAA\n\n— x *\n", "is not base64"),
        ] {
            let error = Note::read(note).err().unwrap().to_string();
            assert!(error.contains(wanted), "{note:?}: {error}");
        }
    }
}
