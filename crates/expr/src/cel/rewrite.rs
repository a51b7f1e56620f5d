//! The expression as it is evaluated: where the evaluator decides otherwise than cel-go does, it is told in other words.
//!
//! - `has(a.b)` is false, not an error, where `a` is a text or a number: as `a.?b.hasValue()`.
//! - `matches` takes Go's regular expressions.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, EntryExpr, Expr, LiteralValue, operators as op};
use cel::common::types::{CelBool, CelString};
use cel::{DeclarationError, Env, ExecutionError, add_overload};
use sluice_goregex::Regex;

/// The function that stands for `matches`. Nobody can write its name.
pub(super) const MATCHES: &str = "@matches";

/// Most steps of one search: states of the pattern times bytes of the text.
const MAX_COST: u64 = 1 << 32;

/// Declares the functions.
pub(super) fn extension(env: &mut Env) -> Result<(), DeclarationError> {
    add_overload!(env, fn matches: (CelString<'_>, CelString<'_>) -> Result<CelBool>, name = "@matches")
}

fn matches(text: &CelString<'_>, pattern: &CelString<'_>) -> Result<CelBool, ExecutionError> {
    let fail = |message: String| ExecutionError::function_error(MATCHES, message);
    let (text, pattern) = (text.inner().as_bytes(), pattern.inner().as_bytes());
    let regex = Regex::new(pattern).map_err(|error| fail(error.to_string()))?;
    if regex.cost(text) > MAX_COST {
        return Err(fail("the search for the pattern would take too long".to_owned()));
    }
    Ok(regex.is_match(text).into())
}

/// Rewrites an expression and all that it is made of.
pub(super) fn rewrite(expression: &mut IdedExpr) {
    match &mut expression.expr {
        Expr::Call(call) => {
            call.target.iter_mut().for_each(|target| rewrite(target));
            call.args.iter_mut().for_each(rewrite);
            if call.func_name == "matches" {
                MATCHES.clone_into(&mut call.func_name);
                if let Some(target) = call.target.take() {
                    call.args.insert(0, *target);
                }
            }
        }
        Expr::Select(select) => rewrite(&mut select.operand),
        Expr::List(list) => list.elements.iter_mut().for_each(rewrite),
        Expr::Map(map) => map.entries.iter_mut().for_each(|entry| self::entry(&mut entry.expr)),
        Expr::Struct(of) => of.entries.iter_mut().for_each(|entry| self::entry(&mut entry.expr)),
        Expr::Comprehension(of) => {
            for part in
                [&mut of.iter_range, &mut of.accu_init, &mut of.loop_cond, &mut of.loop_step, &mut of.result]
            {
                rewrite(part);
            }
        }
        Expr::Ident(_) | Expr::Literal(_) | Expr::Unspecified => {}
    }
    let id = expression.id;
    if let Expr::Select(select) = &mut expression.expr
        && select.test
    {
        let field = LiteralValue::String(std::mem::take(&mut select.field).into());
        let operand = std::mem::take(&mut *select.operand);
        let selected = call(op::OPT_SELECT, None, vec![operand, IdedExpr { id, expr: Expr::Literal(field) }]);
        expression.expr = call("hasValue", Some(Box::new(IdedExpr { id, expr: selected })), Vec::new());
    }
}

fn entry(entry: &mut EntryExpr) {
    match entry {
        EntryExpr::MapEntry(entry) => {
            rewrite(&mut entry.key);
            rewrite(&mut entry.value);
        }
        EntryExpr::StructField(field) => rewrite(&mut field.value),
    }
}

fn call(name: &str, target: Option<Box<IdedExpr>>, args: Vec<IdedExpr>) -> Expr {
    Expr::Call(CallExpr { func_name: name.to_owned(), target, args })
}
