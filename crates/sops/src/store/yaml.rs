//! YAML, as go-yaml v3 reads it and, with an indent of four, writes it.

use serde_json::Value as Json;
use sluice_yaml::{Node, Resolved, Version};

use crate::tree::{Comment, Entry, Item, Value};

/// Columns per level.
const STEP: usize = 4;

pub(super) fn parse(text: &str) -> Result<Vec<Vec<Entry>>, String> {
    let documents =
        sluice_yaml::parse(text).map_err(|error| format!("Error unmarshaling input YAML: {error}"))?;
    documents
        .iter()
        .map(|document| {
            let mut entries =
                match &document.root.value {
                    sluice_yaml::Value::Mapping(_) => match value_of(&document.root)? {
                        Value::Map(entries) => entries,
                        _ => Vec::new(),
                    },
                    sluice_yaml::Value::Sequence(_) => {
                        return Err(
                        "Error unmarshaling input YAML: YAML documents that are sequences are not supported"
                            .to_owned(),
                    );
                    }
                    sluice_yaml::Value::Scalar(_) => match document.root.resolve(Version::V3) {
                        Some(Resolved::Null) => Vec::new(),
                        _ => return Err(
                            "Error unmarshaling input YAML: YAML documents that are values are not supported"
                                .to_owned(),
                        ),
                    },
                };
            entries.extend(comments(&document.foot, false).map(Entry::Comment));
            Ok(entries)
        })
        .collect()
}

/// The comments of a text, a line each.
fn comments(text: &str, inline: bool) -> impl Iterator<Item = Comment> {
    text.lines()
        .filter(|line| !line.is_empty())
        .map(move |line| Comment { text: line.strip_prefix('#').unwrap_or(line).to_owned(), inline })
}

#[derive(Clone, Copy)]
enum Place {
    Head,
    Line,
    Foot,
}

fn comments_of(node: &Node, place: Place, inline: bool) -> impl Iterator<Item = Comment> {
    let text = node.comments.as_ref().map_or("", |comments| match place {
        Place::Head => comments.head.as_str(),
        Place::Line => comments.line.as_str(),
        Place::Foot => comments.foot.as_str(),
    });
    comments(text, inline)
}

fn value_of(node: &Node) -> Result<Value, String> {
    match &node.value {
        sluice_yaml::Value::Scalar(_) => scalar(node),
        sluice_yaml::Value::Sequence(sequence) => {
            let mut items = Vec::new();
            items.extend(comments_of(node, Place::Head, false).map(Item::Comment));
            items.extend(comments_of(node, Place::Line, false).map(Item::Comment));
            for item in sequence.iter() {
                let is_scalar = item.as_scalar().is_some();
                if is_scalar {
                    items.extend(comments_of(item, Place::Head, false).map(Item::Comment));
                    items.extend(comments_of(item, Place::Line, true).map(Item::Comment));
                }
                items.push(Item::Value(value_of(item)?));
                if is_scalar {
                    items.extend(comments_of(item, Place::Foot, false).map(Item::Comment));
                }
            }
            items.extend(comments_of(node, Place::Foot, false).map(Item::Comment));
            Ok(Value::List(items))
        }
        sluice_yaml::Value::Mapping(mapping) => {
            let mut entries = Vec::new();
            entries.extend(comments_of(node, Place::Head, false).map(Entry::Comment));
            entries.extend(comments_of(node, Place::Line, false).map(Entry::Comment));
            for pair in mapping {
                entries.extend(comments_of(&pair.key, Place::Head, false).map(Entry::Comment));
                entries.extend(comments_of(&pair.key, Place::Line, false).map(Entry::Comment));
                let is_scalar = pair.value.as_scalar().is_some();
                if is_scalar {
                    entries.extend(comments_of(&pair.value, Place::Head, false).map(Entry::Comment));
                    entries.extend(comments_of(&pair.value, Place::Line, true).map(Entry::Comment));
                }
                let Some(Resolved::String(key)) = pair.key.resolve(Version::V3) else {
                    let line = pair.key.position.line;
                    return Err(format!(
                        "Tree contains a non-string key (line {line}). Only string keys are supported"
                    ));
                };
                entries.push(Entry::Pair(key.into_owned(), value_of(&pair.value)?));
                if is_scalar {
                    entries.extend(comments_of(&pair.value, Place::Foot, false).map(Entry::Comment));
                }
                entries.extend(comments_of(&pair.key, Place::Foot, false).map(Entry::Comment));
            }
            entries.extend(comments_of(node, Place::Foot, false).map(Entry::Comment));
            Ok(Value::Map(entries))
        }
    }
}

fn scalar(node: &Node) -> Result<Value, String> {
    Ok(match node.resolve(Version::V3) {
        None | Some(Resolved::Null) => Value::Null,
        Some(Resolved::Bool(value)) => Value::Bool(value),
        Some(Resolved::Int(value)) => Value::Int(value),
        Some(Resolved::Uint(_)) => {
            let line = node.position.line;
            return Err(format!("Cannot walk value, unknown type: uint64 (line {line})"));
        }
        Some(Resolved::Float(value)) => Value::Float(value),
        Some(Resolved::String(text)) => Value::Text(text.into_owned()),
        Some(Resolved::Timestamp { rfc3339, .. }) => Value::Time(rfc3339),
        Some(Resolved::Binary(bytes)) => Value::Text(String::from_utf8_lossy(&bytes).into_owned()),
        Some(Resolved::Merge) => Value::Text("<<".to_owned()),
    })
}

/// Writes documents.
pub(super) fn emit(documents: &[Vec<Entry>]) -> String {
    let mut writer = Writer::default();
    for (index, entries) in documents.iter().enumerate() {
        if index > 0 {
            writer.out.push_str("---\n");
        }
        writer.map(entries, 0, Begin::Line);
    }
    writer.out
}

/// Where a collection begins.
#[derive(Clone, Copy, PartialEq)]
enum Begin {
    /// On a line of its own.
    Line,
    /// Behind `- `, on the same line.
    Dash,
}

#[derive(Default)]
struct Writer {
    out: String,
}

impl Writer {
    fn map(&mut self, entries: &[Entry], indent: usize, begin: Begin) {
        let mut first = begin == Begin::Dash;
        let (mut heads, mut inline): (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
        for entry in entries {
            let (key, value) = match entry {
                Entry::Comment(comment) => {
                    if comment.inline { &mut inline } else { &mut heads }.push(&comment.text);
                    continue;
                }
                Entry::Pair(key, value) => (key, value),
            };
            self.comments(&heads, indent);
            heads.clear();
            self.begin_line(indent, &mut first);
            self.key(key, indent);
            self.value(value, indent, Parent::Map, &inline.join("\n#"));
            inline.clear();
        }
        heads.extend(inline);
        self.comments(&heads, indent);
    }

    fn list(&mut self, items: &[Item], indent: usize, begin: Begin) {
        let mut first = begin == Begin::Dash;
        let (mut heads, mut inline): (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
        for item in items {
            let value = match item {
                Item::Comment(comment) => {
                    if comment.inline { &mut inline } else { &mut heads }.push(&comment.text);
                    continue;
                }
                Item::Value(value) => value,
            };
            // What a mapping begins with stands before its dash.
            let leading = match value {
                Value::Map(entries) => leading_comments(entries),
                _ => 0,
            };
            let rest = match value {
                Value::Map(entries) => {
                    let own = entries.iter().take(leading).filter_map(|entry| match entry {
                        Entry::Comment(comment) => Some(comment.text.as_str()),
                        Entry::Pair(..) => None,
                    });
                    heads.extend(own);
                    entries.get(leading..)
                }
                _ => None,
            };
            self.comments(&heads, indent);
            heads.clear();
            self.begin_line(indent, &mut first);
            self.out.push('-');
            match rest {
                Some(entries) if !is_empty_map(entries) => {
                    self.out.push(' ');
                    self.map(entries, indent + 2, Begin::Dash);
                }
                _ => self.value(value, indent, Parent::List, &inline.join("\n#")),
            }
            inline.clear();
        }
        heads.extend(inline);
        self.comments(&heads, indent);
    }

    fn begin_line(&mut self, indent: usize, first: &mut bool) {
        if !std::mem::take(first) {
            self.out.extend(std::iter::repeat_n(' ', indent));
        }
    }

    fn comments(&mut self, comments: &[&str], indent: usize) {
        for comment in comments {
            self.out.extend(std::iter::repeat_n(' ', indent));
            self.out.push('#');
            self.out.push_str(comment);
            self.out.push('\n');
        }
    }

    fn key(&mut self, key: &str, indent: usize) {
        let object = Json::Object([(key.to_owned(), Json::Null)].into_iter().collect());
        let text = sluice_yaml::to_yaml_pretty(&object);
        // The key alone: what stands before the `null`.
        let text = text.trim_end().strip_suffix("null").unwrap_or(&text).trim_end();
        let pad = " ".repeat(indent);
        self.out.push_str(&text.replace('\n', &format!("\n{pad}")));
    }

    /// Writes a value behind its key or dash.
    fn value(&mut self, value: &Value, indent: usize, parent: Parent, inline: &str) {
        let below = match parent {
            Parent::Map => STEP * ((indent + STEP) / STEP),
            Parent::List => indent + 2,
        };
        match value {
            Value::Map(entries) if !is_empty_map(entries) => {
                self.line_comment(inline);
                self.out.push('\n');
                self.map(entries, below, Begin::Line);
            }
            Value::List(items) if items.iter().any(|item| matches!(item, Item::Value(_))) => {
                self.line_comment(inline);
                match parent {
                    Parent::Map => {
                        self.out.push('\n');
                        self.list(items, below, Begin::Line);
                    }
                    Parent::List => {
                        self.out.push(' ');
                        self.list(items, below, Begin::Dash);
                    }
                }
            }
            Value::Map(_) => self.plain("{}", inline),
            Value::List(_) => self.plain("[]", inline),
            Value::Time(text) => self.plain(text, inline),
            Value::Null => self.plain("null", inline),
            Value::Bool(value) => self.plain(if *value { "true" } else { "false" }, inline),
            Value::Int(value) => self.plain(&value.to_string(), inline),
            Value::Float(value) => {
                let text = sluice_yaml::to_yaml_pretty(&Json::from(*value));
                self.plain(text.trim_end(), inline);
            }
            Value::Bytes(bytes) => self.text(&String::from_utf8_lossy(bytes), below, inline),
            Value::Text(text) => self.text(text, below, inline),
        }
    }

    fn plain(&mut self, text: &str, inline: &str) {
        self.out.push(' ');
        self.out.push_str(text);
        self.line_comment(inline);
        self.out.push('\n');
    }

    fn text(&mut self, text: &str, below: usize, inline: &str) {
        let written = sluice_yaml::to_yaml_pretty(&Json::from(text));
        let Some(block) = written.strip_prefix('|') else {
            return self.plain(written.strip_suffix('\n').unwrap_or(&written), inline);
        };
        // A block was written two columns deep; how deep it stands is told only if its first line begins with spaces.
        let (header, lines) = block.split_once('\n').unwrap_or((block, ""));
        let step = if below.is_multiple_of(STEP) { STEP } else { 2 };
        self.out.push_str(" |");
        self.out.push_str(&header.replace('2', &step.to_string()));
        self.line_comment(inline);
        self.out.push('\n');
        for line in lines.split_inclusive('\n') {
            match line.strip_prefix("  ") {
                Some(line) => {
                    self.out.extend(std::iter::repeat_n(' ', below));
                    self.out.push_str(line);
                }
                None => self.out.push_str(line),
            }
        }
    }

    fn line_comment(&mut self, inline: &str) {
        if !inline.is_empty() {
            self.out.push_str(" #");
            self.out.push_str(inline);
        }
    }
}

/// What a value stands in.
#[derive(Clone, Copy)]
enum Parent {
    Map,
    List,
}

fn leading_comments(entries: &[Entry]) -> usize {
    entries.iter().take_while(|entry| matches!(entry, Entry::Comment(comment) if !comment.inline)).count()
}

fn is_empty_map(entries: &[Entry]) -> bool {
    !entries.iter().any(|entry| matches!(entry, Entry::Pair(..)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(text: &str) -> String {
        emit(&parse(text).unwrap())
    }

    #[test]
    fn layout_is_that_of_sops() {
        let text = "\
# head
a: 1
b:
    c: text # behind
    # before d
    d:
        - x
        - k: 1
          z:
            deep: true
        - - nested
    lines: |-
        one
        two
empty: {}
none: []
\"on\": \"yes\"
number: \"1\"
nothing: null
float: 1.5
when: 2024-01-02T03:04:05Z
---
second: document
";
        assert_eq!(round_trip(text), text);
    }

    #[test]
    fn other_documents_are_refused() {
        assert!(parse("- a\n").unwrap_err().contains("sequences are not supported"));
        assert!(parse("text\n").unwrap_err().contains("values are not supported"));
        assert!(parse("1: a\n").unwrap_err().contains("non-string key"));
        assert_eq!(parse("---\n").unwrap(), [Vec::new()]);
    }
}
