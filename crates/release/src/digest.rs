//! Digests of values and of settings, as the status records them.

use serde::Serialize;
use serde_json::{Map, Value as Json};
use sluice_archive::{Algorithm, Digest};

use crate::gojson;

/// The digest of some bytes.
pub fn of_bytes(algorithm: Algorithm, bytes: &[u8]) -> Digest {
    let mut hasher = algorithm.hasher();
    hasher.update(bytes);
    hasher.finish()
}

/// The digest of values: of their YAML with keys in the order of their bytes, of nothing if there are none.
pub fn of_values(algorithm: Algorithm, values: &Map<String, Json>) -> Digest {
    of_bytes(algorithm, values_text(values).as_bytes())
}

/// Whether values have this digest, whatever its algorithm. A digest that is none fits nothing.
pub fn values_match(digest: &str, values: &Map<String, Json>) -> bool {
    digest
        .parse::<Digest>()
        .is_ok_and(|digest| of_bytes(digest.algorithm(), values_text(values).as_bytes()) == digest)
}

/// Whether bytes have this digest; an error if the digest is none.
pub fn bytes_match(digest: &str, bytes: &[u8]) -> Option<bool> {
    let digest: Digest = digest.parse().ok()?;
    Some(of_bytes(digest.algorithm(), bytes) == digest)
}

/// The digest of a part of the spec: of its JSON as Go's encoder writes it, with a line break behind.
pub fn of_setting(algorithm: Algorithm, setting: &impl Serialize) -> Digest {
    let mut text = gojson::to_string(setting);
    text.push('\n');
    of_bytes(algorithm, text.as_bytes())
}

fn values_text(values: &Map<String, Json>) -> String {
    if values.is_empty() {
        return String::new();
    }
    sluice_yaml::to_yaml_by_bytes(&Json::Object(values.clone()))
}
