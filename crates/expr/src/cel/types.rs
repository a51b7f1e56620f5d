//! What can be said of an expression before it is evaluated: which variables it uses and, where
//! the operators alone decide it, the type of its result.

use cel::IdedExpr;
use cel::common::ast::{Expr, LiteralValue, operators as op};

/// Identifiers that are types, not variables.
const TYPE_NAMES: &[&str] = &[
    "bool",
    "bytes",
    "double",
    "duration",
    "int",
    "list",
    "map",
    "null_type",
    "string",
    "timestamp",
    "type",
    "uint",
];

/// Namespaces of functions: `base64.encode(…)` is a call, not a field of `base64`.
const NAMESPACES: &[&str] = &["base64", "math", "optional", "sets", "strings"];

/// The first identifier that is neither one of `variables` nor bound by a macro.
pub(super) fn undeclared(expression: &IdedExpr, variables: &[&str]) -> Option<String> {
    let mut bound: Vec<String> = variables.iter().map(|v| (*v).to_owned()).collect();
    walk(expression, &mut bound)
}

fn walk(expression: &IdedExpr, bound: &mut Vec<String>) -> Option<String> {
    match &expression.expr {
        Expr::Ident(name) => {
            let known = bound.iter().any(|b| b == name)
                || TYPE_NAMES.contains(&name.as_str())
                || NAMESPACES.contains(&name.as_str())
                || name.starts_with('@');
            (!known).then(|| name.clone())
        }
        Expr::Select(select) => walk(&select.operand, bound),
        Expr::Call(call) => {
            call.target.iter().map(AsRef::as_ref).chain(&call.args).find_map(|e| walk(e, bound))
        }
        Expr::List(list) => list.elements.iter().find_map(|e| walk(e, bound)),
        Expr::Comprehension(c) => {
            let depth = bound.len();
            let outside = walk(&c.iter_range, bound).or_else(|| walk(&c.accu_init, bound));
            bound.push(c.iter_var.clone());
            bound.extend(c.iter_var2.clone());
            bound.push(c.accu_var.clone());
            let found = outside
                .or_else(|| walk(&c.loop_cond, bound))
                .or_else(|| walk(&c.loop_step, bound))
                .or_else(|| walk(&c.result, bound));
            bound.truncate(depth);
            found
        }
        Expr::Map(_) | Expr::Struct(_) | Expr::Literal(_) | Expr::Unspecified => None,
    }
}

/// The name of the result's type, `dyn` where only evaluation can tell.
pub(super) fn output(expression: &IdedExpr) -> &'static str {
    match &expression.expr {
        Expr::Literal(literal) => match literal {
            LiteralValue::Boolean(_) => "bool",
            LiteralValue::Bytes(_) => "bytes",
            LiteralValue::Double(_) => "double",
            LiteralValue::Int(_) => "int",
            LiteralValue::Null => "null",
            LiteralValue::String(_) => "string",
            LiteralValue::UInt(_) => "uint",
        },
        Expr::Select(select) if select.test => "bool",
        Expr::List(_) => "list",
        Expr::Map(_) => "map",
        Expr::Call(call) => function(&call.func_name, &call.args),
        // `all` and `exists` end with the accumulated boolean, `exists_one` with a comparison;
        // `map` and `filter` with the accumulated list.
        Expr::Comprehension(c) => match output(&c.result) {
            "dyn" => output(&c.accu_init),
            known => known,
        },
        _ => "dyn",
    }
}

fn function(name: &str, arguments: &[IdedExpr]) -> &'static str {
    match name {
        op::LOGICAL_AND
        | op::LOGICAL_OR
        | op::LOGICAL_NOT
        | op::EQUALS
        | op::NOT_EQUALS
        | op::GREATER
        | op::GREATER_EQUALS
        | op::LESS
        | op::LESS_EQUALS
        | op::IN
        | op::NOT_STRICTLY_FALSE => "bool",
        "bool" | "contains" | "startsWith" | "endsWith" | "matches" | "hasValue" | "intersects"
        | "equivalent" => "bool",
        op::CONDITIONAL => match (arguments.get(1).map(output), arguments.get(2).map(output)) {
            (Some(a), Some(b)) if a == b => a,
            _ => "dyn",
        },
        op::NEGATE | op::ADD | op::SUBSTRACT | op::MULTIPLY | op::DIVIDE | op::MODULO => {
            arguments.iter().map(output).find(|t| *t != "dyn").unwrap_or("dyn")
        }
        "size" | "int" | "indexOf" | "lastIndexOf" => "int",
        "uint" => "uint",
        "double" => "double",
        "string" | "lowerAscii" | "upperAscii" | "trim" | "replace" | "substring" | "join" | "format" => {
            "string"
        }
        "split" => "list",
        _ => "dyn",
    }
}
