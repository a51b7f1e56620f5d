//! Why an evaluation failed, in the words of cel-go, which users know.

use cel::common::ast::{EntryExpr, Expr, operators as op};
use cel::{Context, ExecutionError, IdedExpr, OverloadError, Value};

use super::rewrite;

/// Functions that only say that they don't take what they are given, not what that is.
const SILENT: &[&str] =
    &[op::LOGICAL_NOT, op::LOGICAL_AND, op::LOGICAL_OR, op::CONDITIONAL, op::IN, rewrite::MATCHES];

/// Says why an evaluation failed. Where the error does not tell, the part that it came from is looked for.
pub(super) fn describe(error: &ExecutionError, expression: &IdedExpr, context: &Context<'_, '_>) -> String {
    match error {
        ExecutionError::NoSuchKey(key) => format!("no such key: {key}"),
        ExecutionError::UndeclaredReference(name) => undeclared(name, expression, context),
        ExecutionError::NoSuchOverload(overload) => no_overload(overload, expression, context),
        ExecutionError::UnsupportedBinaryOperator(operator, left, _) => {
            let (operator, has_it) = arithmetic(operator, type_name(left));
            if has_it { "no such overload".to_owned() } else { format!("no such overload: {operator}") }
        }
        ExecutionError::UnexpectedType { got, want } if want == "iterable" => {
            format!("got '{}', expected iterable type", go_type(got))
        }
        ExecutionError::UnexpectedType { .. } => "no such overload".to_owned(),
        ExecutionError::IndexOutOfBounds(index) => format!("index out of bounds: {}", shown(index)),
        ExecutionError::UnsupportedIndex(index, _) => {
            format!("unsupported index value {} in list", shown(index))
        }
        ExecutionError::DivisionByZero(_) => "division by zero".to_owned(),
        ExecutionError::RemainderByZero(_) => "modulus by zero".to_owned(),
        ExecutionError::Overflow(_, Value::UInt(_), _) => "unsigned integer overflow".to_owned(),
        ExecutionError::Overflow(..) => "integer overflow".to_owned(),
        ExecutionError::FunctionError { function, message } => function_failed(function, message),
        other => other.to_string(),
    }
}

/// The field of a variable that does not exist belongs to its name. Functions that texts are given don't say theirs.
fn undeclared(name: &str, expression: &IdedExpr, context: &Context<'_, '_>) -> String {
    let name = name.trim_start_matches('.');
    let (mut given, mut longest) = (None, None);
    visit(expression, &mut |part| {
        match &part.expr {
            Expr::Call(call) if call.func_name == name && given.is_none() => {
                let first = call.target.as_deref().or(call.args.first());
                given = Some(first.and_then(|first| Value::resolve(first, context).ok()));
            }
            Expr::Select(_) if longest.is_none() => {
                longest = path(part).filter(|path| path.split('.').next() == Some(name));
            }
            _ => {}
        }
        false
    });
    match (longest, given) {
        (Some(path), _) => format!("no such attribute(s): {path}"),
        (None, Some(Some(Value::String(_) | Value::Duration(_) | Value::Timestamp(_)))) => {
            "no such overload".to_owned()
        }
        (None, Some(_)) => format!("no such overload: {name}"),
        (None, None) => format!("no such attribute(s): {name}"),
    }
}

fn no_overload(overload: &OverloadError, expression: &IdedExpr, context: &Context<'_, '_>) -> String {
    let (name, given) = (overload.function(), overload.argument_types());
    let first = given.first().map_or("", String::as_str);
    match name {
        "_._" | op::INDEX | op::OPT_INDEX | op::OPT_SELECT => {
            let index = given.get(1).map_or("string", String::as_str);
            if first == "list" {
                return format!("unsupported index type '{index}' in list");
            }
            missing(expression, context).unwrap_or_else(|| "no such overload".to_owned())
        }
        op::LESS | op::LESS_EQUALS | op::GREATER | op::GREATER_EQUALS if !is_ordered(first) => {
            format!("no such overload: {name}")
        }
        op::NEGATE if !matches!(first, "int" | "double" | "string" | "bool" | "google.protobuf.Duration") => {
            format!("no such overload: {name}")
        }
        "size" => format!("no such overload: {name}"),
        "contains" | "startsWith" | "endsWith" => "no such overload".to_owned(),
        operator if SILENT.contains(&operator) || operator.contains('_') => "no such overload".to_owned(),
        function => format!("no such overload: {function}({})", given.join(", ")),
    }
}

/// What is said of a key that is asked of something without keys.
fn missing(expression: &IdedExpr, context: &Context<'_, '_>) -> Option<String> {
    let evaluate = |part: &IdedExpr| Value::resolve(part, context);
    let mut found = None;
    visit(expression, &mut |part| {
        found = match &part.expr {
            Expr::Select(select) if evaluate(&select.operand).is_ok() && evaluate(part).is_err() => {
                Some(format!("no such key: {}", select.field))
            }
            Expr::Call(call) if call.func_name == op::INDEX => match call.args.as_slice() {
                [operand, index] if evaluate(operand).is_ok() && evaluate(part).is_err() => {
                    evaluate(index).ok().and_then(|index| no_key(&index))
                }
                _ => None,
            },
            _ => None,
        };
        found.is_some()
    });
    found
}

fn no_key(index: &Value) -> Option<String> {
    Some(match index {
        Value::Int(_) | Value::UInt(_) | Value::Float(_) | Value::Bool(_) | Value::String(_) => {
            format!("no such key: {}", shown(index))
        }
        Value::List(_) => "invalid qualifier type: []interface {}".to_owned(),
        Value::Map(_) => "invalid qualifier type: map[string]interface {}".to_owned(),
        Value::Null => "invalid qualifier type: <nil>".to_owned(),
        _ => return None,
    })
}

/// Shows the parts of an expression, the innermost first, until one is enough. What macros repeat is left out: it can't be
/// evaluated alone.
fn visit(expression: &IdedExpr, enough: &mut dyn FnMut(&IdedExpr) -> bool) -> bool {
    let inner = match &expression.expr {
        Expr::Call(call) => {
            call.target.iter().any(|target| visit(target, enough))
                || call.args.iter().any(|argument| visit(argument, enough))
        }
        // A name with all its points is one.
        Expr::Select(select) => {
            (path(expression).is_some() && enough(expression)) || visit(&select.operand, enough)
        }
        Expr::List(list) => list.elements.iter().any(|element| visit(element, enough)),
        Expr::Map(map) => map.entries.iter().any(|entry| match &entry.expr {
            EntryExpr::MapEntry(entry) => visit(&entry.key, enough) || visit(&entry.value, enough),
            EntryExpr::StructField(field) => visit(&field.value, enough),
        }),
        Expr::Comprehension(of) => visit(&of.iter_range, enough),
        _ => false,
    };
    inner || enough(expression)
}

fn path(expression: &IdedExpr) -> Option<String> {
    match &expression.expr {
        Expr::Ident(name) => Some(name.clone()),
        Expr::Select(select) => Some(format!("{}.{}", path(&select.operand)?, select.field)),
        _ => None,
    }
}

fn function_failed(function: &str, message: &str) -> String {
    let told = ["integer overflow", "unsigned integer overflow", "invalid UTF-8"];
    let target = match function {
        "bool" | "double" | "int" | "uint" => function,
        "duration" => "google.protobuf.Duration",
        "timestamp" => "google.protobuf.Timestamp",
        "base64.decode" => {
            let place = message.rsplit_once("offset ").map(|(_, place)| place.trim_end_matches('.'));
            return place
                .map_or(message.to_owned(), |place| format!("illegal base64 data at input byte {place}"));
        }
        _ => return message.to_owned(),
    };
    if told.iter().any(|told| message.starts_with(told)) {
        return message.to_owned();
    }
    format!("type conversion error from 'string' to '{target}'")
}

fn is_ordered(of: &str) -> bool {
    !matches!(of, "list" | "map" | "null_type" | "type" | "optional_type")
}

/// An arithmetic operator, and whether a type has it with anything on its right side.
fn arithmetic(operator: &str, left: &str) -> (&'static str, bool) {
    let number = matches!(left, "int" | "uint" | "double");
    let time = left.starts_with("google.protobuf.");
    match operator {
        "add" => (op::ADD, number || time || matches!(left, "string" | "bytes" | "list")),
        "sub" => (op::SUBSTRACT, number || time || left == "string"),
        "mul" => (op::MULTIPLY, number || time || left == "string"),
        "div" => (op::DIVIDE, number || time || left == "string"),
        _ => (op::MODULO, matches!(left, "int" | "uint" | "string") || time),
    }
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::List(_) => "list",
        Value::Map(_) => "map",
        Value::Int(_) => "int",
        Value::UInt(_) => "uint",
        Value::Float(_) => "double",
        Value::String(_) => "string",
        Value::Bytes(_) => "bytes",
        Value::Bool(_) => "bool",
        Value::Duration(_) => "google.protobuf.Duration",
        Value::Timestamp(_) => "google.protobuf.Timestamp",
        Value::Null => "null_type",
        _ => "type",
    }
}

/// The name that a type has in Go.
fn go_type(name: &str) -> &'static str {
    match name {
        "bool" => "types.Bool",
        "bytes" => "types.Bytes",
        "double" => "types.Double",
        "google.protobuf.Duration" => "types.Duration",
        "google.protobuf.Timestamp" => "types.Timestamp",
        "int" => "types.Int",
        "null_type" => "types.Null",
        "optional_type" => "*types.Optional",
        "string" => "types.String",
        "uint" => "types.Uint",
        _ => "*types.Type",
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Int(i) => i.to_string(),
        Value::UInt(u) => u.to_string(),
        Value::Float(f) => f.to_string(),
        Value::Bool(b) => b.to_string(),
        Value::String(text) => text.to_string(),
        other => type_name(other).to_owned(),
    }
}
