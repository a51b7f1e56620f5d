//! Bundles: a signature with all that is needed to check it.

use serde::Deserialize;
use serde_json::Value as Json;

use super::rekor::{Entry, Subject};
use super::{Trust, check_identity, fulcio};
use crate::certificate::Certificate;
use crate::key::{Hash, Scheme};
use crate::{Error, PublicKey, base64};

/// What the types of artifacts and media with bundles begin with.
pub const BUNDLE_TYPE: &str = "application/vnd.dev.sigstore.bundle";

/// What a signed statement is called.
const STATEMENT: &str = "application/vnd.in-toto+json";
/// What cosign says about images that it signs.
const SIGNED: &str = "https://sigstore.dev/cosign/sign/v1";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bundle {
    verification_material: Material,
    dsse_envelope: Option<Envelope>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Material {
    certificate: Option<RawBytes>,
    x509_certificate_chain: Option<Chain>,
    #[serde(default)]
    tlog_entries: Vec<TlogEntry>,
}

#[derive(Deserialize)]
struct Chain {
    certificates: Vec<RawBytes>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawBytes {
    raw_bytes: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TlogEntry {
    log_index: Json,
    log_id: LogId,
    #[serde(default)]
    integrated_time: Json,
    inclusion_promise: Option<Promise>,
    canonicalized_body: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogId {
    key_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Promise {
    signed_entry_timestamp: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    payload: String,
    payload_type: String,
    signatures: Vec<EnvelopeSignature>,
}

#[derive(Deserialize)]
struct EnvelopeSignature {
    sig: String,
}

/// Checks that a bundle is about the manifest with this digest, and that somebody who is trusted signed it.
pub fn verify_bundle(bundle: &[u8], digest: &str, trust: &Trust) -> Result<(), Error> {
    let bundle: Bundle = serde_json::from_slice(bundle)
        .map_err(|error| Error::new(format!("the bundle cannot be read: {error}")))?;
    let envelope = bundle
        .dsse_envelope
        .ok_or_else(|| Error::new("the bundle has no signed statement about an image"))?;
    let payload = base64(&envelope.payload, "the signed statement")?;
    let [signature] = envelope.signatures.as_slice() else {
        return Err(Error::new("a bundle must have exactly one signature"));
    };
    let signature = base64(&signature.sig, "the signature")?;
    let message = pre_authentication(&envelope.payload_type, &payload);
    match trust {
        Trust::Key(key) => check(key, &message, &signature)?,
        Trust::Identities { root, identities } => {
            let certificate = bundle.verification_material.certificate()?;
            check(&certificate.key()?, &message, &signature)?;
            let entries = bundle.verification_material.entries()?;
            let entry = entries.first().ok_or_else(|| {
                Error::new("the bundle has no entry of a log with a promise to publish it: other proofs of time are not known")
            })?;
            let at = entry.check(root)?;
            let subject = Subject { message: &payload, signature: &signature, certificate: &certificate };
            entry.check_subject(&subject)?;
            fulcio::check(&certificate, root, at)?;
            check_identity(&certificate, identities)?;
        }
    }
    check_statement(&envelope.payload_type, &payload, digest)
}

fn check(key: &PublicKey, message: &[u8], signature: &[u8]) -> Result<(), Error> {
    key.verify(message, signature, Hash::Sha256, Scheme::Usual)
        .map_err(|_| Error::new("the signature of the bundle does not fit the key"))
}

/// What is signed of an envelope, so that a payload can't be taken for one of another type.
fn pre_authentication(kind: &str, payload: &[u8]) -> Vec<u8> {
    let mut message = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len()).into_bytes();
    message.extend_from_slice(payload);
    message
}

impl Material {
    fn certificate(&self) -> Result<Certificate, Error> {
        let in_chain = || self.x509_certificate_chain.as_ref().and_then(|chain| chain.certificates.first());
        let raw = self.certificate.as_ref().or_else(in_chain);
        let raw = raw.ok_or_else(|| Error::new("the bundle has no certificate: it was made with a key"))?;
        Certificate::from_der(&base64(&raw.raw_bytes, "the certificate")?)
    }

    /// The entries of the log that have a promise.
    fn entries(&self) -> Result<Vec<Entry>, Error> {
        let number = |value: &Json| match value {
            Json::String(text) => text.parse::<i64>().ok(),
            value => value.as_i64(),
        };
        let entries = self.tlog_entries.iter().filter_map(|entry| {
            let promise = entry.inclusion_promise.as_ref()?;
            Some((entry, promise))
        });
        let entry = |(entry, promise): (&TlogEntry, &Promise)| {
            let bad = || Error::new("the entry of the log has no time or no place in it");
            Ok(Entry {
                body: base64(&entry.canonicalized_body, "the entry of the log")?,
                integrated: number(&entry.integrated_time).ok_or_else(bad)?,
                index: number(&entry.log_index).and_then(|index| index.try_into().ok()).ok_or_else(bad)?,
                log_id: base64(&entry.log_id.key_id, "the name of the log")?,
                signed: base64(&promise.signed_entry_timestamp, "the promise of the log")?,
            })
        };
        entries.map(entry).collect()
    }
}

fn check_statement(kind: &str, payload: &[u8], digest: &str) -> Result<(), Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Statement {
        predicate_type: String,
        subject: Vec<StatementSubject>,
    }
    #[derive(Deserialize)]
    struct StatementSubject {
        digest: std::collections::BTreeMap<String, String>,
    }
    if kind != STATEMENT {
        return Err(Error::new(format!("a '{kind}' was signed, not a statement about an image")));
    }
    let statement: Statement = serde_json::from_slice(payload)
        .map_err(|error| Error::new(format!("the signed statement cannot be read: {error}")))?;
    if statement.predicate_type != SIGNED {
        return Err(Error::new(format!(
            "the statement is no signature but a '{}'",
            statement.predicate_type
        )));
    }
    let (algorithm, hex) = digest.split_once(':').unwrap_or(("", digest));
    let names = |subject: &StatementSubject| subject.digest.get(algorithm).is_some_and(|value| value == hex);
    if statement.subject.iter().any(names) {
        return Ok(());
    }
    Err(Error::new("the signed statement is about another image"))
}
