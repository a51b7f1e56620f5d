//! Numbers as Go's `strconv` reads and writes them.

/// A whole number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Integer {
    Signed(i64),
    /// Larger than [`i64::MAX`].
    Unsigned(u64),
}

/// A whole number with Go's prefixes: `0x`, `0o`, `0b`, and a bare `0` for octal, in either case, after a sign.
/// A number above [`i64::MAX`] takes no sign.
pub(crate) fn parse_int(text: &str) -> Option<Integer> {
    let (negative, signed, rest) = match text.as_bytes().first()? {
        b'-' => (true, true, text.get(1..)?),
        b'+' => (false, true, text.get(1..)?),
        _ => (false, false, text),
    };
    let (radix, digits) = match rest.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, rest.get(2..)?),
        [b'0', b'o' | b'O', ..] => (8, rest.get(2..)?),
        [b'0', b'b' | b'B', ..] => (2, rest.get(2..)?),
        [b'0', _, ..] => (8, rest.get(1..)?),
        _ => (10, rest),
    };
    if digits.is_empty() || !digits.bytes().all(|b| (b as char).is_digit(radix)) {
        return None;
    }
    let magnitude = u64::from_str_radix(digits, radix).ok()?;
    if negative {
        // i64::MIN has no positive counterpart, hence the detour over i128.
        return i64::try_from(-i128::from(magnitude)).ok().map(Integer::Signed);
    }
    match i64::try_from(magnitude) {
        Ok(value) => Some(Integer::Signed(value)),
        Err(_) if !signed => Some(Integer::Unsigned(magnitude)),
        Err(_) => None,
    }
}

/// A decimal number as YAML 1.1 spells floats: digits, point, exponent; `None` when it is spelled otherwise or
/// too large for a float.
pub(crate) fn parse_float(text: &str) -> Option<f64> {
    let mut rest = text.as_bytes();
    if let [b'+' | b'-', tail @ ..] = rest {
        rest = tail;
    }
    let digits = |bytes: &[u8]| bytes.iter().take_while(|b| b.is_ascii_digit()).count();
    let whole = digits(rest);
    rest = rest.get(whole..)?;
    if let [b'.', tail @ ..] = rest {
        let fraction = digits(tail);
        if whole == 0 && fraction == 0 {
            return None;
        }
        rest = tail.get(fraction..)?;
    } else if whole == 0 {
        return None;
    }
    if let [b'e' | b'E', tail @ ..] = rest {
        let tail = match tail {
            [b'+' | b'-', tail @ ..] => tail,
            _ => tail,
        };
        let exponent = digits(tail);
        if exponent == 0 {
            return None;
        }
        rest = tail.get(exponent..)?;
    }
    if !rest.is_empty() {
        return None;
    }
    text.parse::<f64>().ok().filter(|value| value.is_finite())
}

/// As [`parse_float`], with underscores between digits.
pub(crate) fn parse_go_float(text: &str) -> Option<f64> {
    if !text.contains('_') {
        return parse_float(text);
    }
    let between_digits = |index: usize| {
        let digit =
            |at: Option<usize>| at.and_then(|at| text.as_bytes().get(at)).is_some_and(u8::is_ascii_digit);
        digit(index.checked_sub(1)) && digit(index.checked_add(1))
    };
    text.match_indices('_')
        .all(|(index, _)| between_digits(index))
        .then(|| parse_float(&text.replace('_', "")))?
}

/// The shortest decimal digits that read back as `value`, and the exponent of the first (`d.ddd × 10^exponent`).
fn shortest(value: f64) -> (String, i32) {
    let text = format!("{:e}", value.abs());
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    (mantissa.replace('.', ""), exponent.parse().unwrap_or(0))
}

/// A float in Go's `'g'` format with the shortest precision: with an exponent of at least two digits below 1e-04
/// and from 1e+06, else plain.
pub(crate) fn format_float(value: f64) -> String {
    if value.is_nan() {
        return ".nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { ".inf" } else { "-.inf" }.to_owned();
    }
    let sign = if value.is_sign_negative() { "-" } else { "" };
    if value == 0.0 {
        return format!("{sign}0");
    }
    let (digits, exponent) = shortest(value);
    let body = if (-4..6).contains(&exponent) {
        positional(&digits, exponent)
    } else {
        scientific(&digits, exponent)
    };
    format!("{sign}{body}")
}

fn scientific(digits: &str, exponent: i32) -> String {
    let (first, rest) = digits.split_at(1);
    let point = if rest.is_empty() { "" } else { "." };
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{first}{point}{rest}e{sign}{:02}", exponent.abs())
}

fn positional(digits: &str, exponent: i32) -> String {
    let count = digits.len() as i32;
    if exponent < 0 {
        return format!("0.{}{digits}", "0".repeat((-exponent - 1) as usize));
    }
    if count <= exponent + 1 {
        return format!("{digits}{}", "0".repeat((exponent + 1 - count) as usize));
    }
    let (whole, fraction) = digits.split_at((exponent + 1) as usize);
    format!("{whole}.{fraction}")
}

/// As [`format_float`] with the precision of 32 bits.
pub(crate) fn format_float32(value: f64) -> String {
    if !value.is_finite() {
        return format_float(value);
    }
    // The shortest digits for 32 bits, read back as 64, have the same shortest digits.
    let narrow = value as f32;
    if narrow.is_infinite() {
        return if narrow > 0.0 { ".inf" } else { "-.inf" }.to_owned();
    }
    narrow.to_string().parse::<f64>().map_or_else(|_| format_float(value), format_float)
}
