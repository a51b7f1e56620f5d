//! Private keys: made, read, written, used to sign.

use rand::RngCore as _;
use rsa::pkcs1::{DecodeRsaPrivateKey, EncodeRsaPrivateKey};
use rsa::pkcs1v15::Pkcs1v15Sign;
use rsa::pkcs8::{ObjectIdentifier, PrivateKeyInfo};
use rsa::{BigUint, RsaPrivateKey, traits::PublicKeyParts};
use sec1::{EcParameters, EcPrivateKey};
use sha2::{Digest, Sha256};
use x509_cert::der::asn1::{BitString, Null, OctetStringRef, UintRef};
use x509_cert::der::{Any, Decode, Encode};
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};

use super::pem;
use super::random::Random;

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const SHA256_WITH_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const ECDSA_WITH_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
const ECDSA_WITH_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3");
const ECDSA_WITH_SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.4");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");

/// What a DSA key is in the form that OpenSSL and sprig write: version, p, q, g, public and private number.
const DSA_PARTS: usize = 6;
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// What kind of key to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Algorithm {
    /// RSA of so many bits.
    Rsa(usize),
    /// DSA, 2,048 and 256 bits.
    Dsa,
    /// ECDSA on P-256.
    Ecdsa,
    /// Ed25519
    Ed25519,
}

/// A private key.
pub(in super::super) enum Key {
    Rsa(RsaPrivateKey),
    P256(p256::ecdsa::SigningKey),
    P384(p384::ecdsa::SigningKey),
    P521(p521::ecdsa::SigningKey),
    Ed25519(ed25519_dalek::SigningKey),
    /// As sprig writes it. Certificates can't be made with it.
    Dsa(Vec<u8>),
}

impl Key {
    /// A new key.
    pub(in super::super) fn generate(algorithm: Algorithm) -> Result<Key, String> {
        let mut seed = [0; 32];
        Ok(match algorithm {
            Algorithm::Rsa(bits) => {
                Key::Rsa(RsaPrivateKey::new(&mut Random, bits).map_err(|error| error.to_string())?)
            }
            Algorithm::Ecdsa => Key::P256(p256::ecdsa::SigningKey::random(&mut Random)),
            Algorithm::Ed25519 => {
                rand::rng().fill_bytes(&mut seed);
                Key::Ed25519(ed25519_dalek::SigningKey::from_bytes(&seed))
            }
            Algorithm::Dsa => Key::Dsa(generate_dsa().map_err(|error| error.to_string())?),
        })
    }

    /// Reads a key from PEM: PKCS #8, PKCS #1, SEC 1, or sprig's own for DSA.
    pub(in super::super) fn from_pem(text: &[u8]) -> Result<Key, String> {
        let block = pem::decode(text).ok_or("no PEM data in input")?;
        if block.label == "PRIVATE KEY" {
            return Key::from_pkcs8(&block.bytes).map_err(|error| format!("decoding PEM as PKCS#8: {error}"));
        }
        let Some(kind) = block.label.strip_suffix(" PRIVATE KEY") else {
            return Err(format!("no private key data in PEM block of type {}", block.label));
        };
        let fault = |error: &dyn std::fmt::Display| format!("parsing {kind} private key from PEM: {error}");
        match kind {
            "RSA" => match RsaPrivateKey::from_pkcs1_der(&block.bytes) {
                Ok(key) => Ok(Key::Rsa(key)),
                Err(error) => Err(fault(&format_args!("x509: failed to parse private key: {error}"))),
            },
            "EC" => Key::from_sec1(&block.bytes, None).map_err(|error| fault(&error)),
            "DSA" => match Vec::<UintRef<'_>>::from_der(&block.bytes) {
                Ok(parts) if parts.len() == DSA_PARTS => Ok(Key::Dsa(block.bytes)),
                Ok(_) => Err(fault(&"asn1: structure error: tags don't match")),
                Err(error) => Err(fault(&error)),
            },
            _ => Err(format!("invalid private key type {kind}")),
        }
    }

    fn from_pkcs8(bytes: &[u8]) -> Result<Key, String> {
        let info = PrivateKeyInfo::from_der(bytes)
            .map_err(|error| format!("x509: failed to parse private key: {error}"))?;
        match info.algorithm.oid {
            RSA => RsaPrivateKey::from_pkcs1_der(info.private_key)
                .map(Key::Rsa)
                .map_err(|error| error.to_string()),
            EC => Key::from_sec1(info.private_key, info.algorithm.parameters_oid().ok()),
            ED25519 => {
                let seed = OctetStringRef::from_der(info.private_key)
                    .ok()
                    .and_then(|seed| seed.as_bytes().try_into().ok());
                seed.map(|seed| Key::Ed25519(ed25519_dalek::SigningKey::from_bytes(seed)))
                    .ok_or_else(|| "x509: invalid Ed25519 private key".to_owned())
            }
            oid => Err(format!("x509: PKCS#8 wrapping contained private key with unknown algorithm: {oid}")),
        }
    }

    fn from_sec1(bytes: &[u8], curve: Option<ObjectIdentifier>) -> Result<Key, String> {
        let key = EcPrivateKey::from_der(bytes)
            .map_err(|error| format!("x509: failed to parse EC private key: {error}"))?;
        let curve = curve.or_else(|| key.parameters.and_then(EcParameters::named_curve));
        let invalid = |_| "x509: invalid elliptic curve private key value".to_owned();
        match curve {
            Some(P256) => {
                p256::ecdsa::SigningKey::from_slice(key.private_key).map(Key::P256).map_err(invalid)
            }
            Some(P384) => {
                p384::ecdsa::SigningKey::from_slice(key.private_key).map(Key::P384).map_err(invalid)
            }
            Some(P521) => {
                p521::ecdsa::SigningKey::from_slice(key.private_key).map(Key::P521).map_err(invalid)
            }
            _ => Err("x509: unknown elliptic curve".to_owned()),
        }
    }

    /// The key as PEM.
    pub(in super::super) fn to_pem(&self) -> Result<String, String> {
        let fault = |error: &dyn std::fmt::Display| error.to_string();
        let sec1 = |curve, private: &[u8], public: &[u8]| {
            let key = EcPrivateKey {
                private_key: private,
                parameters: Some(EcParameters::NamedCurve(curve)),
                public_key: Some(public),
            };
            key.to_der().map(|bytes| pem::encode("EC PRIVATE KEY", &bytes)).map_err(|error| error.to_string())
        };
        match self {
            Key::Rsa(key) => {
                let bytes = key.to_pkcs1_der().map_err(|error| fault(&error))?;
                Ok(pem::encode("RSA PRIVATE KEY", bytes.as_bytes()))
            }
            Key::P256(key) => {
                sec1(P256, &key.to_bytes(), key.verifying_key().to_encoded_point(false).as_bytes())
            }
            Key::P384(key) => {
                sec1(P384, &key.to_bytes(), key.verifying_key().to_encoded_point(false).as_bytes())
            }
            Key::P521(key) => sec1(P521, &key.to_bytes(), &p521_point(key)),
            Key::Ed25519(key) => {
                let seed = OctetStringRef::new(key.as_bytes())
                    .and_then(|seed| seed.to_der())
                    .map_err(|error| fault(&error))?;
                let algorithm = rsa::pkcs8::AlgorithmIdentifierRef { oid: ED25519, parameters: None };
                let bytes = PrivateKeyInfo::new(algorithm, &seed).to_der().map_err(|error| fault(&error))?;
                Ok(pem::encode("PRIVATE KEY", &bytes))
            }
            Key::Dsa(bytes) => Ok(pem::encode("DSA PRIVATE KEY", bytes)),
        }
    }

    /// The public key as certificates hold it.
    pub(super) fn public(&self) -> Result<SubjectPublicKeyInfoOwned, String> {
        let curve = |curve: ObjectIdentifier, point: &[u8]| -> Result<_, x509_cert::der::Error> {
            let algorithm = AlgorithmIdentifierOwned { oid: EC, parameters: Some(Any::from(curve)) };
            Ok(SubjectPublicKeyInfoOwned { algorithm, subject_public_key: BitString::from_bytes(point)? })
        };
        let info = match self {
            Key::Rsa(key) => {
                let (n, e) = (key.n().to_bytes_be(), key.e().to_bytes_be());
                UintRef::new(&n).and_then(|modulus| {
                    let public = rsa::pkcs1::RsaPublicKey { modulus, public_exponent: UintRef::new(&e)? };
                    let algorithm = AlgorithmIdentifierOwned { oid: RSA, parameters: Some(Any::from(Null)) };
                    Ok(SubjectPublicKeyInfoOwned {
                        algorithm,
                        subject_public_key: BitString::from_bytes(&public.to_der()?)?,
                    })
                })
            }
            Key::P256(key) => curve(P256, key.verifying_key().to_encoded_point(false).as_bytes()),
            Key::P384(key) => curve(P384, key.verifying_key().to_encoded_point(false).as_bytes()),
            Key::P521(key) => curve(P521, &p521_point(key)),
            Key::Ed25519(key) => {
                BitString::from_bytes(key.verifying_key().as_bytes()).map(|subject_public_key| {
                    let algorithm = AlgorithmIdentifierOwned { oid: ED25519, parameters: None };
                    SubjectPublicKeyInfoOwned { algorithm, subject_public_key }
                })
            }
            Key::Dsa(_) => return Err("x509: unsupported public key type: *dsa.PublicKey".to_owned()),
        };
        info.map_err(|error| error.to_string())
    }

    /// The algorithm that this key signs certificates with.
    pub(super) fn signature_algorithm(&self) -> Result<AlgorithmIdentifierOwned, String> {
        let (oid, parameters) = match self {
            Key::Rsa(_) => (SHA256_WITH_RSA, Some(Any::from(Null))),
            Key::P256(_) => (ECDSA_WITH_SHA256, None),
            Key::P384(_) => (ECDSA_WITH_SHA384, None),
            Key::P521(_) => (ECDSA_WITH_SHA512, None),
            Key::Ed25519(_) => (ED25519, None),
            Key::Dsa(_) => {
                return Err("x509: certificate private key does not implement crypto.Signer".to_owned());
            }
        };
        Ok(AlgorithmIdentifierOwned { oid, parameters })
    }

    /// Signs with that algorithm.
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, String> {
        use p256::ecdsa::signature::{RandomizedSigner, Signer};
        let failed = |error: p256::ecdsa::Error| error.to_string();
        match self {
            Key::Rsa(key) => key
                .sign_with_rng(&mut Random, Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(message))
                .map_err(|error| error.to_string()),
            Key::P256(key) => {
                let signature: p256::ecdsa::DerSignature = key.try_sign(message).map_err(failed)?;
                Ok(signature.as_bytes().to_vec())
            }
            Key::P384(key) => {
                let signature: p384::ecdsa::Signature = key.try_sign(message).map_err(failed)?;
                Ok(signature.to_der().as_bytes().to_vec())
            }
            Key::P521(key) => {
                let signature: p521::ecdsa::Signature =
                    key.try_sign_with_rng(&mut Random, message).map_err(failed)?;
                Ok(signature.to_der().as_bytes().to_vec())
            }
            Key::Ed25519(key) => Ok(key.sign(message).to_bytes().to_vec()),
            Key::Dsa(_) => self.signature_algorithm().map(|_| Vec::new()),
        }
    }
}

fn p521_point(key: &p521::ecdsa::SigningKey) -> Vec<u8> {
    p521::ecdsa::VerifyingKey::from(key).to_encoded_point(false).as_bytes().to_vec()
}

fn generate_dsa() -> Result<Vec<u8>, x509_cert::der::Error> {
    let components = dsa::Components::generate(&mut Random, dsa::KeySize::DSA_2048_256);
    let key = dsa::SigningKey::generate(&mut Random, components);
    let public = key.verifying_key();
    let components = public.components();
    // Version, p, q, g, y, x, as OpenSSL writes them.
    let numbers = [components.p(), components.q(), components.g(), public.y(), key.x()];
    let numbers = numbers.map(BigUint::to_bytes_be);
    std::iter::once([0].as_slice())
        .chain(numbers.iter().map(Vec::as_slice))
        .map(UintRef::new)
        .collect::<Result<Vec<_>, _>>()?
        .to_der()
}
