//! Signatures of artifacts in registries: cosign's (with keys, and keyless with identities) and notation's.
//!
//! Everything here is about bytes that somebody else fetched: nothing is asked of any server.

mod certificate;
pub mod cosign;
mod key;
pub mod notation;
mod oids;
mod path;
mod pem;
mod timestamp;

pub use key::PublicKey;

/// Why a signature, or what it is checked with, was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Error(String);

impl Error {
    pub(crate) fn new(text: impl std::fmt::Display) -> Self {
        Self(text.to_string())
    }
}

/// Decodes the usual base 64.
pub(crate) fn base64(text: &str, what: &str) -> Result<Vec<u8>, Error> {
    use base64::Engine as _;
    let decoded = base64::engine::general_purpose::STANDARD.decode(text.trim());
    decoded.map_err(|error| Error(format!("{what} is not base64: {error}")))
}

/// A digest of the kind that everything here is signed by.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).into()
}
