//! JSON text as Go's encoder writes it: `<`, `>`, `&` and line separators escaped, floats in Go's form.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

/// The text of a value; fields stand in the order in which it is serialised.
pub fn to_string(value: &impl Serialize) -> String {
    let mut bytes = Vec::new();
    // Writing to memory fails only for values that JSON has no form for: there are none among ours.
    let _ = value.serialize(&mut Serializer::with_formatter(&mut bytes, GoFormatter));
    String::from_utf8(bytes).unwrap_or_default()
}

struct GoFormatter;

impl Formatter for GoFormatter {
    fn write_f64<W: ?Sized + Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        writer.write_all(float(value).as_bytes())
    }

    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(['<', '>', '&', '\u{2028}', '\u{2029}']) {
            let (before, from) = rest.split_at(at);
            writer.write_all(before.as_bytes())?;
            let mut chars = from.chars();
            if let Some(char) = chars.next() {
                write!(writer, "\\u{:04x}", u32::from(char))?;
            }
            rest = chars.as_str();
        }
        writer.write_all(rest.as_bytes())
    }
}

/// A float without fraction has none; very large and very small ones have an exponent.
fn float(float: f64) -> String {
    let size = float.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let text = format!("{float:e}");
        return match text.split_once('e') {
            Some((digits, exponent)) if !exponent.starts_with('-') => format!("{digits}e+{exponent}"),
            _ => text,
        };
    }
    format!("{float}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn text_is_that_of_go() {
        let value = json!({"f": 1e21, "l": [1.5, "x", 2.0, 1e-7, -0.0], "s": "<a&b>\u{2028}\u{1}\"", "n": null, "i": 7});
        assert_eq!(
            to_string(&value),
            r#"{"f":1e+21,"i":7,"l":[1.5,"x",2,1e-7,-0],"n":null,"s":"\u003ca\u0026b\u003e\u2028\u0001\""}"#
        );
    }
}
