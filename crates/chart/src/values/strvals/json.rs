//! JSON at the start of a text, with the messages of Go's decoder.

use serde_json::{Map, Number, Value as Json};

/// How deep JSON may be nested. (Go: 10,000; nobody writes that on a command line.)
const MAX_DEPTH: usize = 500;

/// A value, and how many characters it takes.
pub(super) fn decode(text: &[char]) -> Result<(Json, usize), String> {
    let mut decoder = Decoder { text, at: 0 };
    let value = decoder.value(0)?;
    Ok((value, decoder.at))
}

struct Decoder<'t> {
    text: &'t [char],
    at: usize,
}

impl Decoder<'_> {
    fn peek(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }

    fn next(&mut self) -> Result<char, String> {
        let c = self.peek().ok_or("unexpected EOF")?;
        self.at += 1;
        Ok(c)
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(' ' | '\t' | '\r' | '\n')) {
            self.at += 1;
        }
    }

    fn value(&mut self, depth: usize) -> Result<Json, String> {
        self.skip_space();
        if depth > MAX_DEPTH {
            return Err("exceeded max depth".to_owned());
        }
        match self.next()? {
            '{' => self.object(depth),
            '[' => self.array(depth),
            '"' => self.string().map(Json::String),
            't' => self.literal("true", Json::Bool(true)),
            'f' => self.literal("false", Json::Bool(false)),
            'n' => self.literal("null", Json::Null),
            c @ ('-' | '0'..='9') => self.number(c),
            c => Err(invalid(c, "looking for beginning of value")),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json, String> {
        let mut map = Map::new();
        loop {
            self.skip_space();
            match self.next()? {
                '}' if map.is_empty() => return Ok(Json::Object(map)),
                '"' => {}
                c => return Err(invalid(c, "looking for beginning of object key string")),
            }
            let key = self.string()?;
            self.skip_space();
            match self.next()? {
                ':' => {}
                c => return Err(invalid(c, "after object key")),
            }
            let value = self.value(depth + 1)?;
            map.insert(key, value);
            self.skip_space();
            match self.next()? {
                ',' => {}
                '}' => return Ok(Json::Object(map)),
                c => return Err(invalid(c, "after object key:value pair")),
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Json, String> {
        let mut items = Vec::new();
        self.skip_space();
        if self.peek() == Some(']') {
            self.at += 1;
            return Ok(Json::Array(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            self.skip_space();
            match self.next()? {
                ',' => {}
                ']' => return Ok(Json::Array(items)),
                c => return Err(invalid(c, "after array element")),
            }
        }
    }

    fn literal(&mut self, word: &str, value: Json) -> Result<Json, String> {
        for expected in word.chars().skip(1) {
            let c = self.next()?;
            if c != expected {
                return Err(invalid(c, &format!("in literal {word} (expecting {})", quote(expected))));
            }
        }
        Ok(value)
    }

    fn number(&mut self, first: char) -> Result<Json, String> {
        let start = self.at - 1;
        let mut first = first;
        if first == '-' {
            first = self.next()?;
            if !first.is_ascii_digit() {
                return Err(invalid(first, "in numeric literal"));
            }
        }
        if first != '0' {
            self.digits();
        }
        if self.peek() == Some('.') {
            self.at += 1;
            self.digit("after decimal point in numeric literal")?;
            self.digits();
        }
        if matches!(self.peek(), Some('e' | 'E')) {
            self.at += 1;
            if matches!(self.peek(), Some('+' | '-')) {
                self.at += 1;
            }
            self.digit("in exponent of numeric literal")?;
            self.digits();
        }
        let text: String = self.text.get(start..self.at).unwrap_or_default().iter().collect();
        let number = text.parse::<f64>().ok().and_then(Number::from_f64);
        number
            .map(Json::Number)
            .ok_or_else(|| format!("json: cannot unmarshal number {text} into Go value of type float64"))
    }

    fn digit(&mut self, context: &str) -> Result<(), String> {
        let c = self.next()?;
        if c.is_ascii_digit() { Ok(()) } else { Err(invalid(c, context)) }
    }

    fn digits(&mut self) {
        while self.peek().is_some_and(|c| c.is_ascii_digit()) {
            self.at += 1;
        }
    }

    /// The rest of a string, up to its quote.
    fn string(&mut self) -> Result<String, String> {
        let mut text = String::new();
        loop {
            match self.next()? {
                '"' => return Ok(text),
                '\\' => {
                    let c = self.next()?;
                    text.push(match c {
                        '"' | '\\' | '/' => c,
                        'b' => '\u{8}',
                        'f' => '\u{c}',
                        'n' => '\n',
                        'r' => '\r',
                        't' => '\t',
                        'u' => self.unicode()?,
                        c => return Err(invalid(c, "in string escape code")),
                    });
                }
                c if c < ' ' => return Err(invalid(c, "in string literal")),
                c => text.push(c),
            }
        }
    }

    /// The rest of `\u1234`, and its second half where there is one.
    fn unicode(&mut self) -> Result<char, String> {
        let high = self.hex()?;
        if let Some(c) = char::from_u32(high) {
            return Ok(c);
        }
        let after = self.at;
        if (0xD800..0xDC00).contains(&high) && self.peek() == Some('\\') {
            self.at += 1;
            if self.peek() == Some('u') {
                self.at += 1;
                let low = self.hex()?;
                if (0xDC00..0xE000).contains(&low) {
                    let code = 0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00);
                    return Ok(char::from_u32(code).unwrap_or('\u{fffd}'));
                }
            }
            self.at = after;
        }
        Ok('\u{fffd}')
    }

    fn hex(&mut self) -> Result<u32, String> {
        let mut value = 0;
        for _ in 0..4 {
            let c = self.next()?;
            let digit = c.to_digit(16).ok_or_else(|| invalid(c, "in \\u hexadecimal character escape"))?;
            value = value << 4 | digit;
        }
        Ok(value)
    }
}

/// The decoder looks at bytes: of a longer character it shows the first one.
fn invalid(c: char, context: &str) -> String {
    let first = c.encode_utf8(&mut [0; 4]).bytes().next().unwrap_or_default();
    format!("invalid character {} {context}", quote(char::from(first)))
}

/// As the decoder quotes: both kinds of quotes stand as they are meant.
fn quote(c: char) -> String {
    if c == '"' { "'\"'".to_owned() } else { sluice_gotmpl::quote::quote_rune(c) }
}
