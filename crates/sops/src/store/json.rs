//! JSON, with keys in their order.

use std::fmt::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value as Json};

use super::number::json_float;
use crate::tree::{Entry, Item, Value};

pub(super) fn parse(text: &[u8]) -> Result<Vec<Entry>, String> {
    // The parser's own text names a place and no content.
    match serde_json::from_slice(text).map_err(|error| format!("Could not unmarshal input data: {error}"))? {
        Value::Map(entries) => Ok(entries),
        other => Err(format!(
            "Could not unmarshal input data: SOPS only supports JSON files with a top-level object (starting with '{{'), not {}",
            other.kind()
        )),
    }
}

/// An object as a tree; `None` for anything else.
pub(super) fn entries(object: &Json) -> Option<Vec<Entry>> {
    let map = object.as_object()?;
    Some(map.iter().map(|(key, value)| Entry::Pair(key.clone(), value_of(value))).collect())
}

fn value_of(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => number_of(number),
        Json::String(text) => Value::Text(text.clone()),
        Json::Array(items) => Value::List(items.iter().map(|item| Item::Value(value_of(item))).collect()),
        Json::Object(map) => {
            Value::Map(map.iter().map(|(key, value)| Entry::Pair(key.clone(), value_of(value))).collect())
        }
    }
}

fn number_of(number: &Number) -> Value {
    number.as_i64().map_or_else(|| Value::Float(number.as_f64().unwrap_or_default()), Value::Int)
}

/// A tree as an object; comments are left out.
pub(super) fn object(entries: &[Entry]) -> Json {
    let pair = |entry: &Entry| match entry {
        Entry::Pair(key, value) => Some((key.clone(), json_of(value))),
        Entry::Comment(_) => None,
    };
    Json::Object(entries.iter().filter_map(pair).collect::<Map<_, _>>())
}

fn json_of(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Int(value) => Json::from(*value),
        // A whole float is written, and read again, as an integer.
        Value::Float(value) => {
            json_float(*value).parse::<i64>().map_or_else(|_| Json::from(*value), Json::from)
        }
        Value::Time(text) | Value::Text(text) => Json::String(text.clone()),
        Value::Bytes(bytes) => Json::String(STANDARD.encode(bytes)),
        Value::List(items) => Json::Array(values(items).map(json_of).collect()),
        Value::Map(entries) => object(entries),
    }
}

fn values(items: &[Item]) -> impl Iterator<Item = &Value> {
    items.iter().filter_map(|item| match item {
        Item::Value(value) => Some(value),
        Item::Comment(_) => None,
    })
}

/// Writes a tree with tabs, as Go indents.
pub(super) fn emit(entries: &[Entry]) -> String {
    let mut out = String::new();
    write_map(entries, 0, &mut out);
    out.push('\n');
    out
}

fn write(value: &Value, depth: usize, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Int(value) => out.push_str(&value.to_string()),
        Value::Float(value) => out.push_str(&json_float(*value)),
        Value::Time(text) | Value::Text(text) => write_text(text, out),
        Value::Bytes(bytes) => write_text(&STANDARD.encode(bytes), out),
        Value::Map(entries) => write_map(entries, depth, out),
        Value::List(items) => {
            out.push('[');
            let mut any = false;
            for value in values(items) {
                if any {
                    out.push(',');
                }
                any = true;
                new_line(depth + 1, out);
                write(value, depth + 1, out);
            }
            if any {
                new_line(depth, out);
            }
            out.push(']');
        }
    }
}

fn write_map(entries: &[Entry], depth: usize, out: &mut String) {
    out.push('{');
    let mut any = false;
    for entry in entries {
        let Entry::Pair(key, value) = entry else { continue };
        if any {
            out.push(',');
        }
        any = true;
        new_line(depth + 1, out);
        write_text(key, out);
        out.push_str(": ");
        write(value, depth + 1, out);
    }
    if any {
        new_line(depth, out);
    }
    out.push('}');
}

fn new_line(depth: usize, out: &mut String) {
    out.push('\n');
    out.extend(std::iter::repeat_n('\t', depth));
}

fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c if c < ' ' || matches!(c, '<' | '>' | '&' | '\u{2028}' | '\u{2029}') => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Tree)
    }
}

struct Tree;

impl<'de> Visitor<'de> for Tree {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(i64::try_from(value).map_or(Value::Float(value as f64), Value::Int))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(value) = items.next_element()? {
            list.push(Item::Value(value));
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some((key, value)) = pairs.next_entry::<String, Value>()? {
            entries.push(Entry::Pair(key, value));
        }
        Ok(Value::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_layout_are_kept() {
        let text = "{\n\t\"b\": 1,\n\t\"a\": [\n\t\t\"x\\u003c\",\n\t\t{},\n\t\t[]\n\t],\n\t\"n\": null,\n\t\"f\": 1.5\n}\n";
        assert_eq!(emit(&parse(text.as_bytes()).unwrap()), text);
        assert!(parse(b"[]").is_err());
    }
}
