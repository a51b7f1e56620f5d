//! From values to JSON text.

use std::collections::HashSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::limits::{Limit, MAX_TEXT};
use crate::value::{Kind, RED_ZONE, STACK_SEGMENT, Value};

/// How the text looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// Whether `<`, `>` and `&` stand as they are, as with `SetEscapeHTML(false)`.
    pub raw: bool,
    /// Whether every entry has a line of its own, indented by two spaces a level.
    pub indented: bool,
}

/// From this depth on, maps and lists on the way are remembered to find one that holds itself.
const DETECT_CYCLES_AFTER: usize = 1000;

/// The JSON text of a value; the error is Go's.
///
/// Keys are sorted, bytes become base 64, what is not UTF-8 becomes U+FFFD.
pub fn encode(value: &Value, style: Style) -> Result<Vec<u8>, String> {
    let mut encoder = Encoder { out: Vec::new(), style, depth: 0, on_way: HashSet::new() };
    encoder.value(value)?;
    Ok(encoder.out)
}

struct Encoder {
    out: Vec<u8>,
    style: Style,
    depth: usize,
    /// Addresses of the containers around, those below [`DETECT_CYCLES_AFTER`].
    on_way: HashSet<usize>,
}

impl Encoder {
    fn value(&mut self, value: &Value) -> Result<(), String> {
        match value {
            Value::Nil => self.out.extend_from_slice(b"null"),
            Value::Bool(true) => self.out.extend_from_slice(b"true"),
            Value::Bool(false) => self.out.extend_from_slice(b"false"),
            Value::Int(_, value) => self.out.extend_from_slice(value.to_string().as_bytes()),
            Value::Uint(_, value) => self.out.extend_from_slice(value.to_string().as_bytes()),
            Value::Float(value) if value.is_finite() => write_float(&mut self.out, *value),
            Value::Float(value) => return Err(format!("json: unsupported value: {}", infinite(*value))),
            Value::Str(text) => self.string(text),
            Value::List(list) if list.is_nil() => self.out.extend_from_slice(b"null"),
            Value::List(list) => {
                if let Some(bytes) = list.as_bytes() {
                    self.string(STANDARD.encode(bytes).as_bytes());
                    return Ok(());
                }
                let items = list.as_slice().unwrap_or_default();
                self.container(value, list.address(), [b'[', b']'], items.len(), |encoder, index| {
                    items.get(index).map_or(Ok(()), |item| encoder.value(item))
                })?;
            }
            Value::Map(map) if map.is_nil() => self.out.extend_from_slice(b"null"),
            Value::Map(map) => {
                let entries = map.entries();
                self.container(value, map.address(), [b'{', b'}'], entries.len(), |encoder, index| {
                    let Some((key, value)) = entries.get(index) else { return Ok(()) };
                    encoder.string(key);
                    encoder.out.extend_from_slice(if encoder.style.indented { b": " } else { b":" });
                    encoder.value(value)
                })?;
            }
            Value::Object(object) if object.is_nil() => self.out.extend_from_slice(b"null"),
            Value::Object(object) if object.ty().kind() == Kind::Complex128 => {
                return Err("json: unsupported type: complex128".into());
            }
            Value::Object(object) => match object.json() {
                None => self.value(&object.to_plain())?,
                Some(fields) => {
                    let address = std::rc::Rc::as_ptr(object).cast::<()>() as usize;
                    self.container(value, address, [b'{', b'}'], fields.len(), |encoder, index| {
                        let Some((name, value)) = fields.get(index) else { return Ok(()) };
                        encoder.string(name.as_bytes());
                        encoder.out.extend_from_slice(if encoder.style.indented { b": " } else { b":" });
                        encoder.value(value)
                    })?;
                }
            },
        }
        Ok(())
    }

    fn container(
        &mut self,
        value: &Value,
        address: usize,
        [open, close]: [u8; 2],
        count: usize,
        mut entry: impl FnMut(&mut Self, usize) -> Result<(), String>,
    ) -> Result<(), String> {
        self.out.push(open);
        self.depth += 1;
        let watched = self.depth > DETECT_CYCLES_AFTER;
        if watched && !self.on_way.insert(address) {
            let name = value.type_name();
            return Err(format!("json: unsupported value: encountered a cycle via {name}"));
        }
        for index in 0..count {
            if self.out.len() > MAX_TEXT {
                return Err(Limit::Text(MAX_TEXT).to_string());
            }
            if index > 0 {
                self.out.push(b',');
            }
            self.line();
            stacker::maybe_grow(RED_ZONE, STACK_SEGMENT, || entry(self, index))?;
        }
        if watched {
            self.on_way.remove(&address);
        }
        self.depth -= 1;
        if count > 0 {
            self.line();
        }
        self.out.push(close);
        Ok(())
    }

    fn line(&mut self) {
        if self.style.indented {
            self.out.push(b'\n');
            self.out.resize(self.out.len() + 2 * self.depth, b' ');
        }
    }

    fn string(&mut self, bytes: &[u8]) {
        self.out.push(b'"');
        for chunk in bytes.utf8_chunks() {
            self.text(chunk.valid());
            for _ in chunk.invalid() {
                self.out.extend_from_slice(b"\\ufffd");
            }
        }
        self.out.push(b'"');
    }

    fn text(&mut self, text: &str) {
        let bytes = text.as_bytes();
        let mut plain = 0;
        for (at, byte) in bytes.iter().copied().enumerate() {
            let (escaped, width): (&[u8], usize) = match byte {
                b'"' => (b"\\\"", 1),
                b'\\' => (b"\\\\", 1),
                b'\n' => (b"\\n", 1),
                b'\r' => (b"\\r", 1),
                b'\t' => (b"\\t", 1),
                0x08 => (b"\\b", 1),
                0x0C => (b"\\f", 1),
                b'<' if !self.style.raw => (b"\\u003c", 1),
                b'>' if !self.style.raw => (b"\\u003e", 1),
                b'&' if !self.style.raw => (b"\\u0026", 1),
                // The line separators of JavaScript.
                0xE2 => match bytes.get(at..at + 3) {
                    Some(b"\xE2\x80\xA8") => (b"\\u2028", 3),
                    Some(b"\xE2\x80\xA9") => (b"\\u2029", 3),
                    _ => continue,
                },
                0..0x20 => (b"", 1),
                _ => continue,
            };
            self.out.extend_from_slice(bytes.get(plain..at).unwrap_or_default());
            if escaped.is_empty() {
                self.out.extend_from_slice(format!("\\u{byte:04x}").as_bytes());
            } else {
                self.out.extend_from_slice(escaped);
            }
            plain = at + width;
        }
        self.out.extend_from_slice(bytes.get(plain..).unwrap_or_default());
    }
}

fn infinite(value: f64) -> &'static str {
    if value.is_nan() {
        "NaN"
    } else if value > 0.0 {
        "+Inf"
    } else {
        "-Inf"
    }
}

/// A finite number: the shortest digits, with an exponent below 1e-6 and from 1e21 on.
pub fn write_float(out: &mut Vec<u8>, value: f64) {
    let size = value.abs();
    let text = if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let text = format!("{value:e}");
        match text.split_once('e') {
            Some((digits, exponent)) if !exponent.starts_with('-') => format!("{digits}e+{exponent}"),
            _ => text,
        }
    } else {
        format!("{value}")
    };
    out.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::value::{List, Map, Numbers, Scope, Type};

    fn text(value: &Value) -> String {
        String::from_utf8(encode(value, Style::default()).unwrap()).unwrap()
    }

    #[test]
    fn texts_are_gos() {
        let json =
            json!({ "b": [1.5, 1e21, 1e-7, 1e6, -0.0], "a": "<&>\u{2028}\u{1}\u{8}\"\\é\u{7f}", "n": null });
        assert_eq!(
            text(&Value::from_json(&json, Numbers::Float64)),
            "{\"a\":\"\\u003c\\u0026\\u003e\\u2028\\u0001\\b\\\"\\\\é\u{7f}\",\"b\":[1.5,1e+21,1e-7,1000000,-0],\"n\":null}"
        );
        assert_eq!(text(&Value::List(List::bytes("ab"))), "\"YWI=\"");
        assert_eq!(text(&Value::List(List::nil(Type::ANYS))), "null");
        assert_eq!(text(&Value::str(&b"a\xffb"[..])), "\"a\\ufffdb\"");
        assert_eq!(
            encode(&Value::Float(f64::NAN), Style::default()).unwrap_err(),
            "json: unsupported value: NaN"
        );
    }

    #[test]
    fn indentation() {
        let value = Value::from_json(&json!({ "a": [], "b": [1, { "c": "<" }], "d": {} }), Numbers::Float64);
        let style = Style { raw: true, indented: true };
        assert_eq!(
            String::from_utf8(encode(&value, style).unwrap()).unwrap(),
            "{\n  \"a\": [],\n  \"b\": [\n    1,\n    {\n      \"c\": \"<\"\n    }\n  ],\n  \"d\": {}\n}"
        );
    }

    #[test]
    fn cycles_are_errors() {
        let _scope = Scope::enter();
        let map = Map::new();
        map.insert("self", Value::Map(map.clone()));
        let error = encode(&Value::Map(map), Style::default()).unwrap_err();
        assert_eq!(error, "json: unsupported value: encountered a cycle via map[string]interface {}");
    }
}
