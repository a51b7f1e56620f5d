//! Merging maps by the rules of Go's `mergo`.

use super::copy::MAX_DEPTH;
use super::flow::is_empty;
use crate::function::{Call, FuncError};
use crate::value::{Map, Str, Value};

/// Merges the source's entries into the target, which changes for all who hold it. Maps within are merged likewise,
/// other entries are taken where the target has none or an empty one, or always if `overwrite`. A list or map that is
/// taken is shared with the source.
pub(super) fn merge(
    call: &mut Call<'_>,
    target: &Map,
    source: &Map,
    overwrite: bool,
    depth: usize,
) -> Result<(), FuncError> {
    if depth > MAX_DEPTH {
        return Err(FuncError::new(format!("maps nest deeper than {MAX_DEPTH}, or hold themselves")));
    }
    call.spend(1 + source.len() as u64)?;
    call.allocate((source.len() * size_of::<(Str, Value)>()) as u64)?;
    for (key, new) in source.entries() {
        if matches!(new, Value::Nil) {
            if overwrite {
                target.insert(key, new);
            }
            continue;
        }
        let old = target.get(&key);
        if let (Value::Map(new), Some(Value::Map(old))) = (&new, &old) {
            // A nil map cannot be filled in place.
            if !old.is_nil() {
                merge(call, old, new, overwrite, depth + 1)?;
            }
            // An empty map has been filled by now, unless the source's is empty too: then it is taken.
            if !old.is_empty() {
                continue;
            }
        }
        if overwrite || old.as_ref().is_none_or(is_absent) {
            target.insert(key, new);
        }
    }
    Ok(())
}

/// What mergo takes as empty: as sprig does, but no struct is, though a pointer to nothing is.
fn is_absent(value: &Value) -> bool {
    is_empty(value)
}
