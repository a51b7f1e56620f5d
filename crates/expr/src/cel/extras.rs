//! What cel-go has and the evaluator lacks: `first()` and `last()` of lists, all values of a list of optionals, and
//! durations as numbers.

use cel::common::types::{CelDuration, CelInt, CelList, CelOptional, LIST_TYPE};
use cel::common::value::{CowVal, Val};
use cel::{DeclarationError, Env, ExecutionError, add_overload};

/// Declares the functions.
pub(super) fn extension(env: &mut Env) -> Result<(), DeclarationError> {
    env.add_member_overload("first", "list_first", LIST_TYPE, Vec::new(), first)?;
    env.add_member_overload("last", "list_last", LIST_TYPE, Vec::new(), last)?;
    env.add_member_overload("unwrapOpt", "optional_unwrapOpt", LIST_TYPE, Vec::new(), unwrap)?;
    env.add_overload("optional.unwrap", "optional_unwrap", vec![LIST_TYPE], unwrap)?;
    add_overload!(env, fn nanoseconds: (CelDuration) -> Result<CelInt>, name = "int")
}

#[expect(clippy::needless_pass_by_value, reason = "the signature of an overload")]
fn first<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    end("first", &arguments, |list| list.inner().first())
}

#[expect(clippy::needless_pass_by_value, reason = "the signature of an overload")]
fn last<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    end("last", &arguments, |list| list.inner().last())
}

#[expect(clippy::needless_pass_by_value, reason = "the signature of an overload")]
fn unwrap<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let list = arguments.first().and_then(|list| list.as_ref().downcast_ref::<CelList<'_>>());
    let mut values = Vec::new();
    for item in list.into_iter().flat_map(|list| list.inner().iter()) {
        let Some(optional) = item.downcast_ref::<CelOptional<'_>>() else {
            return Err(ExecutionError::no_such_overload("unwrapOpt", vec!["list".to_owned()]));
        };
        values.extend(optional.inner().map(Val::clone_as_boxed));
    }
    Ok(CowVal::owned(CelList::from(values)))
}

fn nanoseconds(duration: &CelDuration) -> Result<CelInt, ExecutionError> {
    let overflow = || ExecutionError::function_error("int", "integer overflow");
    duration.inner().num_nanoseconds().map(CelInt::from).ok_or_else(overflow)
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
