//! Conversions to numbers, as Go's `spf13/cast` makes them: zero for what is no number.

use crate::parse::underscores_separate_digits;
use crate::value::{IntKind, Value};

/// A Go conversion from float to integer on amd64: out of range gives the smallest integer.
pub(super) fn float_to_int(value: f64) -> i64 {
    if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&value) {
        value as i64
    } else {
        i64::MIN
    }
}

/// `cast.ToInt64`, which is `cast.ToInt` too on 64 bits.
pub(super) fn to_int(value: &Value) -> i64 {
    match value {
        Value::Int(_, value) => *value,
        Value::Uint(_, value) => value.cast_signed(),
        Value::Float(value) => float_to_int(*value),
        Value::Bool(value) => i64::from(*value),
        Value::Str(text) => parse_int(without_zero_decimals(text), 0).unwrap_or(0),
        Value::Object(_) => named_int(value).unwrap_or(0),
        Value::Nil | Value::List(_) | Value::Map(_) => 0,
    }
}

/// `cast.ToFloat64`
pub(super) fn to_float(value: &Value) -> f64 {
    match value {
        Value::Int(_, value) => *value as f64,
        Value::Uint(_, value) => *value as f64,
        Value::Float(value) => *value,
        Value::Bool(value) => f64::from(u8::from(*value)),
        Value::Str(text) => parse_float(text).unwrap_or(0.0),
        Value::Object(_) => named_int(value).map_or(0.0, |value| value as f64),
        Value::Nil | Value::List(_) | Value::Map(_) => 0.0,
    }
}

/// Of the named integers, `cast` knows months and weekdays, whose kind is `int`; durations it does not take.
fn named_int(value: &Value) -> Option<i64> {
    match value.underlying() {
        Value::Int(IntKind::Int, value) => Some(value),
        _ => None,
    }
}

/// `12.00` without `.00`.
fn without_zero_decimals(text: &[u8]) -> &[u8] {
    let zeros = text.iter().rev().take_while(|byte| **byte == b'0').count();
    let (rest, _) = text.split_at(text.len() - zeros);
    match rest.split_last() {
        Some((b'.', whole)) if zeros > 0 => whole,
        _ => text,
    }
}

/// `strconv.ParseInt`: in base 0 the prefix says the base, and underscores may stand between digits.
pub(super) fn parse_int(text: &[u8], base: u32) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    // Only then may underscores stand between digits.
    let base_zero = base == 0;
    let (base, digits, prefixed) = match base {
        0 => base_of(digits),
        base => (base, digits, false),
    };
    let digits = if digits.contains('_') {
        let separated = prefixed && digits.starts_with('_');
        let digits = if separated { &digits[1..] } else { digits };
        let well_formed = !digits.is_empty() && digits.split('_').all(|part| !part.is_empty());
        if !well_formed || !base_zero {
            return None;
        }
        digits.replace('_', "")
    } else {
        digits.to_owned()
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let value = i128::from_str_radix(&digits, base).ok()?;
    i64::try_from(if negative { -value } else { value }).ok()
}

/// `strconv.Atoi` without its error: 0 for what is no number, the nearest that there is for one that is too large.
pub(super) fn parse_int_clamped(text: &[u8]) -> i64 {
    if let Some(value) = parse_int(text, 10) {
        return value;
    }
    let (is_negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    };
    match digits {
        [] => 0,
        digits if !digits.iter().all(u8::is_ascii_digit) => 0,
        _ if is_negative => i64::MIN,
        _ => i64::MAX,
    }
}

fn base_of(digits: &str) -> (u32, &str, bool) {
    let Some(rest) = digits.strip_prefix('0').filter(|rest| !rest.is_empty()) else {
        return (10, digits, false);
    };
    match rest.as_bytes().first() {
        Some(b'x' | b'X') if rest.len() > 1 => (16, &rest[1..], true),
        Some(b'b' | b'B') if rest.len() > 1 => (2, &rest[1..], true),
        Some(b'o' | b'O') if rest.len() > 1 => (8, &rest[1..], true),
        _ => (8, rest, true),
    }
}

/// `strconv.ParseFloat`; hexadecimal floats too, and no value for one out of range.
pub fn parse_float(text: &[u8]) -> Option<f64> {
    if !underscores_separate_digits(text) {
        return None;
    }
    let text = &std::str::from_utf8(text).ok()?.replace('_', "");
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let negative = text.starts_with('-');
    match unsigned.to_ascii_lowercase().as_str() {
        "inf" | "infinity" => return Some(if negative { f64::NEG_INFINITY } else { f64::INFINITY }),
        // Go takes no sign before NaN.
        "nan" => return (unsigned.len() == text.len()).then_some(f64::NAN),
        lower if lower.starts_with("0x") => {
            let value = hexadecimal_float(&lower[2..])?;
            return Some(if negative { -value } else { value });
        }
        _ => {}
    }
    if !unsigned.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-'))
    {
        return None;
    }
    text.parse::<f64>().ok().filter(|value| value.is_finite())
}

/// `1.8p3`: a mantissa in base 16 and a required exponent of two. Texts with more digits than 64 bits hold are read
/// with those that count.
fn hexadecimal_float(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once('p')?;
    let exponent: i32 = exponent.parse().ok()?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: String = [whole, fraction].concat();
    if digits.is_empty() || digits.len() > 16 {
        return None;
    }
    let value = u64::from_str_radix(&digits, 16).ok()?;
    let scale = exponent.checked_sub(4 * fraction.len() as i32)?;
    Some(value as f64 * f64::from(scale).exp2()).filter(|value| value.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_become_numbers_as_in_go() {
        for (text, want) in [
            ("42", 42),
            ("0777", 511),
            ("0o17", 15),
            ("0b11", 3),
            ("0x_1f", 31),
            ("1_000", 1000),
            ("1__0", 0),
            ("_1", 0),
            ("08", 0),
            ("1e3", 0),
            ("12.00", 12),
            ("12.", 0),
            (" 5", 0),
            ("+5", 5),
            ("00012", 10),
            ("9223372036854775808", 0),
            ("-9223372036854775808", i64::MIN),
            ("0", 0),
            ("", 0),
        ] {
            assert_eq!(to_int(&Value::from(text)), want, "{text}");
        }
        assert_eq!(to_float(&Value::from("0x1.8p3")).to_bits(), 12f64.to_bits());
        assert_eq!(to_float(&Value::from("1_000.5")).to_bits(), 1000.5f64.to_bits());
        assert_eq!(to_float(&Value::from("1__0")).to_bits(), 0f64.to_bits());
        assert_eq!(to_float(&Value::from("1e400")).to_bits(), 0f64.to_bits());
    }
}
