//! JSON as CEL sees it, and back.

use std::sync::Arc;

use cel::{Value, objects};
use serde_json::{Map, Value as Json};

/// Whole numbers are `int`, as Kubernetes reads them.
pub(super) fn to_cel(value: &Json) -> Value {
    match value {
        Json::Null => Value::Null,
        Json::Bool(b) => Value::Bool(*b),
        Json::Number(n) => match (n.as_i64(), n.as_u64()) {
            (Some(i), _) => Value::Int(i),
            (None, Some(u)) => Value::UInt(u),
            (None, None) => Value::Float(n.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(s) => Value::String(Arc::new(s.clone())),
        Json::Array(items) => Value::List(Arc::new(items.iter().map(to_cel).collect())),
        Json::Object(fields) => Value::Map(objects::Map {
            map: Arc::new(
                fields.iter().map(|(k, v)| (objects::Key::String(Arc::new(k.clone())), to_cel(v))).collect(),
            ),
        }),
    }
}

/// What JSON has no word for becomes text, or `null`.
pub(super) fn to_json(value: &Value) -> Json {
    match value {
        Value::Bool(b) => Json::Bool(*b),
        Value::Int(i) => Json::from(*i),
        Value::UInt(u) => Json::from(*u),
        Value::Float(f) => Json::from(*f),
        Value::String(s) => Json::String(s.to_string()),
        Value::Bytes(bytes) => Json::String(String::from_utf8_lossy(bytes).into_owned()),
        Value::List(items) => Json::Array(items.iter().map(to_json).collect()),
        Value::Map(map) => {
            let text = |key: &objects::Key| match key {
                objects::Key::Int(i) => i.to_string(),
                objects::Key::Uint(u) => u.to_string(),
                objects::Key::Bool(b) => b.to_string(),
                objects::Key::String(s) => s.to_string(),
            };
            Json::Object(
                map.map.iter().map(|(key, value)| (text(key), to_json(value))).collect::<Map<_, _>>(),
            )
        }
        Value::Duration(duration) => Json::String(duration.to_string()),
        Value::Timestamp(time) => Json::String(time.to_rfc3339()),
        Value::Opaque(opaque) => match opaque.downcast_ref::<objects::OptionalValue>() {
            Some(optional) => optional.value().map_or(Json::Null, to_json),
            None => Json::Null,
        },
        _ => Json::Null,
    }
}
