//! Go's own functions.

mod compare;
mod escape;
mod index;

use smallvec::SmallVec;

use super::Outcome;
use crate::format;
use crate::function::FuncError;
use crate::value::{Str, Type, Value};

/// An argument of a built-in: these tell nothing from nil.
pub(super) type Operand = Outcome;

/// A function that every template has.
#[derive(Debug)]
pub(crate) struct Builtin {
    name: &'static str,
    pub(super) params: &'static [Type],
    pub(super) is_variadic: bool,
    pub(super) body: Body,
}

#[derive(Debug)]
pub(super) enum Body {
    And,
    Or,
    /// Calls a value that is a function. Data has none, so it always fails.
    Call,
    Plain(fn(&[Operand]) -> Result<Outcome, FuncError>),
    /// Wants to know which arguments sit in variables of type `interface {}`.
    Slice,
}

impl Builtin {
    /// The name by which templates call it.
    pub fn name(&self) -> &'static str {
        self.name
    }

    pub(super) fn call(
        &self,
        callee: &str,
        args: &[Operand],
        is_boxed: &[bool],
    ) -> Result<Outcome, FuncError> {
        match self.body {
            Body::Plain(body) => body(args),
            Body::Slice => index::slice(args, is_boxed),
            Body::Call => match args.first() {
                Some(Some(value)) if !matches!(value, Value::Nil) => {
                    Err(format!("non-function {callee} of type {}", value.ty()).into())
                }
                _ => Err("call of nil".into()),
            },
            // The executor evaluates these itself.
            Body::And | Body::Or => Ok(args.last().cloned().flatten()),
        }
    }
}

/// The built-in with this name.
pub(crate) fn builtin(name: &str) -> Option<&'static Builtin> {
    BUILTINS.iter().find(|builtin| builtin.name == name)
}

const fn plain(
    name: &'static str,
    params: &'static [Type],
    body: fn(&[Operand]) -> Result<Outcome, FuncError>,
) -> Builtin {
    Builtin { name, params, is_variadic: false, body: Body::Plain(body) }
}

const fn variadic(name: &'static str, params: &'static [Type], body: Body) -> Builtin {
    Builtin { name, params, is_variadic: true, body }
}

const ONE: &[Type] = &[Type::Reflect];
const TWO: &[Type] = &[Type::Reflect, Type::Reflect];

static BUILTINS: [Builtin; 19] = [
    variadic("and", TWO, Body::And),
    variadic("call", TWO, Body::Call),
    variadic("eq", TWO, Body::Plain(compare::eq)),
    plain("ge", TWO, compare::ge),
    plain("gt", TWO, compare::gt),
    variadic("html", &[Type::Any], Body::Plain(|args| text(escape::html(&escape::operands(args))))),
    variadic("index", TWO, Body::Plain(index::index)),
    variadic("js", &[Type::Any], Body::Plain(|args| text(escape::js(&escape::operands(args))))),
    plain("le", TWO, compare::le),
    plain("len", ONE, index::len),
    plain("lt", TWO, compare::lt),
    plain("ne", TWO, compare::ne),
    plain("not", ONE, |args| truth(!matches!(args, [Some(value)] if value.is_true()))),
    variadic("or", TWO, Body::Or),
    variadic("print", &[Type::Any], Body::Plain(|args| text(format::sprint(&values(args))))),
    variadic("printf", &[Type::String, Type::Any], Body::Plain(printf)),
    variadic("println", &[Type::Any], Body::Plain(|args| text(format::sprintln(&values(args))))),
    variadic("slice", TWO, Body::Slice),
    variadic("urlquery", &[Type::Any], Body::Plain(|args| text(escape::url_query(&escape::operands(args))))),
];

fn truth(value: bool) -> Result<Outcome, FuncError> {
    Ok(Some(Value::Bool(value)))
}

fn text(text: Vec<u8>) -> Result<Outcome, FuncError> {
    Ok(Some(Value::Str(Str::from(text))))
}

fn values(args: &[Operand]) -> SmallVec<[Value; 4]> {
    args.iter().map(|arg| arg.clone().unwrap_or_default()).collect()
}

fn printf(args: &[Operand]) -> Result<Outcome, FuncError> {
    match args.split_first() {
        Some((Some(format), args)) => match format.underlying() {
            Value::Str(format) => text(format::sprintf(&format, &values(args))),
            _ => text(Vec::new()),
        },
        _ => text(Vec::new()),
    }
}
