//! From JSON text to values.

use crate::quote::quote_rune;
use crate::value::{List, Map, RED_ZONE, STACK_SEGMENT, Str, Type, Value};

/// How deep JSON may be nested, as in Go.
const MAX_DEPTH: usize = 10_000;

/// The value of a JSON text, numbers as floats; the error is Go's.
pub fn decode(text: &[u8]) -> Result<Value, String> {
    check(text)?;
    Decoder { text, at: 0 }.value()
}

/// As [`decode`], into a map that the caller has: null leaves it empty.
pub fn decode_map(text: &[u8]) -> Result<Map, String> {
    match decode(text)? {
        Value::Map(map) => Ok(map),
        Value::Nil => Ok(Map::new()),
        other => Err(mismatch(&other, "map[string]interface {}")),
    }
}

/// As [`decode`], into a list; null becomes a nil one.
pub fn decode_list(text: &[u8]) -> Result<List, String> {
    match decode(text)? {
        Value::List(list) => Ok(list),
        Value::Nil => Ok(List::nil(Type::ANYS)),
        other => Err(mismatch(&other, "[]interface {}")),
    }
}

fn mismatch(found: &Value, wanted: &str) -> String {
    let found = match found {
        Value::Bool(_) => "bool",
        Value::Float(_) => "number",
        Value::Str(_) => "string",
        Value::List(_) => "array",
        _ => "object",
    };
    format!("json: cannot unmarshal {found} into Go value of type {wanted}")
}

/// Go checks the whole text before it decodes any of it: syntax errors come before those of numbers out of range.
fn check(text: &[u8]) -> Result<(), String> {
    let mut checker = Checker { text, at: 0 };
    checker.value(0)?;
    checker.skip_space();
    match checker.peek() {
        None => Ok(()),
        Some(byte) => Err(invalid(byte, "after top-level value")),
    }
}

struct Checker<'t> {
    text: &'t [u8],
    at: usize,
}

impl Checker<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn next(&mut self) -> Result<u8, String> {
        let byte = self.peek().ok_or("unexpected end of JSON input")?;
        self.at += 1;
        Ok(byte)
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn next_token(&mut self) -> Result<u8, String> {
        self.skip_space();
        self.next()
    }

    fn value(&mut self, depth: usize) -> Result<(), String> {
        let byte = self.next_token()?;
        self.value_from(byte, depth)
    }

    fn value_from(&mut self, byte: u8, depth: usize) -> Result<(), String> {
        match byte {
            b'{' | b'[' if depth >= MAX_DEPTH => Err("exceeded max depth".to_owned()),
            b'{' => stacker::maybe_grow(RED_ZONE, STACK_SEGMENT, || self.object(depth + 1)),
            b'[' => stacker::maybe_grow(RED_ZONE, STACK_SEGMENT, || self.array(depth + 1)),
            b'"' => self.string(),
            b't' => self.literal("true"),
            b'f' => self.literal("false"),
            b'n' => self.literal("null"),
            b'-' | b'0'..=b'9' => self.number(byte),
            byte => Err(invalid(byte, "looking for beginning of value")),
        }
    }

    fn object(&mut self, depth: usize) -> Result<(), String> {
        let mut first = true;
        loop {
            match self.next_token()? {
                b'}' if first => return Ok(()),
                b'"' => self.string()?,
                byte => return Err(invalid(byte, "looking for beginning of object key string")),
            }
            first = false;
            match self.next_token()? {
                b':' => {}
                byte => return Err(invalid(byte, "after object key")),
            }
            self.value(depth)?;
            match self.next_token()? {
                b',' => {}
                b'}' => return Ok(()),
                byte => return Err(invalid(byte, "after object key:value pair")),
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<(), String> {
        let mut byte = self.next_token()?;
        if byte == b']' {
            return Ok(());
        }
        loop {
            self.value_from(byte, depth)?;
            match self.next_token()? {
                b',' => byte = self.next_token()?,
                b']' => return Ok(()),
                byte => return Err(invalid(byte, "after array element")),
            }
        }
    }

    fn literal(&mut self, word: &str) -> Result<(), String> {
        for expected in word.bytes().skip(1) {
            let byte = self.next()?;
            if byte != expected {
                let expected = quote(expected);
                return Err(invalid(byte, &format!("in literal {word} (expecting {expected})")));
            }
        }
        Ok(())
    }

    fn number(&mut self, first: u8) -> Result<(), String> {
        let mut first = first;
        if first == b'-' {
            first = self.next()?;
            if !first.is_ascii_digit() {
                return Err(invalid(first, "in numeric literal"));
            }
        }
        if first != b'0' {
            self.digits();
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digit("after decimal point in numeric literal")?;
            self.digits();
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digit("in exponent of numeric literal")?;
            self.digits();
        }
        Ok(())
    }

    fn digit(&mut self, context: &str) -> Result<(), String> {
        let byte = self.next()?;
        if byte.is_ascii_digit() { Ok(()) } else { Err(invalid(byte, context)) }
    }

    fn digits(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
    }

    /// The rest of a string, up to its quote.
    fn string(&mut self) -> Result<(), String> {
        loop {
            match self.next()? {
                b'"' => return Ok(()),
                b'\\' => match self.next()? {
                    b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {}
                    b'u' => {
                        for _ in 0..4 {
                            let byte = self.next()?;
                            if !byte.is_ascii_hexdigit() {
                                return Err(invalid(byte, "in \\u hexadecimal character escape"));
                            }
                        }
                    }
                    byte => return Err(invalid(byte, "in string escape code")),
                },
                byte if byte < b' ' => return Err(invalid(byte, "in string literal")),
                _ => {}
            }
        }
    }
}

fn invalid(byte: u8, context: &str) -> String {
    format!("invalid character {} {context}", quote(byte))
}

/// As Go's scanner quotes a byte: both kinds of quotes stand as they are meant.
fn quote(byte: u8) -> String {
    if byte == b'"' { "'\"'".to_owned() } else { quote_rune(char::from(byte)) }
}

/// Reads a text that was [checked](check).
struct Decoder<'t> {
    text: &'t [u8],
    at: usize,
}

impl Decoder<'_> {
    fn next_token(&mut self) -> u8 {
        loop {
            let byte = self.text.get(self.at).copied().unwrap_or_default();
            self.at += 1;
            if !matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
                return byte;
            }
        }
    }

    fn value(&mut self) -> Result<Value, String> {
        let byte = self.next_token();
        self.value_from(byte)
    }

    fn value_from(&mut self, byte: u8) -> Result<Value, String> {
        match byte {
            b'{' => stacker::maybe_grow(RED_ZONE, STACK_SEGMENT, || self.object()),
            b'[' => stacker::maybe_grow(RED_ZONE, STACK_SEGMENT, || self.array()),
            b'"' => Ok(Value::Str(self.string())),
            b't' => Ok(self.literal("true", Value::Bool(true))),
            b'f' => Ok(self.literal("false", Value::Bool(false))),
            b'n' => Ok(self.literal("null", Value::Nil)),
            _ => self.number(),
        }
    }

    fn object(&mut self) -> Result<Value, String> {
        let mut entries = Vec::new();
        if self.next_token() == b'"' {
            loop {
                let key = self.string();
                self.next_token();
                entries.push((key, self.value()?));
                if self.next_token() != b',' {
                    break;
                }
                self.next_token();
            }
        }
        Ok(Value::Map(Map::with_entries(Type::ANY_MAP, entries)))
    }

    fn array(&mut self) -> Result<Value, String> {
        let mut items = Vec::new();
        let mut byte = self.next_token();
        while byte != b']' {
            items.push(self.value_from(byte)?);
            byte = self.next_token();
            if byte == b',' {
                byte = self.next_token();
            }
        }
        Ok(Value::list(items))
    }

    fn literal(&mut self, word: &str, value: Value) -> Value {
        self.at += word.len() - 1;
        value
    }

    fn number(&mut self) -> Result<Value, String> {
        let start = self.at - 1;
        while matches!(self.text.get(self.at), Some(b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-')) {
            self.at += 1;
        }
        let text = String::from_utf8_lossy(self.text.get(start..self.at).unwrap_or_default()).into_owned();
        match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(Value::Float(value)),
            _ => Err(format!("json: cannot unmarshal number {text} into Go value of type float64")),
        }
    }

    /// The rest of a string, up to its quote. What is not UTF-8 becomes U+FFFD, byte for byte.
    fn string(&mut self) -> Str {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let plain = rest.iter().position(|byte| matches!(byte, b'"' | b'\\')).unwrap_or(rest.len());
        if rest.get(plain) == Some(&b'"') {
            self.at += plain + 1;
            return valid(rest.get(..plain).unwrap_or_default());
        }
        let mut text = Vec::new();
        loop {
            let byte = self.text.get(self.at).copied().unwrap_or(b'"');
            self.at += 1;
            match byte {
                b'"' => return valid(&text),
                b'\\' => {
                    let byte = self.text.get(self.at).copied().unwrap_or_default();
                    self.at += 1;
                    match byte {
                        b'b' => text.push(0x08),
                        b'f' => text.push(0x0C),
                        b'n' => text.push(b'\n'),
                        b'r' => text.push(b'\r'),
                        b't' => text.push(b'\t'),
                        b'u' => {
                            let rune = self.unicode();
                            text.extend_from_slice(rune.encode_utf8(&mut [0; 4]).as_bytes());
                        }
                        byte => text.push(byte),
                    }
                }
                byte => text.push(byte),
            }
        }
    }

    /// The rest of `\u1234`, and its second half where there is one.
    fn unicode(&mut self) -> char {
        let high = self.hex();
        if let Some(rune) = char::from_u32(high) {
            return rune;
        }
        let after = self.at;
        if self.text.get(after..after + 2) == Some(b"\\u") {
            self.at += 2;
            let low = self.hex();
            if (0xD800..0xDC00).contains(&high) && (0xDC00..0xE000).contains(&low) {
                let code = 0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00);
                return char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
            }
            self.at = after;
        }
        char::REPLACEMENT_CHARACTER
    }

    fn hex(&mut self) -> u32 {
        let digits = self.text.get(self.at..self.at + 4).unwrap_or_default();
        self.at += 4;
        digits.iter().fold(0, |value, byte| value << 4 | char::from(*byte).to_digit(16).unwrap_or_default())
    }
}

fn valid(bytes: &[u8]) -> Str {
    if std::str::from_utf8(bytes).is_ok() {
        return Str::from(bytes);
    }
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    Str::from(text)
}

#[cfg(test)]
mod tests {
    use super::super::{Style, encode};
    use super::*;

    fn again(text: &str) -> Result<String, String> {
        let value = decode(text.as_bytes())?;
        Ok(String::from_utf8(encode(&value, Style::default()).unwrap()).unwrap())
    }

    #[test]
    fn texts() {
        for (text, expected) in [
            (
                " {\"b\" : [1, 2.50, -0, 1E3], \"a\": {\"x\":null,\"x\":true} } ",
                "{\"a\":{\"x\":true},\"b\":[1,2.5,-0,1000]}",
            ),
            (r#""\u00e9\ud83d\ude00\ud800\u0041\n\/""#, "\"é😀\u{fffd}A\\n/\""),
            ("[]", "[]"),
            ("{}", "{}"),
            ("null", "null"),
        ] {
            assert_eq!(again(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn errors_are_gos() {
        for (text, message) in [
            ("", "unexpected end of JSON input"),
            ("{", "unexpected end of JSON input"),
            ("{a: 1}", "invalid character 'a' looking for beginning of object key string"),
            ("{\"a\" 1}", "invalid character '1' after object key"),
            ("{\"a\":1,}", "invalid character '}' looking for beginning of object key string"),
            ("[1,]", "invalid character ']' looking for beginning of value"),
            ("[1 2]", "invalid character '2' after array element"),
            ("1 2", "invalid character '2' after top-level value"),
            ("trup", "invalid character 'p' in literal true (expecting 'e')"),
            ("-x", "invalid character 'x' in numeric literal"),
            ("01", "invalid character '1' after top-level value"),
            ("\"\\x\"", "invalid character 'x' in string escape code"),
            ("\"a\nb\"", "invalid character '\\n' in string literal"),
            ("[1e999]", "json: cannot unmarshal number 1e999 into Go value of type float64"),
        ] {
            assert_eq!(again(text).unwrap_err(), message, "{text}");
        }
        assert_eq!(
            decode_map(b"[]").unwrap_err(),
            "json: cannot unmarshal array into Go value of type map[string]interface {}"
        );
        assert_eq!(
            decode_list(b"{}").unwrap_err(),
            "json: cannot unmarshal object into Go value of type []interface {}"
        );
        let deep = "[".repeat(MAX_DEPTH + 1);
        assert_eq!(again(&deep).unwrap_err(), "exceeded max depth");
        let deep = "[".repeat(5000) + &"]".repeat(5000);
        assert!(decode(deep.as_bytes()).is_ok());
    }
}
