//! Lists. Slices of any type are taken; results are `[]interface {}`.

use super::args::{NIL_POINTER, Outcome, any, int, list};
use super::cast::to_int;
use super::flow::is_empty;
use super::print::{strings, strval};
use crate::function::{Call, FuncError, Function};
use crate::value::{List, Type, Value};

const ANY: Type = Type::Any;
const LISTS: Type = Type::Slice(&Type::ANYS);

pub(super) const FUNCTIONS: &[Function] = &[
    Function::variadic("list", &[ANY], of),
    Function::variadic("tuple", &[ANY], of),
    Function::new("append", &[ANY, ANY], push),
    Function::new("push", &[ANY, ANY], push),
    Function::new("mustAppend", &[ANY, ANY], push),
    Function::new("mustPush", &[ANY, ANY], push),
    Function::new("prepend", &[ANY, ANY], prepend),
    Function::new("mustPrepend", &[ANY, ANY], prepend),
    Function::new("first", &[ANY], first),
    Function::new("mustFirst", &[ANY], first),
    Function::new("rest", &[ANY], rest),
    Function::new("mustRest", &[ANY], rest),
    Function::new("last", &[ANY], last),
    Function::new("mustLast", &[ANY], last),
    Function::new("initial", &[ANY], initial),
    Function::new("mustInitial", &[ANY], initial),
    Function::new("reverse", &[ANY], reverse),
    Function::new("mustReverse", &[ANY], reverse),
    Function::new("compact", &[ANY], compact),
    Function::new("mustCompact", &[ANY], compact),
    Function::new("uniq", &[ANY], uniq),
    Function::new("mustUniq", &[ANY], uniq),
    Function::variadic("without", &[ANY, ANY], without),
    Function::variadic("mustWithout", &[ANY, ANY], without),
    Function::new("has", &[ANY, ANY], has),
    Function::new("mustHas", &[ANY, ANY], has),
    Function::variadic("slice", &[ANY, ANY], slice),
    Function::variadic("mustSlice", &[ANY, ANY], slice),
    Function::variadic("concat", &[ANY], concat),
    Function::new("chunk", &[Type::INT, ANY], chunk),
    Function::new("mustChunk", &[Type::INT, ANY], chunk),
    Function::new("sortAlpha", &[ANY], sort_alpha),
    Function::new("join", &[Type::String, ANY], join),
    Function::new("toStrings", &[ANY], |_, args| Ok(Value::List(List::strings(strings(any(args, 0)))))),
];

fn of(_: &mut Call<'_>, args: &[Value]) -> Outcome {
    Ok(Value::list(args.to_vec()))
}

fn push(_: &mut Call<'_>, args: &[Value]) -> Outcome {
    let mut items = list(any(args, 0), "Cannot push on type")?.to_vec();
    items.push(any(args, 1).clone());
    Ok(Value::list(items))
}

fn prepend(_: &mut Call<'_>, args: &[Value]) -> Outcome {
    let list = list(any(args, 0), "Cannot prepend on type")?;
    Ok(Value::list(std::iter::once(any(args, 1).clone()).chain(list.iter()).collect()))
}

fn first(_: &mut Call<'_>, args: &[Value]) -> Outcome {
    Ok(list(any(args, 0), "Cannot find first on type")?.get(0).unwrap_or_default())
}

fn last(_: &mut Call<'_>, args: &[Value]) -> Outcome {
    let list = list(any(args, 0), "Cannot find last on type")?;
    Ok(list.iter().next_back().unwrap_or_default())
}

/// The elements of a list of which at least one must be left out; nil for an empty list.
fn all_but_one(list: &List, mut items: Vec<Value>, leave_out: impl FnOnce(&mut Vec<Value>)) -> Value {
    if list.is_empty() {
        return Value::List(List::nil(Type::ANYS));
    }
    leave_out(&mut items);
    Value::list(items)
}

fn rest(_: &mut Call<'_>, args: &[Value]) -> Outcome {
    let list = list(any(args, 0), "Cannot find rest on type")?;
    Ok(all_but_one(&list, list.to_vec(), |items| _ = items.remove(0)))
}

fn initial(_: &mut Call<'_>, args: &[Value]) -> Outcome {
    let list = list(any(args, 0), "Cannot find initial on type")?;
    Ok(all_but_one(&list, list.to_vec(), |items| _ = items.pop()))
}

fn reverse(_: &mut Call<'_>, args: &[Value]) -> Outcome {
    Ok(Value::list(list(any(args, 0), "Cannot find reverse on type")?.iter().rev().collect()))
}

fn compact(_: &mut Call<'_>, args: &[Value]) -> Outcome {
    let list = list(any(args, 0), "Cannot compact on type")?;
    Ok(Value::list(list.iter().filter(|item| !is_empty(item)).collect()))
}

fn contains(call: &mut Call<'_>, items: &[Value], wanted: &Value) -> Result<bool, FuncError> {
    call.spend(items.len() as u64 / 16)?;
    Ok(items.iter().any(|item| wanted.deep_equal(item)))
}

fn uniq(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let mut kept = Vec::new();
    for item in list(any(args, 0), "Cannot find uniq on type")?.iter() {
        if !contains(call, &kept, &item)? {
            kept.push(item);
        }
    }
    Ok(Value::list(kept))
}

fn without(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let omitted = args.get(1..).unwrap_or_default();
    let mut kept = Vec::new();
    for item in list(any(args, 0), "Cannot find without on type")?.iter() {
        if !contains(call, omitted, &item)? {
            kept.push(item);
        }
    }
    Ok(Value::list(kept))
}

fn has(_: &mut Call<'_>, args: &[Value]) -> Outcome {
    if matches!(any(args, 1), Value::Nil) {
        return Ok(false.into());
    }
    let haystack = list(any(args, 1), "Cannot find has on type")?;
    Ok(haystack.iter().any(|item| any(args, 0).deep_equal(&item)).into())
}

fn slice(_: &mut Call<'_>, args: &[Value]) -> Outcome {
    let list = list(any(args, 0), "list should be type of slice or array but")?;
    if list.is_empty() {
        return Ok(Value::Nil);
    }
    let len = list.len() as i64;
    let start = args.get(1).map_or(0, to_int);
    let end = args.get(2).map_or(len, to_int);
    if start < 0 || end < start || end > len {
        return Err("reflect.Value.Slice: slice index out of bounds".into());
    }
    Ok(Value::List(list.slice(start as usize, end as usize)))
}

fn concat(_: &mut Call<'_>, args: &[Value]) -> Outcome {
    let mut all = Vec::new();
    for value in args {
        match value.underlying() {
            Value::List(list) => {
                super::args::check_items(all.len() + list.len())?;
                all.extend(list.iter());
            }
            Value::Nil => return Err(NIL_POINTER.into()),
            _ => return Err(format!("Cannot concat type {} as list", value.kind().name()).into()),
        }
    }
    Ok(Value::List(if all.is_empty() { List::nil(Type::ANYS) } else { List::of(all) }))
}

fn chunk(_: &mut Call<'_>, args: &[Value]) -> Outcome {
    let size = int(args, 0);
    let list = list(any(args, 1), "Cannot chunk type")?;
    if list.is_empty() && size > 0 {
        return Ok(Value::List(List::typed(LISTS, Vec::new())));
    }
    // Sprig computes the number of chunks in floats and fails, somehow, for sizes that make no sense.
    let Some(size) = usize::try_from(size).ok().filter(|size| *size > 0) else {
        return Err(match list.len() as i64 {
            // One element in chunks of less than one: no division by zero, but a chunk of negative length.
            len if size < 0 && ((len - 1) as f64 / size as f64).floor() + 1.0 <= 0.0 => {
                if ((len - 1) as f64 / size as f64).floor() + 1.0 < 0.0 {
                    "runtime error: makeslice: len out of range".into()
                } else {
                    return Ok(Value::List(List::typed(LISTS, Vec::new())));
                }
            }
            _ => "runtime error: makeslice: len out of range".into(),
        });
    };
    let chunks = list.to_vec().chunks(size).map(|chunk| Value::list(chunk.to_vec())).collect();
    Ok(Value::List(List::typed(LISTS, chunks)))
}

fn sort_alpha(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let value = any(args, 0);
    if !matches!(value.underlying(), Value::List(_)) {
        return Ok(Value::List(List::strings([strval(value)])));
    }
    let mut texts = strings(value);
    call.spend(texts.len() as u64)?;
    texts.sort();
    Ok(Value::List(List::strings(texts)))
}

fn join(_: &mut Call<'_>, args: &[Value]) -> Outcome {
    let separator = super::args::text(args, 0);
    let texts = strings(any(args, 1));
    let parts: Vec<&[u8]> = texts.iter().map(AsRef::as_ref).collect();
    let size = parts.iter().map(|part| part.len() + separator.len()).sum();
    super::args::check_size(size)?;
    Ok(Value::str(parts.join(&separator[..])))
}
