//! Deep copies.

use crate::function::{Call, FuncError};
use crate::limits::CALL_BYTES;
use crate::value::{List, Map, RED_ZONE, STACK_SEGMENT, Value};

/// How deep values may nest that are copied or merged. A map that holds itself nests without end.
pub(super) const MAX_DEPTH: usize = 1000;

/// A copy that shares no list and no map with the original.
pub(super) fn deep_copy(call: &mut Call<'_>, value: &Value) -> Result<Value, FuncError> {
    if matches!(value, Value::Nil) {
        return Err("reflect: call of reflect.Value.Type on zero Value".into());
    }
    copy(call, value, 0)
}

fn copy(call: &mut Call<'_>, value: &Value, depth: usize) -> Result<Value, FuncError> {
    if depth > MAX_DEPTH {
        return Err(FuncError::new(format!("values nest deeper than {MAX_DEPTH}, or hold themselves")));
    }
    let mut deeper =
        |value: &Value| stacker::maybe_grow(RED_ZONE, STACK_SEGMENT, || copy(call, value, depth + 1));
    Ok(match value {
        Value::List(list) if !list.is_nil() && list.as_bytes().is_none() => {
            let items = list.iter().map(|item| deeper(&item)).collect::<Result<_, _>>()?;
            spend(call, list.len())?;
            Value::List(List::typed(list.ty(), items))
        }
        Value::Map(map) if !map.is_nil() => {
            let copied = Map::typed(map.ty());
            for (key, value) in map.entries() {
                copied.insert(key, deeper(&value)?);
            }
            spend(call, 2 * map.len())?;
            copied.into()
        }
        Value::Object(object) => match object.underlying() {
            Some(inner @ (Value::List(_) | Value::Map(_))) => {
                let copied = deeper(&inner)?;
                object.with_underlying(copied).unwrap_or_else(|| value.clone())
            }
            _ => value.clone(),
        },
        value => value.clone(),
    })
}

/// Accounts for a copied list or map with so many parts.
fn spend(call: &mut Call<'_>, parts: usize) -> Result<(), FuncError> {
    call.spend(parts as u64)?;
    call.allocate(CALL_BYTES + (parts * size_of::<Value>()) as u64)
}
