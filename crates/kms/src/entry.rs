//! Entries of Secrets that are YAML: read into fields, and refused, as `sigs.k8s.io/yaml` does it in Flux.

use serde_json::{Map, Value};
use sluice_yaml::{Error, Version};

/// What an entry is read into, as Go's errors name it.
pub(crate) struct Target {
    /// The type of the whole.
    pub(crate) whole: &'static str,
    /// What stands before the name of a field.
    pub(crate) prefix: &'static str,
}

/// Reads the fields of these names, which match in any case. Numbers and booleans become texts where texts are wanted,
/// which is everywhere but for `flags`.
///
/// The error is Go's unless that could quote the entry, which holds secrets.
pub(crate) fn read(
    entry: &[u8],
    target: &Target,
    texts: &[&'static str],
    flags: &[&'static str],
) -> Result<Map<String, Value>, String> {
    let converting = |error: &Error| format!("error converting YAML to JSON: {}", without_quotes(error));
    let text = sluice_yaml::decode(entry).map_err(|error| converting(&error))?;
    let Some(mut root) = sluice_yaml::parse_first(&text).map_err(|error| converting(&error))? else {
        return Ok(Map::new());
    };
    root.expand_merges(Version::V2).map_err(|error| converting(&error))?;
    let fields = match root.to_json(Version::V2).map_err(|error| converting(&error))? {
        Value::Null => return Ok(Map::new()),
        Value::Object(fields) => fields,
        other => return Err(unmarshaling(&other, &format!("value of type {}", target.whole))),
    };
    let mut found = Map::new();
    for (name, value) in fields {
        let known =
            |names: &[&'static str]| names.iter().find(|known| known.eq_ignore_ascii_case(&name)).copied();
        let place = |known: &str, of: &str| format!("struct field {}.{known} of type {of}", target.prefix);
        if let Some(known) = known(texts) {
            let text = match value {
                Value::Null => continue,
                Value::String(text) => text,
                Value::Bool(_) | Value::Number(_) => value.to_string(),
                other => return Err(unmarshaling(&other, &place(known, "string"))),
            };
            found.insert(known.to_owned(), Value::String(text));
        } else if let Some(known) = known(flags) {
            match value {
                Value::Null => {}
                Value::Bool(_) => drop(found.insert(known.to_owned(), value)),
                other => return Err(unmarshaling(&other, &place(known, "bool"))),
            }
        }
    }
    Ok(found)
}

fn unmarshaling(found: &Value, into: &str) -> String {
    let found = match found {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    format!("error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {found} into Go {into}")
}

/// A syntax error names what was expected, other errors and those of anchors what was found.
fn without_quotes(error: &Error) -> String {
    let text = error.go_text();
    match error {
        Error::Syntax { message, .. } if !message.contains("anchor") && !message.contains("tag") => text,
        _ => "yaml: it can't be read as YAML with plain fields".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The texts are those of `sigs.k8s.io/yaml` 1.6.0.
    #[test]
    fn entries_are_read_and_refused_as_in_go() {
        let target = Target { whole: "T", prefix: "" };
        let read = |entry: &str| read(entry.as_bytes(), &target, &["id", "secret"], &["chain"]);
        for (entry, fields) in [
            ("", "{}"),
            ("null", "{}"),
            ("id: 12\nsecret: true\n", r#"{"id":"12","secret":"true"}"#),
            ("id: 1.50\n", r#"{"id":"1.5"}"#),
            ("ID: x\nother: [y]\n", r#"{"id":"x"}"#),
            ("id: null", "{}"),
            ("id: a\nid: b", r#"{"id":"b"}"#),
            ("chain: true", r#"{"chain":true}"#),
        ] {
            let found = read(entry).unwrap_or_else(|error| panic!("{entry}: {error}"));
            assert_eq!(serde_json::to_string(&found).unwrap(), fields, "{entry}");
        }
        let unmarshaling = "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal";
        let converting = "error converting YAML to JSON: yaml:";
        for (entry, told) in [
            ("garbage", format!("{unmarshaling} string into Go value of type T")),
            ("- a", format!("{unmarshaling} array into Go value of type T")),
            ("12", format!("{unmarshaling} number into Go value of type T")),
            ("id: {a: 1}", format!("{unmarshaling} object into Go struct field .id of type string")),
            ("chain: x", format!("{unmarshaling} string into Go struct field .chain of type bool")),
            ("a: b: c", format!("{converting} mapping values are not allowed in this context")),
            ("id: [a", format!("{converting} line 1: did not find expected ',' or ']'")),
            ("a: 1\n b: 2", format!("{converting} line 2: mapping values are not allowed in this context")),
            ("id: 'a\nb: c", format!("{converting} line 2: found unexpected end of stream")),
            ("\tx: y", format!("{converting} found character that cannot start any token")),
        ] {
            assert_eq!(read(entry).unwrap_err(), told, "{entry}");
        }
        for entry in ["id: *hidden", "id: !!binary hidden", "? [hidden]\n: b", "id: !hidden!x y"] {
            assert!(
                read(entry).is_ok_and(|found| found.is_empty() || entry.contains('!'))
                    || !read(entry).unwrap_err().contains("hidden"),
                "{entry}"
            );
        }
    }
}
