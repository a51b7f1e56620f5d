//! Regular expressions.

use std::rc::Rc;

use sluice_goregex::{Regex, quote_meta};

use super::args::{Outcome, check_items, check_size, int, text};
use crate::function::{Call, FuncError, Function};
use crate::limits::STEPS_PER_LOOK;
use crate::value::{List, Str, Type, Value};

const TEXT: Type = Type::String;
const TWO: &[Type] = &[TEXT, TEXT];
const THREE: &[Type] = &[TEXT, TEXT, TEXT];
const COUNTED: &[Type] = &[TEXT, TEXT, Type::INT];

pub(super) const FUNCTIONS: &[Function] = &[
    // The only one that hides what is wrong with its pattern.
    Function::new("regexMatch", TWO, |call, args| match is_match(call, args) {
        Err(FuncError::Message(_)) => Ok(false.into()),
        outcome => outcome,
    }),
    Function::new("mustRegexMatch", TWO, is_match),
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

/// A search that may go through more states is refused. It takes some ten seconds.
const MAX_COST: u64 = 1 << 33;

/// So many states go through in the time of one step.
const STATES_PER_STEP: u64 = 64;

/// The pattern and the text to search. What the search may take at most counts against the limits.
fn prepared(call: &mut Call<'_>, args: &[Value]) -> Result<(Rc<Regex>, Str), FuncError> {
    let regex = Regex::new(&text(args, 0)).map_err(|error| FuncError::new(error.to_string()))?;
    let subject = text(args, 1);
    let cost = regex.cost(&subject);
    if cost > MAX_COST {
        return Err("the regular expression is too large for a text that long".into());
    }
    call.spend(cost / STATES_PER_STEP)?;
    Ok((regex, subject))
}

/// The functions without `must` panic in Go, which puts its own words before the error.
fn panicking(outcome: Outcome, args: &[Value]) -> Outcome {
    outcome.map_err(|error| match error {
        FuncError::Message(message) if message.starts_with("error parsing regexp: ") => {
            let pattern = text(args, 0);
            let quoted = if crate::quote::can_backquote(&pattern) {
                format!("`{}`", pattern.to_text())
            } else {
                crate::quote::quote(&pattern)
            };
            FuncError::new(format!("regexp: Compile({quoted}): {message}"))
        }
        other => other,
    })
}

/// Counts a search for one more match. It may take long, so the clock is looked at.
fn spend(call: &mut Call<'_>, subject: &Str) -> Result<(), FuncError> {
    const LONG: usize = 1 << 12;
    call.spend(if subject.len() > LONG { STEPS_PER_LOOK } else { 1 })
}

fn is_match(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let (regex, subject) = prepared(call, args)?;
    Ok(regex.is_match(&subject).into())
}

fn find(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let (regex, subject) = prepared(call, args)?;
    Ok(Value::str(regex.find(&subject).unwrap_or_default()))
}

fn find_all(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let (regex, subject) = prepared(call, args)?;
    let mut count = 0;
    let found = regex.find_all(&subject, int(args, 2), || {
        count += 1;
        check_items(count)?;
        spend(call, &subject)
    })?;
    if found.is_empty() {
        return Ok(Value::List(List::nil(Type::STRINGS)));
    }
    let part = |(start, end)| subject.get(start..end).unwrap_or_default();
    Ok(Value::List(List::strings(found.into_iter().map(|span| Str::from(part(span))))))
}

fn replace(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let (regex, subject) = prepared(call, args)?;
    let result = regex.replace_all(&subject, &text(args, 2), |size| {
        check_size(size)?;
        spend(call, &subject)
    })?;
    Ok(Value::str(result))
}

fn replace_literal(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let (regex, subject) = prepared(call, args)?;
    let result = regex.replace_all_literal(&subject, &text(args, 2), |size| {
        check_size(size)?;
        spend(call, &subject)
    })?;
    Ok(Value::str(result))
}

fn split(call: &mut Call<'_>, args: &[Value]) -> Outcome {
    let (regex, subject) = prepared(call, args)?;
    let limit = int(args, 2);
    if limit == 0 {
        return Ok(Value::List(List::nil(Type::STRINGS)));
    }
    let mut count = 0;
    let parts = regex.split(&subject, limit, || {
        count += 1;
        check_items(count)?;
        spend(call, &subject)
    })?;
    Ok(Value::List(List::strings(parts)))
}
