//! Defaults, choices, failing.

use super::args::{Outcome, any, text};
use crate::function::{Call, FuncError, Function};
use crate::value::{Type, Value};

const ANY: Type = Type::Any;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::variadic("default", &[ANY, ANY], default),
    Function::new("empty", &[ANY], |_, args| Ok(is_empty(any(args, 0)).into())),
    Function::variadic("coalesce", &[ANY], coalesce),
    Function::variadic("all", &[ANY], |_, args| Ok((!args.iter().any(is_empty)).into())),
    Function::variadic("any", &[ANY], |_, args| Ok((!args.iter().all(is_empty)).into())),
    Function::new("ternary", &[ANY, ANY, Type::Bool], ternary),
    Function::new("fail", &[Type::String], |_, args| Err(FuncError::new(text(args, 0).to_text()))),
    Function::new("hello", &[], |_, _| Ok("Hello!".into())),
];

/// Whether a value is nil, zero or without elements. Structs never are.
pub(super) fn is_empty(value: &Value) -> bool {
    !value.is_true()
}

fn default(_: &mut Call<'_>, args: &[Value]) -> Outcome {
    Ok(args.get(1).filter(|given| !is_empty(given)).unwrap_or(any(args, 0)).clone())
}

fn coalesce(_: &mut Call<'_>, args: &[Value]) -> Outcome {
    Ok(args.iter().find(|value| !is_empty(value)).cloned().unwrap_or_default())
}

fn ternary(_: &mut Call<'_>, args: &[Value]) -> Outcome {
    let chosen = usize::from(!any(args, 2).is_true());
    Ok(any(args, chosen).clone())
}
