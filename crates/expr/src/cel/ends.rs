//! `first()` and `last()` of lists, which belong to cel-go's optional types.

use cel::common::types::{CelList, CelOptional, LIST_TYPE};
use cel::common::value::{CowVal, Val};
use cel::{DeclarationError, Env, ExecutionError};

/// Declares the functions.
pub(super) fn extension(env: &mut Env) -> Result<(), DeclarationError> {
    env.add_member_overload("first", "list_first", LIST_TYPE, Vec::new(), first)?;
    env.add_member_overload("last", "list_last", LIST_TYPE, Vec::new(), last)
}

#[expect(clippy::needless_pass_by_value, reason = "the signature of an overload")]
fn first<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    end("first", &arguments, |list| list.inner().first())
}

#[expect(clippy::needless_pass_by_value, reason = "the signature of an overload")]
fn last<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    end("last", &arguments, |list| list.inner().last())
}

fn end<'b, 'v>(
    name: &str,
    arguments: &[CowVal<'b, 'v>],
    pick: impl for<'l> Fn(&'l CelList<'v>) -> Option<&'l Box<dyn Val + 'v>>,
) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let list = arguments.first().and_then(|list| list.as_ref().downcast_ref::<CelList<'_>>());
    let list = list.ok_or_else(|| ExecutionError::function_error(name, "not a list"))?;
    let found = pick(list).map_or_else(CelOptional::none, |item| CelOptional::of(item.clone_as_boxed()));
    Ok(CowVal::owned(found))
}
