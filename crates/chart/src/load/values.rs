//! Values in YAML.

use serde_json::{Map, Number, Value as Json};
use sluice_yaml::Version;

use crate::decode::{self, DecodeError};

/// Values of a YAML text. Of several documents, each is laid over the ones before. All numbers are floats.
pub fn parse_values(yaml: &[u8]) -> Result<Map<String, Json>, DecodeError> {
    let text = sluice_yaml::decode(yaml)?;
    let mut values = Map::new();
    for document in documents(&text) {
        let node = sluice_yaml::parse_data(&document).map_err(DecodeError::from)?.unwrap_or_default();
        match node.to_json(Version::V2)? {
            Json::Null => {}
            Json::Object(mut object) => {
                object.values_mut().for_each(floats);
                values = if values.is_empty() { object } else { merge_maps(values, object) };
            }
            _ => {
                return Err(DecodeError::Type {
                    found: decode::json_type(&node),
                    wanted: "value of type map[string]interface {}".to_owned(),
                });
            }
        }
    }
    Ok(values)
}

/// Splits at lines of `---` alone. A comment behind it makes it no such line: what follows is then ignored.
fn documents(text: &str) -> Vec<String> {
    let mut documents = Vec::new();
    let mut document = String::new();
    for line in text.lines() {
        let ends = line.strip_prefix("---").is_some_and(|rest| rest.trim().is_empty());
        if ends && !document.is_empty() {
            documents.push(std::mem::take(&mut document));
            continue;
        }
        document.push_str(line);
        document.push('\n');
    }
    if !document.is_empty() {
        documents.push(document);
    }
    documents
}

/// A JSON value with all numbers as floats, as Go decodes JSON.
pub fn with_float_numbers(mut value: Json) -> Json {
    floats(&mut value);
    value
}

/// Makes all numbers floats.
pub(crate) fn floats(value: &mut Json) {
    match value {
        Json::Number(number) if !number.is_f64() => {
            if let Some(float) = number.as_f64().and_then(Number::from_f64) {
                *number = float;
            }
        }
        Json::Array(items) => items.iter_mut().for_each(floats),
        Json::Object(map) => map.values_mut().for_each(floats),
        _ => {}
    }
}

/// Lays one map over another: maps merge, everything else replaces, null too.
pub fn merge_maps(mut base: Map<String, Json>, over: Map<String, Json>) -> Map<String, Json> {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(Json::Object(below)), Json::Object(above)) => {
                *below = merge_maps(std::mem::take(below), above);
            }
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
    base
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(yaml: &str) -> Json {
        Json::Object(parse_values(yaml.as_bytes()).unwrap())
    }

    #[test]
    fn numbers_are_floats() {
        let values = parse("a: 1\nb: [0777, 1.5]\nc: {d: 12345678901234567890}\n");
        assert_eq!(
            values,
            json!({ "a": 1.0, "b": [511.0, 1.5], "c": { "d": 12_345_678_901_234_567_890_f64 } })
        );
    }

    #[test]
    fn documents_are_laid_over_each_other() {
        assert_eq!(
            parse("---\na: {b: 1, c: 2}\n---\na: {b: ~}\n---\n"),
            json!({ "a": { "b": null, "c": 2.0 } })
        );
        assert_eq!(parse("a: x\n--- # no separator\nb: y\n"), json!({ "a": "x" }));
        assert_eq!(parse("# nothing\n"), json!({}));
    }

    #[test]
    fn other_roots_are_errors() {
        let error = parse_values(b"- a").unwrap_err().to_string();
        assert!(
            error.ends_with("cannot unmarshal array into Go value of type map[string]interface {}"),
            "{error}"
        );
        assert!(parse_values(b"a: .inf").is_err());
    }
}
