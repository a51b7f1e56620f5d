//! Lines of `KEY=value`.

use std::fmt::Write;

use super::number::plain_text;
use crate::tree::{Comment, Entry, Value};

pub(super) fn parse(text: &str) -> Result<Vec<Entry>, String> {
    let lines = text.split('\n').enumerate().filter(|(_, line)| !line.is_empty());
    lines
        .map(|(index, line)| {
            if let Some(comment) = line.strip_prefix('#') {
                return Ok(Entry::Comment(Comment { text: comment.to_owned(), inline: false }));
            }
            let (key, value) =
                line.split_once('=').ok_or(format!("invalid dotenv input line: line {}", index + 1))?;
            Ok(Entry::Pair(key.to_owned(), Value::Text(value.replace("\\n", "\n"))))
        })
        .collect()
}

pub(super) fn emit(entries: &[Entry]) -> Result<String, String> {
    let mut out = String::new();
    for entry in entries {
        match entry {
            Entry::Comment(comment) => {
                let _ = writeln!(out, "#{}", comment.text);
            }
            Entry::Pair(key, value) => {
                let text = plain_text(value)
                    .ok_or_else(|| format!("cannot use complex value in dotenv file; offending key {key}"))?;
                let _ = writeln!(out, "{key}={}", text.replace('\n', "\\n"));
            }
        }
    }
    Ok(out)
}
