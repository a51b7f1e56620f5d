//! Names that are no variables: those of types.

use cel::IdedExpr;
use cel::common::ast::Expr;

use super::types::{Shape, Type};

/// Numbers of the parameters that `list` and `map` have as names: no expression makes so many.
const OPEN: [Type; 2] = [Type::Parameter(u32::MAX), Type::Parameter(u32::MAX - 1)];

/// The type of a name that stands for a type.
pub(super) fn constant(name: &str) -> Option<Type> {
    let [first, second] = OPEN;
    Some(Type::type_of(match name {
        "bool" => Type::Bool,
        "bytes" => Type::Bytes,
        "double" => Type::Double,
        "int" => Type::Int,
        "list" => Type::list(first),
        "map" => Type::map(first, second),
        "null_type" => Type::Null,
        "optional_type" => Type::optional(first),
        "string" => Type::String,
        "type" => Type::of(Shape::Type, Vec::new()),
        "uint" => Type::Uint,
        message => self::message(message)?,
    }))
}

/// The type of a message of `google.protobuf`. Those that hold one value or nothing at all are not told apart.
pub(super) fn message(name: &str) -> Option<Type> {
    Some(match name.strip_prefix("google.protobuf.")? {
        "Any" => Type::Any,
        "Duration" => Type::Duration,
        "ListValue" => Type::list(Type::Dyn),
        "Struct" => Type::object(),
        "Timestamp" => Type::Timestamp,
        "BoolValue" | "BytesValue" | "DoubleValue" | "Empty" | "FloatValue" | "Int32Value" | "Int64Value"
        | "StringValue" | "UInt32Value" | "UInt64Value" | "Value" => Type::Dyn,
        _ => return None,
    })
}

/// `a.b.c` as one name.
pub(super) fn qualified(expression: &IdedExpr) -> Option<String> {
    match &expression.expr {
        Expr::Ident(name) => Some(name.clone()),
        Expr::Select(select) if !select.test => {
            Some(format!("{}.{}", qualified(&select.operand)?, select.field))
        }
        _ => None,
    }
}
