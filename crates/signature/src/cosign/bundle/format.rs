//! The JSON of bundles.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, de};

use super::BUNDLE_TYPE;
use crate::Error;
use crate::certificate::Certificate;

/// Most entries of logs, and most time stamps, of a bundle.
const MAX_PROOFS: usize = 32;

/// A signature with all that is needed to check it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Bundle {
    media_type: String,
    verification_material: Material,
    dsse_envelope: Option<Envelope>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Material {
    certificate: Option<RawBytes>,
    x509_certificate_chain: Option<Chain>,
    #[serde(default)]
    tlog_entries: Vec<LogEntry>,
    timestamp_verification_data: Option<Stamps>,
}

#[derive(Deserialize)]
struct Chain {
    certificates: Vec<RawBytes>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawBytes {
    raw_bytes: Bytes,
}

/// An entry of a log.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LogEntry {
    #[serde(default, deserialize_with = "number")]
    pub(super) log_index: u64,
    pub(super) log_id: LogId,
    /// When it was made, in seconds since 1970; zero if the log does not tell.
    #[serde(default, deserialize_with = "number")]
    pub(super) integrated_time: i64,
    pub(super) inclusion_promise: Option<Promise>,
    pub(super) inclusion_proof: Option<Proof>,
    pub(super) canonicalized_body: Bytes,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LogId {
    pub(super) key_id: Bytes,
}

/// A log's promise to publish an entry.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Promise {
    pub(super) signed_entry_timestamp: Bytes,
}

/// That an entry is in a log.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Proof {
    #[serde(default, deserialize_with = "number")]
    pub(super) log_index: u64,
    #[serde(default)]
    pub(super) root_hash: Bytes,
    #[serde(default, deserialize_with = "number")]
    pub(super) tree_size: u64,
    #[serde(default)]
    pub(super) hashes: Vec<Bytes>,
    pub(super) checkpoint: Checkpoint,
}

#[derive(Deserialize)]
pub(super) struct Checkpoint {
    pub(super) envelope: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stamps {
    #[serde(default)]
    rfc3161_timestamps: Vec<SignedStamp>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SignedStamp {
    signed_timestamp: Bytes,
}

/// A signed statement.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Envelope {
    #[serde(default)]
    pub(super) payload: Bytes,
    pub(super) payload_type: String,
    #[serde(default)]
    signatures: Vec<EnvelopeSignature>,
}

#[derive(Deserialize)]
struct EnvelopeSignature {
    sig: Bytes,
}

/// Bytes that are written as base 64.
#[derive(Default)]
pub(super) struct Bytes(pub(super) Vec<u8>);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map(Self).map_err(|error| de::Error::custom(format!("not base64: {error}")))
    }
}

/// A number, or its digits as text.
fn number<'de, D, N>(deserializer: D) -> Result<N, D::Error>
where
    D: Deserializer<'de>,
    N: Deserialize<'de> + std::str::FromStr,
{
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written<N> {
        Number(N),
        Text(String),
    }
    match Written::deserialize(deserializer)? {
        Written::Number(number) => Ok(number),
        Written::Text(text) => {
            text.parse().map_err(|_| de::Error::custom(format!("{text:?} is not such a number")))
        }
    }
}

impl Bundle {
    /// Reads a bundle of a version that is known.
    pub(super) fn read(json: &[u8]) -> Result<Self, Error> {
        let bad = |why: &dyn std::fmt::Display| Error::new(format!("the bundle cannot be read: {why}"));
        let bundle: Self = serde_json::from_slice(json).map_err(|error| bad(&error))?;
        let minor = minor_version(&bundle.media_type)
            .ok_or_else(|| bad(&format!("its type '{}' is not known", bundle.media_type)))?;
        let material = &bundle.verification_material;
        let entries = &material.tlog_entries;
        if entries.len() > MAX_PROOFS || bundle.stamps().len() > MAX_PROOFS {
            return Err(bad(&format!("it has more than {MAX_PROOFS} entries of logs, or time stamps")));
        }
        let has = |part: fn(&LogEntry) -> bool| entries.is_empty() || entries.iter().any(part);
        if minor == 1 && !has(|entry| entry.inclusion_promise.is_some()) {
            return Err(bad(&"version 0.1 needs the log's promise to publish the signature"));
        }
        if minor > 1 && !has(|entry| entry.inclusion_proof.is_some()) {
            return Err(bad(&format!("version 0.{minor} needs a proof that the signature is in the log")));
        }
        if minor > 2 && material.x509_certificate_chain.is_some() {
            return Err(bad(&format!("version 0.{minor} has one certificate and no chain of them")));
        }
        Ok(bundle)
    }

    /// The signed statement.
    pub(super) fn envelope(&self) -> Result<&Envelope, Error> {
        let envelope = self.dsse_envelope.as_ref();
        envelope.ok_or_else(|| Error::new("the bundle has no signed statement about an image"))
    }

    /// The signer's certificate, if it has one.
    pub(super) fn certificate(&self) -> Result<Option<Certificate>, Error> {
        let material = &self.verification_material;
        let in_chain =
            || material.x509_certificate_chain.as_ref().and_then(|chain| chain.certificates.first());
        let raw = material.certificate.as_ref().or_else(in_chain);
        raw.map(|raw| Certificate::from_der(&raw.raw_bytes.0)).transpose()
    }

    /// The entries of logs.
    pub(super) fn entries(&self) -> &[LogEntry] {
        &self.verification_material.tlog_entries
    }

    /// The answers of time-stamping authorities.
    pub(super) fn stamps(&self) -> Vec<&[u8]> {
        let stamps = self.verification_material.timestamp_verification_data.iter();
        stamps.flat_map(|data| &data.rfc3161_timestamps).map(|stamp| &stamp.signed_timestamp.0[..]).collect()
    }
}

impl Envelope {
    /// The signature, of which there is one.
    pub(super) fn signature(&self) -> Result<&[u8], Error> {
        match &self.signatures[..] {
            [signature] => Ok(&signature.sig.0),
            _ => Err(Error::new("a bundle must have exactly one signature")),
        }
    }

    /// What is signed of it, so that a payload can't be taken for one of another type.
    pub(super) fn signed(&self) -> Vec<u8> {
        let (kind, payload) = (&self.payload_type, &self.payload.0);
        let mut message = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len()).into_bytes();
        message.extend_from_slice(payload);
        message
    }
}

/// The version that a media type tells, of which the first part is zero.
fn minor_version(media_type: &str) -> Option<u8> {
    let rest = media_type.strip_prefix(BUNDLE_TYPE)?;
    match rest {
        "+json;version=0.1" => Some(1),
        "+json;version=0.2" => Some(2),
        "+json;version=0.3" => Some(3),
        _ => {
            let version = rest.strip_prefix(".v0.")?.strip_suffix("+json")?;
            let (minor, patch) = version.split_once('.').unwrap_or((version, "0"));
            patch.parse::<u32>().ok()?;
            minor.parse().ok().filter(|minor| (1..=3).contains(minor))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types_tell_versions() {
        for (rest, wanted) in [
            ("+json;version=0.1", Some(1)),
            ("+json;version=0.3", Some(3)),
            (".v0.3+json", Some(3)),
            (".v0.3.2+json", Some(3)),
            (".v0.2+json", Some(2)),
            (".v0.4+json", None),
            (".v1.0+json", None),
            (".v0.0+json", None),
            ("+json;version=0.4", None),
            ("", None),
        ] {
            assert_eq!(minor_version(&format!("{BUNDLE_TYPE}{rest}")), wanted, "{rest}");
        }
    }
}
