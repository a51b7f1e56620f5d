//! Simple signing: a JSON document that names the image is signed.

use serde::Deserialize;

use super::rekor::{self, Content, Entry, Subject};
use super::{Trust, check_identity, fulcio};
use crate::certificate::Certificate;
use crate::key::{Hash, Scheme};
use crate::{Error, PublicKey, base64};

/// Media type of layers with such documents.
pub const SIMPLE_TYPE: &str = "application/vnd.dev.cosign.simplesigning.v1+json";

/// What the annotations of a layer say about the signature of the document in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Annotations<'a> {
    /// `dev.cosignproject.cosign/signature`
    pub signature: &'a str,
    /// `dev.sigstore.cosign/certificate`
    pub certificate: Option<&'a str>,
    /// `dev.sigstore.cosign/bundle`
    pub bundle: Option<&'a str>,
}

/// Checks that a document names the manifest with this digest, and that somebody who is trusted signed it.
pub fn verify_simple(
    document: &[u8],
    annotations: Annotations<'_>,
    digest: &str,
    trust: &Trust,
) -> Result<(), Error> {
    if annotations.signature.is_empty() {
        return Err(Error::new("the signature is empty"));
    }
    let signature = base64(annotations.signature, "the signature")?;
    match trust {
        Trust::Key(key) => check(key, document, &signature)?,
        Trust::Identities { root, identities } => {
            let missing =
                |what: &str| Error::new(format!("the signature has no {what}: it was made with a key"));
            let certificate = annotations.certificate.ok_or_else(|| missing("certificate"))?;
            let certificates = Certificate::all_from_pem(certificate.as_bytes())?;
            let certificate = certificates.first().ok_or_else(|| missing("certificate"))?;
            check(&certificate.key()?, document, &signature)?;
            let logged = Logged::read(annotations.bundle.ok_or_else(|| missing("entry in a log"))?)?;
            let at = logged.entry().check(rekor::log(root, &logged.log_id)?)?;
            let content = Content::Message(document);
            rekor::check_subject(&logged.body, &Subject { content, signature: &signature, certificate })?;
            fulcio::check(certificate, root, &[at])?;
            check_identity(certificate, identities)?;
        }
    }
    check_document(document, digest)
}

fn check(key: &PublicKey, document: &[u8], signature: &[u8]) -> Result<(), Error> {
    key.verify(document, signature, Hash::Sha256, Scheme::Usual)
        .map_err(|_| Error::new("invalid signature when validating ASN.1 encoded signature"))
}

fn check_document(document: &[u8], digest: &str) -> Result<(), Error> {
    #[derive(Deserialize)]
    struct Document {
        critical: Critical,
    }
    #[derive(Deserialize)]
    struct Critical {
        image: Image,
        #[serde(rename = "type")]
        kind: String,
    }
    #[derive(Deserialize)]
    struct Image {
        #[serde(rename = "docker-manifest-digest")]
        digest: String,
    }
    const KINDS: [&str; 2] = ["cosign container image signature", "https://sigstore.dev/cosign/sign/v1"];
    let document: Document = serde_json::from_slice(document)
        .map_err(|error| Error::new(format!("the signed document cannot be read: {error}")))?;
    let critical = document.critical;
    if !KINDS.contains(&critical.kind.as_str()) {
        return Err(Error::new(format!("a '{}' was signed, not an image", critical.kind)));
    }
    if critical.image.digest != digest {
        return Err(Error::new(format!(
            "invalid or missing digest in claim: the signature is of {}",
            critical.image.digest
        )));
    }
    Ok(())
}

/// The entry of the log, in the form of the annotation.
struct Logged {
    body: Vec<u8>,
    integrated: i64,
    index: u64,
    log_id: Vec<u8>,
    promise: Vec<u8>,
}

impl Logged {
    fn read(bundle: &str) -> Result<Self, Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Bundle {
            signed_entry_timestamp: String,
            payload: Payload,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Payload {
            body: String,
            integrated_time: i64,
            log_index: u64,
            #[serde(rename = "logID")]
            log_id: String,
        }
        let bundle: Bundle = serde_json::from_str(bundle)
            .map_err(|error| Error::new(format!("the entry of the log cannot be read: {error}")))?;
        Ok(Self {
            body: base64(&bundle.payload.body, "the entry of the log")?,
            integrated: bundle.payload.integrated_time,
            index: bundle.payload.log_index,
            log_id: hex::decode(&bundle.payload.log_id)
                .map_err(|error| Error::new(format!("the name of the log cannot be read: {error}")))?,
            promise: base64(&bundle.signed_entry_timestamp, "the promise of the log")?,
        })
    }

    fn entry(&self) -> Entry<'_> {
        Entry {
            body: &self.body,
            integrated: self.integrated,
            index: self.index,
            log_id: &self.log_id,
            signed: &self.promise,
        }
    }
}
