//! Whom to trust: authorities and logs, as sigstore's trusted root names them.

use jiff::Timestamp;
use serde::Deserialize;

use super::fulcio::log_id;
use crate::certificate::Certificate;
use crate::{Error, PublicKey, base64};

/// The root of sigstore's public instance, from its signed repository.
const PUBLIC: &str = include_str!("../../data/sigstore_trusted_root.json");

/// Authorities and logs.
#[derive(Clone, Debug)]
pub struct TrustedRoot {
    pub(super) authorities: Vec<Authority>,
    /// Logs of certificates.
    pub(super) certificate_logs: Vec<Log>,
    /// Logs of signatures.
    pub(super) signature_logs: Vec<Log>,
}

/// An authority: its certificates from the issuing one up to the root.
#[derive(Clone, Debug)]
pub(super) struct Authority {
    pub(super) chain: Vec<Certificate>,
    pub(super) valid: Period,
}

/// A log.
#[derive(Clone, Debug)]
pub(super) struct Log {
    pub(super) id: [u8; 32],
    pub(super) key: PublicKey,
    pub(super) valid: Period,
}

/// A time in which something is to be trusted.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Period {
    start: Option<Timestamp>,
    end: Option<Timestamp>,
}

impl Period {
    pub(super) fn contains(self, at: Timestamp) -> bool {
        self.start.is_none_or(|start| start <= at) && self.end.is_none_or(|end| at <= end)
    }
}

impl TrustedRoot {
    /// Reads a `trusted_root.json`.
    pub fn from_json(json: &[u8]) -> Result<Self, Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Root {
            #[serde(default)]
            tlogs: Vec<JsonLog>,
            #[serde(default)]
            certificate_authorities: Vec<JsonAuthority>,
            #[serde(default)]
            ctlogs: Vec<JsonLog>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct JsonLog {
            public_key: JsonKey,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct JsonKey {
            raw_bytes: String,
            #[serde(default)]
            valid_for: Period,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct JsonAuthority {
            cert_chain: JsonChain,
            #[serde(default)]
            valid_for: Period,
        }
        #[derive(Deserialize)]
        struct JsonChain {
            certificates: Vec<JsonCertificate>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct JsonCertificate {
            raw_bytes: String,
        }
        let log = |log: JsonLog| {
            let der = base64(&log.public_key.raw_bytes, "the key of a log")?;
            let key = PublicKey::from_der(&der)?;
            Ok(Log { id: log_id(&der), key, valid: log.public_key.valid_for })
        };
        let authority = |authority: JsonAuthority| {
            let certificates = authority.cert_chain.certificates.iter();
            let chain = certificates
                .map(|certificate| Certificate::from_der(&base64(&certificate.raw_bytes, "a certificate")?));
            Ok(Authority { chain: chain.collect::<Result<_, _>>()?, valid: authority.valid_for })
        };
        let root: Root = serde_json::from_slice(json)
            .map_err(|error| Error::new(format!("the trusted root cannot be read: {error}")))?;
        Ok(Self {
            authorities: root
                .certificate_authorities
                .into_iter()
                .map(authority)
                .collect::<Result<_, Error>>()?,
            certificate_logs: root.ctlogs.into_iter().map(log).collect::<Result<_, Error>>()?,
            signature_logs: root.tlogs.into_iter().map(log).collect::<Result<_, Error>>()?,
        })
    }

    /// The root of sigstore's public instance as it was when this was built.
    pub fn public() -> Result<Self, Error> {
        Self::from_json(PUBLIC.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_public_root_is_readable() {
        let root = TrustedRoot::public().unwrap();
        assert_eq!(
            (root.authorities.len(), root.certificate_logs.len(), root.signature_logs.len()),
            (2, 2, 1)
        );
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        assert!(root.authorities.iter().any(|authority| authority.valid.contains(now)));
        assert!(root.signature_logs[0].valid.contains(now));
        let error = TrustedRoot::from_json(b"{").unwrap_err().to_string();
        assert!(error.starts_with("the trusted root cannot be read: "), "{error}");
    }
}
