//! Go's string quoting: `strconv.Quote` and its relatives.

use unicode_general_category::{GeneralCategory, get_general_category};

/// `strconv.Quote`: the bytes as a Go string literal.
pub fn quote(bytes: &[u8]) -> String {
    quote_with(bytes, '"', false)
}

/// `strconv.QuoteToASCII`: the same, with all that is not ASCII escaped.
pub fn quote_ascii(bytes: &[u8]) -> String {
    quote_with(bytes, '"', true)
}

/// `strconv.QuoteRune`: a character literal.
pub fn quote_rune(rune: char) -> String {
    quote_with(rune.encode_utf8(&mut [0; 4]).as_bytes(), '\'', false)
}

/// `strconv.QuoteRuneToASCII`
pub fn quote_rune_ascii(rune: char) -> String {
    quote_with(rune.encode_utf8(&mut [0; 4]).as_bytes(), '\'', true)
}

/// `strconv.CanBackquote`: whether the bytes can stand between backquotes as they are.
pub fn can_backquote(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| {
        !text.chars().any(|c| c == '\u{feff}' || (c < ' ' && c != '\t') || c == '`' || c == '\u{7f}')
    })
}

fn quote_with(bytes: &[u8], mark: char, ascii: bool) -> String {
    use std::fmt::Write as _;

    let mut out = String::with_capacity(bytes.len() + 2);
    out.push(mark);
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                c if c == mark || c == '\\' => out.extend(['\\', c]),
                '\u{7}' => out.push_str("\\a"),
                '\u{8}' => out.push_str("\\b"),
                '\u{c}' => out.push_str("\\f"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\u{b}' => out.push_str("\\v"),
                ' '..='~' => out.push(c),
                c if !ascii && is_print(c) => out.push(c),
                // Writing to a string cannot fail.
                c if c < ' ' || c == '\u{7f}' => {
                    let _ = write!(out, "\\x{:02x}", u32::from(c));
                }
                c if c < '\u{10000}' => {
                    let _ = write!(out, "\\u{:04x}", u32::from(c));
                }
                c => {
                    let _ = write!(out, "\\U{:08x}", u32::from(c));
                }
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out.push(mark);
    out
}

/// `unicode.IsPrint` and `strconv.IsPrint`: letters, marks, numbers, punctuation, symbols, the space.
pub fn is_print(c: char) -> bool {
    use GeneralCategory as G;

    match c {
        ' '..='~' => true,
        c if c.is_ascii() => false,
        c => !matches!(
            get_general_category(c),
            G::Control
                | G::Format
                | G::Surrogate
                | G::PrivateUse
                | G::Unassigned
                | G::SpaceSeparator
                | G::LineSeparator
                | G::ParagraphSeparator
        ),
    }
}
