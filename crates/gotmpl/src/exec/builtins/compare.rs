//! `eq`, `ne`, `lt`, `le`, `gt`, `ge`.

use std::rc::Rc;

use super::super::Outcome;
use super::{Operand, truth};
use crate::format::sprintf;
use crate::function::FuncError;
use crate::value::{Complex, Kind, Value};

/// Values that can be compared with `==` and mostly with `<`.
enum Basic {
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    Str(crate::value::Str),
    Complex(Complex),
}

fn basic(value: &Value) -> Option<Basic> {
    Some(match value.underlying() {
        Value::Bool(value) => Basic::Bool(value),
        Value::Int(_, value) => Basic::Int(value),
        Value::Uint(_, value) => Basic::Uint(value),
        Value::Float(value) => Basic::Float(value),
        Value::Str(value) => Basic::Str(value),
        other => Basic::Complex(Complex::of(&other)?),
    })
}

fn operand(args: &[Operand], index: usize) -> Option<&Value> {
    args.get(index)?.as_ref().filter(|value| !matches!(value, Value::Nil))
}

pub(super) fn eq(args: &[Operand]) -> Result<Outcome, FuncError> {
    if args.len() < 2 {
        return Err("missing argument for comparison".into());
    }
    for index in 1..args.len() {
        if equal(operand(args, 0), operand(args, index))? {
            return truth(true);
        }
    }
    truth(false)
}

fn equal(first: Option<&Value>, other: Option<&Value>) -> Result<bool, FuncError> {
    let (Some(a), Some(b)) = (first, other) else {
        // Only what can be nil equals nil.
        return Ok(match first.or(other) {
            None => true,
            Some(value) => basic(value).is_none() && value.is_nil(),
        });
    };
    Ok(match (basic(a), basic(b)) {
        (Some(Basic::Bool(a)), Some(Basic::Bool(b))) => a == b,
        (Some(Basic::Float(a)), Some(Basic::Float(b))) => a == b,
        (Some(Basic::Int(a)), Some(Basic::Int(b))) => a == b,
        (Some(Basic::Uint(a)), Some(Basic::Uint(b))) => a == b,
        (Some(Basic::Str(a)), Some(Basic::Str(b))) => a == b,
        (Some(Basic::Complex(a)), Some(Basic::Complex(b))) => a == b,
        (Some(Basic::Int(a)), Some(Basic::Uint(b))) | (Some(Basic::Uint(b)), Some(Basic::Int(a))) => {
            u64::try_from(a).is_ok_and(|a| a == b)
        }
        (None, None) => return equal_composite(a, b),
        _ => return Err(incompatible(a, b)),
    })
}

fn equal_composite(a: &Value, b: &Value) -> Result<bool, FuncError> {
    if a.kind() != b.kind() {
        let text = sprintf(
            b"non-comparable types %s: %v, %s: %v",
            &[a.clone(), a.ty().to_string().into(), b.ty().to_string().into(), b.clone()],
        );
        return Err(String::from_utf8_lossy(&text).into_owned().into());
    }
    if a.is_nil() || b.is_nil() {
        return Ok(a.is_nil() == b.is_nil());
    }
    match (a, b) {
        (Value::Object(x), Value::Object(y)) if a.kind() == Kind::Pointer => Ok(Rc::ptr_eq(x, y)),
        (Value::Object(x), Value::Object(y)) => Ok(x.ty() == y.ty() && x.equals(y.as_ref())),
        _ => {
            let text = sprintf(b"non-comparable type %s: %v", &[b.clone(), b.ty().to_string().into()]);
            Err(String::from_utf8_lossy(&text).into_owned().into())
        }
    }
}

fn incompatible(a: &Value, b: &Value) -> FuncError {
    format!("incompatible types for comparison: {} and {}", a.ty(), b.ty()).into()
}

pub(super) fn ne(args: &[Operand]) -> Result<Outcome, FuncError> {
    truth(!equal(operand(args, 0), operand(args, 1))?)
}

fn less(args: &[Operand]) -> Result<bool, FuncError> {
    const BAD: &str = "invalid type for comparison";
    let (a, b) = (operand(args, 0).ok_or(BAD)?, operand(args, 1));
    let first = basic(a).ok_or(BAD)?;
    let b = b.ok_or(BAD)?;
    Ok(match (first, basic(b).ok_or(BAD)?) {
        (Basic::Bool(_), Basic::Bool(_)) | (Basic::Complex(_), Basic::Complex(_)) => return Err(BAD.into()),
        (Basic::Float(a), Basic::Float(b)) => a < b,
        (Basic::Int(a), Basic::Int(b)) => a < b,
        (Basic::Uint(a), Basic::Uint(b)) => a < b,
        (Basic::Str(a), Basic::Str(b)) => a < b,
        (Basic::Int(a), Basic::Uint(b)) => u64::try_from(a).map_or(true, |a| a < b),
        (Basic::Uint(a), Basic::Int(b)) => u64::try_from(b).is_ok_and(|b| a < b),
        _ => return Err(incompatible(a, b)),
    })
}

fn less_or_equal(args: &[Operand]) -> Result<bool, FuncError> {
    Ok(less(args)? || equal(operand(args, 0), operand(args, 1))?)
}

pub(super) fn lt(args: &[Operand]) -> Result<Outcome, FuncError> {
    truth(less(args)?)
}

pub(super) fn le(args: &[Operand]) -> Result<Outcome, FuncError> {
    truth(less_or_equal(args)?)
}

/// Not less or equal: so NaN is greater than everything, as in Go.
pub(super) fn gt(args: &[Operand]) -> Result<Outcome, FuncError> {
    truth(!less_or_equal(args)?)
}

pub(super) fn ge(args: &[Operand]) -> Result<Outcome, FuncError> {
    truth(!less(args)?)
}
