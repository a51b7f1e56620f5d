//! Who signed a token, and whether that counts.

use cms::cert::IssuerAndSerialNumber;
use cms::signed_data::{SignerIdentifier, SignerInfo};
use der::asn1::{Any, ObjectIdentifier, OctetString};
use der::{Decode, Encode, Sequence, Tag, Tagged as _};
use jiff::Timestamp;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::AlgorithmIdentifierOwned;
use x509_cert::time::Time;

use super::bad;
use crate::certificate::Certificate;
use crate::key::{Hash, Kind, Scheme};
use crate::{Error, oids, path};

/// Which certificate the signer vouches to have signed with (RFC 5035).
#[derive(Clone, Debug, Eq, PartialEq, Sequence)]
struct SigningCertificate {
    certificates: Vec<CertificateId>,
    #[asn1(optional = "true")]
    policies: Option<Any>,
}

#[derive(Clone, Debug, Eq, PartialEq, Sequence)]
struct CertificateId {
    /// SHA-256 if there is none.
    #[asn1(optional = "true")]
    hash_algorithm: Option<AlgorithmIdentifierOwned>,
    hash: OctetString,
    #[asn1(optional = "true")]
    issuer_serial: Option<IssuerSerial>,
}

#[derive(Clone, Debug, Eq, PartialEq, Sequence)]
struct IssuerSerial {
    issuer: Vec<GeneralName>,
    serial_number: SerialNumber,
}

/// The only value of the only attribute of a type, or none.
fn attribute(signer: &SignerInfo, oid: ObjectIdentifier) -> Result<Option<&Any>, Error> {
    let attributes = signer.signed_attrs.as_ref().ok_or_else(|| bad("it has no signed attributes"))?;
    let found: Vec<_> = attributes.iter().filter(|attribute| attribute.oid == oid).collect();
    match &found[..] {
        [] => Ok(None),
        [attribute] => match attribute.values.as_slice() {
            [value] => Ok(Some(value)),
            _ => Err(bad(format!("its signed attribute {oid} does not have one value"))),
        },
        _ => Err(bad(format!("its signed attribute {oid} is there more than once"))),
    }
}

fn required(signer: &SignerInfo, oid: ObjectIdentifier) -> Result<&Any, Error> {
    attribute(signer, oid)?.ok_or_else(|| bad(format!("its signed attribute {oid} is missing")))
}

/// The certificate of the signer: what is signed says which it is, and so does what is not.
pub(super) fn certificate<'a>(
    signer: &SignerInfo,
    known: &[&'a Certificate],
) -> Result<&'a Certificate, Error> {
    let attribute: SigningCertificate =
        required(signer, oids::SIGNING_CERTIFICATE_V2)?.decode_as().map_err(bad)?;
    let id = attribute.certificates.first().ok_or_else(|| bad("it names no certificate of its signer"))?;
    let hash = match &id.hash_algorithm {
        None => Hash::Sha256,
        Some(algorithm) => {
            let oid = algorithm.oid;
            Hash::of_oid(oid).ok_or_else(|| bad(format!("the hash {oid} is not supported")))?
        }
    };
    let certificate = known.iter().find(|certificate| hash.of(certificate.der()) == id.hash.as_bytes());
    let certificate = certificate.ok_or_else(|| {
        Error::new("the token of the time-stamping authority comes without the certificate of its signer")
    })?;
    let SignerIdentifier::IssuerAndSerialNumber(IssuerAndSerialNumber { issuer, serial_number }) =
        &signer.sid
    else {
        return Err(bad("the signer is not named by issuer and serial number"));
    };
    let mut is_named = certificate.is_named(issuer, serial_number);
    if let Some(IssuerSerial { issuer, serial_number }) = &id.issuer_serial {
        let [GeneralName::DirectoryName(issuer)] = &issuer[..] else {
            return Err(bad("the issuer of its signer's certificate has no name"));
        };
        is_named = is_named && certificate.is_named(issuer, serial_number);
    }
    if is_named { Ok(certificate) } else { Err(bad("it names two certificates as that of its signer")) }
}

/// Checks that the certificate's key signed the content, as a time stamp.
pub(super) fn check(signer: &SignerInfo, content: &[u8], certificate: &Certificate) -> Result<(), Error> {
    let content_type: ObjectIdentifier = required(signer, oids::CONTENT_TYPE)?.decode_as().map_err(bad)?;
    if content_type != oids::TIME_STAMP_INFO {
        return Err(bad(format!("what was signed is of type {content_type} and no time stamp")));
    }
    let algorithm = signer.digest_alg.oid;
    let hash =
        Hash::of_oid(algorithm).ok_or_else(|| bad(format!("the hash {algorithm} is not supported")))?;
    let digest: OctetString = required(signer, oids::MESSAGE_DIGEST)?.decode_as().map_err(bad)?;
    let invalid = || Error::new("the signature of the time-stamping authority's token is invalid");
    if digest.as_bytes() != hash.of(content) {
        return Err(invalid());
    }
    // The set itself is signed, not the implicitly tagged field that it stands in (RFC 5652, section 5.4).
    let message =
        signer.signed_attrs.as_ref().map(Encode::to_der).transpose().map_err(bad)?.unwrap_or_default();
    let key = certificate.key()?;
    let scheme = scheme(signer.signature_algorithm.oid, key.kind(), hash)?;
    key.verify(&message, signer.signature.as_bytes(), hash, scheme).map_err(|_| invalid())
}

/// How a signature of that algorithm is made, with that key and hash.
fn scheme(algorithm: ObjectIdentifier, key: Kind, hash: Hash) -> Result<Scheme, Error> {
    let (scheme, of_rsa, of_hash) = match algorithm {
        oids::RSA => (Scheme::Usual, true, hash),
        oids::RSA_PSS => (Scheme::Pss, true, hash),
        oids::RSA_SHA256 => (Scheme::Usual, true, Hash::Sha256),
        oids::RSA_SHA384 => (Scheme::Usual, true, Hash::Sha384),
        oids::RSA_SHA512 => (Scheme::Usual, true, Hash::Sha512),
        oids::ECDSA_SHA256 => (Scheme::Usual, false, Hash::Sha256),
        oids::ECDSA_SHA384 => (Scheme::Usual, false, Hash::Sha384),
        oids::ECDSA_SHA512 => (Scheme::Usual, false, Hash::Sha512),
        other => return Err(bad(format!("the signature algorithm {other} is not supported"))),
    };
    let fits = match key {
        Kind::Rsa { .. } => of_rsa,
        Kind::P256 | Kind::P384 | Kind::P521 => !of_rsa,
        Kind::Ed25519 => false,
    };
    if fits && hash == of_hash {
        return Ok(scheme);
    }
    Err(bad(format!("the signature algorithm {algorithm} does not go with the key, {key}, and the hash")))
}

/// When it was signed, if the signer says so beside the time stamp itself.
pub(super) fn signing_time(signer: &SignerInfo) -> Result<Option<Timestamp>, Error> {
    let Some(value) = attribute(signer, oids::SIGNING_TIME)? else { return Ok(None) };
    if !matches!(value.tag(), Tag::UtcTime | Tag::GeneralizedTime) {
        return Err(bad("its signing time is not a time"));
    }
    let time = Time::from_der(&value.to_der().map_err(bad)?).map_err(bad)?;
    let seconds = i64::try_from(time.to_unix_duration().as_secs()).map_err(bad)?;
    Timestamp::from_second(seconds).map(Some).map_err(bad)
}

/// The certificates from the signer's to an authority that is trusted, all of them valid at a time.
pub(super) fn path(
    certificate: &Certificate,
    others: &[&Certificate],
    roots: &[Certificate],
    at: Timestamp,
) -> Result<Vec<Certificate>, Error> {
    certificate.check_time(at)?;
    path::find(certificate, others, roots, at).ok_or_else(|| {
        Error::new(format!(
            "the time-stamping authority '{}' was not certified by an authority that is trusted",
            certificate.subject()
        ))
    })
}

/// Checks that the first may stamp, and the others may issue certificates.
pub(super) fn check_purpose(chain: &[Certificate]) -> Result<(), Error> {
    for (index, certificate) in chain.iter().enumerate() {
        let fits = match index {
            0 => {
                certificate.is_only_for(oids::TIME_STAMPING)
                    && !certificate.is_ca()
                    && certificate.says_it_may_sign()
            }
            // Between the first and this one there are so many that issue.
            _ => certificate.may_issue(index - 1),
        };
        if !fits {
            let purpose = if index == 0 { "time stamps" } else { "this chain of certificates" };
            return Err(Error::new(format!(
                "certificate '{}' is not one for {purpose}",
                certificate.subject()
            )));
        }
    }
    Ok(())
}
