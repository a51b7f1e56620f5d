//! Maps. They are references: `set` changes the map for all who hold it.

use super::args::{Outcome, any, map, text};
use super::copy::deep_copy;
use super::merge::merge;
use super::print::strval;
use crate::function::{Call, FuncError, Function};
use crate::value::{List, Map, Str, Type, Value};

const ANY: Type = Type::Any;
const MAP: Type = Type::ANY_MAP;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::variadic("dict", &[ANY], dict),
    Function::new("get", &[MAP, Type::String], |_, args| {
        Ok(map(args, 0).get(text(args, 1)).unwrap_or_else(|| "".into()))
    }),
    Function::new("set", &[MAP, Type::String, ANY], set),
    Function::new("unset", &[MAP, Type::String], |_, args| {
        let map = map(args, 0);
        map.remove(text(args, 1));
        Ok(map.into())
    }),
    Function::new("hasKey", &[MAP, Type::String], |_, args| Ok(map(args, 0).contains(text(args, 1)).into())),
    Function::variadic("pluck", &[Type::String, MAP], pluck),
    Function::variadic("keys", &[MAP], |_, args| {
        super::args::check_items((0..args.len()).map(|index| map(args, index).len()).sum())?;
        let keys: Vec<Str> = (0..args.len()).flat_map(|index| map(args, index).keys()).collect();
        Ok(Value::List(List::strings(keys)))
    }),
    Function::new("values", &[MAP], |_, args| Ok(Value::list(map(args, 0).values()))),
    Function::variadic("pick", &[MAP, Type::String], |_, args| select(args, true)),
    Function::variadic("omit", &[MAP, Type::String], |_, args| select(args, false)),
    Function::variadic("merge", &[MAP, MAP], |call, args| merge_all(call, args, false)),
    Function::variadic("mustMerge", &[MAP, MAP], |call, args| merge_all(call, args, false)),
    Function::variadic("mergeOverwrite", &[MAP, MAP], |call, args| merge_all(call, args, true)),
    Function::variadic("mustMergeOverwrite", &[MAP, MAP], |call, args| merge_all(call, args, true)),
    Function::new("deepCopy", &[ANY], |call, args| deep_copy(call, any(args, 0))),
    Function::new("mustDeepCopy", &[ANY], |call, args| deep_copy(call, any(args, 0))),
    Function::variadic("dig", &[ANY], dig),
];

fn dict(_: &mut Call<'_>, args: &[Value]) -> Outcome {
    let map = Map::new();
    for pair in args.chunks(2) {
        map.insert(strval(any(pair, 0)), pair.get(1).cloned().unwrap_or_else(|| "".into()));
    }
    Ok(map.into())
}

fn set(_: &mut Call<'_>, args: &[Value]) -> Outcome {
    let map = map(args, 0);
    if map.is_nil() {
        return Err("assignment to entry in nil map".into());
    }
    map.insert(text(args, 1), any(args, 2).clone());
    Ok(map.into())
}

fn pluck(_: &mut Call<'_>, args: &[Value]) -> Outcome {
    let key = text(args, 0);
    Ok(Value::list((1..args.len()).filter_map(|index| map(args, index).get(&key)).collect()))
}

/// A new map with the entries whose keys are among the arguments, or are not.
fn select(args: &[Value], among: bool) -> Outcome {
    let keys: Vec<Str> = (1..args.len()).map(|index| text(args, index)).collect();
    let entries = map(args, 0).entries().into_iter().filter(|(key, _)| keys.contains(key) == among);
    Ok(Map::with_entries(MAP, entries).into())
}

fn merge_all(call: &mut Call<'_>, args: &[Value], overwrite: bool) -> Outcome {
    let mut target = map(args, 0);
    for index in 1..args.len() {
        let source = map(args, index);
        if source.is_nil() {
            continue;
        }
        if target.is_nil() {
            target = Map::new();
        }
        merge(call, &target, &source, overwrite, 0)?;
    }
    Ok(target.into())
}

/// `dig "a" "b" default map`: the value at a path of keys, or the default where a key is missing.
fn dig(_: &mut Call<'_>, args: &[Value]) -> Outcome {
    let [path @ .., default, root] = args else {
        return Err("dig needs at least three arguments".into());
    };
    if path.is_empty() {
        return Err("dig needs at least three arguments".into());
    }
    let mut value = root.clone();
    let root_map = plain_map(&value)?;
    let keys: Vec<&Str> = path
        .iter()
        .map(|key| key.as_str().ok_or_else(|| conversion(key, Type::String)))
        .collect::<Result<_, _>>()?;
    let mut map = root_map;
    for (index, key) in keys.iter().enumerate() {
        if index > 0 {
            map = plain_map(&value)?;
        }
        match map.get(*key) {
            Some(found) => value = found,
            None => return Ok(default.clone()),
        }
    }
    Ok(value)
}

/// Go's failed type assertion.
fn conversion(value: &Value, wanted: Type) -> FuncError {
    let found = match value {
        Value::Nil => "nil".to_owned(),
        value => value.type_name(),
    };
    FuncError::new(format!("interface conversion: interface {{}} is {found}, not {wanted}"))
}

/// The map, if it is of the very type `map[string]interface {}`.
fn plain_map(value: &Value) -> Result<Map, FuncError> {
    value.as_map().filter(|map| map.ty() == MAP).cloned().ok_or_else(|| conversion(value, MAP))
}
