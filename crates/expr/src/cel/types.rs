//! What can be said of an expression before it is evaluated where the operators alone decide it: the type of its result.

use cel::IdedExpr;
use cel::common::ast::{Expr, LiteralValue, operators as op};

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
