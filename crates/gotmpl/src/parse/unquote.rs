//! Go's string literals.

use std::borrow::Cow;

use crate::format::first_rune;

/// One character of a literal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unquoted {
    /// A byte, as `\x80` gives.
    Byte(u8),
    /// A character.
    Rune(char),
}

/// `strconv.Unquote` of a literal in double quotes or backquotes.
pub(super) fn unquote(literal: &[u8]) -> Option<Cow<'_, [u8]>> {
    match literal {
        [b'`', body @ .., b'`'] if !body.contains(&b'\r') => Some(Cow::Borrowed(body)),
        [b'`', body @ .., b'`'] => Some(body.iter().copied().filter(|byte| *byte != b'\r').collect()),
        // Most have no escape, and nothing else that needs a closer look.
        [b'"', body @ .., b'"'] if body.iter().all(|byte| is_plain(*byte)) => Some(Cow::Borrowed(body)),
        [b'"', body @ .., b'"'] => {
            let mut out = Vec::with_capacity(body.len());
            let mut rest = body;
            while !rest.is_empty() {
                let (unquoted, tail) = unquote_char(rest, b'"')?;
                match unquoted {
                    Unquoted::Byte(byte) => out.push(byte),
                    Unquoted::Rune(rune) => out.extend_from_slice(rune.encode_utf8(&mut [0; 4]).as_bytes()),
                }
                rest = tail;
            }
            Some(Cow::Owned(out))
        }
        _ => None,
    }
}

fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\'
}

/// `strconv.UnquoteChar`: the first character, and what follows it.
pub(super) fn unquote_char(text: &[u8], quote: u8) -> Option<(Unquoted, &[u8])> {
    let (first, rest) = text.split_first()?;
    match first {
        b'\n' => None,
        byte if *byte == quote => None,
        b'\\' => escape(rest, quote),
        _ => {
            let (rune, width) = first_rune(text)?;
            Some((Unquoted::Rune(rune), text.get(width..)?))
        }
    }
}

fn escape(text: &[u8], quote: u8) -> Option<(Unquoted, &[u8])> {
    let (kind, rest) = text.split_first()?;
    let simple = |byte: u8| Some((Unquoted::Byte(byte), rest));
    match kind {
        b'a' => simple(7),
        b'b' => simple(8),
        b'f' => simple(12),
        b'n' => simple(b'\n'),
        b'r' => simple(b'\r'),
        b't' => simple(b'\t'),
        b'v' => simple(11),
        b'\\' => simple(b'\\'),
        b'\'' | b'"' if *kind == quote => simple(quote),
        b'x' => {
            let (code, rest) = digits(rest, 2, 16)?;
            Some((Unquoted::Byte(code as u8), rest))
        }
        b'u' | b'U' => {
            let (code, rest) = digits(rest, if *kind == b'u' { 4 } else { 8 }, 16)?;
            Some((Unquoted::Rune(char::from_u32(code)?), rest))
        }
        b'0'..=b'7' => {
            let (code, rest) = digits(text, 3, 8)?;
            Some((Unquoted::Byte(u8::try_from(code).ok()?), rest))
        }
        _ => None,
    }
}

fn digits(text: &[u8], count: usize, base: u32) -> Option<(u32, &[u8])> {
    let (digits, rest) = text.split_at_checked(count)?;
    let mut code: u32 = 0;
    for digit in digits {
        code = code.checked_mul(base)?.checked_add(char::from(*digit).to_digit(base)?)?;
    }
    Some((code, rest))
}
