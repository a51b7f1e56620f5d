//! Reading events as leniently as Go's `encoding/json` reads into its struct.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{Event, ObjectReference, Severity};

/// Why bytes are no event.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Not JSON.
    #[error("the body is not JSON: {0}")]
    Syntax(#[from] serde_json::Error),
    /// A field has another type than it must have.
    #[error("field '{field}' must be {expected}")]
    Type {
        /// Path of the field.
        field: String,
        /// What was expected.
        expected: &'static str,
    },
    /// The timestamp is not RFC 3339.
    #[error("field 'timestamp' is not an RFC 3339 time")]
    Timestamp,
}

impl Event {
    /// Reads an event. Keys match in any case, unknown ones are passed over, `null` and missing ones leave a field
    /// empty: whoever posts to Flux may rely on all of this.
    pub fn from_json(body: &[u8]) -> Result<Self, DecodeError> {
        // Go replaces what is no UTF-8, serde_json refuses it.
        let value: Value = serde_json::from_str(&String::from_utf8_lossy(body))?;
        let mut event = Self::default();
        for (key, value) in object(value, "")? {
            let key = key.as_str();
            let is = |name: &str| key.eq_ignore_ascii_case(name);
            if value.is_null() {
            } else if is("involvedObject") {
                event.involved_object = reference(object(value, "involvedObject")?)?;
            } else if is("severity") {
                event.severity = Severity(string(value, "severity")?);
            } else if is("timestamp") {
                event.timestamp = time(&string(value, "timestamp")?)?;
            } else if is("message") {
                event.message = string(value, "message")?;
            } else if is("reason") {
                event.reason = string(value, "reason")?;
            } else if is("metadata") {
                event.metadata = strings(object(value, "metadata")?)?;
            } else if is("reportingController") {
                event.reporting_controller = string(value, "reportingController")?;
            } else if is("reportingInstance") {
                event.reporting_instance = string(value, "reportingInstance")?;
            }
        }
        Ok(event)
    }
}

fn reference(fields: Map<String, Value>) -> Result<ObjectReference, DecodeError> {
    let mut reference = ObjectReference::default();
    for (key, value) in fields {
        let slots: [(&str, &mut String); 7] = [
            ("kind", &mut reference.kind),
            ("namespace", &mut reference.namespace),
            ("name", &mut reference.name),
            ("uid", &mut reference.uid),
            ("apiVersion", &mut reference.api_version),
            ("resourceVersion", &mut reference.resource_version),
            ("fieldPath", &mut reference.field_path),
        ];
        let Some((name, slot)) = slots.into_iter().find(|(name, _)| key.eq_ignore_ascii_case(name)) else {
            continue;
        };
        if !value.is_null() {
            *slot = string(value, &format!("involvedObject.{name}"))?;
        }
    }
    Ok(reference)
}

fn strings(fields: Map<String, Value>) -> Result<BTreeMap<String, String>, DecodeError> {
    let read = |(key, value): (String, Value)| {
        let text = if value.is_null() { String::new() } else { string(value, &format!("metadata.{key}"))? };
        Ok((key, text))
    };
    fields.into_iter().map(read).collect()
}

fn object(value: Value, field: &str) -> Result<Map<String, Value>, DecodeError> {
    match value {
        Value::Object(fields) => Ok(fields),
        Value::Null => Ok(Map::new()),
        _ => Err(DecodeError::Type { field: field.to_owned(), expected: "an object" }),
    }
}

fn string(value: Value, field: &str) -> Result<String, DecodeError> {
    match value {
        Value::String(text) => Ok(text),
        _ => Err(DecodeError::Type { field: field.to_owned(), expected: "a string" }),
    }
}

/// RFC 3339 exactly; Go's zero time is no time.
fn time(text: &str) -> Result<Option<Timestamp>, DecodeError> {
    let bytes = text.as_bytes();
    let zone = bytes.len().checked_sub(6).map(|at| &bytes[at..]);
    let has_zone = text.ends_with('Z') || zone.is_some_and(|z| matches!(z[0], b'+' | b'-') && z[3] == b':');
    if bytes.get(10) != Some(&b'T') || !has_zone {
        return Err(DecodeError::Timestamp);
    }
    let time: Timestamp = text.parse().map_err(|_| DecodeError::Timestamp)?;
    Ok(Some(time).filter(|_| text != "0001-01-01T00:00:00Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lenient_where_go_is() {
        assert_eq!(Event::from_json(b"null").unwrap(), Event::default());
        assert_eq!(Event::from_json(b"{\"x\":1,\"severity\":null}").unwrap(), Event::default());
        let event = Event::from_json(b"{\"Message\":\"a\xff\",\"METADATA\":{\"k\":null}}").unwrap();
        assert_eq!(event.message, "a\u{fffd}");
        assert_eq!(event.metadata["k"], "");
    }

    #[test]
    fn refuses_what_has_another_type() {
        for body in [
            "[]",
            "1",
            "{",
            "{\"message\":1}",
            "{\"metadata\":{\"a\":1}}",
            "{\"timestamp\":\"yesterday\"}",
            "{}x",
        ] {
            assert!(Event::from_json(body.as_bytes()).is_err(), "{body}");
        }
        let error = Event::from_json(br#"{"involvedObject":{"Kind":[]}}"#).unwrap_err();
        assert_eq!(error.to_string(), "field 'involvedObject.kind' must be a string");
    }
}
