//! Numbers, characters and strings with flags.

use super::flags::Flags;
use super::float::format_float;
use crate::quote::{can_backquote, is_print, quote, quote_ascii, quote_rune, quote_rune_ascii};

const LOWER: &[u8; 17] = b"0123456789abcdefx";
const UPPER: &[u8; 17] = b"0123456789ABCDEFX";

fn digits(upper: bool) -> &'static [u8; 17] {
    if upper { UPPER } else { LOWER }
}

/// An integer's magnitude and sign in a base, for the verbs `b d o O v x X`.
pub(super) fn integer(
    out: &mut Vec<u8>,
    flags: &Flags,
    magnitude: u64,
    negative: bool,
    base: u64,
    verb: char,
) {
    let mut minimum = 0;
    if let Some(precision) = flags.precision {
        minimum = precision;
        // No digits for zero, only padding.
        if precision == 0 && magnitude == 0 {
            Flags { zero: false, ..*flags }.padding(out, flags.width.unwrap_or(0));
            return;
        }
    } else if let Some(width) = flags.width
        && flags.zero
        && !flags.minus
    {
        let sign = usize::from(negative || flags.plus || flags.space);
        minimum = width.saturating_sub(sign);
    }

    // From the right to the left.
    let table = digits(verb == 'X');
    let mut text = Vec::with_capacity(24);
    let mut rest = magnitude;
    loop {
        text.push(table.get((rest % base) as usize).copied().unwrap_or(b'?'));
        rest /= base;
        if rest == 0 {
            break;
        }
    }
    while text.len() < minimum {
        text.push(b'0');
    }
    if flags.sharp {
        match base {
            2 => text.extend_from_slice(b"b0"),
            8 if text.last() != Some(&b'0') => text.push(b'0'),
            16 => text.extend_from_slice(if verb == 'X' { b"X0" } else { b"x0" }),
            _ => {}
        }
    }
    if verb == 'O' {
        text.extend_from_slice(b"o0");
    }
    if negative {
        text.push(b'-');
    } else if flags.plus {
        text.push(b'+');
    } else if flags.space {
        text.push(b' ');
    }
    text.reverse();
    flags.pad_with_spaces(out, &text);
}

/// `%U`
pub(super) fn unicode(out: &mut Vec<u8>, flags: &Flags, code: u64) {
    let digits = flags.precision.unwrap_or(4).max(4);
    let mut text = format!("U+{code:04X}");
    let missing = (digits + 2).saturating_sub(text.len());
    text.insert_str(2, &"0".repeat(missing));
    if flags.sharp
        && let Some(rune) = u32::try_from(code).ok().and_then(char::from_u32)
        && is_print(rune)
    {
        text.extend([' ', '\'', rune, '\'']);
    }
    flags.pad_with_spaces(out, text.as_bytes());
}

fn rune(code: u64) -> char {
    u32::try_from(code).ok().and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// `%c`
pub(super) fn character(out: &mut Vec<u8>, flags: &Flags, code: u64) {
    flags.pad(out, rune(code).encode_utf8(&mut [0; 4]).as_bytes());
}

/// `%q` of an integer
pub(super) fn quoted_character(out: &mut Vec<u8>, flags: &Flags, code: u64) {
    let text = if flags.plus { quote_rune_ascii(rune(code)) } else { quote_rune(rune(code)) };
    flags.pad(out, text.as_bytes());
}

/// `%s`
pub(super) fn string(out: &mut Vec<u8>, flags: &Flags, text: &[u8]) {
    flags.pad(out, flags.truncate(text));
}

/// `%q` of a string
pub(super) fn quoted(out: &mut Vec<u8>, flags: &Flags, text: &[u8]) {
    let text = flags.truncate(text);
    if flags.sharp && can_backquote(text) {
        let mut raw = Vec::with_capacity(text.len() + 2);
        raw.push(b'`');
        raw.extend_from_slice(text);
        raw.push(b'`');
        flags.pad(out, &raw);
    } else {
        let text = if flags.plus { quote_ascii(text) } else { quote(text) };
        flags.pad(out, text.as_bytes());
    }
}

/// `%x` and `%X` of a string
pub(super) fn hexadecimal(out: &mut Vec<u8>, flags: &Flags, text: &[u8], upper: bool) {
    let length = flags.precision.map_or(text.len(), |precision| precision.min(text.len()));
    if length == 0 {
        flags.padding(out, flags.width.unwrap_or(0));
        return;
    }
    let table = digits(upper);
    let prefix = [b'0', if upper { b'X' } else { b'x' }];
    let mut body = Vec::with_capacity(2 * length + 2);
    if flags.sharp {
        body.extend_from_slice(&prefix);
    }
    for (index, byte) in text.iter().take(length).enumerate() {
        if flags.space && index > 0 {
            body.push(b' ');
            if flags.sharp {
                body.extend_from_slice(&prefix);
            }
        }
        for nibble in [byte >> 4, byte & 0xf] {
            body.push(table.get(usize::from(nibble)).copied().unwrap_or(b'?'));
        }
    }
    let missing = flags.width.unwrap_or(0).saturating_sub(body.len());
    if !flags.minus {
        flags.padding(out, missing);
    }
    out.extend_from_slice(&body);
    if flags.minus {
        flags.padding(out, missing);
    }
}

/// The verbs of floating-point numbers. `precision` is the verb's own, where the directive has none.
pub(super) fn float(out: &mut Vec<u8>, flags: &Flags, value: f64, verb: u8, precision: Option<usize>) {
    let precision = flags.precision.or(precision);
    let mut text = Vec::with_capacity(32);
    text.push(b'+');
    format_float(&mut text, value, verb, precision);
    if matches!(text.get(1), Some(b'-' | b'+')) {
        text.remove(0);
    }
    if flags.space
        && !flags.plus
        && let Some(sign @ b'+') = text.first_mut()
    {
        *sign = b' ';
    }
    if !value.is_finite() {
        // Infinity keeps its sign, NaN only one that was asked for.
        if value.is_nan() && !flags.space && !flags.plus {
            text.remove(0);
        }
        flags.pad_with_spaces(out, &text);
        return;
    }
    if flags.sharp && verb != b'b' {
        keep_zeros(&mut text, verb, precision);
    }
    let sign = text.first().copied().unwrap_or(b'+');
    let unsigned = text.get(1..).unwrap_or_default();
    if !flags.plus && sign == b'+' {
        flags.pad(out, unsigned);
        return;
    }
    match flags.width {
        Some(width) if flags.zero && !flags.minus && width > text.len() => {
            out.push(sign);
            flags.padding(out, width - text.len());
            out.extend_from_slice(unsigned);
        }
        _ => flags.pad(out, &text),
    }
}

/// `#`: a decimal point always, and for `%g` the zeros that were cut.
fn keep_zeros(text: &mut Vec<u8>, verb: u8, precision: Option<usize>) {
    let mut digits = match verb {
        b'g' | b'G' | b'x' => precision.map_or(6, |precision| precision as i64),
        _ => 0,
    };
    let is_hexadecimal = matches!(verb, b'x' | b'X');
    let is_exponent =
        |byte: &u8| matches!(byte, b'p' | b'P') || (!is_hexadecimal && matches!(byte, b'e' | b'E'));
    let end = text.iter().position(is_exponent).unwrap_or(text.len());
    let tail = text.split_off(end);
    let mut point = false;
    let mut significant = false;
    for byte in text.iter().skip(1) {
        if *byte == b'.' {
            point = true;
        } else {
            significant |= *byte != b'0';
            digits -= i64::from(significant);
        }
    }
    if !point {
        // A leading zero counts as a digit once.
        if text.len() == 2 && text.get(1) == Some(&b'0') {
            digits -= 1;
        }
        text.push(b'.');
    }
    text.resize(text.len() + digits.max(0) as usize, b'0');
    text.extend_from_slice(&tail);
}
