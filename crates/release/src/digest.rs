//! Digests of values and of settings, as the status records them.

use serde::Serialize;
use serde_json::{Map, Number, Value as Json};
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
    sluice_yaml::to_yaml_by_bytes(&Json::Object(exact_map(values)))
}

fn exact_map(values: &Map<String, Json>) -> Map<String, Json> {
    values.iter().map(|(key, value)| (key.clone(), exact(value))).collect()
}

/// The value with whole floats as the integers that they are, where 64 bits hold them: Flux's text has all digits of
/// 2^63, not those that tell it apart.
fn exact(value: &Json) -> Json {
    match value {
        Json::Number(number) if number.is_f64() => {
            number.as_f64().and_then(whole).map_or_else(|| value.clone(), Json::Number)
        }
        Json::Array(items) => Json::Array(items.iter().map(exact).collect()),
        Json::Object(map) => Json::Object(exact_map(map)),
        other => other.clone(),
    }
}

fn whole(value: f64) -> Option<Number> {
    const FIRST_BEYOND_I64: f64 = 9_223_372_036_854_775_808.0;
    const FIRST_BEYOND_U64: f64 = 18_446_744_073_709_551_616.0;
    if value.fract() != 0.0 {
        None
    } else if (-FIRST_BEYOND_I64..FIRST_BEYOND_I64).contains(&value) {
        Some(Number::from(value as i64))
    } else if (FIRST_BEYOND_I64..FIRST_BEYOND_U64).contains(&value) {
        Some(Number::from(value as u64))
    } else {
        None
    }
}
