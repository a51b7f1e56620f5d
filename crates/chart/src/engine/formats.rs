//! Helm's functions for YAML, JSON and TOML.

use serde_json::Value as Json;
use sluice_gotmpl::gojson::{self, Style};
use sluice_gotmpl::value::{Map, Numbers, Str, Type, Value};
use sluice_gotmpl::{FuncError, Function};
use sluice_yaml::Version;

use super::toml;
use crate::decode;
use crate::values::tables;

const ANY: &[Type] = &[Type::Any];
const TEXT: &[Type] = &[Type::String];

pub(super) const FUNCTIONS: &[Function] = &[
    // Errors give an empty text: that is Helm's contract, and charts rely on it.
    Function::new("toYaml", ANY, |_, args| Ok(to_yaml(args).unwrap_or_default().into())),
    Function::new("mustToYaml", ANY, |_, args| to_yaml(args).map(Value::from).map_err(FuncError::new)),
    Function::new("toYamlPretty", ANY, |_, args| Ok(to_yaml_pretty(args).unwrap_or_default().into())),
    Function::new("fromYaml", TEXT, |_, args| Ok(Value::Map(from_yaml(&text(args))))),
    Function::new("fromYamlArray", TEXT, |_, args| Ok(from_yaml_list(&text(args)))),
    Function::new("toJson", ANY, |_, args| Ok(Value::str(to_json(args).unwrap_or_default()))),
    Function::new("mustToJson", ANY, |_, args| to_json(args).map(Value::str).map_err(FuncError::new)),
    Function::new("fromJson", TEXT, |_, args| {
        Ok(Value::Map(gojson::decode_map(&text(args)).unwrap_or_else(|message| error(&message))))
    }),
    Function::new("fromJsonArray", TEXT, |_, args| {
        Ok(gojson::decode_list(&text(args)).map_or_else(|message| errors(&message), Value::List))
    }),
    Function::new("toToml", ANY, |_, args| match args.first() {
        None | Some(Value::Nil) => toml::encode(&Value::Nil).map(Value::from).map_err(FuncError::new),
        Some(value) => Ok(toml::encode(value).unwrap_or_else(|message| message).into()),
    }),
    Function::new("mustToToml", ANY, |_, args| {
        toml::encode(any(args)).map(Value::from).map_err(FuncError::new)
    }),
    Function::new("fromToml", TEXT, |_, args| {
        Ok(Value::Map(toml::decode(&text(args).to_text()).unwrap_or_else(|message| error(&message))))
    }),
];

fn any(args: &[Value]) -> &Value {
    args.first().unwrap_or(&Value::Nil)
}

fn text(args: &[Value]) -> Str {
    any(args).as_str().cloned().unwrap_or_default()
}

/// What the functions that read give for a text that can't be read.
fn error(message: &str) -> Map {
    let map = Map::new();
    map.insert("Error", message);
    map
}

fn errors(message: &str) -> Value {
    Value::list(vec![message.into()])
}

fn without_break(mut yaml: String) -> String {
    if yaml.ends_with('\n') {
        yaml.pop();
    }
    yaml
}

/// Helm writes JSON, reads that as YAML, and writes YAML. The detour shows only where a text holds characters that JSON
/// takes as they are and YAML does not.
fn to_yaml(args: &[Value]) -> Result<String, String> {
    let json =
        tables::plain_json(any(args)).map_err(|error| format!("error marshaling into JSON: {error}"))?;
    if !is_special(&json) {
        return Ok(without_break(sluice_yaml::to_yaml(&json)));
    }
    let text = gojson::encode(any(args), Style::default())?;
    let read = sluice_yaml::parse_data(&String::from_utf8_lossy(&text))
        .and_then(|node| node.map_or(Ok(Json::Null), |node| node.to_json(Version::V2)))
        .map_err(|error| error.go_text())?;
    Ok(without_break(sluice_yaml::to_yaml(&read)))
}

/// Whether a text in the value holds characters that YAML refuses, or takes for a line break.
fn is_special(json: &Json) -> bool {
    let special = |text: &str| text.contains(|c| matches!(c, '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}'));
    match json {
        Json::String(text) => special(text),
        Json::Array(items) => items.iter().any(is_special),
        Json::Object(map) => map.iter().any(|(key, value)| special(key) || is_special(value)),
        _ => false,
    }
}

fn to_yaml_pretty(args: &[Value]) -> Result<String, String> {
    Ok(without_break(sluice_yaml::to_yaml_pretty(&tables::plain_json_without_nil(any(args))?)))
}

fn to_json(args: &[Value]) -> Result<Vec<u8>, String> {
    gojson::encode(any(args), Style::default())
}

/// The JSON value of the first document, and what it is called.
fn parse(yaml: &[u8]) -> Result<(Json, &'static str), String> {
    match decode::document(yaml).map_err(|error| error.go_text())? {
        Some(node) => {
            let json =
                node.to_json(Version::V2).map_err(|error| decode::DecodeError::Yaml(error).go_text())?;
            Ok((json, decode::json_type(&node)))
        }
        None => Ok((Json::Null, "null")),
    }
}

fn mismatch(found: &'static str, wanted: &str) -> String {
    decode::DecodeError::Type { found, wanted: format!("value of type {wanted}") }.to_string()
}

fn from_yaml(yaml: &[u8]) -> Map {
    match parse(yaml) {
        Ok((Json::Null, _)) => Map::new(),
        Ok((json @ Json::Object(_), _)) => match Value::from_json(&json, Numbers::Float64) {
            Value::Map(map) => map,
            _ => Map::new(),
        },
        Ok((_, found)) => error(&mismatch(found, "map[string]interface {}")),
        Err(message) => error(&message),
    }
}

fn from_yaml_list(yaml: &[u8]) -> Value {
    match parse(yaml) {
        Ok((Json::Null, _)) => Value::list(Vec::new()),
        Ok((json @ Json::Array(_), _)) => Value::from_json(&json, Numbers::Float64),
        Ok((_, found)) => errors(&mismatch(found, "[]interface {}")),
        Err(message) => errors(&message),
    }
}
