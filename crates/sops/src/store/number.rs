//! Numbers and simple values as Go prints them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::tree::Value;

/// As Go's JSON encoder writes a float.
pub(super) fn json_float(value: f64) -> String {
    if value == 0.0 {
        return if value.is_sign_negative() { "-0" } else { "0" }.to_owned();
    }
    if (1e-6..1e21).contains(&value.abs()) {
        return format!("{value}");
    }
    // One digit at least in the exponent, and a sign.
    let text = format!("{value:e}");
    match text.split_once('e') {
        Some((digits, exponent)) if !exponent.starts_with('-') => format!("{digits}e+{exponent}"),
        _ => text,
    }
}

/// As a format without types writes a value; `None` for collections.
pub(super) fn plain_text(value: &Value) -> Option<String> {
    Some(match value {
        Value::Null => "<nil>".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Float(value) => float(*value),
        Value::Time(text) | Value::Text(text) => text.clone(),
        Value::Bytes(bytes) => STANDARD.encode(bytes),
        Value::List(_) | Value::Map(_) => return None,
    })
}

/// The shortest digits with an exponent where it is shorter, and at least one digit behind the point.
fn float(value: f64) -> String {
    let exponent = if value == 0.0 { 0 } else { value.abs().log10().floor() as i32 };
    if (-4..6).contains(&exponent) {
        let text = format!("{value}");
        return if text.contains('.') { text } else { format!("{text}.0") };
    }
    let text = format!("{value:E}");
    let Some((digits, exponent)) = text.split_once('E') else { return text };
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(exponent) => ('-', exponent),
        None => ('+', exponent),
    };
    format!("{digits}E{sign}{exponent:0>2}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_look_as_in_go() {
        for (value, json, plain) in [
            (1.0, "1", "1.0"),
            (1_234.567_89, "1234.56789", "1234.56789"),
            (1e-7, "1e-7", "1E-07"),
            (1.5e22, "1.5e+22", "1.5E+22"),
            (-0.5, "-0.5", "-0.5"),
            (1_000_000.0, "1000000", "1E+06"),
        ] {
            assert_eq!(json_float(value), json);
            assert_eq!(float(value), plain);
        }
    }
}
