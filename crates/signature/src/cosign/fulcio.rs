//! Certificates of identities.

use jiff::Timestamp;
use x509_cert::der::asn1::ObjectIdentifier;

use super::root::TrustedRoot;
use crate::certificate::Certificate;
use crate::key::{Hash, Scheme};
use crate::oids::CODE_SIGNING;
use crate::{Error, path};

/// Who told the authority about the identity, as DER.
const ISSUER: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1.8");
/// The same as mere bytes.
const OLD_ISSUER: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1.1");

/// Who told the authority about the identity.
pub(super) fn issuer(certificate: &Certificate) -> Option<String> {
    let old = || String::from_utf8(certificate.extension(OLD_ISSUER)?.to_owned()).ok();
    certificate.text(ISSUER).or_else(old)
}

/// Checks that an authority issued the certificate for signing, that it was valid at those times, and that a log knows
/// it.
pub(super) fn check(certificate: &Certificate, root: &TrustedRoot, times: &[Timestamp]) -> Result<(), Error> {
    if certificate.is_ca() || !certificate.may_sign() || certificate.is_for(CODE_SIGNING) != Some(true) {
        return Err(Error::new("the certificate is not one for signing"));
    }
    let mut issuer = None;
    for at in times {
        certificate.check_time(*at)?;
        issuer = Some(issuer_of(certificate, root, *at)?);
    }
    let issuer = issuer.ok_or_else(|| Error::new("nothing tells when the signature was made"))?;
    check_logged(certificate, &issuer, root)
}

/// The certificate that issued this one, on a way to a root that was trusted at that time.
fn issuer_of(certificate: &Certificate, root: &TrustedRoot, at: Timestamp) -> Result<Certificate, Error> {
    let mut failure = Error::new("the trusted root has no certificate authority of that time");
    for authority in root.authorities.iter().filter(|authority| authority.valid.contains(at)) {
        let others: Vec<&Certificate> = authority.others.iter().collect();
        let unknown = || {
            let subject = certificate.subject();
            Error::new(format!("certificate '{subject}' was not issued by an authority of the trusted root"))
        };
        let found = path::find(certificate, &others, &authority.root, at).ok_or_else(unknown);
        let checked = found.and_then(|found| {
            path::check_authorities(&found, CODE_SIGNING)?;
            found.into_iter().nth(1).ok_or_else(unknown)
        });
        match checked {
            Ok(issuer) => return Ok(issuer),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// Checks that a log that is trusted knows the certificate (RFC 6962, section 3.2).
fn check_logged(certificate: &Certificate, issuer: &Certificate, root: &TrustedRoot) -> Result<(), Error> {
    let missing = || Error::new("the certificate has no proof that a trusted log knows it");
    let list = certificate.sct_list().ok_or_else(missing)?;
    let issuer_key = issuer.key()?.id();
    let signed = certificate.precertificate()?;
    for sct in scts(&list) {
        let Some(log) = root.certificate_logs.iter().find(|log| log.id[..] == sct.log_id[..]) else {
            continue;
        };
        let Ok(at) = Timestamp::from_millisecond(sct.timestamp.try_into().unwrap_or(i64::MAX)) else {
            continue;
        };
        if log.valid.contains(at)
            && log
                .key
                .verify(&sct.signed(&issuer_key, &signed), sct.signature, Hash::Sha256, Scheme::Usual)
                .is_ok()
        {
            return Ok(());
        }
    }
    Err(missing())
}

/// A log's promise to publish a certificate.
struct Sct<'a> {
    log_id: [u8; 32],
    timestamp: u64,
    extensions: &'a [u8],
    signature: &'a [u8],
}

impl Sct<'_> {
    /// What the log signed.
    fn signed(&self, issuer_key: &[u8; 32], precertificate: &[u8]) -> Vec<u8> {
        // Version 1, a certificate's timestamp.
        let mut signed = vec![0, 0];
        signed.extend_from_slice(&self.timestamp.to_be_bytes());
        // A certificate without the proof in it.
        signed.extend_from_slice(&[0, 1]);
        signed.extend_from_slice(issuer_key);
        let length = u32::try_from(precertificate.len()).unwrap_or(u32::MAX).to_be_bytes();
        signed.extend_from_slice(length.get(1..).unwrap_or_default());
        signed.extend_from_slice(precertificate);
        let length = u16::try_from(self.extensions.len()).unwrap_or(u16::MAX);
        signed.extend_from_slice(&length.to_be_bytes());
        signed.extend_from_slice(self.extensions);
        signed
    }
}

/// The proofs of a list; what is malformed is passed over.
fn scts(list: &[u8]) -> Vec<Sct<'_>> {
    let mut found = Vec::new();
    let Some((mut rest, _)) = prefixed(list) else { return found };
    while let Some((item, after)) = prefixed(rest) {
        rest = after;
        found.extend(sct(item));
    }
    found
}

fn sct(bytes: &[u8]) -> Option<Sct<'_>> {
    let (version, rest) = bytes.split_first()?;
    let (log_id, rest) = rest.split_first_chunk::<32>()?;
    let (timestamp, rest) = rest.split_first_chunk::<8>()?;
    let (extensions, rest) = prefixed(rest)?;
    // SHA-256 with ECDSA or RSA.
    let (algorithm, rest) = rest.split_first_chunk::<2>()?;
    let (signature, _) = prefixed(rest)?;
    (*version == 0 && matches!(algorithm, [4, 1 | 3])).then(|| Sct {
        log_id: *log_id,
        timestamp: u64::from_be_bytes(*timestamp),
        extensions,
        signature,
    })
}

/// Bytes with their length in two bytes before them, and what follows.
fn prefixed(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}
