//! Values as strings.

use crate::format::to_bytes;
use crate::value::{Str, Value};

/// What `%v` prints.
pub(super) fn sprint(value: &Value) -> Vec<u8> {
    to_bytes(value)
}

/// A string or bytes as they are; errors and what has a `String` method by their text; else what `%v` prints.
pub(super) fn strval(value: &Value) -> Str {
    match value {
        Value::Str(text) => return text.clone(),
        Value::List(list) => {
            if let Some(bytes) = list.as_bytes() {
                return bytes.into();
            }
        }
        Value::Object(object) => {
            if let Some(text) = object.text() {
                return text;
            }
        }
        _ => {}
    }
    to_bytes(value).into()
}

/// The elements of a list as strings, without nil ones; anything else as the only string.
pub(super) fn strings(value: &Value) -> Vec<Str> {
    match value.underlying() {
        Value::List(list) => {
            list.iter().filter(|item| !matches!(item, Value::Nil)).map(|item| strval(&item)).collect()
        }
        Value::Nil => Vec::new(),
        _ => vec![strval(value)],
    }
}
