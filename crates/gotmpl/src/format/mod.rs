//! Printing as Go's package `fmt` does. What exceeds [`MAX_TEXT`] is cut, for the caller to refuse.

mod directive;
mod flags;
mod float;
mod printer;
mod scalar;

pub(crate) use flags::first_rune;
pub use float::format_float;

use std::io::Write as _;

use crate::limits::MAX_TEXT;
use crate::value::{Kind, Value};

/// `fmt.Sprintf`
pub fn sprintf(format: &[u8], args: &[Value]) -> Vec<u8> {
    let mut out = Vec::with_capacity(format.len() + 16 * args.len());
    directive::format(&mut out, format, args);
    out
}

/// `fmt.Sprint`: spaces only between operands of which neither is a string.
pub fn sprint(args: &[Value]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut after_string = true;
    for arg in args {
        let is_string = arg.kind() == Kind::String;
        if !is_string && !after_string {
            out.push(b' ');
        }
        print(&mut out, arg);
        if out.len() > MAX_TEXT {
            break;
        }
        after_string = is_string;
    }
    out
}

/// `fmt.Sprintln`: spaces between all operands, and a newline.
pub fn sprintln(args: &[Value]) -> Vec<u8> {
    let mut out = Vec::new();
    for (index, arg) in args.iter().enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        print(&mut out, arg);
        if out.len() > MAX_TEXT {
            break;
        }
    }
    out.push(b'\n');
    out
}

/// Appends what `%v` makes of the value.
pub fn print(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Str(text) => out.extend_from_slice(text),
        // Writing to a vector cannot fail.
        Value::Int(_, number) => drop(write!(out, "{number}")),
        // So long no exponent is printed; most numbers in values are of this kind.
        Value::Float(number) if number.abs() < 1e6 && number.fract() == 0.0 && *number != 0.0 => {
            drop(write!(out, "{}", *number as i64));
        }
        Value::Float(number) => format_float(out, *number, b'g', None),
        value => printer::Printer::new(out).argument(value, 'v'),
    }
}

/// What `%v` makes of the value.
pub fn to_bytes(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    print(&mut out, value);
    out
}

/// Appends what an action prints: a pointer is followed first.
pub(crate) fn print_indirect(out: &mut Vec<u8>, value: Option<&Value>) {
    match value {
        None => out.extend_from_slice(b"<no value>"),
        Some(Value::Object(object)) => printer::Printer::new(out).indirect(object),
        Some(value) => print(out, value),
    }
}
