//! `reflect.DeepEqual`.

use std::collections::HashSet;
use std::rc::Rc;

use super::{RED_ZONE, STACK_SEGMENT, Value};

/// Pairs of lists or maps that are being compared further out.
type Visited = HashSet<(usize, usize)>;

pub(super) fn deep_equal(a: &Value, b: &Value, visited: &mut Visited) -> bool {
    match (a, b) {
        (Value::Nil, Value::Nil) => true,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Int(a, x), Value::Int(b, y)) => a == b && x == y,
        (Value::Uint(a, x), Value::Uint(b, y)) => a == b && x == y,
        (Value::Float(a), Value::Float(b)) => a == b,
        (Value::Str(a), Value::Str(b)) => a == b,
        (Value::List(a), Value::List(b)) => {
            a.ty() == b.ty()
                && a.is_nil() == b.is_nil()
                && a.len() == b.len()
                && (a.same(b)
                    || !visited.insert((a.address(), b.address()))
                    || a.iter().zip(b.iter()).all(|(a, b)| deeper(&a, &b, visited)))
        }
        (Value::Map(a), Value::Map(b)) => {
            a.ty() == b.ty()
                && a.is_nil() == b.is_nil()
                && a.len() == b.len()
                && (a.same(b)
                    || !visited.insert((a.address(), b.address()))
                    || a.entries()
                        .iter()
                        .zip(b.entries())
                        .all(|((ka, va), (kb, vb))| *ka == kb && deeper(va, &vb, visited)))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.ty() == b.ty() && (Rc::ptr_eq(a, b) || a.equals(b.as_ref()))
        }
        _ => false,
    }
}

fn deeper(a: &Value, b: &Value, visited: &mut Visited) -> bool {
    stacker::maybe_grow(RED_ZONE, STACK_SEGMENT, || deep_equal(a, b, visited))
}
