//! Signatures of sources: OpenPGP (RFC 9580, RFC 4880) and SSH (the `PROTOCOL.sshsig` of OpenSSH).
//!
//! [`verify_pgp`] and [`verify_ssh`] take an armored detached signature, the bytes that were signed and trusted public keys, and
//! tell which key made the signature.

mod pgp;
mod sign;
mod ssh;

pub use self::pgp::{KeyRing, verify_clear, verify_pgp};
pub use self::sign::{PgpSigner, SignError};
pub use self::ssh::{AuthorizedKeys, verify_ssh};

/// What the armor of a signature says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureKind {
    /// `BEGIN PGP SIGNATURE`.
    OpenPgp,
    /// `BEGIN SSH SIGNATURE`.
    Ssh,
    /// `BEGIN SIGNED MESSAGE`: S/MIME.
    X509,
    /// No text at all.
    Empty,
    /// Anything else.
    Unknown,
}

impl SignatureKind {
    /// Looks at the first line.
    pub fn of(signature: &str) -> Self {
        let text = signature.trim_start();
        let kinds = [
            ("-----BEGIN PGP SIGNATURE-----", Self::OpenPgp),
            ("-----BEGIN SSH SIGNATURE-----", Self::Ssh),
            ("-----BEGIN SIGNED MESSAGE-----", Self::X509),
        ];
        match kinds.into_iter().find(|(armor, _)| text.starts_with(armor)) {
            Some((_, kind)) => kind,
            None if text.is_empty() => Self::Empty,
            None => Self::Unknown,
        }
    }

    /// The word that conditions have for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::OpenPgp => "openpgp",
            Self::Ssh => "ssh",
            Self::X509 => "x509",
            Self::Empty => "empty",
            Self::Unknown => "unknown",
        }
    }
}

/// Why a signature was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The text is no signature.
    #[error("unable to read the signature: {0}")]
    Signature(String),
    /// The text is no SSH signature.
    #[error("unable to unarmor SSH signature: {0}")]
    SshSignature(String),
    /// A set of trusted keys cannot be read, and no other can.
    #[error("unable to read armored key ring: {0}")]
    KeyRing(String),
    /// A set of trusted SSH keys cannot be read, and no other can.
    #[error("unable to parse authorized keys: {0}")]
    AuthorizedKeys(String),
    /// None of the trusted OpenPGP keys made this signature.
    #[error("unable to verify payload with any of the given key rings: no matching key{0}")]
    NoPgpKey(String),
    /// None of the trusted SSH keys made this signature.
    #[error("unable to verify payload with any of the given authorized keys: no matching key{}{hint}", lines(.why))]
    NoSshKey {
        /// What is wrong with each key, once.
        why: Vec<&'static str>,
        /// Who signed.
        hint: String,
    },
}

/// Each on a line of its own.
fn lines(texts: &[&str]) -> String {
    texts.iter().flat_map(|text| ["\n", text]).collect()
}

impl Error {
    /// The text as Flux has it: without who signed.
    pub fn without_hint(&self) -> String {
        match self {
            Self::NoPgpKey(_) => Self::NoPgpKey(String::new()).to_string(),
            Self::NoSshKey { why, .. } => {
                Self::NoSshKey { why: why.clone(), hint: String::new() }.to_string()
            }
            other => other.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_armor_tells_the_kind() {
        for (text, kind) in [
            ("\n-----BEGIN PGP SIGNATURE-----\n", SignatureKind::OpenPgp),
            ("-----BEGIN SSH SIGNATURE-----", SignatureKind::Ssh),
            ("-----BEGIN SIGNED MESSAGE-----\nMII", SignatureKind::X509),
            (" ", SignatureKind::Empty),
            ("-----BEGIN PGP MESSAGE-----", SignatureKind::Unknown),
        ] {
            assert_eq!(SignatureKind::of(text), kind, "{text}");
        }
    }
}
