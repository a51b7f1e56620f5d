//! Strings. Go counts them in bytes, and so do all lengths and places here.

use super::args::{Outcome, any, bytes, check_items, check_size, int, text};
use super::print::strval;
use super::{runes, words};
use crate::format::{first_rune, print};
use crate::function::{Call, FuncError, Function};
use crate::quote::append_quoted;
use crate::value::{List, Map, Str, Type, Value};

const TEXT: Type = Type::String;
const INT: Type = Type::INT;
const ANY: Type = Type::Any;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("abbrev", &[INT, TEXT], |_, args| Ok(Value::str(abbrev(&text(args, 1), 0, int(args, 0))))),
    Function::new("abbrevboth", &[INT, INT, TEXT], |_, args| {
        Ok(Value::str(abbrev(&text(args, 2), int(args, 0), int(args, 1))))
    }),
    Function::new("trunc", &[INT, TEXT], |_, args| Ok(part(args, 1, trunc(bytes(args, 1), int(args, 0))))),
    Function::new("trim", &[TEXT], |_, args| Ok(part(args, 0, trim(bytes(args, 0), runes::is_space)))),
    Function::new("upper", &[TEXT], |_, args| Ok(change_case(args, u8::to_ascii_uppercase, runes::to_upper))),
    Function::new("lower", &[TEXT], |_, args| Ok(change_case(args, u8::to_ascii_lowercase, runes::to_lower))),
    Function::new("title", &[TEXT], |_, args| Ok(Value::str(words::title(&text(args, 0))))),
    Function::new("untitle", &[TEXT], |_, args| Ok(Value::str(words::untitle(&text(args, 0))))),
    Function::new("swapcase", &[TEXT], |_, args| Ok(Value::str(words::swap_case(&text(args, 0))))),
    Function::new("snakecase", &[TEXT], |_, args| Ok(words::separate(&text(args, 0), '_').into())),
    Function::new("kebabcase", &[TEXT], |_, args| Ok(words::separate(&text(args, 0), '-').into())),
    Function::new("camelcase", &[TEXT], |_, args| Ok(words::pascal_case(&text(args, 0)).into())),
    Function::new("initials", &[TEXT], |_, args| Ok(words::initials(&text(args, 0)).into())),
    Function::new("nospace", &[TEXT], |_, args| Ok(Value::str(words::no_space(&text(args, 0))))),
    Function::new("wrap", &[INT, TEXT], |_, args| wrap(&text(args, 1), int(args, 0), b"\n", false)),
    Function::new("wrapWith", &[INT, TEXT, TEXT], |_, args| {
        wrap(&text(args, 2), int(args, 0), &text(args, 1), true)
    }),
    Function::new("substr", &[INT, INT, TEXT], substr),
    Function::new("repeat", &[INT, TEXT], repeat),
    Function::new("trimall", &[TEXT, TEXT], |_, args| Ok(trim_any(args))),
    Function::new("trimAll", &[TEXT, TEXT], |_, args| Ok(trim_any(args))),
    Function::new("trimSuffix", &[TEXT, TEXT], |_, args| {
        let (suffix, whole) = (bytes(args, 0), bytes(args, 1));
        Ok(part(args, 1, whole.strip_suffix(suffix).unwrap_or(whole)))
    }),
    Function::new("trimPrefix", &[TEXT, TEXT], |_, args| {
        let (prefix, whole) = (bytes(args, 0), bytes(args, 1));
        Ok(part(args, 1, whole.strip_prefix(prefix).unwrap_or(whole)))
    }),
    Function::new("contains", &[TEXT, TEXT], |_, args| {
        Ok(find(bytes(args, 1), bytes(args, 0)).is_some().into())
    }),
    Function::new("hasPrefix", &[TEXT, TEXT], |_, args| {
        Ok(bytes(args, 1).starts_with(bytes(args, 0)).into())
    }),
    Function::new("hasSuffix", &[TEXT, TEXT], |_, args| Ok(bytes(args, 1).ends_with(bytes(args, 0)).into())),
    Function::variadic("quote", &[ANY], |_, args| {
        joined(args, |out, value| append_quoted(out, &strval(value)))
    }),
    Function::variadic("squote", &[ANY], |_, args| {
        joined(args, |out, value| {
            out.push(b'\'');
            print(out, value);
            out.push(b'\'');
        })
    }),
    Function::variadic("cat", &[ANY], |_, args| joined(args, print)),
    Function::new("indent", &[INT, TEXT], |_, args| indent(b"", args)),
    Function::new("nindent", &[INT, TEXT], |_, args| indent(b"\n", args)),
    Function::new("replace", &[TEXT, TEXT, TEXT], replace),
    Function::new("plural", &[TEXT, TEXT, INT], |_, args| {
        Ok(any(args, usize::from(int(args, 2) != 1)).clone())
    }),
    Function::new("toString", &[ANY], |_, args| Ok(strval(any(args, 0)).into())),
    Function::new("split", &[TEXT, TEXT], |_, args| Ok(numbered(split(&text(args, 1), &text(args, 0), -1)?))),
    Function::new("splitn", &[TEXT, INT, TEXT], |_, args| {
        Ok(numbered(split(&text(args, 2), &text(args, 0), int(args, 1))?))
    }),
    Function::new("splitList", &[TEXT, TEXT], |_, args| {
        Ok(Value::List(List::strings(split(&text(args, 1), &text(args, 0), -1)?)))
    }),
];

fn abbrev(text: &[u8], offset: i64, width: i64) -> Vec<u8> {
    if width < 4 || (offset > 0 && width < 7) {
        return text.to_vec();
    }
    words::abbreviate(text, offset, width)
}

/// The first bytes, or the last ones for a negative count.
fn trunc(text: &[u8], count: i64) -> &[u8] {
    let len = text.len() as i64;
    if count < 0 && len.saturating_add(count) > 0 {
        text.get((len + count) as usize..).unwrap_or_default()
    } else if count >= 0 && len > count {
        text.get(..count as usize).unwrap_or_default()
    } else {
        text
    }
}

/// What a function keeps of an argument: the argument itself, if it is all of it.
fn part(args: &[Value], index: usize, kept: &[u8]) -> Value {
    let whole = any(args, index);
    if kept.len() == bytes(args, index).len() { whole.clone() } else { Value::str(kept) }
}

fn change_case(args: &[Value], ascii: fn(&u8) -> u8, any: fn(char) -> char) -> Value {
    let text = bytes(args, 0);
    if !text.is_ascii() {
        return Value::str(runes::map(text, any));
    }
    if text.iter().all(|byte| ascii(byte) == *byte) {
        return part(args, 0, text);
    }
    Value::str(text.iter().map(ascii).collect::<Vec<u8>>())
}

/// Without the characters at both ends that a test holds for. U+FFFD stands for bytes that are not UTF-8.
fn trim(text: &[u8], out: impl Fn(char) -> bool) -> &[u8] {
    let mut text = text;
    while let Some((first, width)) = first_rune(text)
        && out(first)
    {
        text = text.get(width..).unwrap_or_default();
    }
    while let Some((last, width)) = last_rune(text)
        && out(last)
    {
        text = text.get(..text.len() - width).unwrap_or_default();
    }
    text
}

/// The last character and its width.
fn last_rune(text: &[u8]) -> Option<(char, usize)> {
    let last = text.last()?;
    if last.is_ascii() {
        return Some((char::from(*last), 1));
    }
    for width in 2..=4.min(text.len()) {
        let tail = text.get(text.len() - width..).unwrap_or_default();
        if let Some((c, whole)) = first_rune(tail)
            && whole == width
        {
            return Some((c, width));
        }
    }
    Some((char::REPLACEMENT_CHARACTER, 1))
}

fn trim_any(args: &[Value]) -> Value {
    let set: Vec<char> = runes::chars(bytes(args, 0)).collect();
    part(args, 1, trim(bytes(args, 1), |c| set.contains(&c)))
}

fn wrap(text: &[u8], width: i64, line_break: &[u8], cut: bool) -> Outcome {
    let lines = text.len() / usize::try_from(width).unwrap_or(1).max(1) + 1;
    check_size(text.len().saturating_add(lines.saturating_mul(line_break.len())))?;
    Ok(Value::str(words::wrap(text, width, line_break, cut)))
}

/// From `start` up to `end`; a negative start is the beginning, a negative or too large end the end.
fn substr(_: &mut Call<'_>, args: &[Value]) -> Outcome {
    let (start, end, text) = (int(args, 0), int(args, 1), text(args, 2));
    let len = text.len() as i64;
    let out_of_range =
        |range: String| Err(FuncError::new(format!("runtime error: slice bounds out of range {range}")));
    let part = |from: i64, to: i64| Ok(Value::str(text.get(from as usize..to as usize).unwrap_or_default()));
    if start < 0 {
        return match end {
            ..0 => out_of_range(format!("[:{end}]")),
            end if end > len => out_of_range(format!("[:{end}] with length {len}")),
            end => part(0, end),
        };
    }
    if end < 0 || end > len {
        return if start > len { out_of_range(format!("[{start}:{len}]")) } else { part(start, len) };
    }
    if start > end { out_of_range(format!("[{start}:{end}]")) } else { part(start, end) }
}

fn repeat(_: &mut Call<'_>, args: &[Value]) -> Outcome {
    let text = text(args, 1);
    let Ok(count) = usize::try_from(int(args, 0)) else {
        return Err("strings: negative Repeat count".into());
    };
    check_size(text.len().saturating_mul(count))?;
    Ok(Value::str(if text.is_empty() { Vec::new() } else { text.repeat(count) }))
}

/// The arguments that are not nil, each made a text, with blanks between them.
fn joined(args: &[Value], write: impl Fn(&mut Vec<u8>, &Value)) -> Outcome {
    let mut out = Vec::new();
    for (index, value) in args.iter().filter(|value| !matches!(value, Value::Nil)).enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        write(&mut out, value);
        check_size(out.len())?;
    }
    Ok(Value::str(out))
}

fn indent(before: &[u8], args: &[Value]) -> Outcome {
    let text = bytes(args, 1);
    let Ok(width) = usize::try_from(int(args, 0)) else {
        return Err("strings: negative Repeat count".into());
    };
    let lines = 1 + memchr::memchr_iter(b'\n', text).count();
    let size = lines.saturating_mul(width).saturating_add(text.len() + before.len());
    check_size(size)?;
    let mut out = Vec::with_capacity(size);
    out.extend_from_slice(before);
    let mut start = 0;
    for end in memchr::memchr_iter(b'\n', text).map(|end| end + 1).chain([text.len()]) {
        out.resize(out.len() + width, b' ');
        out.extend_from_slice(text.get(start..end).unwrap_or_default());
        start = end;
    }
    Ok(Value::str(out))
}

/// Where a text begins in another one.
fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    match wanted {
        [byte] => memchr::memchr(*byte, text),
        _ => memchr::memmem::find(text, wanted),
    }
}

/// Visits the places where a text begins in another one without overlapping. A single byte is found without
/// preparation.
fn find_all(
    text: &[u8],
    wanted: &[u8],
    visit: impl FnMut(usize) -> Result<(), FuncError>,
) -> Result<(), FuncError> {
    match wanted {
        [byte] => memchr::memchr_iter(*byte, text).try_for_each(visit),
        _ => memchr::memmem::find_iter(text, wanted).try_for_each(visit),
    }
}

/// All occurrences; an empty text occurs before every character and at the end.
fn replace(_: &mut Call<'_>, args: &[Value]) -> Outcome {
    let (old, new, text) = (bytes(args, 0), bytes(args, 1), bytes(args, 2));
    let mut out = Vec::new();
    if old.is_empty() {
        check_size((text.len() + 1).saturating_mul(new.len() + 1))?;
        let mut at = 0;
        for (_, width) in runes::runes(text) {
            out.extend_from_slice(new);
            out.extend_from_slice(text.get(at..at + width).unwrap_or_default());
            at += width;
        }
        out.extend_from_slice(new);
        return Ok(Value::str(out));
    }
    let mut at = 0;
    find_all(text, old, |start| {
        out.extend_from_slice(text.get(at..start).unwrap_or_default());
        out.extend_from_slice(new);
        at = start + old.len();
        check_size(out.len())
    })?;
    if at == 0 {
        return Ok(part(args, 2, text));
    }
    out.extend_from_slice(text.get(at..).unwrap_or_default());
    Ok(Value::str(out))
}

/// `strings.SplitN`: at most `limit` parts, all of them for a negative limit; by characters for an empty separator.
fn split(text: &[u8], separator: &[u8], limit: i64) -> Result<Vec<Str>, FuncError> {
    if limit == 0 {
        return Ok(Vec::new());
    }
    let most =
        if separator.is_empty() { text.len() } else { memchr::memmem::find_iter(text, separator).count() };
    check_items(most.min(usize::try_from(limit).unwrap_or(usize::MAX)))?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let (mut parts, mut at) = (Vec::new(), 0);
    if separator.is_empty() {
        for (_, width) in runes::runes(text) {
            if parts.len() + 1 == limit {
                break;
            }
            parts.push(text.get(at..at + width).unwrap_or_default().into());
            at += width;
        }
        if at < text.len() {
            parts.push(text.get(at..).unwrap_or_default().into());
        }
        return Ok(parts);
    }
    for start in memchr::memmem::find_iter(text, separator).take(limit - 1) {
        parts.push(text.get(at..start).unwrap_or_default().into());
        at = start + separator.len();
    }
    parts.push(text.get(at..).unwrap_or_default().into());
    Ok(parts)
}

/// A `map[string]string` of the parts: `_0`, `_1`…
fn numbered(parts: Vec<Str>) -> Value {
    let entries =
        parts.into_iter().enumerate().map(|(index, part)| (Str::from(format!("_{index}")), part.into()));
    Map::with_entries(Type::STRING_MAP, entries).into()
}
