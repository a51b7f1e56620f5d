//! What cel-go computes of an expression before it is asked to evaluate it: patterns and conversions of what is
//! written out. A mistake in them is told at once, whether or not the evaluation would come there.

use std::sync::Arc;

use cel::common::ast::{CallExpr, EntryExpr, Expr};
use cel::{Context, IdedExpr, Value};
use sluice_goregex::Regex;

use super::{ENVIRONMENT, check, failures, rewrite};

/// Functions that make one type of another.
const CONVERSIONS: &[&str] =
    &["bool", "bytes", "double", "duration", "dyn", "int", "string", "timestamp", "uint"];

/// The first mistake, if there is one, in an expression that was rewritten.
pub(super) fn mistake(expression: &IdedExpr) -> Option<String> {
    let entry = |entry: &EntryExpr| match entry {
        EntryExpr::MapEntry(entry) => mistake(&entry.key).or_else(|| mistake(&entry.value)),
        EntryExpr::StructField(field) => mistake(&field.value),
    };
    match &expression.expr {
        Expr::Call(call) => call
            .target
            .as_deref()
            .and_then(mistake)
            .or_else(|| call.args.iter().find_map(mistake))
            .or_else(|| called(expression, call)),
        Expr::Select(select) => mistake(&select.operand),
        Expr::List(list) => list.elements.iter().find_map(mistake),
        Expr::Map(map) => map.entries.iter().find_map(|of| entry(&of.expr)),
        Expr::Struct(of) if !check::is_message(&of.type_name) => {
            Some(format!("unknown type: {}", of.type_name))
        }
        Expr::Struct(of) => of.entries.iter().find_map(|of| entry(&of.expr)),
        Expr::Comprehension(of) => [&of.iter_range, &of.accu_init, &of.loop_cond, &of.loop_step, &of.result]
            .into_iter()
            .find_map(mistake),
        Expr::Ident(_) | Expr::Literal(_) | Expr::Unspecified => None,
    }
}

fn called(expression: &IdedExpr, call: &CallExpr) -> Option<String> {
    if is_conversion(call) {
        let failed = evaluate(expression).err()?;
        return Some(failures::describe(&failed, expression, &empty()));
    }
    let pattern =
        call.args.get(1).filter(|pattern| call.func_name == rewrite::MATCHES && is_constant(pattern))?;
    match evaluate(pattern) {
        Ok(Value::String(pattern)) => Regex::new(pattern.as_bytes()).err().map(|error| error.to_string()),
        _ => None,
    }
}

/// Whether a call converts what is written out.
fn is_conversion(call: &CallExpr) -> bool {
    call.target.is_none()
        && CONVERSIONS.contains(&call.func_name.as_str())
        && matches!(call.args.as_slice(), [only] if is_constant(only))
}

fn is_constant(expression: &IdedExpr) -> bool {
    match &expression.expr {
        Expr::Literal(_) => true,
        Expr::List(list) => list.optional_indices.is_empty() && list.elements.iter().all(is_constant),
        Expr::Map(map) => map.entries.iter().all(|entry| match &entry.expr {
            EntryExpr::MapEntry(entry) => {
                !entry.optional && is_constant(&entry.key) && is_constant(&entry.value)
            }
            EntryExpr::StructField(_) => false,
        }),
        Expr::Call(call) => is_conversion(call),
        _ => false,
    }
}

fn empty() -> Context<'static, 'static> {
    Context::with_env(Arc::clone(&ENVIRONMENT))
}

fn evaluate(expression: &IdedExpr) -> Result<Value, cel::ExecutionError> {
    Value::resolve(expression, &empty())
}
