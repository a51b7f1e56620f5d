//! `index`, `slice`, `len`.

use super::super::Outcome;
use super::super::field::zero;
use super::Operand;
use crate::function::FuncError;
use crate::value::{Kind, Str, Type, Value};

fn content(operand: &Operand) -> Option<&Value> {
    operand.as_ref().filter(|value| !matches!(value, Value::Nil))
}

/// `index x 1 "a"` is `x[1]["a"]`.
pub(super) fn index(args: &[Operand]) -> Result<Outcome, FuncError> {
    let Some((item, indexes)) = args.split_first() else { return Ok(None) };
    let mut item = content(item).ok_or("index of untyped nil")?.clone();
    for index in indexes {
        if matches!(item, Value::Nil) || (item.kind() == Kind::Pointer && item.is_nil()) {
            return Err("index of nil pointer".into());
        }
        let index = content(index);
        item = match item.underlying() {
            Value::List(list) => {
                let position = position(index, list.len())?;
                list.get(position).ok_or("reflect: slice index out of range")?
            }
            Value::Str(text) => {
                let position = position(index, text.len())?;
                Value::from(*text.get(position).ok_or("reflect: string index out of range")?)
            }
            Value::Map(map) => {
                let key = key(index)?;
                map.get(key).unwrap_or_else(|| zero(map.ty().element().unwrap_or(Type::Any)))
            }
            other => return Err(format!("can't index item of type {}", other.ty()).into()),
        };
    }
    Ok(Some(item))
}

/// An index into a list or string; its length is allowed here.
fn position(index: Option<&Value>, length: usize) -> Result<usize, FuncError> {
    let index = index.ok_or("cannot index slice/array with nil")?;
    let number = match index.underlying() {
        Value::Int(_, number) => number,
        // As Go converts it.
        Value::Uint(_, number) => number as i64,
        _ => return Err(format!("cannot index slice/array with type {}", index.ty()).into()),
    };
    usize::try_from(number)
        .ok()
        .filter(|number| *number <= length)
        .ok_or_else(|| format!("index out of range: {number}").into())
}

fn key(index: Option<&Value>) -> Result<Str, FuncError> {
    match index {
        None => Err("value is nil; should be of type string".into()),
        Some(Value::Str(key)) => Ok(key.clone()),
        Some(other) => Err(format!("value has type {}; should be string", other.ty()).into()),
    }
}

/// `slice x 1 2` is `x[1:2]`. Go does not look into an index that sits in a variable of type `interface {}`.
pub(super) fn slice(args: &[Operand], is_boxed: &[bool]) -> Result<Outcome, FuncError> {
    let Some((item, indexes)) = args.split_first() else { return Ok(None) };
    let item = content(item).ok_or("slice of untyped nil")?;
    if item.kind() == Kind::Pointer && item.is_nil() {
        return Err("slice of nil pointer".into());
    }
    if indexes.len() > 3 {
        return Err(format!("too many slice indexes: {}", indexes.len()).into());
    }
    let length = match item.underlying() {
        Value::Str(_) if indexes.len() == 3 => return Err("cannot 3-index slice a string".into()),
        Value::Str(text) => text.len(),
        Value::List(list) => list.len(),
        _ => return Err(format!("can't slice item of type {}", item.ty()).into()),
    };
    let mut bounds = [0, length, length];
    for (at, (bound, index)) in bounds.iter_mut().zip(indexes).enumerate() {
        if is_boxed.get(at + 1).is_some_and(|is_boxed| *is_boxed) {
            return Err("cannot index slice/array with type interface {}".into());
        }
        *bound = position(index.as_ref().filter(|value| !matches!(value, Value::Nil)), length)?;
    }
    let [start, end, capacity] = bounds;
    if start > end {
        return Err(format!("invalid slice index: {start} > {end}").into());
    }
    if end > capacity {
        return Err(format!("invalid slice index: {end} > {capacity}").into());
    }
    Ok(Some(match item.underlying() {
        Value::List(list) => Value::List(list.slice(start, end)),
        Value::Str(text) => Value::str(text.get(start..end).unwrap_or_default()),
        _ => Value::Nil,
    }))
}

pub(super) fn len(args: &[Operand]) -> Result<Outcome, FuncError> {
    let length = match args.first().and_then(Option::as_ref) {
        // What Go's reflection says of a value that is not there.
        None => return Err("reflect: call of reflect.Value.Type on zero Value".into()),
        Some(item) if item.kind() == Kind::Pointer && item.is_nil() => {
            return Err("len of nil pointer".into());
        }
        Some(Value::Nil) => return Err("len of nil pointer".into()),
        Some(item) => match item.underlying() {
            Value::Str(text) => text.len(),
            Value::List(list) => list.len(),
            Value::Map(map) => map.len(),
            Value::Object(object) if let Some(pairs) = object.pairs() => pairs.len(),
            _ => return Err(format!("len of type {}", item.ty()).into()),
        },
    };
    Ok(Some(Value::int(length as i64)))
}
