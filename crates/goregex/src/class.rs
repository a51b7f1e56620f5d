//! Character classes.

use std::fmt::Write;

use super::error::{Code, RegexError};
use super::parse::{escape, next_char};

/// A set of characters.
#[derive(Debug)]
pub(super) struct Class {
    items: Vec<Item>,
    negated: bool,
    fold_case: bool,
}

/// A part of a class.
#[derive(Clone, Debug)]
pub(super) enum Item {
    /// From one code point to another; surrogates may lie within.
    Range(u32, u32),
    /// A named set, in the `regex` crate's syntax for the inside of brackets.
    Named(String),
}

type Result<T> = std::result::Result<T, RegexError>;

/// The POSIX classes, as ranges.
const POSIX: [(&str, &str); 14] = [
    ("alnum", "0-9A-Za-z"),
    ("alpha", "A-Za-z"),
    ("ascii", r"\x00-\x7F"),
    ("blank", r"\t\x20"),
    ("cntrl", r"\x00-\x1F\x7F"),
    ("digit", "0-9"),
    ("graph", r"\x21-\x7E"),
    ("lower", "a-z"),
    ("print", r"\x20-\x7E"),
    ("punct", r"\x21-\x2F\x3A-\x40\x5B-\x60\x7B-\x7E"),
    ("space", r"\x09-\x0D\x20"),
    ("upper", "A-Z"),
    ("word", "0-9A-Za-z_"),
    ("xdigit", "0-9A-Fa-f"),
];

impl Class {
    /// `.`
    pub(super) fn dot(newline: bool) -> Self {
        let items = if newline { Vec::new() } else { vec![Item::Range(10, 10)] };
        Self { items, negated: true, fold_case: false }
    }

    /// One that no character is in.
    pub(super) fn nothing() -> Self {
        Self { items: Vec::new(), negated: false, fold_case: false }
    }

    /// A class outside of brackets: `\d`, `\pL`.
    pub(super) fn of(item: Item, fold_case: bool) -> Self {
        Self { items: vec![item], negated: false, fold_case }
    }

    /// The class in the `regex` crate's syntax.
    pub(super) fn write(&self, out: &mut String) {
        let mut inside = String::new();
        for item in &self.items {
            match item {
                Item::Named(name) => inside.push_str(name),
                Item::Range(low, high) => {
                    // Surrogates are in no text, and the crate refuses them.
                    for (low, high) in [(*low, (*high).min(0xD7FF)), ((*low).max(0xE000), *high)] {
                        if low <= high {
                            // Writing to a String cannot fail.
                            let _ = write!(inside, r"\x{{{low:X}}}-\x{{{high:X}}}");
                        }
                    }
                }
            }
        }
        match (inside.is_empty(), self.negated) {
            (true, true) => out.push_str("(?s:.)"),
            (true, false) => out.push_str(r"[^\x{0}-\x{10FFFF}]"),
            (false, negated) => {
                out.push_str(if self.fold_case { "(?i:[" } else { "[" });
                out.push_str(if negated { "^" } else { "" });
                out.push_str(&inside);
                out.push_str(if self.fold_case { "])" } else { "]" });
            }
        }
    }
}

fn named(set: &str, negated: bool) -> Item {
    Item::Named(format!("[{}{set}]", if negated { "^" } else { "" }))
}

/// `\d` and its kin, `\pL`, `\p{Greek}`; `None` for another escape.
pub(super) fn escaped(text: &[u8]) -> Result<Option<(Item, &[u8])>> {
    let [b'\\', letter, rest @ ..] = text else { return Ok(None) };
    let item = match letter {
        b'd' | b'D' => named("0-9", *letter == b'D'),
        b's' | b'S' => named(r"\t\n\x0C\r\x20", *letter == b'S'),
        b'w' | b'W' => named("0-9A-Za-z_", *letter == b'W'),
        b'p' | b'P' => return unicode(text).map(Some),
        _ => return Ok(None),
    };
    Ok(Some((item, rest)))
}

/// `\pL`, `\PL`, `\p{Greek}`, `\p{^Greek}`.
fn unicode(text: &[u8]) -> Result<(Item, &[u8])> {
    let fault = |part: &[u8]| RegexError::new(Code::CharRange, part);
    let mut negated = text.get(1) == Some(&b'P');
    if text.len() == 2 {
        return Err(fault(text));
    }
    let (first, after) = next_char(text.get(2..).unwrap_or_default())?;
    let (whole, name, rest) = if first == '{' {
        let end = text.iter().position(|byte| *byte == b'}').ok_or_else(|| fault(text))?;
        let (whole, rest) = text.split_at(end + 1);
        (whole, text.get(3..end).unwrap_or_default(), rest)
    } else {
        let (whole, rest) = text.split_at(text.len() - after.len());
        (whole, whole.get(2..).unwrap_or_default(), rest)
    };
    let name = match name {
        [b'^', name @ ..] => {
            negated = !negated;
            name
        }
        _ => name,
    };
    let name = std::str::from_utf8(name).map_err(|_| RegexError::new(Code::Utf8, name))?;
    let set = unicode_set(name).ok_or_else(|| fault(whole))?;
    Ok((named(&set, negated), rest))
}

/// The `regex` crate's text for a general category or a script, by the names that Go knows.
fn unicode_set(name: &str) -> Option<String> {
    let plain: String =
        name.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).flat_map(char::to_lowercase).collect();
    let set = match plain.as_str() {
        "any" => r"\x{0}-\x{10FFFF}".to_owned(),
        "ascii" => r"\x00-\x7F".to_owned(),
        "assigned" => r"\P{Cn}".to_owned(),
        "lc" => r"\p{Lu}\p{Ll}\p{Lt}".to_owned(),
        // Surrogates, of which a text has none.
        "cs" | "surrogate" => return Some(r"a&&b".to_owned()),
        _ => {
            let category = format!(r"\p{{gc={plain}}}");
            let script = format!(r"\p{{sc={plain}}}");
            // Go has no names for `\p{gc=Any}` and the like; those were dealt with above.
            [category, script].into_iter().find(|set| regex_syntax_accepts(set))?
        }
    };
    Some(set)
}

fn regex_syntax_accepts(set: &str) -> bool {
    regex::bytes::Regex::new(set).is_ok()
}

/// `[…]`, the bracket included.
pub(super) fn bracketed(text: &[u8], fold_case: bool) -> Result<(Class, &[u8])> {
    let mut rest = text.get(1..).unwrap_or_default();
    let negated = rest.first() == Some(&b'^');
    if negated {
        rest = rest.split_at(1).1;
    }
    let mut items = Vec::new();
    let mut first = true;
    while rest.first() != Some(&b']') || first {
        first = false;
        if rest.len() > 2
            && rest.starts_with(b"[:")
            && let Some((item, after)) = posix(rest)?
        {
            items.push(item);
            rest = after;
            continue;
        }
        if let Some((item, after)) = escaped(rest)? {
            items.push(item);
            rest = after;
            continue;
        }
        let (low, after) = class_char(rest, text)?;
        let (high, after) = match after {
            [b'-', behind, ..] if *behind != b']' => class_char(after.split_at(1).1, text)?,
            _ => (low, after),
        };
        if high < low {
            let part = rest.split_at(rest.len() - after.len()).0;
            return Err(RegexError::new(Code::CharRange, part));
        }
        items.push(Item::Range(low, high));
        rest = after;
    }
    Ok((Class { items, negated, fold_case }, rest.split_at(1).1))
}

fn class_char<'a>(text: &'a [u8], class: &[u8]) -> Result<(u32, &'a [u8])> {
    match text.first() {
        None => Err(RegexError::new(Code::MissingBracket, class)),
        Some(b'\\') => escape(text),
        Some(_) => next_char(text).map(|(char, rest)| (u32::from(char), rest)),
    }
}

/// `[:alpha:]`, `[:^alpha:]`; `None` if it is not closed.
fn posix(text: &[u8]) -> Result<Option<(Item, &[u8])>> {
    let Some(end) = text.windows(2).skip(2).position(|pair| pair == b":]") else { return Ok(None) };
    let (whole, rest) = text.split_at(end + 4);
    let name = whole.get(2..end + 2).unwrap_or_default();
    let (name, negated) = match name {
        [b'^', name @ ..] => (name, true),
        _ => (name, false),
    };
    let set = POSIX.iter().find(|(known, _)| known.as_bytes() == name);
    let (_, set) = set.ok_or_else(|| RegexError::new(Code::CharRange, whole))?;
    Ok(Some((named(set, negated), rest)))
}
