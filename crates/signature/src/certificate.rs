//! Certificates (RFC 5280), as far as signatures need them.

use jiff::Timestamp;
use x509_cert::Certificate as X509;
use x509_cert::der::asn1::{ObjectIdentifier, OctetString, Utf8StringRef};
use x509_cert::der::oid::AssociatedOid;
use x509_cert::der::{Decode, Encode};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAltName};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;

use crate::key::{Hash, Scheme};
use crate::oids::{ECDSA_SHA256, ECDSA_SHA384, ECDSA_SHA512, ED25519, RSA_SHA256, RSA_SHA384, RSA_SHA512};
use crate::{Error, PublicKey, pem};

/// Extension with the proofs of logs that they know the certificate.
const SCT_LIST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.11129.2.4.2");

/// A certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Certificate {
    x509: X509,
    der: Vec<u8>,
}

impl Certificate {
    pub(crate) fn from_der(der: &[u8]) -> Result<Self, Error> {
        let x509 = X509::from_der(der)
            .map_err(|error| Error::new(format!("a certificate cannot be read: {error}")))?;
        Ok(Self { x509, der: der.to_owned() })
    }

    /// All certificates of a PEM text.
    pub(crate) fn all_from_pem(text: &[u8]) -> Result<Vec<Self>, Error> {
        let text = std::str::from_utf8(text).map_err(|_| Error::new("the certificate is no text"))?;
        let blocks = pem::blocks(text)?;
        let certificates = blocks.iter().filter(|block| block.label == "CERTIFICATE");
        certificates.map(|block| Self::from_der(&block.data)).collect()
    }

    pub(crate) fn der(&self) -> &[u8] {
        &self.der
    }

    pub(crate) fn key(&self) -> Result<PublicKey, Error> {
        PublicKey::from_info(&self.x509.tbs_certificate.subject_public_key_info)
    }

    /// The subject, as its attributes: `CN=…`.
    pub(crate) fn subject(&self) -> String {
        self.x509.tbs_certificate.subject.to_string()
    }

    /// Whether an issuer gave it that number.
    pub(crate) fn is_named(&self, issuer: &Name, serial_number: &SerialNumber) -> bool {
        let tbs = &self.x509.tbs_certificate;
        tbs.issuer == *issuer && tbs.serial_number == *serial_number
    }

    /// Whether it is of that time.
    pub(crate) fn check_time(&self, at: Timestamp) -> Result<(), Error> {
        let validity = &self.x509.tbs_certificate.validity;
        let seconds = |time: &x509_cert::time::Time| {
            i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX)
        };
        let (second, end) = (at.as_second(), seconds(&validity.not_after));
        let is_over = second > end || second == end && at.subsec_nanosecond() > 0;
        if second < seconds(&validity.not_before) || is_over {
            let (from, to) = (validity.not_before, validity.not_after);
            return Err(Error::new(format!(
                "certificate '{}' is not valid at {at}, but from {from} to {to}",
                self.subject()
            )));
        }
        Ok(())
    }

    /// Whether `issuer` made it.
    pub(crate) fn check_issuer(&self, issuer: &Self) -> Result<(), Error> {
        let failed = |why: &str| {
            Err(Error::new(format!(
                "certificate '{}' was not issued by '{}': {why}",
                self.subject(),
                issuer.subject()
            )))
        };
        if self.x509.tbs_certificate.issuer != issuer.x509.tbs_certificate.subject {
            return failed("the names differ");
        }
        if !issuer.is_ca() {
            return failed("that one is no authority");
        }
        let hash = match self.x509.signature_algorithm.oid {
            ECDSA_SHA256 | RSA_SHA256 | ED25519 => Hash::Sha256,
            ECDSA_SHA384 | RSA_SHA384 => Hash::Sha384,
            ECDSA_SHA512 | RSA_SHA512 => Hash::Sha512,
            _ => return failed("the algorithm of the signature is not known"),
        };
        let signed = self.x509.tbs_certificate.to_der().map_err(Error::new)?;
        let signature = self.x509.signature.as_bytes().unwrap_or_default();
        match issuer.key()?.verify(&signed, signature, hash, Scheme::Usual) {
            Ok(()) => Ok(()),
            Err(_) => failed("the signature is bad"),
        }
    }

    /// The content of an extension.
    pub(crate) fn extension(&self, oid: ObjectIdentifier) -> Option<&[u8]> {
        let extensions = self.x509.tbs_certificate.extensions.as_ref()?;
        extensions
            .iter()
            .find(|extension| extension.extn_id == oid)
            .map(|extension| extension.extn_value.as_bytes())
    }

    /// An extension that holds a text as DER.
    pub(crate) fn text(&self, oid: ObjectIdentifier) -> Option<String> {
        let text = Utf8StringRef::from_der(self.extension(oid)?).ok()?;
        Some(text.as_str().to_owned())
    }

    fn decoded<'a, T: Decode<'a> + AssociatedOid>(&'a self) -> Option<T> {
        T::from_der(self.extension(T::OID)?).ok()
    }

    /// Whether it may issue others.
    pub(crate) fn is_ca(&self) -> bool {
        self.decoded::<BasicConstraints>().is_some_and(|constraints| constraints.ca)
    }

    /// Whether it may sign, as far as it says what it may.
    pub(crate) fn may_sign(&self) -> bool {
        self.decoded::<KeyUsage>().is_none_or(|usage| usage.digital_signature())
    }

    /// Whether it is for a purpose; None if it does not say for which it is.
    pub(crate) fn is_for(&self, purpose: ObjectIdentifier) -> Option<bool> {
        self.decoded::<ExtendedKeyUsage>().map(|usage| usage.0.contains(&purpose))
    }

    /// Whether it says that it may sign.
    pub(crate) fn says_it_may_sign(&self) -> bool {
        self.decoded::<KeyUsage>().is_some_and(|usage| usage.digital_signature())
    }

    /// Whether it is for one purpose and no other, and says so to all who don't know extensions.
    pub(crate) fn is_only_for(&self, purpose: ObjectIdentifier) -> bool {
        let extensions = self.x509.tbs_certificate.extensions.as_deref().unwrap_or_default();
        let is_critical = extensions
            .iter()
            .any(|extension| extension.extn_id == ExtendedKeyUsage::OID && extension.critical);
        is_critical && self.decoded::<ExtendedKeyUsage>().is_some_and(|usage| usage.0 == [purpose])
    }

    /// Whether it may issue certificates, with so many authorities below it.
    pub(crate) fn may_issue(&self, authorities: usize) -> bool {
        let constraints = self.decoded::<BasicConstraints>();
        let reaches = |constraints: BasicConstraints| {
            constraints.ca
                && constraints.path_len_constraint.is_none_or(|most| authorities <= usize::from(most))
        };
        constraints.is_some_and(reaches)
            && self.decoded::<KeyUsage>().is_some_and(|usage| usage.key_cert_sign())
    }

    /// Whether what it issues may be for a purpose, as far as it says what for.
    pub(crate) fn may_issue_for(&self, purpose: ObjectIdentifier) -> bool {
        const ANY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37.0");
        let allows = |usage: ExtendedKeyUsage| usage.0.contains(&purpose) || usage.0.contains(&ANY);
        self.decoded::<ExtendedKeyUsage>().is_none_or(allows)
    }

    /// An extension that is critical and not understood, if there is one.
    pub(crate) fn unknown_critical(&self) -> Option<ObjectIdentifier> {
        const KNOWN: [ObjectIdentifier; 4] =
            [BasicConstraints::OID, KeyUsage::OID, ExtendedKeyUsage::OID, SubjectAltName::OID];
        let extensions = self.x509.tbs_certificate.extensions.as_deref().unwrap_or_default();
        let unknown = extensions.iter().find(|one| one.critical && !KNOWN.contains(&one.extn_id));
        unknown.map(|extension| extension.extn_id)
    }

    /// Whether it says where to ask whether it was revoked.
    pub(crate) fn names_revocation(&self) -> bool {
        const AUTHORITY_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.1.1");
        const CRL_POINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.31");
        self.extension(AUTHORITY_INFO).is_some() || self.extension(CRL_POINTS).is_some()
    }

    /// The names that it is for, mail addresses and URIs.
    pub(crate) fn names(&self) -> Vec<String> {
        /// The name of a user where mail addresses don't fit.
        const OTHER: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1.7");
        let Some(SubjectAltName(names)) = self.decoded::<SubjectAltName>() else { return Vec::new() };
        let names = names.into_iter().filter_map(|name| match name {
            GeneralName::Rfc822Name(name) => Some(name.as_str().to_owned()),
            GeneralName::UniformResourceIdentifier(name) => Some(name.as_str().to_owned()),
            GeneralName::OtherName(other) if other.type_id == OTHER => {
                other.value.decode_as::<Utf8StringRef<'_>>().ok().map(|text| text.as_str().to_owned())
            }
            _ => None,
        });
        names.collect()
    }

    /// The proofs that logs know the certificate, as a TLS structure (RFC 6962, section 3.3).
    pub(crate) fn sct_list(&self) -> Option<Vec<u8>> {
        let list = OctetString::from_der(self.extension(SCT_LIST)?).ok()?;
        Some(list.as_bytes().to_owned())
    }

    /// What logs signed: the certificate without their proofs.
    pub(crate) fn precertificate(&self) -> Result<Vec<u8>, Error> {
        let mut tbs = self.x509.tbs_certificate.clone();
        if let Some(extensions) = &mut tbs.extensions {
            extensions.retain(|extension| extension.extn_id != SCT_LIST);
        }
        tbs.to_der().map_err(Error::new)
    }
}

/// Checks that each certificate of a chain was issued by the next, and one of them is trusted or the last was issued by
/// one that is, at a time.
pub(crate) fn check_chain(chain: &[Certificate], roots: &[Certificate], at: Timestamp) -> Result<(), Error> {
    for certificate in chain {
        certificate.check_time(at)?;
    }
    for pair in chain.windows(2) {
        if let [certificate, issuer] = pair {
            certificate.check_issuer(issuer)?;
        }
    }
    let last = chain.last().ok_or_else(|| Error::new("there is no certificate"))?;
    let is_trusted = |root: &Certificate| {
        chain.contains(root) || last.check_issuer(root).is_ok() && root.check_time(at).is_ok()
    };
    if roots.iter().any(is_trusted) {
        return Ok(());
    }
    Err(Error::new(format!("certificate '{}' was not issued by a trusted authority", last.subject())))
}
