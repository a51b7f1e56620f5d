//! Dates.

use super::args::{Outcome, any, text};
use super::cast::parse_int;
use crate::function::{Call, FuncError, Function};
use crate::gotime::{Duration, TIME, Time, Zone};
use crate::value::{IntKind, Type, Value};

const TEXT: Type = Type::String;
const ANY: Type = Type::Any;

/// The layout of HTML's date fields.
const HTML: &[u8] = b"2006-01-02";

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("now", &[], |_, _| Ok(Value::object(Time::now()))),
    Function::new("date", &[TEXT, ANY], |_, args| Ok(shown(any(args, 1), &text(args, 0), b"Local"))),
    Function::new("dateInZone", &[TEXT, ANY, TEXT], date_in_zone),
    Function::new("date_in_zone", &[TEXT, ANY, TEXT], date_in_zone),
    Function::new("htmlDate", &[ANY], |_, args| Ok(shown(any(args, 0), HTML, b"Local"))),
    Function::new("htmlDateInZone", &[ANY, TEXT], |_, args| Ok(shown(any(args, 0), HTML, &text(args, 1)))),
    Function::new("dateModify", &[TEXT, TIME], modify),
    Function::new("date_modify", &[TEXT, TIME], modify),
    Function::new("mustDateModify", &[TEXT, TIME], must_modify),
    Function::new("must_date_modify", &[TEXT, TIME], must_modify),
    Function::new("toDate", &[TEXT, TEXT], |_, args| Ok(Value::object(parse(args).unwrap_or_default()))),
    Function::new("mustToDate", &[TEXT, TEXT], |_, args| parse(args).map(Value::object)),
    Function::new("unixEpoch", &[TIME], |_, args| Ok(time(args, 0)?.unix().to_string().into())),
    Function::new("ago", &[ANY], ago),
    Function::new("duration", &[ANY], duration),
    Function::new("durationRound", &[ANY], duration_round),
];

fn time(args: &[Value], index: usize) -> Result<Time, FuncError> {
    any(args, index).downcast::<Time>().cloned().ok_or_else(|| super::args::NIL_POINTER.into())
}

/// A time, or seconds since 1970 as one of the integers that sprig knows; now for anything else.
fn instant(value: &Value, kinds: &[IntKind]) -> Time {
    match value {
        Value::Int(kind, seconds) if kinds.contains(kind) => Time::from_unix(*seconds),
        value => value.downcast::<Time>().cloned().unwrap_or_else(Time::now),
    }
}

fn shown(value: &Value, layout: &[u8], zone: &[u8]) -> Value {
    let zone = std::str::from_utf8(zone).ok().and_then(Zone::load).unwrap_or(Zone::Utc);
    Value::str(instant(value, &[IntKind::Int, IntKind::Int32, IntKind::Int64]).within(zone).format(layout))
}

fn date_in_zone(_: &mut Call<'_>, args: &[Value]) -> Outcome {
    Ok(shown(any(args, 1), &text(args, 0), &text(args, 2)))
}

fn modify(_: &mut Call<'_>, args: &[Value]) -> Outcome {
    let time = time(args, 1)?;
    Ok(Value::object(Duration::parse(&text(args, 0)).map_or(time.clone(), |duration| time.plus(duration))))
}

fn must_modify(_: &mut Call<'_>, args: &[Value]) -> Outcome {
    let duration = Duration::parse(&text(args, 0)).map_err(|error| FuncError::new(error.to_string()))?;
    Ok(Value::object(time(args, 1)?.plus(duration)))
}

fn parse(args: &[Value]) -> Result<Time, FuncError> {
    Time::parse(&text(args, 0), &text(args, 1), &Zone::local())
        .map_err(|error| FuncError::new(error.to_string()))
}

fn ago(_: &mut Call<'_>, args: &[Value]) -> Outcome {
    let then = instant(any(args, 0), &[IntKind::Int, IntKind::Int64]);
    Ok(Time::now().since(&then).round(Duration(1_000_000_000)).to_string().into())
}

fn duration(_: &mut Call<'_>, args: &[Value]) -> Outcome {
    let seconds = match any(args, 0) {
        // Go's parser gives the nearest number for one that is too large.
        Value::Str(text) => parse_int(text, 10).unwrap_or_else(|| saturated(text)),
        Value::Int(IntKind::Int64, value) => *value,
        _ => 0,
    };
    Ok(Duration(seconds.wrapping_mul(1_000_000_000)).to_string().into())
}

/// The largest or smallest number for a text of digits that no 64 bits hold; 0 for what is no number.
fn saturated(text: &[u8]) -> i64 {
    let digits = text.strip_prefix(b"-").or_else(|| text.strip_prefix(b"+")).unwrap_or(text);
    match (digits.is_empty() || !digits.iter().all(u8::is_ascii_digit), text.first()) {
        (true, _) => 0,
        (false, Some(b'-')) => i64::MIN,
        (false, _) => i64::MAX,
    }
}

/// In the largest unit that it exceeds: `3mo`, `5d`.
fn duration_round(_: &mut Call<'_>, args: &[Value]) -> Outcome {
    const SECOND: u64 = 1_000_000_000;
    const HOUR: u64 = 3600 * SECOND;
    let duration = match any(args, 0) {
        Value::Str(text) => Duration::parse(text).unwrap_or_default(),
        Value::Int(IntKind::Int64, value) => Duration(*value),
        value => value.downcast::<Time>().map(|then| Time::now().since(then)).unwrap_or_default(),
    };
    let seconds = duration.0.unsigned_abs();
    let units = [
        (365 * 24 * HOUR, "y"),
        (30 * 24 * HOUR, "mo"),
        (24 * HOUR, "d"),
        (HOUR, "h"),
        (60 * SECOND, "m"),
        (SECOND, "s"),
    ];
    let shown = units.into_iter().find(|(unit, _)| seconds > *unit);
    Ok(shown.map_or("0s".to_owned(), |(unit, name)| format!("{}{name}", seconds / unit)).into())
}
