//! Characters of Go strings, and what Go's `unicode` package knows of them.

use unicode_general_category::{GeneralCategory as G, get_general_category};

/// The characters of a string with their width in bytes; `None` for a byte that is not UTF-8.
pub(crate) fn runes(bytes: &[u8]) -> impl Iterator<Item = (Option<char>, usize)> + '_ {
    bytes.utf8_chunks().flat_map(|chunk| {
        let valid = chunk.valid().chars().map(|c| (Some(c), c.len_utf8()));
        valid.chain(chunk.invalid().iter().map(|_| (None, 1)))
    })
}

/// The characters, U+FFFD for bytes that are not UTF-8: Go's `[]rune(s)`.
pub(super) fn chars(bytes: &[u8]) -> impl Iterator<Item = char> + '_ {
    runes(bytes).map(|(c, _)| c.unwrap_or(char::REPLACEMENT_CHARACTER))
}

/// The only characters that a sequence replaces when their case changes but that have a single one too.
fn simple(c: char, mut full: impl ExactSizeIterator<Item = char>, single: impl Fn(char) -> char) -> char {
    match (full.len(), full.next()) {
        (1, Some(only)) => only,
        _ => single(c),
    }
}

/// `unicode.ToUpper`: one character for one.
pub(super) fn to_upper(c: char) -> char {
    simple(c, c.to_uppercase(), |c| match c {
        '\u{1F80}'..='\u{1F87}' | '\u{1F90}'..='\u{1F97}' | '\u{1FA0}'..='\u{1FA7}' => shift(c, 8),
        '\u{1FB3}' | '\u{1FC3}' | '\u{1FF3}' => shift(c, 9),
        c => c,
    })
}

/// `unicode.ToLower`
pub(super) fn to_lower(c: char) -> char {
    simple(c, c.to_lowercase(), |c| if c == '\u{130}' { 'i' } else { c })
}

/// `unicode.ToTitle`
pub(super) fn to_title(c: char) -> char {
    match c {
        '\u{1C4}'..='\u{1C6}' => '\u{1C5}',
        '\u{1C7}'..='\u{1C9}' => '\u{1C8}',
        '\u{1CA}'..='\u{1CC}' => '\u{1CB}',
        '\u{1F1}'..='\u{1F3}' => '\u{1F2}',
        // Georgian letters stay as they are in titles.
        '\u{10D0}'..='\u{10FA}' | '\u{10FD}'..='\u{10FF}' => c,
        c => to_upper(c),
    }
}

fn shift(c: char, by: u32) -> char {
    char::from_u32(u32::from(c) + by).unwrap_or(c)
}

/// `unicode.IsUpper`
pub(super) fn is_upper(c: char) -> bool {
    get_general_category(c) == G::UppercaseLetter
}

/// `unicode.IsLower`
pub(super) fn is_lower(c: char) -> bool {
    get_general_category(c) == G::LowercaseLetter
}

/// `unicode.IsTitle`
pub(super) fn is_title(c: char) -> bool {
    get_general_category(c) == G::TitlecaseLetter
}

/// `unicode.IsLetter`
pub(super) fn is_letter(c: char) -> bool {
    matches!(
        get_general_category(c),
        G::UppercaseLetter | G::LowercaseLetter | G::TitlecaseLetter | G::ModifierLetter | G::OtherLetter
    )
}

/// `unicode.IsDigit`
pub(super) fn is_digit(c: char) -> bool {
    get_general_category(c) == G::DecimalNumber
}

/// `unicode.IsNumber`
pub(super) fn is_number(c: char) -> bool {
    matches!(get_general_category(c), G::DecimalNumber | G::LetterNumber | G::OtherNumber)
}

/// `unicode.IsPunct`
pub(super) fn is_punct(c: char) -> bool {
    matches!(
        get_general_category(c),
        G::ConnectorPunctuation
            | G::DashPunctuation
            | G::OpenPunctuation
            | G::ClosePunctuation
            | G::InitialPunctuation
            | G::FinalPunctuation
            | G::OtherPunctuation
    )
}

/// `unicode.IsSpace`, which is Unicode's `White_Space`.
pub(super) fn is_space(c: char) -> bool {
    c.is_whitespace()
}

/// Every character through a function; bytes that are not UTF-8 become U+FFFD.
pub(super) fn map(bytes: &[u8], change: impl FnMut(char) -> char) -> Vec<u8> {
    chars(bytes).map(change).collect::<String>().into_bytes()
}
