//! Entries of the log of signatures.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value as Json;

use super::root::TrustedRoot;
use crate::base64 as decoded;
use crate::certificate::Certificate;
use crate::key::{Hash, Scheme};
use crate::{Error, sha256};

/// An entry with the log's promise to publish it.
pub(super) struct Entry {
    /// The entry in its canonical form.
    pub(super) body: Vec<u8>,
    /// When it was made, in seconds since 1970.
    pub(super) integrated: i64,
    pub(super) index: u64,
    /// The log, by the hash of its key.
    pub(super) log_id: Vec<u8>,
    /// The promise.
    pub(super) signed: Vec<u8>,
}

/// What an entry has to be about.
pub(super) struct Subject<'a> {
    /// What was signed.
    pub(super) message: &'a [u8],
    pub(super) signature: &'a [u8],
    pub(super) certificate: &'a Certificate,
}

impl Entry {
    /// Checks the promise; when the entry was made.
    pub(super) fn check(&self, root: &TrustedRoot) -> Result<Timestamp, Error> {
        let at = Timestamp::from_second(self.integrated).map_err(Error::new)?;
        let log = root.signature_logs.iter().find(|log| log.id[..] == self.log_id[..]);
        let log = log.ok_or_else(|| Error::new("the signature is in a log that is not trusted"))?;
        if !log.valid.contains(at) {
            return Err(Error::new("the log of the signature is not trusted at that time"));
        }
        // The fields in this order and without blanks (RFC 8785).
        let body = STANDARD.encode(&self.body);
        let (id, integrated, index) = (hex::encode(&self.log_id), self.integrated, self.index);
        let canonical =
            format!(r#"{{"body":"{body}","integratedTime":{integrated},"logID":"{id}","logIndex":{index}}}"#);
        log.key
            .verify(canonical.as_bytes(), &self.signed, Hash::Sha256, Scheme::Usual)
            .map_err(|_| Error::new("the log's promise to publish the signature is bad"))?;
        Ok(at)
    }

    /// Checks that the entry is about this signature and no other.
    pub(super) fn check_subject(&self, subject: &Subject<'_>) -> Result<(), Error> {
        #[derive(Deserialize)]
        struct Body {
            kind: String,
            spec: Json,
        }
        let other = |what: &str| Error::new(format!("the entry of the log is about another {what}"));
        let body: Body = serde_json::from_slice(&self.body)
            .map_err(|error| Error::new(format!("the entry of the log cannot be read: {error}")))?;
        let text = |path: &str| body.spec.pointer(path).and_then(Json::as_str).unwrap_or_default();
        let hash = hex::encode(sha256(subject.message));
        let (found, signature, verifier) = match body.kind.as_str() {
            "hashedrekord" => {
                (text("/data/hash/value"), text("/signature/content"), text("/signature/publicKey/content"))
            }
            "dsse" => {
                (text("/payloadHash/value"), text("/signatures/0/signature"), text("/signatures/0/verifier"))
            }
            kind => return Err(Error::new(format!("entries of kind '{kind}' are not known"))),
        };
        if found != hash {
            return Err(other("content"));
        }
        if decoded(signature, "the signature in the log")? != subject.signature {
            return Err(other("signature"));
        }
        let verifier = decoded(verifier, "the certificate in the log")?;
        let certificates = Certificate::all_from_pem(&verifier)?;
        if certificates.first().map(Certificate::der) != Some(subject.certificate.der()) {
            return Err(other("certificate"));
        }
        Ok(())
    }
}
