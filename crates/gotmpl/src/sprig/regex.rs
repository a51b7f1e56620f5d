//! Regular expressions.

use super::args::{int, text};
use crate::function::{FuncError, Function};
use crate::goregex::{Regex, quote_meta};
use crate::value::{List, Str, Type, Value};

const TEXT: Type = Type::String;
const TWO: &[Type] = &[TEXT, TEXT];
const THREE: &[Type] = &[TEXT, TEXT, TEXT];
const COUNTED: &[Type] = &[TEXT, TEXT, Type::INT];

use super::args::Outcome;
use crate::function::Call;

pub(super) const FUNCTIONS: &[Function] = &[
    // The only one that hides what is wrong with its pattern.
    Function::new("regexMatch", TWO, |_, args| {
        Ok(compiled(args).is_ok_and(|regex| regex.is_match(&text(args, 1))).into())
    }),
    Function::new("mustRegexMatch", TWO, |_, args| Ok(compiled(args)?.is_match(&text(args, 1)).into())),
    Function::new("regexFind", TWO, |call, args| panicking(find(call, args), args)),
    Function::new("mustRegexFind", TWO, find),
    Function::new("regexFindAll", COUNTED, |call, args| panicking(find_all(call, args), args)),
    Function::new("mustRegexFindAll", COUNTED, find_all),
    Function::new("regexReplaceAll", THREE, |call, args| panicking(replace(call, args), args)),
    Function::new("mustRegexReplaceAll", THREE, replace),
    Function::new("regexReplaceAllLiteral", THREE, |call, args| panicking(replace_literal(call, args), args)),
    Function::new("mustRegexReplaceAllLiteral", THREE, replace_literal),
    Function::new("regexSplit", COUNTED, |call, args| panicking(split(call, args), args)),
    Function::new("mustRegexSplit", COUNTED, split),
    Function::new("regexQuoteMeta", &[TEXT], |_, args| Ok(Value::str(quote_meta(&text(args, 0))))),
];

fn compiled(args: &[Value]) -> Result<std::rc::Rc<Regex>, FuncError> {
    Regex::new(&text(args, 0)).map_err(|error| FuncError::new(error.to_string()))
}

/// The functions without `must` panic in Go, which puts its own words before the error.
fn panicking(outcome: Outcome, args: &[Value]) -> Outcome {
    outcome.map_err(|error| {
        let pattern = text(args, 0);
        let quoted = if crate::quote::can_backquote(&pattern) {
            format!("`{}`", pattern.to_text())
        } else {
            crate::quote::quote(&pattern)
        };
        error.context(format!("regexp: Compile({quoted}): "))
    })
}

fn find(_: &mut Call<'_>, args: &[Value]) -> Outcome {
    Ok(Value::str(compiled(args)?.find(&text(args, 1)).unwrap_or_default()))
}

fn find_all(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let subject = text(args, 1);
    let found = compiled(args)?.find_all(&subject, int(args, 2));
    call.spend(found.len() as u64)?;
    if found.is_empty() {
        return Ok(Value::List(List::nil(Type::STRINGS)));
    }
    let part = |(start, end)| subject.get(start..end).unwrap_or_default();
    Ok(Value::List(List::strings(found.into_iter().map(|span| Str::from(part(span))))))
}

fn replace(_: &mut Call<'_>, args: &[Value]) -> Outcome {
    let result = compiled(args)?.replace_all(&text(args, 1), &text(args, 2));
    super::args::check_size(result.len())?;
    Ok(Value::str(result))
}

fn replace_literal(_: &mut Call<'_>, args: &[Value]) -> Outcome {
    let result = compiled(args)?.replace_all_literal(&text(args, 1), &text(args, 2));
    super::args::check_size(result.len())?;
    Ok(Value::str(result))
}

fn split(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let limit = int(args, 2);
    let regex = compiled(args)?;
    if limit == 0 {
        return Ok(Value::List(List::nil(Type::STRINGS)));
    }
    let subject = text(args, 1);
    let parts = regex.split(&subject, limit);
    call.spend(parts.len() as u64)?;
    Ok(Value::List(List::strings(parts)))
}
