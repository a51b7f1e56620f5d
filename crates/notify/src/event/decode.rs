//! Reading events as leniently as Go's `encoding/json` reads into its struct.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};

use super::{Event, ObjectReference, Severity};
use crate::json::{is_key, without_lone_surrogates};

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
        // Go replaces what is no Unicode, serde_json refuses it.
        let text = String::from_utf8_lossy(body);
        let Fields(fields) = serde_json::from_str(&without_lone_surrogates(&text))?;
        let mut event = Self::default();
        for (key, value) in fields {
            let is = |name: &str| is_key(&key, name);
            if value.is_null() {
            } else if is("involvedObject") {
                refer(&mut event.involved_object, object(value, "involvedObject")?)?;
            } else if is("severity") {
                event.severity = Severity(string(value, "severity")?);
            } else if is("timestamp") {
                event.timestamp = time(&string(value, "timestamp")?)?;
            } else if is("message") {
                event.message = string(value, "message")?;
            } else if is("reason") {
                event.reason = string(value, "reason")?;
            } else if is("metadata") {
                event.metadata.extend(strings(object(value, "metadata")?)?);
            } else if is("reportingController") {
                event.reporting_controller = string(value, "reportingController")?;
            } else if is("reportingInstance") {
                event.reporting_instance = string(value, "reportingInstance")?;
            }
        }
        Ok(event)
    }
}

/// The keys of an event.
const KEYS: [&str; 8] = [
    "involvedObject",
    "severity",
    "timestamp",
    "message",
    "reason",
    "metadata",
    "reportingController",
    "reportingInstance",
];

/// The fields of an event as they stand: one that comes twice adds to what was there. What has no place in an event is
/// passed over unread, whatever numbers it holds.
struct Fields(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Fields;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_unit<E>(self) -> Result<Fields, E> {
                Ok(Fields(Vec::new()))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(key) = map.next_key::<String>()? {
                    if KEYS.iter().any(|name| is_key(&key, name)) {
                        fields.push((key, map.next_value()?));
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

fn refer(reference: &mut ObjectReference, fields: Map<String, Value>) -> Result<(), DecodeError> {
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
        let Some((name, slot)) = slots.into_iter().find(|(name, _)| is_key(&key, name)) else {
            continue;
        };
        if !value.is_null() {
            *slot = string(value, &format!("involvedObject.{name}"))?;
        }
    }
    Ok(())
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

/// RFC 3339 as Go reads it: the hour may have one digit; Go's zero time is no time.
fn time(text: &str) -> Result<Option<Timestamp>, DecodeError> {
    let wrong = || DecodeError::Timestamp;
    let padded = match text.as_bytes().get(10..13) {
        Some([b'T', hour, b':']) if hour.is_ascii_digit() => {
            format!("{}T0{}", &text[..10], &text[11..])
        }
        _ => text.to_owned(),
    };
    let bytes = padded.as_bytes();
    let zone = bytes.len().checked_sub(6).map(|at| &bytes[at..]);
    let is_zone =
        |z: &[u8]| matches!(z[0], b'+' | b'-') && z[3] == b':' && &z[1..3] <= b"24".as_slice() && z[4] < b'6';
    let has_zone = padded.ends_with('Z') || zone.is_some_and(is_zone);
    // A leap second is none to Go.
    let seconds = bytes.get(17..19).ok_or_else(wrong)?;
    if bytes.get(10) != Some(&b'T') || !has_zone || seconds > b"59".as_slice() {
        return Err(wrong());
    }
    let time: Timestamp = padded.parse().map_err(|_| wrong())?;
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
        let event = Event::from_json("{\"rea\u{17f}on\":\"\\ud800x\",\"x\":1e999}".as_bytes()).unwrap();
        assert_eq!(event.reason, "\u{fffd}x");
    }

    #[test]
    fn what_comes_twice_adds_up() {
        let body =
            br#"{"involvedObject":{"kind":"K","name":"a"},"metadata":{"a":"1","b":"2"},"message":"one",
            "metadata":{"b":"3"},"involvedObject":{"name":"b"},"message":"two"}"#;
        let event = Event::from_json(body).unwrap();
        assert_eq!((event.involved_object.kind.as_str(), event.involved_object.name.as_str()), ("K", "b"));
        assert_eq!((event.metadata["a"].as_str(), event.metadata["b"].as_str()), ("1", "3"));
        assert_eq!(event.message, "two");
    }

    #[test]
    fn times_are_those_that_go_reads() {
        for good in ["2026-01-02T03:04:05Z", "2026-01-02T3:04:05Z", "2026-01-02T03:04:05.5+24:00"] {
            assert!(time(good).is_ok(), "{good}");
        }
        for bad in [
            "2026-01-02T03:04:60Z",
            "2026-01-02T03:04:05+25:00",
            "2026-01-02t03:04:05Z",
            "2026-01-02T:04:05Z",
            "T",
        ] {
            assert!(time(bad).is_err(), "{bad}");
        }
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
