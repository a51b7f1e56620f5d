//! Whom to trust: authorities and logs, as sigstore's trusted root names them.

use jiff::Timestamp;
use serde::Deserialize;

use crate::certificate::Certificate;
use crate::{Error, PublicKey, base64, sha256};

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
    /// Authorities that stamp times.
    pub(super) time_authorities: Vec<Authority>,
}

/// An authority.
#[derive(Clone, Debug)]
pub(super) struct Authority {
    /// Where it is, by which it is known.
    pub(super) uri: String,
    /// The certificate of the only one that it lets stamp times.
    pub(super) leaf: Option<Certificate>,
    /// The certificates below the root.
    pub(super) others: Vec<Certificate>,
    /// The root; none if there is only a leaf.
    pub(super) root: Vec<Certificate>,
    pub(super) valid: Period,
}

/// A log.
#[derive(Clone, Debug)]
pub(super) struct Log {
    /// Its name, mostly the hash of its key.
    pub(super) id: Vec<u8>,
    /// The host where it is.
    pub(super) host: Option<String>,
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

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JsonRoot {
    #[serde(default)]
    tlogs: Vec<JsonLog>,
    #[serde(default)]
    certificate_authorities: Vec<JsonAuthority>,
    #[serde(default)]
    ctlogs: Vec<JsonLog>,
    #[serde(default)]
    timestamp_authorities: Vec<JsonAuthority>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JsonLog {
    #[serde(default)]
    base_url: String,
    public_key: JsonKey,
    log_id: Option<JsonLogId>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JsonLogId {
    key_id: String,
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
    #[serde(default)]
    uri: String,
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

impl JsonLog {
    fn read(self) -> Result<Log, Error> {
        let der = base64(&self.public_key.raw_bytes, "the key of a log")?;
        let id = match self.log_id {
            Some(id) => base64(&id.key_id, "the name of a log")?,
            None => sha256(&der).to_vec(),
        };
        let key = PublicKey::from_der(&der)?;
        Ok(Log { id, host: host(&self.base_url), key, valid: self.public_key.valid_for })
    }
}

impl JsonAuthority {
    fn read(self) -> Result<Authority, Error> {
        let certificates = self.cert_chain.certificates.iter();
        let chain = certificates
            .map(|certificate| Certificate::from_der(&base64(&certificate.raw_bytes, "a certificate")?));
        let mut others: Vec<Certificate> = chain.collect::<Result<_, Error>>()?;
        // The chain begins with who stamps times, or with who issues.
        let has_leaf = others.first().is_some_and(|first| !first.is_ca());
        let leaf = has_leaf.then(|| others.remove(0));
        let root = others.pop().into_iter().collect();
        Ok(Authority { uri: self.uri, leaf, others, root, valid: self.valid_for })
    }
}

/// The host of an address.
fn host(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = match host.strip_prefix('[').and_then(|host| host.split_once(']')) {
        Some((address, _)) => address,
        None => host.split_once(':').map_or(host, |(host, _)| host),
    };
    (!host.is_empty()).then(|| host.to_owned())
}

fn read<J, T>(all: Vec<J>, one: impl Fn(J) -> Result<T, Error>) -> Result<Vec<T>, Error> {
    all.into_iter().map(one).collect()
}

impl TrustedRoot {
    /// Reads a `trusted_root.json`.
    pub fn from_json(json: &[u8]) -> Result<Self, Error> {
        let root: JsonRoot = serde_json::from_slice(json)
            .map_err(|error| Error::new(format!("the trusted root cannot be read: {error}")))?;
        Ok(Self {
            authorities: read(root.certificate_authorities, JsonAuthority::read)?,
            certificate_logs: read(root.ctlogs, JsonLog::read)?,
            signature_logs: read(root.tlogs, JsonLog::read)?,
            time_authorities: read(root.timestamp_authorities, JsonAuthority::read)?,
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
            (2, 2, 2)
        );
        let hosts: Vec<_> = root.signature_logs.iter().filter_map(|log| log.host.as_deref()).collect();
        assert_eq!(hosts, ["rekor.sigstore.dev", "log2025-1.rekor.sigstore.dev"]);
        let [stamps] = &root.time_authorities[..] else { panic!("one authority stamps times") };
        assert!(stamps.leaf.is_some() && stamps.root.len() == 1);
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        assert!(root.authorities.iter().any(|authority| authority.valid.contains(now)));
        assert!(root.signature_logs[0].valid.contains(now));
        let error = TrustedRoot::from_json(b"{").unwrap_err().to_string();
        assert!(error.starts_with("the trusted root cannot be read: "), "{error}");
    }

    #[test]
    fn logs_are_named_after_their_hosts() {
        for (url, wanted) in [
            ("https://rekor.example", Some("rekor.example")),
            ("https://rekor.example:8443/api/v2?x", Some("rekor.example")),
            ("http://u:p@rekor.example/", Some("rekor.example")),
            ("https://[::1]:80/", Some("::1")),
            ("rekor.example", None),
            ("", None),
        ] {
            assert_eq!(host(url).as_deref(), wanted, "{url}");
        }
    }
}
