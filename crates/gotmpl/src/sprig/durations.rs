//! Helm's own functions for durations: anything that can be read as one, numbers as seconds.

use super::args::{Outcome, any};
use super::cast::{float_to_int, parse_float};
use crate::function::{FuncError, Function};
use crate::gotime::Duration;
use crate::quote::quote;
use crate::value::{Type, Value};

const ANY: Type = Type::Any;

/// Nanoseconds of a second.
const SECOND: i64 = 1_000_000_000;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("mustToDuration", &[ANY], |_, args| of(any(args, 0)).map(Value::object)),
    Function::new("durationSeconds", &[ANY], |_, args| float(args, Duration::seconds)),
    Function::new("durationMilliseconds", &[ANY], |_, args| int(args, Duration::milliseconds)),
    Function::new("durationMicroseconds", &[ANY], |_, args| int(args, Duration::microseconds)),
    Function::new("durationNanoseconds", &[ANY], |_, args| int(args, |duration| duration.0)),
    Function::new("durationMinutes", &[ANY], |_, args| float(args, Duration::minutes)),
    Function::new("durationHours", &[ANY], |_, args| float(args, Duration::hours)),
    Function::new("durationDays", &[ANY], |_, args| float(args, |duration| duration.hours() / 24.0)),
    Function::new("durationWeeks", &[ANY], |_, args| float(args, |duration| duration.hours() / 24.0 / 7.0)),
    Function::new("durationRoundTo", &[ANY, ANY], |_, args| multiple(args, Duration::round)),
    Function::new("durationTruncateTo", &[ANY, ANY], |_, args| multiple(args, Duration::truncate)),
];

fn float(args: &[Value], unit: fn(Duration) -> f64) -> Outcome {
    Ok(of(any(args, 0)).map_or(0.0, unit).into())
}

fn int(args: &[Value], unit: fn(Duration) -> i64) -> Outcome {
    Ok(Value::int64(of(any(args, 0)).map_or(0, unit)))
}

/// Zero for no duration, the duration itself for no multiple.
fn multiple(args: &[Value], to: fn(Duration, Duration) -> Duration) -> Outcome {
    let duration = of(any(args, 0))
        .map_or(Duration(0), |duration| of(any(args, 1)).map_or(duration, |multiple| to(duration, multiple)));
    Ok(Value::object(duration))
}

fn of(value: &Value) -> Result<Duration, FuncError> {
    if let Some(duration) = value.downcast::<Duration>() {
        return Ok(*duration);
    }
    match value.underlying() {
        Value::Nil => Err("invalid duration".into()),
        Value::Str(text) => {
            let trimmed = crate::text::trim_space(&text);
            if trimmed.is_empty() {
                return Err("empty duration".into());
            }
            if let Ok(duration) = Duration::parse(trimmed) {
                return Ok(duration);
            }
            match parse_float(trimmed) {
                Some(seconds) => of_float(seconds),
                None => Err(FuncError::new(format!("could not parse duration {}", quote(&text)))),
            }
        }
        Value::Int(_, seconds) => seconds.checked_mul(SECOND).map(Duration).ok_or_else(|| overflow(&seconds)),
        Value::Uint(_, seconds) => i64::try_from(seconds)
            .ok()
            .and_then(|seconds| seconds.checked_mul(SECOND))
            .map(Duration)
            .ok_or_else(|| overflow(&seconds)),
        Value::Float(seconds) => of_float(seconds),
        _ => Err(FuncError::new(format!("unsupported duration type {}", value.type_name()))),
    }
}

fn overflow(seconds: &dyn std::fmt::Display) -> FuncError {
    FuncError::new(format!("duration seconds overflow: {seconds}"))
}

fn of_float(seconds: f64) -> Result<Duration, FuncError> {
    let shown = || String::from_utf8_lossy(&super::print::sprint(&seconds.into())).into_owned();
    if !seconds.is_finite() {
        return Err(FuncError::new(format!("invalid duration seconds: {}", shown())));
    }
    let limit = i64::MAX as f64 / SECOND as f64;
    if seconds > limit || seconds < -limit {
        return Err(overflow(&shown()));
    }
    Ok(Duration(float_to_int(seconds * SECOND as f64)))
}
