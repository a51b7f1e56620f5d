//! Public keys and what they can verify.

use std::fmt;

use ed25519_dalek::VerifyingKey as Ed25519;
use p256::ecdsa::signature::hazmat::PrehashVerifier;
use rsa::pkcs1::DecodeRsaPublicKey;
use rsa::traits::PublicKeyParts;
use rsa::{Pkcs1v15Sign, Pss, RsaPublicKey};
use sha2::{Digest as _, Sha256, Sha384, Sha512};
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::{Decode, Encode};
use x509_cert::spki::SubjectPublicKeyInfoOwned;

use crate::oids::{self, EC, ED25519, P256, P384, P521, RSA};
use crate::{Error, pem, sha256};

/// The shortest RSA key that is trusted, in bytes.
const MIN_RSA: usize = 256;

/// A hash that is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    /// The hash that an object identifier names.
    pub(crate) fn of_oid(oid: ObjectIdentifier) -> Option<Self> {
        match oid {
            oids::SHA256 => Some(Self::Sha256),
            oids::SHA384 => Some(Self::Sha384),
            oids::SHA512 => Some(Self::Sha512),
            _ => None,
        }
    }

    pub(crate) fn of(self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => Sha256::digest(message).to_vec(),
            Self::Sha384 => Sha384::digest(message).to_vec(),
            Self::Sha512 => Sha512::digest(message).to_vec(),
        }
    }
}

/// How a signature is made of a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// What the key is for: ECDSA in DER, RSA with PKCS #1 v1.5 padding, Ed25519 of the message.
    Usual,
    /// RSA with PSS padding.
    Pss,
    /// ECDSA as two numbers of fixed length, as in JOSE.
    Fixed,
}

/// What kind a key is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Rsa { bits: usize },
    P256,
    P384,
    P521,
    Ed25519,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa { bits } => write!(f, "RSA with {bits} bits"),
            Self::P256 => f.write_str("P-256"),
            Self::P384 => f.write_str("P-384"),
            Self::P521 => f.write_str("P-521"),
            Self::Ed25519 => f.write_str("Ed25519"),
        }
    }
}

/// A public key. `Debug` tells its kind.
#[derive(Clone)]
pub struct PublicKey {
    key: Key,
    der: Vec<u8>,
}

#[derive(Clone)]
enum Key {
    P256(Box<p256::ecdsa::VerifyingKey>),
    P384(Box<p384::ecdsa::VerifyingKey>),
    P521(Box<p521::ecdsa::VerifyingKey>),
    Rsa(Box<RsaPublicKey>),
    Ed25519(Box<Ed25519>),
}

impl PublicKey {
    /// Reads the first key of a PEM text (`PUBLIC KEY`).
    pub fn from_pem(text: &[u8]) -> Result<Self, Error> {
        let text = std::str::from_utf8(text).map_err(|_| Error::new("the public key is no text"))?;
        let blocks = pem::blocks(text)?;
        let block = blocks.iter().find(|block| block.label == "PUBLIC KEY");
        let block = block.ok_or_else(|| Error::new("found no PEM block 'PUBLIC KEY' in the public key"))?;
        Self::from_der(&block.data)
    }

    /// Reads a `SubjectPublicKeyInfo` (RFC 5280).
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        let info = SubjectPublicKeyInfoOwned::from_der(der)
            .map_err(|error| Error::new(format!("the public key cannot be read: {error}")))?;
        Self::from_info(&info)
    }

    pub(crate) fn from_info(info: &SubjectPublicKeyInfoOwned) -> Result<Self, Error> {
        let bad = |error: &dyn fmt::Display| Error::new(format!("the public key cannot be read: {error}"));
        let bits = info.subject_public_key.as_bytes().ok_or_else(|| bad(&"it has no whole bytes"))?;
        let key = match info.algorithm.oid {
            RSA => {
                let key = RsaPublicKey::from_pkcs1_der(bits).map_err(|error| bad(&error))?;
                if key.size() < MIN_RSA {
                    return Err(bad(&format!("RSA keys of less than {} bits are not trusted", MIN_RSA * 8)));
                }
                Key::Rsa(Box::new(key))
            }
            ED25519 => {
                let bytes = bits.try_into().map_err(|_| bad(&"an Ed25519 key has 32 bytes"))?;
                Key::Ed25519(Box::new(Ed25519::from_bytes(bytes).map_err(|error| bad(&error))?))
            }
            EC => {
                let parameters = info.algorithm.parameters.as_ref();
                let curve = parameters.and_then(|any| any.decode_as::<ObjectIdentifier>().ok());
                match curve {
                    Some(P256) => Key::P256(Box::new(
                        p256::ecdsa::VerifyingKey::from_sec1_bytes(bits).map_err(|error| bad(&error))?,
                    )),
                    Some(P384) => Key::P384(Box::new(
                        p384::ecdsa::VerifyingKey::from_sec1_bytes(bits).map_err(|error| bad(&error))?,
                    )),
                    Some(P521) => Key::P521(Box::new(
                        p521::ecdsa::VerifyingKey::from_sec1_bytes(bits).map_err(|error| bad(&error))?,
                    )),
                    _ => return Err(bad(&"its curve is none of P-256, P-384 and P-521")),
                }
            }
            other => return Err(bad(&format!("its algorithm {other} is not known"))),
        };
        let der = info.to_der().map_err(|error| bad(&error))?;
        Ok(Self { key, der })
    }

    /// The key's `SubjectPublicKeyInfo`.
    pub(crate) fn der(&self) -> &[u8] {
        &self.der
    }

    /// The hash that goes with the strength of the key.
    pub(crate) fn usual_hash(&self) -> Hash {
        match self.kind() {
            Kind::P256 | Kind::Rsa { .. } => Hash::Sha256,
            Kind::P384 => Hash::Sha384,
            Kind::P521 | Kind::Ed25519 => Hash::Sha512,
        }
    }

    /// The SHA-256 of the key's `SubjectPublicKeyInfo`, by which logs are known.
    pub(crate) fn id(&self) -> [u8; 32] {
        sha256(&self.der)
    }

    pub(crate) fn kind(&self) -> Kind {
        match &self.key {
            Key::P256(_) => Kind::P256,
            Key::P384(_) => Kind::P384,
            Key::P521(_) => Kind::P521,
            Key::Rsa(key) => Kind::Rsa { bits: key.size() * 8 },
            Key::Ed25519(_) => Kind::Ed25519,
        }
    }

    /// Whether the signature of the message is this key's.
    pub(crate) fn verify(
        &self,
        message: &[u8],
        signature: &[u8],
        hash: Hash,
        scheme: Scheme,
    ) -> Result<(), Error> {
        let digest = hash.of(message);
        let good = match (&self.key, scheme) {
            (Key::P256(key), Scheme::Usual) => p256::ecdsa::Signature::from_der(signature)
                .is_ok_and(|signature| key.verify_prehash(&digest, &signature).is_ok()),
            (Key::P384(key), Scheme::Usual) => p384::ecdsa::Signature::from_der(signature)
                .is_ok_and(|signature| key.verify_prehash(&digest, &signature).is_ok()),
            (Key::P521(key), Scheme::Usual) => p521::ecdsa::Signature::from_der(signature)
                .is_ok_and(|signature| key.verify_prehash(&padded(&digest), &signature).is_ok()),
            (Key::P256(key), Scheme::Fixed) => p256::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify_prehash(&digest, &signature).is_ok()),
            (Key::P384(key), Scheme::Fixed) => p384::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify_prehash(&digest, &signature).is_ok()),
            (Key::P521(key), Scheme::Fixed) => p521::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify_prehash(&padded(&digest), &signature).is_ok()),
            (Key::Rsa(key), Scheme::Usual) => {
                let padding = match hash {
                    Hash::Sha256 => Pkcs1v15Sign::new::<Sha256>(),
                    Hash::Sha384 => Pkcs1v15Sign::new::<Sha384>(),
                    Hash::Sha512 => Pkcs1v15Sign::new::<Sha512>(),
                };
                key.verify(padding, &digest, signature).is_ok()
            }
            (Key::Rsa(key), Scheme::Pss) => {
                let padding = match hash {
                    Hash::Sha256 => Pss::new::<Sha256>(),
                    Hash::Sha384 => Pss::new::<Sha384>(),
                    Hash::Sha512 => Pss::new::<Sha512>(),
                };
                key.verify(padding, &digest, signature).is_ok()
            }
            (Key::Ed25519(key), Scheme::Usual) => ed25519_dalek::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify_strict(message, &signature).is_ok()),
            _ => false,
        };
        if good { Ok(()) } else { Err(Error::new("the signature does not fit the key")) }
    }
}

/// A digest as long as a number of P-521: zeros before it don't change what it is, and short ones are not taken.
fn padded(digest: &[u8]) -> Vec<u8> {
    const LENGTH: usize = 66;
    let mut padded = vec![0; LENGTH.saturating_sub(digest.len())];
    padded.extend_from_slice(digest);
    padded
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.kind())
    }
}
