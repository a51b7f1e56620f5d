//! Number and character constants, by the rules of Go's `strconv`.

use super::unquote::{Unquoted, unquote_char};
use crate::value::Complex;

/// A number constant: what it is as each type that can hold it.
#[derive(Clone, Debug, PartialEq)]
pub struct Number {
    /// As it was written.
    pub text: Box<str>,
    /// As a signed integer.
    pub int: Option<i64>,
    /// As an unsigned integer.
    pub uint: Option<u64>,
    /// As a floating-point number.
    pub float: Option<f64>,
    /// As a complex number, if it is written as one.
    pub complex: Option<Complex>,
}

/// What a constant is where nothing says which type is wanted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ideal {
    /// A `float64`: it was written with a point or an exponent.
    Float(f64),
    /// An `int`.
    Int(i64),
    /// It does not fit an `int`.
    Overflow,
    /// A `complex128`: it was written with an `i`.
    Complex(Complex),
}

impl Number {
    /// A character constant, with its quotes.
    pub(super) fn character(text: &str) -> Result<Number, String> {
        let body = text.as_bytes().get(1..).unwrap_or_default();
        let (unquoted, rest) = unquote_char(body, b'\'').ok_or("invalid syntax")?;
        if rest != b"'" {
            return Err(format!("malformed character constant: {text}"));
        }
        let code = match unquoted {
            Unquoted::Byte(byte) => i64::from(byte),
            Unquoted::Rune(rune) => i64::from(u32::from(rune)),
        };
        Ok(Number {
            text: text.into(),
            int: Some(code),
            uint: Some(code as u64),
            float: Some(code as f64),
            complex: None,
        })
    }

    /// A sum of a real and an imaginary number: `1+2i`.
    pub(super) fn complex(text: &str) -> Result<Number, String> {
        let bytes = text.as_bytes();
        // The sign that is not an exponent's.
        let is_sum = |at: &usize| {
            matches!(bytes.get(*at), Some(b'+' | b'-'))
                && !matches!(bytes.get(*at - 1), Some(b'e' | b'E' | b'p' | b'P'))
        };
        let parts = (1..bytes.len()).rev().find(is_sum).and_then(|at| text.split_at_checked(at));
        let real_and_imaginary = parts.and_then(|(real, imaginary)| {
            Some((parse_float(real)?, parse_float(imaginary.strip_suffix('i')?)?))
        });
        let (real, imaginary) = real_and_imaginary.ok_or("expected complex number")?;
        Ok(Number::of_parts(text, real, imaginary))
    }

    /// Without an imaginary part, it is a number of the other types too.
    fn of_parts(text: &str, real: f64, imaginary: f64) -> Number {
        let float = (imaginary == 0.0).then_some(real);
        let (int, uint) = float.map_or((None, None), whole);
        Number { text: text.into(), int, uint, float, complex: Some(Complex { real, imaginary }) }
    }

    /// A number.
    pub(super) fn parse(text: &str) -> Result<Number, String> {
        if let Some(real) = text.strip_suffix('i')
            && let Some(imaginary) = parse_float(real)
        {
            return Ok(Number::of_parts(text, 0.0, imaginary));
        }
        let mut number = Number {
            text: text.into(),
            int: parse_int(text),
            uint: parse_uint(text),
            float: None,
            complex: None,
        };
        if number.int == Some(0) {
            number.uint = Some(0);
        }
        match (number.int, number.uint) {
            (Some(int), _) => number.float = Some(int as f64),
            (None, Some(uint)) => number.float = Some(uint as f64),
            (None, None) => {
                let float =
                    parse_float(text).ok_or_else(|| format!("illegal number syntax: {}", quote(text)))?;
                if !text.contains(['.', 'e', 'E', 'p', 'P']) {
                    return Err(format!("integer overflow: {}", quote(text)));
                }
                number.float = Some(float);
                (number.int, number.uint) = whole(float);
            }
        }
        Ok(number)
    }

    /// The constant without a wanted type.
    pub fn ideal(&self) -> Ideal {
        if let Some(complex) = self.complex {
            return Ideal::Complex(complex);
        }
        let is_rune = self.text.starts_with('\'');
        let is_hex = self.text.len() > 2
            && self.text.starts_with("0x") | self.text.starts_with("0X")
            && !self.text.contains(['p', 'P']);
        match (self.float, self.int) {
            (Some(float), _) if !is_rune && !is_hex && self.text.contains(['.', 'e', 'E', 'p', 'P']) => {
                Ideal::Float(float)
            }
            (_, Some(int)) => Ideal::Int(int),
            _ => Ideal::Overflow,
        }
    }
}

/// 2⁶³
const TWO_63: f64 = 9_223_372_036_854_775_808.0;

/// A float as a signed and as an unsigned integer.
fn whole(float: f64) -> (Option<i64>, Option<u64>) {
    if float.fract() != 0.0 {
        return (None, None);
    }
    (
        (-TWO_63..TWO_63).contains(&float).then_some(float as i64),
        (0.0..2.0 * TWO_63).contains(&float).then_some(float as u64),
    )
}

fn quote(text: &str) -> String {
    crate::quote::quote(text.as_bytes())
}

/// `strconv.ParseInt(text, 0, 64)`
fn parse_int(text: &str) -> Option<i64> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    let magnitude = i128::from(parse_uint(digits)?);
    i64::try_from(if negative { -magnitude } else { magnitude }).ok()
}

/// `strconv.ParseUint(text, 0, 64)`
fn parse_uint(text: &str) -> Option<u64> {
    let bytes = text.as_bytes();
    let (base, digits) = match (bytes.first()?, bytes.get(1).map(u8::to_ascii_lowercase)) {
        (b'0', Some(b'b')) if bytes.len() > 2 => (2, bytes.get(2..)?),
        (b'0', Some(b'o')) if bytes.len() > 2 => (8, bytes.get(2..)?),
        (b'0', Some(b'x')) if bytes.len() > 2 => (16, bytes.get(2..)?),
        (b'0', _) => (8, bytes.get(1..)?),
        _ => (10, bytes),
    };
    let mut value: u64 = 0;
    for byte in digits.iter().filter(|byte| **byte != b'_') {
        let digit = char::from(*byte).to_digit(base)?;
        value = value.checked_mul(u64::from(base))?.checked_add(u64::from(digit))?;
    }
    underscores_separate_digits(bytes).then_some(value)
}

/// Whether each underscore has a digit, or the base's prefix, before it and a digit after it.
pub(crate) fn underscores_separate_digits(text: &[u8]) -> bool {
    if !text.contains(&b'_') {
        return true;
    }
    let text = text.strip_prefix(b"-").or_else(|| text.strip_prefix(b"+")).unwrap_or(text);
    let prefix = match text {
        [b'0', letter, ..] if matches!(letter.to_ascii_lowercase(), b'b' | b'o' | b'x') => {
            Some(letter.to_ascii_lowercase())
        }
        _ => None,
    };
    let hexadecimal = prefix == Some(b'x');
    let digits = if prefix.is_some() { text.get(2..).unwrap_or_default() } else { text };
    let is_digit = |byte: u8| byte.is_ascii_digit() || (hexadecimal && byte.is_ascii_hexdigit());
    let mut before_is_digit = prefix.is_some();
    let mut before_is_underscore = false;
    for byte in digits {
        if *byte == b'_' {
            if !before_is_digit {
                return false;
            }
        } else if before_is_underscore && !is_digit(*byte) {
            return false;
        }
        before_is_underscore = *byte == b'_';
        before_is_digit = is_digit(*byte);
    }
    !before_is_underscore
}

/// `strconv.ParseFloat(text, 64)`, for what can stand in a template; nothing if it overflows.
fn parse_float(text: &str) -> Option<f64> {
    if !underscores_separate_digits(text.as_bytes()) {
        return None;
    }
    let plain = text.replace('_', "");
    let unsigned = plain.strip_prefix(['+', '-']).unwrap_or(&plain);
    let value = match unsigned.get(..2) {
        Some("0x" | "0X") => {
            let value = parse_hexadecimal_float(unsigned.get(2..)?)?;
            if plain.starts_with('-') { -value } else { value }
        }
        _ if unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') => plain.parse().ok()?,
        _ => return None,
    };
    value.is_finite().then_some(value)
}

/// `h.hhhp±d`, without its prefix: the exponent is mandatory.
fn parse_hexadecimal_float(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once(['p', 'P'])?;
    let mut exponent = parse_exponent(exponent)?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut value: u64 = 0;
    for (index, c) in whole.chars().chain(fraction.chars()).enumerate() {
        let digit = u64::from(c.to_digit(16)?);
        let is_fraction = index >= whole.len();
        if value >> 60 == 0 {
            value = value << 4 | digit;
            exponent -= if is_fraction { 4 } else { 0 };
        } else {
            // Beyond the precision: a nonzero digit only breaks ties.
            value |= u64::from(digit != 0);
            exponent += if is_fraction { 0 } else { 4 };
        }
    }
    // In two steps, so that neither factor leaves the range on its own.
    let half = exponent.clamp(-2200, 2200) / 2;
    let rest = exponent.clamp(-2200, 2200) - half;
    Some(value as f64 * 2f64.powi(half) * 2f64.powi(rest))
}

fn parse_exponent(text: &str) -> Option<i32> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let magnitude = digits.parse::<i32>().unwrap_or(1_000_000).min(1_000_000);
    Some(if text.starts_with('-') { -magnitude } else { magnitude })
}
