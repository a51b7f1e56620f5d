//! TOML as the Go library that Helm uses writes it: plain entries before tables, tables indented by their depth.

use std::fmt::Write as _;

use sluice_gotmpl::value::{List, Map, Str, Value};

use crate::gotext;

const NIL_IN_LIST: &str = "toml: cannot encode array with nil element";
const NO_KEY: &str = "toml: top-level values must be Go maps or structs";
/// How deep values may be nested. (Go: until the stack overflows.)
const MAX_DEPTH: usize = 200;

/// The TOML text of a value; the error is Go's.
pub(in crate::engine) fn encode(value: &Value) -> Result<String, String> {
    if matches!(value, Value::Nil) {
        return Err("reflect: call of reflect.Value.Type on zero Value".to_owned());
    }
    let mut encoder = Encoder { out: String::new(), depth: 0 };
    encoder.entry(&[], value)?;
    Ok(encoder.out)
}

/// What a value is in TOML, as far as it decides where it stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Nil,
    Plain,
    Table,
    Tables,
}

struct Encoder {
    out: String,
    depth: usize,
}

impl Encoder {
    /// A value under its keys, with its line or its table.
    fn entry(&mut self, keys: &[Str], value: &Value) -> Result<(), String> {
        let value = &plain(value);
        self.depth += 1;
        match shape(value, self.depth)? {
            // Without a key a nil list is written all the same.
            Shape::Nil if keys.is_empty() && matches!(value, Value::List(_)) => self.out.push_str("[]"),
            Shape::Nil => {}
            Shape::Plain => self.key_value(keys, value, false)?,
            Shape::Table => self.table(keys, value)?,
            Shape::Tables if keys.is_empty() => return Err(NO_KEY.to_owned()),
            Shape::Tables => {
                for item in items(value).iter().filter(|item| !item.is_nil()) {
                    self.line_break();
                    let _ = write!(self.out, "{}[[{}]]", indent(keys), path(keys));
                    self.line_break();
                    self.map(keys, item, false)?;
                }
            }
        }
        self.depth -= 1;
        Ok(())
    }

    fn table(&mut self, keys: &[Str], value: &Value) -> Result<(), String> {
        if keys.len() == 1 {
            self.line_break();
        }
        if !keys.is_empty() {
            let _ = write!(self.out, "{}[{}]", indent(keys), path(keys));
            self.line_break();
        }
        self.map(keys, value, false)
    }

    fn map(&mut self, keys: &[Str], value: &Value, inline: bool) -> Result<(), String> {
        let entries = entries(value);
        let (mut direct, mut tables) = (Vec::new(), Vec::new());
        for (key, value) in entries {
            let value = plain(&value);
            let is_table = matches!(shape(&value, self.depth)?, Shape::Table | Shape::Tables);
            if is_table { &mut tables } else { &mut direct }.push((key, value));
        }
        if !inline {
            for (key, value) in direct.iter().chain(&tables).filter(|(_, value)| !value.is_nil()) {
                let mut keys = keys.to_vec();
                keys.push(key.clone());
                self.entry(&keys, value)?;
            }
            return Ok(());
        }
        self.out.push('{');
        for (index, (key, value)) in direct.iter().enumerate().filter(|(_, (_, value))| !value.is_nil()) {
            self.key_value(std::slice::from_ref(key), value, true)?;
            if !tables.is_empty() || index != direct.len() - 1 {
                self.out.push_str(", ");
            }
        }
        for (index, (key, value)) in tables.iter().enumerate() {
            self.key_value(std::slice::from_ref(key), value, true)?;
            if index != tables.len() - 1 {
                self.out.push_str(", ");
            }
        }
        self.out.push('}');
        Ok(())
    }

    fn key_value(&mut self, keys: &[Str], value: &Value, inline: bool) -> Result<(), String> {
        let Some(last) = keys.last() else { return self.element(value) };
        let _ = write!(self.out, "{}{} = ", indent(keys), bare_or_quoted(last));
        self.element(value)?;
        if !inline {
            self.line_break();
        }
        Ok(())
    }

    fn element(&mut self, value: &Value) -> Result<(), String> {
        self.depth += 1;
        match &plain(value) {
            Value::Nil => return Err("reflect: call of reflect.Value.Interface on zero Value".to_owned()),
            Value::Bool(value) => self.out.push_str(if *value { "true" } else { "false" }),
            Value::Int(_, value) => self.out.push_str(&value.to_string()),
            Value::Uint(_, value) => self.out.push_str(&value.to_string()),
            Value::Float(value) => self.out.push_str(&float(*value)),
            Value::Str(text) => self.out.push_str(&quoted(&text.to_text())),
            Value::List(list) => self.list(list)?,
            value @ Value::Map(_) => {
                // Nesting was checked by the shape.
                shape(value, self.depth)?;
                self.map(&[], value, true)?;
            }
            Value::Object(object) => match object.text() {
                // Times stand without quotes.
                Some(_) if value.type_name() == "time.Time" => {
                    if let Value::Str(text) = object.to_plain() {
                        self.out.push_str(&text.to_text());
                    }
                }
                text => self.out.push_str(&quoted(&text.unwrap_or_default().to_text())),
            },
        }
        self.depth -= 1;
        Ok(())
    }

    fn list(&mut self, list: &List) -> Result<(), String> {
        self.out.push('[');
        for (index, item) in list.iter().enumerate() {
            if index > 0 {
                self.out.push_str(", ");
            }
            self.element(&item)?;
        }
        self.out.push(']');
        Ok(())
    }

    /// A line break, except at the very start.
    fn line_break(&mut self) {
        if !self.out.is_empty() {
            self.out.push('\n');
        }
    }
}

/// Named maps, lists and scalars as what they are made of, structs as maps; what has a text of its own stays.
fn plain(value: &Value) -> Value {
    match value {
        Value::Object(object) if object.is_nil() => Value::Nil,
        Value::Object(object) if object.text().is_none() => object.to_plain(),
        value => value.clone(),
    }
}

fn shape(value: &Value, depth: usize) -> Result<Shape, String> {
    if depth > MAX_DEPTH {
        return Err(format!("toml: values are nested more than {MAX_DEPTH} levels deep"));
    }
    match value {
        value if value.is_nil() => Ok(Shape::Nil),
        Value::Map(_) => Ok(Shape::Table),
        Value::List(list) if !list.is_empty() => {
            let mut shapes = Vec::with_capacity(list.len());
            for item in list.iter() {
                let shape = shape(&plain(&item), depth + 1)?;
                if shape == Shape::Nil {
                    return Err(NIL_IN_LIST.to_owned());
                }
                shapes.push(shape);
            }
            let all_tables = shapes.iter().all(|shape| *shape == Shape::Table);
            Ok(if all_tables { Shape::Tables } else { Shape::Plain })
        }
        _ => Ok(Shape::Plain),
    }
}

fn items(value: &Value) -> Vec<Value> {
    value.as_list().map(|list| list.iter().map(|item| plain(&item)).collect()).unwrap_or_default()
}

fn entries(value: &Value) -> Vec<(Str, Value)> {
    value.as_map().map(Map::entries).unwrap_or_default()
}

fn indent(keys: &[Str]) -> String {
    "  ".repeat(keys.len().saturating_sub(1))
}

fn path(keys: &[Str]) -> String {
    keys.iter().map(bare_or_quoted).collect::<Vec<_>>().join(".")
}

fn bare_or_quoted(key: &Str) -> String {
    let key = key.to_text();
    let is_bare = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if is_bare { key.into_owned() } else { quoted(&key) }
}

fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            c if c < ' ' || c == '\u{7f}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A float has a point or an exponent.
fn float(value: f64) -> String {
    if value.is_nan() {
        return if value.is_sign_negative() { "-nan" } else { "nan" }.to_owned();
    }
    if value.is_infinite() {
        return if value < 0.0 { "-inf" } else { "inf" }.to_owned();
    }
    let text = gotext::float(value);
    if text.contains(['e', '.']) { text } else { text + ".0" }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};
    use sluice_gotmpl::value::Numbers;

    use super::*;

    fn text(json: &Json) -> Result<String, String> {
        encode(&Value::from_json(json, Numbers::Int64))
    }

    #[test]
    fn tables_stand_behind_plain_entries() {
        let json = json!({
            "t": { "k": "v", "u": { "x": 1.0 } }, "a": "x\"\n", "b c": [1, [true]], "l": [{ "n": 1 }, { "n": 2 }],
            "mixed": [1, { "z": 1e7, "a": { "q": 2 } }], "none": null, "e": {}, "f": [],
        });
        assert_eq!(
            text(&json).unwrap(),
            "a = \"x\\\"\\n\"\n\"b c\" = [1, [true]]\nf = []\nmixed = [1, {z = 1e+07, a = {q = 2}}]\n\n[e]\n\n[[l]]\n  n = 1\n\n\
             [[l]]\n  n = 2\n\n[t]\n  k = \"v\"\n  [t.u]\n    x = 1.0\n"
        );
    }

    #[test]
    fn roots_that_are_no_tables() {
        assert_eq!(text(&json!("x")).unwrap(), "\"x\"");
        assert_eq!(text(&json!([1, 2.5])).unwrap(), "[1, 2.5]");
        assert_eq!(text(&json!([{}])).unwrap_err(), NO_KEY);
        assert_eq!(text(&json!({ "a": [null] })).unwrap_err(), NIL_IN_LIST);
    }
}
