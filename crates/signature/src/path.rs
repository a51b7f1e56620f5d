//! Ways from a certificate to an authority that is trusted (RFC 5280, section 6).

use jiff::Timestamp;
use x509_cert::der::asn1::ObjectIdentifier;

use crate::Error;
use crate::certificate::Certificate;

/// Longest chain of certificates.
const MAX_CHAIN: usize = 8;

/// The certificates from this one to one of the roots, all of them valid at a time.
///
/// Every certificate is looked at once, so that many with the same names cost little.
pub(crate) fn find(
    certificate: &Certificate,
    others: &[&Certificate],
    roots: &[Certificate],
    at: Timestamp,
) -> Option<Vec<Certificate>> {
    certificate.check_time(at).ok()?;
    let mut paths = vec![vec![certificate]];
    let mut seen = vec![certificate];
    let mut next = 0;
    while let Some(path) = paths.get(next).cloned() {
        next += 1;
        let Some(last) = path.last() else { continue };
        let issued =
            |issuer: &Certificate| last.check_issuer(issuer).is_ok() && issuer.check_time(at).is_ok();
        let whole = |end: Option<&Certificate>| Some(path.iter().copied().chain(end).cloned().collect());
        if roots.contains(last) {
            return whole(None);
        }
        if let Some(root) = roots.iter().find(|root| issued(root)) {
            return whole(Some(root));
        }
        if path.len() >= MAX_CHAIN {
            continue;
        }
        for issuer in others.iter().copied().filter(|other| issued(other)) {
            if !seen.contains(&issuer) {
                seen.push(issuer);
                paths.push(path.iter().copied().chain([issuer]).collect());
            }
        }
    }
    None
}

/// Checks that all but the first of a path may issue certificates for a purpose, and that nothing in any of them is
/// critical and not understood.
pub(crate) fn check_authorities(path: &[Certificate], purpose: ObjectIdentifier) -> Result<(), Error> {
    let refuse = |certificate: &Certificate, why: &str| {
        Err(Error::new(format!("certificate '{}' {why}", certificate.subject())))
    };
    for (index, certificate) in path.iter().enumerate() {
        if let Some(extension) = certificate.unknown_critical() {
            return refuse(
                certificate,
                &format!("has the critical extension {extension}, which is not understood"),
            );
        }
        // Between the first and this one there are so many that issue.
        let Some(between) = index.checked_sub(1) else { continue };
        if !certificate.may_issue(between) || !certificate.may_issue_for(purpose) {
            return refuse(certificate, "is not one for this chain of certificates");
        }
    }
    Ok(())
}
