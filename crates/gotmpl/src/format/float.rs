//! Floating-point numbers as text: `strconv.FormatFloat`.

use std::io::Write as _;

/// A double has at most so many significant decimal digits; all further ones are zero.
const MAX_SIGNIFICANT: usize = 800;
/// And at most so many after the point.
const MAX_FRACTION: usize = 1100;

/// Decimal digits without sign: `0.d1d2d3… × 10^point`, with no zeros at the end; none for zero.
struct Decimal {
    digits: Vec<u8>,
    point: i32,
}

/// Formats a number in the manner of `verb` (`b e E f g G x X`). Without precision it has the fewest
/// digits that read back as the same number.
pub fn format_float(out: &mut Vec<u8>, value: f64, verb: u8, precision: Option<usize>) {
    if value.is_nan() {
        out.extend_from_slice(b"NaN");
        return;
    }
    if value.is_infinite() {
        out.extend_from_slice(if value < 0.0 { b"-Inf" } else { b"+Inf" });
        return;
    }
    if value.is_sign_negative() {
        out.push(b'-');
    }
    let value = value.abs();
    match verb {
        b'b' => binary(out, value),
        b'x' | b'X' => hexadecimal(out, value, verb, precision),
        b'e' | b'E' => {
            let decimal = match precision {
                None => Decimal::shortest(value),
                Some(precision) => Decimal::rounded(value, precision + 1),
            };
            let precision = precision.unwrap_or(decimal.digits.len().saturating_sub(1));
            exponent(out, &decimal, precision, verb);
        }
        b'f' => match precision {
            None => {
                let decimal = Decimal::shortest(value);
                let precision = decimal.digits.len() as i32 - decimal.point;
                fixed(out, &decimal, precision.max(0) as usize);
            }
            Some(precision) => {
                let exact = precision.min(MAX_FRACTION);
                // Writing to a vector cannot fail.
                let _ = write!(out, "{value:.exact$}");
                out.resize(out.len() + (precision - exact), b'0');
            }
        },
        _ => general(out, value, verb, precision),
    }
}

fn general(out: &mut Vec<u8>, value: f64, verb: u8, precision: Option<usize>) {
    let (decimal, precision, mut limit) = match precision {
        None => {
            let decimal = Decimal::shortest(value);
            // Wider than any number of digits: the digits decide.
            (decimal, usize::MAX, 6)
        }
        Some(precision) => {
            let precision = precision.max(1);
            let decimal = Decimal::rounded(value, precision);
            (decimal, precision, i32::try_from(precision).unwrap_or(i32::MAX))
        }
    };
    let count = decimal.digits.len() as i32;
    if precision != usize::MAX && limit > count && count >= decimal.point {
        limit = count;
    }
    let exponent_value = decimal.point - 1;
    if exponent_value < -4 || exponent_value >= limit {
        let precision = precision.min(decimal.digits.len()).saturating_sub(1);
        let verb = if verb == b'G' { b'E' } else { b'e' };
        exponent(out, &decimal, precision, verb);
    } else {
        fixed(out, &decimal, (count - decimal.point).max(0) as usize);
    }
}

impl Decimal {
    fn shortest(value: f64) -> Decimal {
        let mut text = Vec::with_capacity(32);
        let _ = write!(text, "{value:e}");
        Decimal::parse(&text)
    }

    /// Rounded to so many significant digits, half to even on the exact value.
    fn rounded(value: f64, significant: usize) -> Decimal {
        let precision = significant.min(MAX_SIGNIFICANT).saturating_sub(1);
        let mut text = Vec::with_capacity(precision + 16);
        let _ = write!(text, "{value:.precision$e}");
        Decimal::parse(&text)
    }

    /// Reads Rust's `d.ddde-dd`.
    fn parse(text: &[u8]) -> Decimal {
        let split = text.iter().position(|byte| *byte == b'e').unwrap_or(text.len());
        let (mantissa, exponent) = text.split_at(split);
        let mut digits: Vec<u8> = mantissa.iter().copied().filter(u8::is_ascii_digit).collect();
        while digits.last() == Some(&b'0') {
            digits.pop();
        }
        if digits.is_empty() {
            return Decimal { digits, point: 0 };
        }
        let exponent = exponent.get(1..).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default();
        Decimal { digits, point: exponent.parse::<i32>().unwrap_or_default() + 1 }
    }

    fn digit(&self, index: usize) -> u8 {
        self.digits.get(index).copied().unwrap_or(b'0')
    }
}

/// `d.ddde±dd`
fn exponent(out: &mut Vec<u8>, decimal: &Decimal, precision: usize, verb: u8) {
    out.push(decimal.digit(0));
    if precision > 0 {
        out.push(b'.');
        out.extend((1..=precision).map(|index| decimal.digit(index)));
    }
    out.push(verb);
    let exponent = if decimal.digits.is_empty() { 0 } else { decimal.point - 1 };
    out.push(if exponent < 0 { b'-' } else { b'+' });
    let _ = write!(out, "{:02}", exponent.unsigned_abs());
}

/// `ddd.ddd`
fn fixed(out: &mut Vec<u8>, decimal: &Decimal, precision: usize) {
    if decimal.point > 0 {
        out.extend((0..decimal.point as usize).map(|index| decimal.digit(index)));
    } else {
        out.push(b'0');
    }
    if precision > 0 {
        out.push(b'.');
        for place in 0..precision as i32 {
            let index = decimal.point + place;
            out.push(if index < 0 { b'0' } else { decimal.digit(index as usize) });
        }
    }
}

const FRACTION_BITS: u32 = 52;
const BIAS: i32 = 1023;

/// The mantissa as an integer, and the power of two it is multiplied with.
fn split(value: f64) -> (u64, i32) {
    let bits = value.to_bits();
    let fraction = bits & ((1 << FRACTION_BITS) - 1);
    match (bits >> FRACTION_BITS) as i32 & 0x7ff {
        0 => (fraction, 1 - BIAS),
        exponent => (fraction | 1 << FRACTION_BITS, exponent - BIAS),
    }
}

/// `ddddp±ddd`
fn binary(out: &mut Vec<u8>, value: f64) {
    let (mantissa, exponent) = split(value);
    let _ = write!(out, "{mantissa}p{:+}", exponent - FRACTION_BITS as i32);
}

/// `0x1.hhhhp±dd`
fn hexadecimal(out: &mut Vec<u8>, value: f64, verb: u8, precision: Option<usize>) {
    let (mut mantissa, mut exponent) = split(value);
    if mantissa == 0 {
        exponent = 0;
    }
    // The first digit sits in bit 60, 15 hexadecimal digits behind it.
    mantissa <<= 60 - FRACTION_BITS;
    while mantissa != 0 && mantissa & (1 << 60) == 0 {
        mantissa <<= 1;
        exponent -= 1;
    }
    if let Some(precision) = precision
        && precision < 15
    {
        let shift = precision as u32 * 4;
        let extra = (mantissa << shift) & ((1 << 60) - 1);
        mantissa >>= 60 - shift;
        // Half to even.
        if extra | (mantissa & 1) > 1 << 59 {
            mantissa += 1;
        }
        mantissa <<= 60 - shift;
        if mantissa & (1 << 61) != 0 {
            mantissa >>= 1;
            exponent += 1;
        }
    }
    let digits: &[u8; 16] = if verb == b'X' { b"0123456789ABCDEF" } else { b"0123456789abcdef" };
    out.extend_from_slice(&[b'0', verb, b'0' + ((mantissa >> 60) & 1) as u8]);
    mantissa <<= 4;
    let digit = |mantissa: u64| digits.get((mantissa >> 60) as usize).copied().unwrap_or(b'0');
    match precision {
        None if mantissa != 0 => {
            out.push(b'.');
            while mantissa != 0 {
                out.push(digit(mantissa));
                mantissa <<= 4;
            }
        }
        Some(precision) if precision > 0 => {
            out.push(b'.');
            for _ in 0..precision {
                out.push(digit(mantissa));
                mantissa <<= 4;
            }
        }
        _ => {}
    }
    out.push(if verb == b'X' { b'P' } else { b'p' });
    out.push(if exponent < 0 { b'-' } else { b'+' });
    let _ = write!(out, "{:02}", exponent.unsigned_abs());
}
