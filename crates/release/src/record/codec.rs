//! Releases as the data of the object that stores them: JSON, gzipped, in Base64.

use std::io::{Read, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value as Json};

use super::{Hook, Info, Release, StoredChart};
use crate::gojson;

/// How large a stored release may be in all. What is stored has a megabyte at most.
pub const MAX_RECORD_BYTES: u64 = 128 << 20;

/// How gzip data begins.
const GZIP: [u8; 3] = [0x1f, 0x8b, 0x08];

/// Why a release can't be read or written.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// The data is no Base64.
    #[error("it is no Base64: {0}")]
    Base64(#[from] base64::DecodeError),
    /// The data can't be inflated or deflated.
    #[error("it can't be decompressed: {0}")]
    Gzip(#[from] std::io::Error),
    /// The data inflates to more than is sound.
    #[error("it is larger than {MAX_RECORD_BYTES} bytes")]
    TooLarge,
    /// The data is no release.
    #[error("it is no release: {0}")]
    Json(#[from] serde_json::Error),
}

#[derive(Serialize)]
struct Wire<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
    info: &'a Info,
    #[serde(skip_serializing_if = "Option::is_none")]
    chart: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    config: &'a Map<String, Json>,
    #[serde(skip_serializing_if = "str::is_empty")]
    manifest: &'a str,
    #[serde(skip_serializing_if = "<[Hook]>::is_empty")]
    hooks: &'a [Hook],
    version: i64,
    #[serde(skip_serializing_if = "str::is_empty")]
    namespace: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    apply_method: &'a str,
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Stored {
    name: String,
    info: Option<Info>,
    chart: Option<Box<RawValue>>,
    config: Option<Map<String, Json>>,
    manifest: Option<String>,
    hooks: Option<Vec<Hook>>,
    version: i64,
    namespace: Option<String>,
    apply_method: Option<String>,
}

impl Release {
    /// The data to store.
    pub fn encode(&self) -> Result<Vec<u8>, CodecError> {
        let json = gojson::to_string(&Wire {
            name: &self.name,
            info: &self.info,
            chart: self.chart.raw(),
            config: &self.config,
            manifest: &self.manifest,
            hooks: &self.hooks,
            version: self.version,
            namespace: &self.namespace,
            apply_method: &self.apply_method,
        });
        let mut gzip = GzEncoder::new(Vec::with_capacity(json.len() / 4), Compression::best());
        gzip.write_all(json.as_bytes())?;
        drop(json);
        Ok(STANDARD.encode(gzip.finish()?).into_bytes())
    }

    /// The release that was stored as this data. It has no labels: those are on the object that stores it.
    pub fn decode(data: &[u8]) -> Result<Self, CodecError> {
        let bytes = STANDARD.decode(data)?;
        let json = if bytes.starts_with(&GZIP) {
            let mut json = Vec::new();
            GzDecoder::new(bytes.as_slice()).take(MAX_RECORD_BYTES + 1).read_to_end(&mut json)?;
            if json.len() as u64 > MAX_RECORD_BYTES {
                return Err(CodecError::TooLarge);
            }
            json
        } else {
            bytes
        };
        let stored: Stored = serde_json::from_slice(&json)?;
        Ok(Self {
            name: stored.name,
            namespace: stored.namespace.unwrap_or_default(),
            version: stored.version,
            info: stored.info.unwrap_or_default(),
            chart: stored.chart.map(StoredChart::from_raw).transpose()?.unwrap_or_default(),
            config: stored.config.unwrap_or_default(),
            manifest: stored.manifest.unwrap_or_default(),
            hooks: stored.hooks.unwrap_or_default(),
            apply_method: stored.apply_method.unwrap_or_default(),
            labels: std::collections::BTreeMap::new(),
        })
    }
}
