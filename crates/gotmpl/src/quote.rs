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
    let mut out = Vec::with_capacity(bytes.len() + 2);
    append(&mut out, bytes, mark, ascii);
    // Only whole characters were written.
    String::from_utf8(out).unwrap_or_default()
}

/// Appends the bytes as a Go string literal.
pub(crate) fn append_quoted(out: &mut Vec<u8>, bytes: &[u8]) {
    append(out, bytes, '"', false);
}

fn append(out: &mut Vec<u8>, bytes: &[u8], mark: char, ascii: bool) {
    let is_plain =
        |byte: &u8| matches!(byte, b' '..=b'~') && *byte != b'\\' && u32::from(*byte) != u32::from(mark);
    // Marks are ASCII.
    out.push(mark as u8);
    let plain = bytes.iter().take_while(|byte| is_plain(byte)).count();
    let (plain, rest) = bytes.split_at_checked(plain).unwrap_or((bytes, b""));
    out.extend_from_slice(plain);
    for chunk in rest.utf8_chunks() {
        for c in chunk.valid().chars() {
            append_character(out, c, mark, ascii);
        }
        for byte in chunk.invalid() {
            append_formatted(out, format_args!("\\x{byte:02x}"));
        }
    }
    out.push(mark as u8);
}

fn append_character(out: &mut Vec<u8>, c: char, mark: char, ascii: bool) {
    let code = u32::from(c);
    match c {
        c if c == mark || c == '\\' => out.extend([b'\\', c as u8]),
        '\u{7}' => out.extend_from_slice(b"\\a"),
        '\u{8}' => out.extend_from_slice(b"\\b"),
        '\u{c}' => out.extend_from_slice(b"\\f"),
        '\n' => out.extend_from_slice(b"\\n"),
        '\r' => out.extend_from_slice(b"\\r"),
        '\t' => out.extend_from_slice(b"\\t"),
        '\u{b}' => out.extend_from_slice(b"\\v"),
        ' '..='~' => out.push(c as u8),
        c if !ascii && is_print(c) => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        c if c < ' ' || c == '\u{7f}' => append_formatted(out, format_args!("\\x{code:02x}")),
        c if c < '\u{10000}' => append_formatted(out, format_args!("\\u{code:04x}")),
        _ => append_formatted(out, format_args!("\\U{code:08x}")),
    }
}

fn append_formatted(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    use std::io::Write as _;

    // Writing to a vector cannot fail.
    let _ = out.write_fmt(text);
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
