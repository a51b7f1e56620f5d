//! Sections with keys and values, as Go's `ini` package reads and writes them.

use std::fmt::Write;

use super::number::plain_text;
use crate::tree::{Comment, Entry, Value};

/// The section of keys before the first header.
const DEFAULT: &str = "DEFAULT";

#[derive(Default)]
struct Section {
    name: String,
    comment: String,
    keys: Vec<Key>,
}

struct Key {
    name: String,
    value: String,
    comment: String,
}

/// Reads a file as a mapping of mappings. A section's comment is its first entry; a key's comes behind the key.
pub(super) fn parse(text: &str) -> Result<Vec<Entry>, String> {
    let entry = |section: Section| {
        let mut entries = Vec::new();
        let comment = |text: &str| {
            (!text.is_empty())
                .then(|| Entry::Comment(Comment { text: strip(text).to_owned(), inline: false }))
        };
        entries.extend(comment(&section.comment));
        for key in section.keys {
            entries.push(Entry::Pair(key.name, Value::Text(key.value)));
            entries.extend(comment(&key.comment));
        }
        Entry::Pair(section.name, Value::Map(entries))
    };
    Ok(sections(text)?.into_iter().map(entry).collect())
}

/// A comment's text without the characters that begin it.
fn strip(comment: &str) -> &str {
    if comment.starts_with(';') {
        comment.trim_start_matches([';', ' '])
    } else if comment.starts_with('#') {
        comment.trim_start_matches(['#', ' '])
    } else {
        comment
    }
}

fn sections(text: &str) -> Result<Vec<Section>, String> {
    let mut sections = vec![Section { name: DEFAULT.to_owned(), ..Section::default() }];
    let mut comment = String::new();
    let mut lines = Lines { lines: text.trim_start_matches('\u{feff}').split_inclusive('\n'), number: 0 };
    while let Some(line) = lines.next() {
        let line = line.trim_start();
        if line.is_empty() {
            continue;
        }
        if line.starts_with(['#', ';']) {
            comment.push_str(line);
            continue;
        }
        let at = lines.number;
        let fail = |cause: &str| format!("Could not unmarshal input data: line {at}: {cause}");
        if let Some(rest) = line.strip_prefix('[') {
            let (name, behind) = rest.rsplit_once(']').ok_or_else(|| fail("unclosed section"))?;
            if let Some(start) = behind.find(['#', ';']) {
                comment.push_str(behind.get(start..).unwrap_or_default());
            }
            let comment = std::mem::take(&mut comment).trim().to_owned();
            sections.push(Section { name: name.to_owned(), comment, keys: Vec::new() });
            continue;
        }
        let (name, rest) = key_name(line).map_err(fail)?;
        let value = value(rest, &mut lines, &mut comment).map_err(fail)?;
        let comment = std::mem::take(&mut comment).trim().to_owned();
        if let Some(section) = sections.last_mut() {
            // The last of two keys wins, at the place of the first.
            match section.keys.iter_mut().find(|key| key.name == name) {
                Some(key) => key.value = value,
                None => section.keys.push(Key { name: name.to_owned(), value, comment }),
            }
        }
    }
    Ok(sections)
}

struct Lines<'t> {
    lines: std::str::SplitInclusive<'t, char>,
    number: usize,
}

impl<'t> Lines<'t> {
    fn next(&mut self) -> Option<&'t str> {
        self.number += 1;
        self.lines.next()
    }
}

/// A key's name, and what stands behind the `=` or `:`.
fn key_name(line: &str) -> Result<(&str, &str), &'static str> {
    let quote = if line.starts_with("\"\"\"") && line.len() > 6 {
        "\"\"\""
    } else if line.starts_with('"') {
        "\""
    } else if line.starts_with('`') {
        "`"
    } else {
        ""
    };
    let no_delimiter = "a key without '='";
    if quote.is_empty() {
        let (name, rest) = line.split_once(['=', ':']).ok_or(no_delimiter)?;
        return if name.is_empty() { Err("a value without a key") } else { Ok((name.trim(), rest)) };
    }
    let inside = line.get(quote.len()..).unwrap_or_default();
    let (name, rest) = inside.split_once(quote).ok_or("missing closing key quote")?;
    let (_, rest) = rest.split_once(['=', ':']).ok_or(no_delimiter)?;
    Ok((name.trim(), rest))
}

fn value(text: &str, lines: &mut Lines<'_>, comment: &mut String) -> Result<String, &'static str> {
    let line = text.trim_start();
    let quote = if line.starts_with("\"\"\"") && line.len() > 3 {
        "\"\"\""
    } else if line.starts_with('`') {
        "`"
    } else {
        ""
    };
    if !quote.is_empty() {
        let inside = line.get(quote.len()..).unwrap_or_default();
        if let Some((value, _)) = inside.rsplit_once(quote) {
            return Ok(value.to_owned());
        }
        let mut value = inside.to_owned();
        loop {
            let next = lines.next().ok_or("missing closing quote of a value")?;
            match next.rsplit_once(quote) {
                Some((end, behind)) => {
                    value.push_str(end);
                    if let Some(start) = behind.find(['#', ';']) {
                        comment.push_str(behind.get(start..).unwrap_or_default().trim());
                    }
                    return Ok(value);
                }
                None => value.push_str(next),
            }
        }
    }
    let line = line.trim();
    if let Some(begin) = line.strip_suffix('\\') {
        return Ok(continued(begin, lines));
    }
    let line = match line.find(['#', ';']) {
        Some(start) => {
            comment.push_str(line.get(start..).unwrap_or_default());
            line.get(..start).unwrap_or_default().trim()
        }
        None => line,
    };
    let unquoted = ['\'', '"'].into_iter().find_map(|quote| {
        line.strip_prefix(quote)?.strip_suffix(quote).filter(|inside| !inside.contains(quote))
    });
    Ok(unquoted.unwrap_or(line).to_owned())
}

fn continued(begin: &str, lines: &mut Lines<'_>) -> String {
    let mut value = begin.to_owned();
    while let Some(next) = lines.next().map(str::trim).filter(|next| !next.is_empty()) {
        let Some(more) = next.strip_suffix('\\') else {
            value.push_str(next);
            break;
        };
        value.push_str(more);
    }
    value
}

/// Writes sections, their keys aligned.
pub(super) fn emit(documents: &[Vec<Entry>]) -> Result<String, String> {
    let mut sections = Vec::new();
    for entry in documents.iter().flatten() {
        let Entry::Pair(name, value) = entry else { continue };
        let Value::Map(entries) = value else {
            return Err("Error encoding section: Section values should always be TreeBranches".to_owned());
        };
        sections.push(section(name, entries)?);
    }
    let mut out = String::new();
    let last = sections.len().saturating_sub(1);
    for (index, section) in sections.iter().enumerate() {
        for line in section.comment.lines() {
            out.push_str(&comment_line(line));
        }
        if index > 0 || !section.name.eq_ignore_ascii_case(DEFAULT) {
            let _ = writeln!(out, "[{}]", section.name);
        } else if section.keys.is_empty() {
            continue;
        }
        let names: Vec<String> = section.keys.iter().map(|key| quoted_name(&key.name)).collect();
        let width = names.iter().map(String::len).max().unwrap_or(0);
        for (key, name) in section.keys.iter().zip(names) {
            for line in key.comment.lines() {
                out.push_str(&comment_line(line));
            }
            let _ = writeln!(out, "{name:width$} = {}", quoted_value(&key.value));
        }
        if index != last {
            out.push('\n');
        }
    }
    Ok(out)
}

fn section(name: &str, entries: &[Entry]) -> Result<Section, String> {
    let mut section = Section { name: name.to_owned(), ..Section::default() };
    for (index, entry) in entries.iter().enumerate() {
        match entry {
            Entry::Comment(comment) if index == 0 => comment.text.clone_into(&mut section.comment),
            Entry::Comment(comment) => {
                if let Some(key) = section.keys.last_mut() {
                    comment.text.clone_into(&mut key.comment);
                }
            }
            Entry::Pair(name, value) => {
                let value = plain_text(value).ok_or_else(|| {
                    format!("Error encoding key: '{name}' holds a list or a mapping, which INI cannot")
                })?;
                section.keys.push(Key { name: name.clone(), value, comment: String::new() });
            }
        }
    }
    Ok(section)
}

fn comment_line(line: &str) -> String {
    match line.strip_prefix(['#', ';']) {
        Some(rest) => format!("{} {}\n", line.get(..1).unwrap_or(";"), rest.trim()),
        None => format!("; {}\n", line.trim()),
    }
}

fn quoted_name(name: &str) -> String {
    if name.contains(['"', '=', ':']) {
        format!("`{name}`")
    } else if name.contains('`') {
        format!("\"\"\"{name}\"\"\"")
    } else {
        name.to_owned()
    }
}

fn quoted_value(value: &str) -> String {
    if value.contains(['\n', '`']) {
        format!("\"\"\"{value}\"\"\"")
    } else if value.contains(['#', ';']) {
        format!("`{value}`")
    } else if value.trim().len() != value.len() {
        format!("\"{value}\"")
    } else {
        value.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_come_back_as_they_were() {
        let text = "top = 1\n\n; about a\n[a]\nkey       = value\n; about b\nb         = `x;y`\nlong name = \" padded \"\nlines     = \"\"\"one\ntwo\"\"\"\n\n[b]\n";
        assert_eq!(emit(&[parse(text).unwrap()]).unwrap(), text);
    }

    #[test]
    fn quotes_comments_and_continuations() {
        let entries = parse("[a]\nx = 'y' # note\nz: \"q\"\nw = a \\\n  b\n").unwrap();
        let Entry::Pair(_, Value::Map(keys)) = &entries[1] else { panic!("{entries:?}") };
        let value = |name: &str| crate::tree::get(keys, name).cloned();
        assert_eq!(value("x"), Some(Value::Text("y".into())));
        assert_eq!(value("z"), Some(Value::Text("q".into())));
        assert_eq!(value("w"), Some(Value::Text("a b".into())));
        assert!(parse("nothing").unwrap_err().contains("line 1: a key without '='"));
    }
}
