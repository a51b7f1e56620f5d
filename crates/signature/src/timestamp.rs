//! Tokens of time-stamping authorities (RFC 3161, RFC 5816): who vouches that something was there at a time.
//!
//! A token is a CMS `SignedData` (RFC 5652) in DER, or in BER as far as lengths go.

mod bounds;
mod info;
mod response;
mod signer;

use cms::cert::CertificateChoices;
use cms::content_info::{CmsVersion, ContentInfo};
use cms::signed_data::{SignedData, SignerInfo};
use der::asn1::OctetString;
use der::{Decode, Encode};
use jiff::Timestamp;

use self::info::TstInfo;
pub(crate) use self::response::token_of;
use crate::Error;
use crate::certificate::Certificate;
use crate::oids::{SIGNED_DATA, TIME_STAMP_INFO};

/// Largest token in bytes.
const MAX_SIZE: usize = 64 << 10;
/// Most certificates of a token: each costs verifications.
const MAX_CERTIFICATES: usize = 16;

/// What a token says that its authority can be trusted with.
#[derive(Clone, Debug)]
pub(crate) struct Stamp {
    /// The time that it names.
    pub(crate) time: Timestamp,
    /// The earliest time that it may mean.
    pub(crate) from: Timestamp,
    /// The latest time that it may mean.
    pub(crate) to: Timestamp,
    /// The certificates from the signer of the token to an authority that is trusted.
    pub(crate) chain: Vec<Certificate>,
}

fn bad(error: impl std::fmt::Display) -> Error {
    Error::new(format!("the token of the time-stamping authority cannot be read: {error}"))
}

/// Whose tokens count.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trusted<'a> {
    /// The authorities that are trusted.
    pub(crate) roots: &'a [Certificate],
    /// Certificates that tokens need not come with.
    pub(crate) others: &'a [Certificate],
}

/// Checks that a token is of a message, and that one of the authorities vouches for it.
pub(crate) fn verify(token: &[u8], message: &[u8], trusted: Trusted<'_>) -> Result<Stamp, Error> {
    if token.len() > MAX_SIZE {
        return Err(bad(format!("it has more than {MAX_SIZE} bytes")));
    }
    let token = bounds::check(token)?;
    let outer = ContentInfo::from_der(&token).map_err(bad)?;
    if outer.content_type != SIGNED_DATA {
        return Err(bad(format!("it is of type {} and not signed data", outer.content_type)));
    }
    let data: SignedData = outer.content.decode_as().map_err(bad)?;
    let content = content(&data)?;
    let info = TstInfo::from_der(&content).map_err(bad)?;
    info.check(message)?;
    let signer = only_signer(&data)?;
    let certificates = certificates(&data)?;
    let others: Vec<&Certificate> = certificates.iter().chain(trusted.others).collect();
    let known: Vec<&Certificate> = others.iter().copied().chain(trusted.roots).collect();
    let certificate = signer::certificate(signer, &known)?;
    signer::check(signer, &content, certificate)?;
    // Whether the certificates are still valid does not matter: they were when they vouched.
    let time = info.time()?;
    let chain = signer::path(certificate, &others, trusted.roots, time)?;
    signer::check_purpose(&chain)?;
    if let Some(said) = signer::signing_time(signer)? {
        chain.iter().try_for_each(|certificate| certificate.check_time(said))?;
    }
    let accuracy = info.accuracy();
    let from = time.checked_sub(accuracy).map_err(bad)?;
    let to = time.checked_add(accuracy).map_err(bad)?;
    Ok(Stamp { time, from, to, chain })
}

/// What is signed: the bytes of a `TSTInfo`.
fn content(data: &SignedData) -> Result<Vec<u8>, Error> {
    if data.version != CmsVersion::V3 {
        return Err(bad("its version is not 3"));
    }
    let content = &data.encap_content_info;
    if content.econtent_type != TIME_STAMP_INFO {
        return Err(bad(format!("its content is of type {} and no time stamp", content.econtent_type)));
    }
    let content = content.econtent.as_ref().ok_or_else(|| bad("it has no content"))?;
    let content: OctetString = content.decode_as().map_err(bad)?;
    Ok(content.as_bytes().to_vec())
}

/// There is one signature, that of the authority (RFC 3161, section 2.4.2).
fn only_signer(data: &SignedData) -> Result<&SignerInfo, Error> {
    match data.signer_infos.0.as_slice() {
        [signer] if signer.version == CmsVersion::V1 => Ok(signer),
        [_] => Err(bad("the signer is not named by issuer and serial number")),
        all => Err(bad(format!("it has {} signatures and not one", all.len()))),
    }
}

fn certificates(data: &SignedData) -> Result<Vec<Certificate>, Error> {
    let Some(set) = &data.certificates else { return Ok(Vec::new()) };
    if set.0.len() > MAX_CERTIFICATES {
        return Err(bad(format!("it has more than {MAX_CERTIFICATES} certificates")));
    }
    let certificates = set.0.iter().filter_map(|choice| match choice {
        CertificateChoices::Certificate(x509) => Some(x509.to_der().map_err(bad)),
        CertificateChoices::Other(_) => None,
    });
    certificates.map(|der| Certificate::from_der(&der?)).collect()
}
