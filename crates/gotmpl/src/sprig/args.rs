//! Arguments and results of functions, and what Go says when it panics.

use crate::error::ExecError;
use crate::function::FuncError;
use crate::limits::{Limit, MAX_TEXT};
use crate::value::{List, Map, Str, Type, Value};

/// What a function gives.
pub(super) type Outcome = Result<Value, FuncError>;

/// The longest list that a function makes. Go has no bound but its memory.
pub(super) const MAX_ITEMS: usize = 4 << 20;

/// Go's text for the use of nil.
pub(super) const NIL_POINTER: &str = "runtime error: invalid memory address or nil pointer dereference";

/// The argument at the index. The executor has checked number and types: it is always there.
pub(super) fn any(args: &[Value], index: usize) -> &Value {
    args.get(index).unwrap_or(&Value::Nil)
}

/// A string argument.
pub(super) fn text(args: &[Value], index: usize) -> Str {
    any(args, index).as_str().cloned().unwrap_or_default()
}

/// The bytes of a string argument.
pub(super) fn bytes(args: &[Value], index: usize) -> &[u8] {
    any(args, index).as_str().map_or(b"", |text| text.as_bytes())
}

/// An integer argument.
pub(super) fn int(args: &[Value], index: usize) -> i64 {
    match any(args, index) {
        Value::Int(_, value) => *value,
        Value::Uint(_, value) => value.cast_signed(),
        _ => 0,
    }
}

/// A map argument; a nil map for nil.
pub(super) fn map(args: &[Value], index: usize) -> Map {
    match any(args, index).as_map() {
        Some(map) => map.clone(),
        None => Map::nil(Type::ANY_MAP),
    }
}

/// A list for a parameter that takes anything: an error for other kinds, `what` as Go's sprig words it.
pub(super) fn list(value: &Value, what: &str) -> Result<List, FuncError> {
    match value.underlying() {
        Value::List(list) => Ok(list),
        Value::Nil => Err(NIL_POINTER.into()),
        _ => Err(FuncError::new(format!("{what} {}", value.kind().name()))),
    }
}

/// An error for a text that would be longer than one may be.
pub(super) fn check_size(size: usize) -> Result<(), FuncError> {
    if size > MAX_TEXT {
        return Err(ExecError::from(Limit::Text(MAX_TEXT)).into());
    }
    Ok(())
}

/// An error for a list that would be longer than one may be.
pub(super) fn check_items(items: usize) -> Result<(), FuncError> {
    if items > MAX_ITEMS {
        return Err(FuncError::new(format!("a list would have more than {MAX_ITEMS} elements")));
    }
    Ok(())
}
