//! Values as Go maps, which several places may share: what is merged into one of them shows in all.
//!
//! Helm's rules follow from such sharing in places (a global of a subchart shows in its parent from the second level
//! on), so values are merged in the same form in which templates see them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map as JsonMap, Number, Value as Json};
use sluice_gotmpl::value::{List, Map, Numbers, Str, Type, Value};

/// Values as templates see them: floats are `float64`, whole numbers are `int64`.
pub(crate) fn from_json(values: &JsonMap<String, Json>) -> Map {
    let map = Map::new();
    for (key, value) in values {
        map.insert(key.as_str(), Value::from_json(value, Numbers::Int64));
    }
    map
}

/// The values as JSON; what no JSON value is becomes null.
pub(crate) fn to_json(map: &Map) -> JsonMap<String, Json> {
    map.entries().iter().map(|(key, value)| (key.to_text().into_owned(), value_to_json(value))).collect()
}

fn value_to_json(value: &Value) -> Json {
    match value {
        Value::Nil | Value::Object(_) => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Int(_, value) => Json::from(*value),
        Value::Uint(_, value) => Json::from(*value),
        Value::Float(value) => Number::from_f64(*value).map_or(Json::Null, Json::Number),
        Value::Str(text) => Json::String(text.to_text().into_owned()),
        Value::List(list) => Json::Array(list.iter().map(|item| value_to_json(&item)).collect()),
        Value::Map(map) => Json::Object(to_json(map)),
    }
}

/// How deep values may be nested to be written. Deeper ones hold themselves. (Go looks for such from 1,000 on.)
const MAX_DEPTH: usize = 1000;

/// A value as `encoding/json` sees it: named types as what they are made of, bytes in base 64. The error is Go's, for
/// numbers without a JSON form and for values that hold themselves.
pub(crate) fn plain_json(value: &Value) -> Result<Json, String> {
    plain_json_at(value, 0, || Json::Null, || Json::Null)
}

/// As [`plain_json`], with nil lists and maps as empty ones, which is how go-yaml writes them.
pub(crate) fn plain_json_without_nil(value: &Value) -> Result<Json, String> {
    plain_json_at(value, 0, || Json::Array(Vec::new()), || Json::Object(serde_json::Map::new()))
}

fn plain_json_at(
    value: &Value,
    depth: usize,
    nil_list: fn() -> Json,
    nil_map: fn() -> Json,
) -> Result<Json, String> {
    let inner = |value: &Value| plain_json_at(value, depth + 1, nil_list, nil_map);
    if depth > MAX_DEPTH {
        let name = value.type_name();
        return Err(format!("json: unsupported value: encountered a cycle via {name}"));
    }
    Ok(match value {
        Value::Float(float) => match Number::from_f64(*float) {
            Some(number) => Json::Number(number),
            None => return Err(format!("json: unsupported value: {}", crate::gotext::float(*float))),
        },
        Value::List(list) if list.is_nil() => nil_list(),
        Value::List(list) => {
            if let Some(bytes) = list.as_bytes() {
                Json::String(STANDARD.encode(bytes))
            } else {
                let items = list.as_slice().unwrap_or_default();
                Json::Array(items.iter().map(inner).collect::<Result<_, _>>()?)
            }
        }
        Value::Map(map) if map.is_nil() => nil_map(),
        Value::Map(map) => {
            let entries = map.entries();
            let entries = entries.iter().map(|(key, value)| Ok((key.to_text().into_owned(), inner(value)?)));
            Json::Object(entries.collect::<Result<_, String>>()?)
        }
        Value::Object(object) if object.is_nil() => Json::Null,
        Value::Object(object) if object.ty() == Type::Complex128 => {
            return Err("json: unsupported type: complex128".to_owned());
        }
        Value::Object(object) => inner(&object.to_plain())?,
        value => value_to_json(value),
    })
}

/// A copy that shares nothing.
pub(crate) fn deep_copy(map: &Map) -> Map {
    let copy = Map::new();
    for (key, value) in map.entries() {
        copy.insert(key, deep_copy_value(&value));
    }
    copy
}

fn deep_copy_value(value: &Value) -> Value {
    match value {
        Value::Map(map) => Value::Map(deep_copy(map)),
        Value::List(list) => Value::List(List::of(list.iter().map(|item| deep_copy_value(&item)).collect())),
        value => value.clone(),
    }
}

/// The table at a path of keys divided by dots.
pub(crate) fn table(map: &Map, path: &str) -> Result<Map, String> {
    let mut table = map.clone();
    for key in path.split('.') {
        match table.get(key) {
            Some(Value::Map(inner)) => table = inner,
            _ => return Err(format!("{} is not a table", crate::gotext::quote(key))),
        }
    }
    Ok(table)
}

/// The value at a path of keys divided by dots, unless it is a table.
pub(crate) fn path_value(map: &Map, path: &str) -> Option<Value> {
    let (table, key) = match path.rsplit_once('.') {
        Some((path, key)) => (table(map, path).ok()?, key),
        None => (map.clone(), path),
    };
    table.get(key).filter(|value| !matches!(value, Value::Map(_)))
}

/// A map with another one at a path of keys divided by dots; the other one itself for the path `.`.
pub(crate) fn nest(path: &str, map: Map) -> Map {
    if path == "." {
        return map;
    }
    path.split('.').rev().fold(map, |inner, key| {
        let outer = Map::new();
        outer.insert(Str::from(key), Value::Map(inner));
        outer
    })
}
