//! Certificates, RFC 5280, with the choices that Go makes.

use std::net::IpAddr;

use rand::RngCore;
use sha2::{Digest, Sha256};
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::der::asn1::{BitString, GeneralizedTime, Ia5String, OctetString, SetOfVec, UtcTime};
use x509_cert::der::flagset::FlagSet;
use x509_cert::der::oid::AssociatedOid;
use x509_cert::der::oid::db::rfc4519::CN;
use x509_cert::der::oid::db::rfc5280::{ID_KP_CLIENT_AUTH, ID_KP_SERVER_AUTH};
use x509_cert::der::{Any, DateTime, Decode, Encode, Tag};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectAltName,
    SubjectKeyIdentifier,
};
use x509_cert::name::{Name, RdnSequence, RelativeDistinguishedName};
use x509_cert::serial_number::SerialNumber;
use x509_cert::time::{Time, Validity};
use x509_cert::{Certificate, TbsCertificate, Version};

use super::{Key, pem};
use crate::gotime::{Civil, Time as Instant};

type Result<T> = std::result::Result<T, String>;

/// What a certificate is to say.
pub(in super::super) struct Request {
    pub(in super::super) common_name: Vec<u8>,
    pub(in super::super) addresses: Vec<IpAddr>,
    pub(in super::super) names: Vec<Vec<u8>>,
    pub(in super::super) not_before: Instant,
    pub(in super::super) not_after: Instant,
    /// Whether it may sign others.
    pub(in super::super) is_ca: bool,
}

/// Who signs.
pub(in super::super) enum Issuer<'a> {
    /// The certificate's own key.
    Itself,
    /// Another certificate with its key.
    Other(&'a Certificate, &'a Key),
}

/// Reads a certificate.
pub(in super::super) fn parse_certificate(bytes: &[u8]) -> Result<Certificate> {
    Certificate::from_der(bytes).map_err(|error| format!("x509: malformed certificate: {error}"))
}

impl Request {
    /// The certificate for a key, as PEM.
    pub(in super::super) fn issue(&self, key: &Key, issuer: &Issuer<'_>) -> Result<String> {
        let signer = match issuer {
            Issuer::Itself => key,
            Issuer::Other(_, signer) => signer,
        };
        let algorithm = signer.signature_algorithm()?;
        let public = key.public()?;
        let subject = self.subject()?;
        let (issuer_name, authority) = match issuer {
            Issuer::Itself => (subject.clone(), None),
            Issuer::Other(certificate, signer) => {
                if signer.public()? != certificate.tbs_certificate.subject_public_key_info {
                    return Err("x509: provided PrivateKey doesn't match parent's PublicKey".to_owned());
                }
                let name = certificate.tbs_certificate.subject.clone();
                let authority = if name == subject { None } else { key_identifier(certificate) };
                (name, authority)
            }
        };
        let mut extensions = vec![
            extension(&KeyUsage(self.usages()), true)?,
            extension(&ExtendedKeyUsage(vec![ID_KP_SERVER_AUTH, ID_KP_CLIENT_AUTH]), false)?,
            extension(&BasicConstraints { ca: self.is_ca, path_len_constraint: None }, true)?,
        ];
        if self.is_ca {
            // As RFC 7093 has it: the first 160 bits of the key's SHA-256.
            let digest = Sha256::digest(public.subject_public_key.raw_bytes());
            let identifier = octets(digest.get(..20).unwrap_or_default())?;
            extensions.push(extension(&SubjectKeyIdentifier(identifier), false)?);
        }
        if let Some(identifier) = authority {
            let identifier =
                AuthorityKeyIdentifier { key_identifier: Some(identifier), ..Default::default() };
            extensions.push(extension(&identifier, false)?);
        }
        let names = self.alternative_names()?;
        if !names.is_empty() {
            extensions.push(extension(&SubjectAltName(names), subject.0.is_empty())?);
        }
        let tbs_certificate = TbsCertificate {
            version: Version::V3,
            serial_number: serial_number()?,
            signature: algorithm.clone(),
            issuer: issuer_name,
            validity: Validity { not_before: time(&self.not_before)?, not_after: time(&self.not_after)? },
            subject,
            subject_public_key_info: public,
            issuer_unique_id: None,
            subject_unique_id: None,
            extensions: Some(extensions),
        };
        let signature = signer.sign(&tbs_certificate.to_der().map_err(text)?)?;
        let signature = BitString::from_bytes(&signature).map_err(text)?;
        let certificate = Certificate { tbs_certificate, signature_algorithm: algorithm, signature };
        Ok(pem::encode("CERTIFICATE", &certificate.to_der().map_err(text)?))
    }

    fn usages(&self) -> FlagSet<KeyUsages> {
        let usages = KeyUsages::DigitalSignature | KeyUsages::KeyEncipherment;
        if self.is_ca { usages | KeyUsages::KeyCertSign } else { usages }
    }

    fn subject(&self) -> Result<Name> {
        if self.common_name.is_empty() {
            return Ok(RdnSequence::default());
        }
        let printable = self
            .common_name
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"'() +,-./:=?".contains(byte));
        let tag = if printable { Tag::PrintableString } else { Tag::Utf8String };
        if std::str::from_utf8(&self.common_name).is_err() {
            return Err("asn1: string not valid UTF-8".to_owned());
        }
        let value = Any::new(tag, self.common_name.as_slice()).map_err(text)?;
        let attribute = AttributeTypeAndValue { oid: CN, value };
        let attributes = SetOfVec::try_from(vec![attribute]).map_err(text)?;
        Ok(RdnSequence(vec![RelativeDistinguishedName(attributes)]))
    }

    fn alternative_names(&self) -> Result<Vec<GeneralName>> {
        let names = self.names.iter().map(|name| {
            let plain = std::str::from_utf8(name).ok().and_then(|name| Ia5String::new(name).ok());
            plain.map(GeneralName::DnsName).ok_or_else(|| {
                format!("x509: {} cannot be encoded as an IA5String", crate::quote::quote(name))
            })
        });
        let addresses = self.addresses.iter().map(|address| {
            Ok(GeneralName::IpAddress(match address.to_canonical() {
                IpAddr::V4(address) => octets(&address.octets())?,
                IpAddr::V6(address) => octets(&address.octets())?,
            }))
        });
        names.chain(addresses).collect()
    }
}

fn text(error: x509_cert::der::Error) -> String {
    error.to_string()
}

fn octets(bytes: &[u8]) -> Result<OctetString> {
    OctetString::new(bytes).map_err(text)
}

fn extension<E: Encode + AssociatedOid>(content: &E, critical: bool) -> Result<Extension> {
    let extn_value = octets(&content.to_der().map_err(text)?)?;
    Ok(Extension { extn_id: E::OID, critical, extn_value })
}

/// The identifier of a certificate's key, if it has one.
fn key_identifier(certificate: &Certificate) -> Option<OctetString> {
    match certificate.tbs_certificate.get::<SubjectKeyIdentifier>() {
        Ok(Some((_, identifier))) => Some(identifier.0),
        _ => None,
    }
}

/// 128 random bits.
fn serial_number() -> Result<SerialNumber> {
    let mut bytes = [0; 17];
    // The first byte stays zero: serial numbers are positive.
    rand::rng().fill_bytes(bytes.get_mut(1..).unwrap_or_default());
    SerialNumber::new(&bytes).map_err(text)
}

/// A time in the form that its year asks for.
fn time(instant: &Instant) -> Result<Time> {
    let Civil { year, month, day, hour, minute, second } = instant.within(crate::gotime::Zone::Utc).civil();
    let out_of_range = || "asn1: structure error: cannot represent time as GeneralizedTime".to_owned();
    let part = |value: i64| u8::try_from(value).map_err(|_| out_of_range());
    let year = u16::try_from(year).map_err(|_| out_of_range())?;
    let date = DateTime::new(year, part(month)?, part(day)?, part(hour)?, part(minute)?, part(second)?)
        .map_err(|_| out_of_range())?;
    Ok(match UtcTime::from_date_time(date) {
        Ok(time) => Time::UtcTime(time),
        Err(_) => Time::GeneralTime(GeneralizedTime::from_date_time(date)),
    })
}
