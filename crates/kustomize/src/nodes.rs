//! Reading and changing trees by path, with kyaml's rules.

use std::collections::BTreeMap;

use sluice_yaml::{Entry, Kind, Mapping, Node, Value};

/// Whether there is nothing: null, or a collection without entries.
pub(crate) fn is_empty(node: &Node) -> bool {
    match &node.value {
        Value::Scalar(_) => node.is_null(),
        Value::Sequence(items) => items.is_empty(),
        Value::Mapping(mapping) => mapping.is_empty(),
    }
}

/// Whether a scalar is written as a string: quoted, tagged, or plain without another meaning.
pub(crate) fn is_string(node: &Node) -> bool {
    matches!(node.resolve(sluice_yaml::Version::V3), Some(sluice_yaml::Resolved::String(_)))
}

/// The text of a scalar; nothing for null and collections.
pub(crate) fn text(node: &Node) -> &str {
    if node.is_null() { "" } else { node.as_str().unwrap_or_default() }
}

/// Makes a scalar a string of that text, keeping its quotes.
pub(crate) fn set_string(node: &mut Node, text: &str) {
    node.set_text(text);
    if !is_string(node) {
        // Bare but for its tag: the next text may be another type.
        node.tag = Some(sluice_yaml::tag::STR.into());
    }
}

/// A string as block text if it has several lines.
pub(crate) fn string(text: &str) -> Node {
    Node::string(text)
}

/// Sets a mapping's field to a string; a new key is written bare, as kyaml does: one that looks like a number or
/// boolean is one.
pub(crate) fn set_field(mapping: &mut Mapping, key: &str, value: Node) {
    match mapping.get_mut(key) {
        Some(old) => *old = value,
        None => mapping.push(Entry { key: Node::plain(key), value }),
    }
}

/// The mapping at a key, made if it is missing; `None` if something else is there.
pub(crate) fn mapping_at<'n>(node: &'n mut Node, key: &str) -> Option<&'n mut Mapping> {
    let mapping = node.as_mapping_mut()?;
    let missing = mapping.get(key).is_none_or(Node::is_null);
    if missing {
        set_field(mapping, key, Node::mapping());
    }
    mapping.get_mut(key)?.as_mapping_mut()
}

/// A mapping's scalars as texts, the last of equal keys; what is no scalar counts as empty.
pub(crate) fn string_map(node: Option<&Node>) -> BTreeMap<String, String> {
    let entries = node.and_then(Node::as_mapping).map(Mapping::entries).unwrap_or_default();
    let mut map = BTreeMap::new();
    for entry in entries {
        let key = entry.name().unwrap_or_default().to_owned();
        map.insert(key, entry.value.as_str().unwrap_or_default().to_owned());
    }
    map
}

/// A mapping of strings.
pub(crate) fn from_string_map(map: &BTreeMap<String, String>) -> Node {
    let entries: Vec<Entry> =
        map.iter().map(|(key, value)| Entry { key: Node::plain(key), value: string(value) }).collect();
    Mapping::from(entries).into()
}

/// The name of a kind of node in Go's messages.
pub(crate) const fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Scalar => "ScalarNode",
        Kind::Sequence => "SequenceNode",
        Kind::Mapping => "MappingNode",
    }
}

/// Splits a path at a delimiter that no backslash precedes; a leading delimiter is dropped.
pub(crate) fn split_path(path: &str, delimiter: char) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    let mut joins = false;
    let path = path.strip_prefix(delimiter).unwrap_or(path);
    for part in path.split(delimiter) {
        match parts.last_mut() {
            Some(last) if joins => {
                last.pop();
                last.push(delimiter);
                last.push_str(part);
            }
            _ => parts.push(part.to_owned()),
        }
        joins = part.ends_with('\\');
    }
    parts
}

/// Splits a path at dots, but not within brackets: `a.[b.c=d.e].f`. Brackets without `=` only protect dots.
pub(crate) fn split_field_path(path: &str) -> Vec<String> {
    let mut parts = Vec::new();
    let mut split = split_path(path, '.').into_iter();
    while let Some(part) = split.next() {
        if !part.starts_with('[') || part.ends_with(']') {
            parts.push(part);
            continue;
        }
        let mut joined = part;
        for next in split.by_ref() {
            joined.push('.');
            joined.push_str(&next);
            if next.ends_with(']') {
                break;
            }
        }
        if joined.contains('=') {
            parts.push(joined);
        } else {
            parts.push(joined.trim_matches(['[', ']']).to_owned());
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_paths() {
        assert_eq!(split_path("a/b", '/'), ["a", "b"]);
        assert_eq!(split_path("/a/b", '/'), ["a", "b"]);
        assert_eq!(split_path(r"metadata/annotations/a.b\/c", '/'), ["metadata", "annotations", "a.b/c"]);
        assert_eq!(split_field_path("spec.[name=a.b].x"), ["spec", "[name=a.b]", "x"]);
        assert_eq!(split_field_path("metadata.annotations.[a.b/c]"), ["metadata", "annotations", "a.b/c"]);
        assert_eq!(split_field_path(r"data.a\.b"), ["data", "a.b"]);
    }

    #[test]
    fn strings_keep_their_quotes() {
        let mut node = sluice_yaml::parse_first("'a'").unwrap().unwrap();
        set_string(&mut node, "1");
        assert!(is_string(&node));
        let mut node = sluice_yaml::parse_first("a").unwrap().unwrap();
        set_string(&mut node, "1");
        assert!(is_string(&node));
    }
}
