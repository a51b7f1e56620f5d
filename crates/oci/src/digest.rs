//! Digests of content, as the image specification allows them.

use sluice_archive::{Algorithm, Digest};

/// A text that is not the digest of registry content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDigest {
    /// It lacks the algorithm or the hash.
    #[error("cannot parse hash: {0:?}")]
    Shape(String),
    /// The hash is not in lower-case hexadecimal.
    #[error("found non-hex character in hash: {0}")]
    NotHex(char),
    /// Registries use sha256 and sha512.
    #[error("unsupported hash: {0:?}")]
    Algorithm(String),
    /// The hash is too short or too long.
    #[error("wrong number of hex digits for {0}: {1}")]
    Length(String, String),
}

/// Reads `sha256:<hex>` or `sha512:<hex>`.
pub(crate) fn parse(text: &str) -> Result<Digest, InvalidDigest> {
    let shape = || InvalidDigest::Shape(text.to_owned());
    let (algorithm, hash) = text.split_once(':').ok_or_else(shape)?;
    if algorithm.is_empty() || hash.is_empty() {
        return Err(shape());
    }
    if let Some(bad) = hash.chars().find(|c| !matches!(c, '0'..='9' | 'a'..='f')) {
        return Err(InvalidDigest::NotHex(bad));
    }
    let known = match algorithm {
        "sha256" => Algorithm::Sha256,
        "sha512" => Algorithm::Sha512,
        other => return Err(InvalidDigest::Algorithm(other.to_owned())),
    };
    if hash.len() != known.size() * 2 {
        return Err(InvalidDigest::Length(algorithm.to_owned(), hash.to_owned()));
    }
    text.parse().map_err(|_| shape())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_is_wrong() {
        let error = |text: &str| parse(text).unwrap_err().to_string();
        assert_eq!(error("latest"), "cannot parse hash: \"latest\"");
        assert_eq!(error("sha256:"), "cannot parse hash: \"sha256:\"");
        assert_eq!(error("sha256:ABC"), "found non-hex character in hash: A");
        assert_eq!(error("md5:abc"), "unsupported hash: \"md5\"");
        assert_eq!(error("sha256:abc"), "wrong number of hex digits for sha256: abc");
        assert!(parse(&format!("sha256:{}", "0a".repeat(32))).is_ok());
        assert!(parse(&format!("sha512:{}", "0a".repeat(64))).is_ok());
    }
}
