//! Entries of the first version of the log of signatures.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value as Json;

use super::root::{Log, TrustedRoot};
use crate::base64 as decoded;
use crate::certificate::Certificate;
use crate::key::{Hash, Scheme};
use crate::{Error, sha256};

/// An entry with the log's promise to publish it.
pub(super) struct Entry<'a> {
    /// The entry in its canonical form.
    pub(super) body: &'a [u8],
    /// When it was made, in seconds since 1970.
    pub(super) integrated: i64,
    pub(super) index: u64,
    /// The log, by the hash of its key.
    pub(super) log_id: &'a [u8],
    /// The promise.
    pub(super) signed: &'a [u8],
}

/// What an entry has to be about.
pub(super) struct Subject<'a> {
    pub(super) content: Content<'a>,
    pub(super) signature: &'a [u8],
    pub(super) certificate: &'a Certificate,
}

/// What was signed.
#[derive(Clone, Copy)]
pub(super) enum Content<'a> {
    /// These bytes.
    Message(&'a [u8]),
    /// These bytes in an envelope.
    Envelope(&'a [u8]),
}

/// The log of that name.
pub(super) fn log<'a>(root: &'a TrustedRoot, id: &[u8]) -> Result<&'a Log, Error> {
    let log = root.signature_logs.iter().find(|log| log.id == id);
    log.ok_or_else(|| Error::new("the signature is in a log that is not trusted"))
}

impl Entry<'_> {
    /// Checks the promise; when the entry was made.
    pub(super) fn check(&self, log: &Log) -> Result<Timestamp, Error> {
        let at = Timestamp::from_second(self.integrated).map_err(Error::new)?;
        if !log.valid.contains(at) {
            return Err(Error::new("the log of the signature is not trusted at that time"));
        }
        // The fields in this order and without blanks (RFC 8785).
        let body = STANDARD.encode(self.body);
        let (id, integrated, index) = (hex::encode(self.log_id), self.integrated, self.index);
        let canonical =
            format!(r#"{{"body":"{body}","integratedTime":{integrated},"logID":"{id}","logIndex":{index}}}"#);
        log.key
            .verify(canonical.as_bytes(), self.signed, Hash::Sha256, Scheme::Usual)
            .map_err(|_| Error::new("the log's promise to publish the signature is bad"))?;
        Ok(at)
    }
}

/// The parts of an entry that tell what it is about.
struct Told {
    /// The hash of the content, in hexadecimal.
    hash: String,
    signature: Vec<u8>,
    /// The certificate, PEM.
    verifier: Vec<u8>,
}

/// Checks that an entry is about this signature and no other.
pub(super) fn check_subject(body: &[u8], subject: &Subject<'_>) -> Result<(), Error> {
    let other = |what: &str| Err(Error::new(format!("the entry of the log is about another {what}")));
    let (told, content) = match subject.content {
        Content::Message(content) => (of_message(body)?, content),
        Content::Envelope(content) => (of_envelope(body)?, content),
    };
    if told.hash != hex::encode(sha256(content)) {
        return other("content");
    }
    if told.signature != subject.signature {
        return other("signature");
    }
    let certificates = Certificate::all_from_pem(&told.verifier)?;
    if certificates.first() != Some(subject.certificate) {
        return other("certificate");
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    api_version: String,
    kind: String,
    spec: Json,
}

impl Body {
    fn read(body: &[u8]) -> Result<Self, Error> {
        serde_json::from_slice(body)
            .map_err(|error| Error::new(format!("the entry of the log cannot be read: {error}")))
    }

    fn text(&self, path: &str) -> &str {
        self.spec.pointer(path).and_then(Json::as_str).unwrap_or_default()
    }

    fn bytes(&self, path: &str, what: &str) -> Result<Vec<u8>, Error> {
        decoded(self.text(path), what)
    }

    fn unknown(&self) -> Error {
        let (kind, version) = (&self.kind, &self.api_version);
        Error::new(format!("entries of the log of kind '{kind}', version '{version}', are not known here"))
    }
}

const SIGNATURE: &str = "the signature in the log";
const VERIFIER: &str = "the certificate in the log";

fn of_message(body: &[u8]) -> Result<Told, Error> {
    let body = Body::read(body)?;
    match (body.kind.as_str(), body.api_version.as_str()) {
        ("hashedrekord", "0.0.1") => Ok(Told {
            hash: body.text("/data/hash/value").to_owned(),
            signature: body.bytes("/signature/content", SIGNATURE)?,
            verifier: body.bytes("/signature/publicKey/content", VERIFIER)?,
        }),
        _ => Err(body.unknown()),
    }
}

fn of_envelope(body: &[u8]) -> Result<Told, Error> {
    let body = Body::read(body)?;
    match (body.kind.as_str(), body.api_version.as_str()) {
        ("dsse", "0.0.1") => Ok(Told {
            hash: body.text("/payloadHash/value").to_owned(),
            signature: body.bytes("/signatures/0/signature", SIGNATURE)?,
            verifier: body.bytes("/signatures/0/verifier", VERIFIER)?,
        }),
        // The signature, which is base 64 already, is encoded once more.
        ("intoto", "0.0.2") => {
            let encoded = body.bytes("/content/envelope/signatures/0/sig", SIGNATURE)?;
            Ok(Told {
                hash: body.text("/content/payloadHash/value").to_owned(),
                signature: decoded(&String::from_utf8_lossy(&encoded), SIGNATURE)?,
                verifier: body.bytes("/content/envelope/signatures/0/publicKey", VERIFIER)?,
            })
        }
        _ => Err(body.unknown()),
    }
}
