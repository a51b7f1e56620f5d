//! Content digests in the form `<algorithm>:<hex>`.

use std::fmt;
use std::io::{self, Read, Write};
use std::str::FromStr;

use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha384, Sha512};
use thiserror::Error;

/// A hash algorithm that artifacts may be named by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Algorithm {
    /// SHA-1, for legacy consumers only.
    Sha1,
    /// SHA-256, the default.
    #[default]
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
    /// BLAKE3 with 256 bits of output.
    Blake3,
}

/// The name is none of the known algorithms.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("unsupported digest algorithm '{0}': use one of sha1, sha256, sha384, sha512, blake3")]
pub struct UnknownAlgorithm(pub String);

/// Why a text is not a digest.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DigestError {
    /// There is no `:` between the algorithm and the hex part.
    #[error("invalid digest '{0}': expected <algorithm>:<hex>")]
    Format(String),
    /// The algorithm is unknown.
    #[error(transparent)]
    Algorithm(#[from] UnknownAlgorithm),
    /// The part after the colon is not lower-case hex of the algorithm's length.
    #[error("invalid digest '{0}': the part after the colon must be {1} lower-case hex digits")]
    Hex(String, usize),
}

impl Algorithm {
    /// The lower-case name, as written before the colon of a digest.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
            Self::Blake3 => "blake3",
        }
    }

    /// Bytes of a hash.
    pub fn size(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 | Self::Blake3 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// A fresh hasher.
    pub fn hasher(self) -> Hasher {
        Hasher(match self {
            Self::Sha1 => State::Sha1(Sha1::new()),
            Self::Sha256 => State::Sha256(Sha256::new()),
            Self::Sha384 => State::Sha384(Sha384::new()),
            Self::Sha512 => State::Sha512(Sha512::new()),
            Self::Blake3 => State::Blake3(Box::default()),
        })
    }
}

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    fn from_str(name: &str) -> Result<Self, UnknownAlgorithm> {
        [Self::Sha1, Self::Sha256, Self::Sha384, Self::Sha512, Self::Blake3]
            .into_iter()
            .find(|algorithm| algorithm.name() == name)
            .ok_or_else(|| UnknownAlgorithm(name.to_owned()))
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The name of some content: an algorithm and the hash of the content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest {
    algorithm: Algorithm,
    hash: Vec<u8>,
}

impl Digest {
    /// Hashes everything that `reader` gives.
    pub fn of(algorithm: Algorithm, mut reader: impl Read) -> io::Result<Self> {
        let mut hasher = algorithm.hasher();
        io::copy(&mut reader, &mut hasher)?;
        Ok(hasher.finish())
    }

    /// The algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The hash in lower-case hex, without the algorithm.
    pub fn hex(&self) -> String {
        hex::encode(&self.hash)
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let (name, encoded) = text.split_once(':').ok_or_else(|| DigestError::Format(text.to_owned()))?;
        let algorithm: Algorithm = name.parse()?;
        let bad = || DigestError::Hex(text.to_owned(), algorithm.size() * 2);
        if encoded.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(bad());
        }
        let hash = hex::decode(encoded).map_err(|_| bad())?;
        if hash.len() == algorithm.size() { Ok(Self { algorithm, hash }) } else { Err(bad()) }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm, self.hex())
    }
}

/// Computes a [`Digest`] of the bytes written to it.
pub struct Hasher(State);

enum State {
    Sha1(Sha1),
    Sha256(Sha256),
    Sha384(Sha384),
    Sha512(Sha512),
    // Its state is large; the others are small.
    Blake3(Box<blake3::Hasher>),
}

impl Hasher {
    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            State::Sha1(hash) => hash.update(bytes),
            State::Sha256(hash) => hash.update(bytes),
            State::Sha384(hash) => hash.update(bytes),
            State::Sha512(hash) => hash.update(bytes),
            State::Blake3(hash) => {
                hash.update(bytes);
            }
        }
    }

    /// The digest of all bytes so far.
    pub fn finish(self) -> Digest {
        let (algorithm, hash) = match self.0 {
            State::Sha1(hash) => (Algorithm::Sha1, hash.finalize().to_vec()),
            State::Sha256(hash) => (Algorithm::Sha256, hash.finalize().to_vec()),
            State::Sha384(hash) => (Algorithm::Sha384, hash.finalize().to_vec()),
            State::Sha512(hash) => (Algorithm::Sha512, hash.finalize().to_vec()),
            State::Blake3(hash) => (Algorithm::Blake3, hash.finalize().as_bytes().to_vec()),
        };
        Digest { algorithm, hash }
    }
}

impl Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A writer that hashes and counts what passes through it.
pub struct Tee<W> {
    inner: W,
    hasher: Hasher,
    written: u64,
}

impl<W: Write> Tee<W> {
    /// Wraps `inner`.
    pub fn new(inner: W, algorithm: Algorithm) -> Self {
        Self { inner, hasher: algorithm.hasher(), written: 0 }
    }

    /// Bytes that passed so far.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// The inner writer, the digest and the number of bytes.
    pub fn finish(self) -> (W, Digest, u64) {
        (self.inner, self.hasher.finish(), self.written)
    }
}

impl<W: Write> Write for Tee<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.inner.write(bytes)?;
        self.hasher.update(bytes.get(..n).unwrap_or(bytes));
        self.written += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
