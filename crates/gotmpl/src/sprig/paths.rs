//! Slash-separated paths. Charts are rendered on Unix: the functions for the system's paths are the same.

use super::args::text;
use crate::function::Function;
use crate::value::{Type, Value};

const TEXT: &[Type] = &[Type::String];

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("base", TEXT, |_, args| Ok(Value::str(base(&text(args, 0))))),
    Function::new("dir", TEXT, |_, args| Ok(Value::str(dir(&text(args, 0))))),
    Function::new("clean", TEXT, |_, args| Ok(Value::str(clean(&text(args, 0))))),
    Function::new("ext", TEXT, |_, args| Ok(Value::str(ext(&text(args, 0))))),
    Function::new("isAbs", TEXT, |_, args| Ok(text(args, 0).starts_with(b"/").into())),
    Function::new("osBase", TEXT, |_, args| Ok(Value::str(base(&text(args, 0))))),
    Function::new("osDir", TEXT, |_, args| Ok(Value::str(dir(&text(args, 0))))),
    Function::new("osClean", TEXT, |_, args| Ok(Value::str(clean(&text(args, 0))))),
    Function::new("osExt", TEXT, |_, args| Ok(Value::str(ext(&text(args, 0))))),
    Function::new("osIsAbs", TEXT, |_, args| Ok(text(args, 0).starts_with(b"/").into())),
];

/// Whether the byte separates elements.
fn is_slash(byte: u8) -> bool {
    byte == b'/'
}

/// The last element, `.` for an empty path, `/` for slashes only.
fn base(path: &[u8]) -> &[u8] {
    if path.is_empty() {
        return b".";
    }
    let end = path.iter().rposition(|byte| !is_slash(*byte)).map_or(0, |at| at + 1);
    let path = path.split_at(end).0;
    match path.rsplit(|byte| is_slash(*byte)).next() {
        Some(b"") | None => b"/",
        Some(name) => name,
    }
}

/// All but the last element, made clean.
fn dir(path: &[u8]) -> Vec<u8> {
    let end = path.iter().rposition(|byte| is_slash(*byte)).map_or(0, |at| at + 1);
    clean(path.split_at(end).0)
}

/// What follows the last dot of the last element, with the dot.
fn ext(path: &[u8]) -> &[u8] {
    let name = path.iter().rposition(|byte| is_slash(*byte)).map_or(0, |at| at + 1);
    let name = path.split_at(name).1;
    name.iter().rposition(|byte| *byte == b'.').map_or(b"", |at| name.split_at(at).1)
}

/// The shortest path to the same place, found in the text alone.
fn clean(path: &[u8]) -> Vec<u8> {
    let rooted = path.starts_with(b"/");
    let mut elements: Vec<&[u8]> = Vec::new();
    for element in path.split(|byte| is_slash(*byte)) {
        match element {
            b"" | b"." => {}
            b".." => match elements.last() {
                Some(last) if *last != b".." => _ = elements.pop(),
                _ if rooted => {}
                _ => elements.push(element),
            },
            element => elements.push(element),
        }
    }
    let joined = elements.join(&b'/');
    match (rooted, joined.is_empty()) {
        (true, _) => [b"/", joined.as_slice()].concat(),
        (false, true) => b".".to_vec(),
        (false, false) => joined,
    }
}
