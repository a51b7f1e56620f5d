//! Errors in the words of Go's libraries alone, as programs see them that print or compare such a text.

use std::fmt::Write as _;

use crate::error::Error;
use crate::node::{Node, Value};
use crate::number::format_float;
use crate::resolve::{Resolved, Version};

impl Error {
    /// What `sigs.k8s.io/yaml` says of it, the line as that counts it: one too low where its parser found the fault,
    /// none on the first line and none where it knows none. Meant for templates, which pass such texts on; people
    /// are served better by [`Display`](std::fmt::Display).
    pub fn go_text(&self) -> String {
        match self {
            Self::Syntax { message, go_line, .. } => syntax_text(message, *go_line),
            Self::Encoding { message, .. } => format!("yaml: {message}"),
            Self::Limit { message, .. } => format!("yaml: {message}"),
            Self::DuplicateKey { key, position, .. } => {
                format!(
                    "yaml: unmarshal errors:\n  line {}: key {} already set in map",
                    position.line,
                    quote(key)
                )
            }
            Self::InvalidKey { go, .. } => go.clone(),
            Self::Decode { wanted, .. } if wanted.starts_with("!!binary") => {
                "yaml: !!binary value contains invalid base64 data".to_owned()
            }
            Self::Decode { kind, text, wanted, .. } => {
                format!("yaml: cannot decode {kind} `{text}` as a {wanted}")
            }
            Self::Merge { .. } => "yaml: map merge requires map or sequence of maps as the value".to_owned(),
            Self::Unsupported { value, .. } => format!("json: unsupported value: {value}"),
        }
    }

    /// What the third version of Go's parser, which kustomize reads manifests with, says of it: where something is
    /// missing, it names the line above that on which it began.
    pub fn go3_text(&self) -> String {
        match self {
            Self::Syntax { message, go3_line, .. } => syntax_text(message, *go3_line),
            other => other.go_text(),
        }
    }
}

fn syntax_text(message: &str, line: u32) -> String {
    if line == 0 { format!("yaml: {message}") } else { format!("yaml: line {line}: {message}") }
}

/// What Go says of a key that JSON has no text for.
pub(crate) fn invalid_key(key: &Node, value: &Node) -> String {
    match &key.value {
        Value::Scalar(_) => {
            let kind = match key.resolve(Version::V2) {
                Some(Resolved::Uint(_)) => "uint64",
                Some(Resolved::Null) | None => "%!s(<nil>)",
                Some(_) => "string",
            };
            format!("unsupported map key of type: {kind}, key: {}, value: {}", syntax(key), syntax(value))
        }
        Value::Sequence(_) | Value::Mapping(_) => {
            format!("yaml: invalid map key: {}", syntax(first_invalid(key).unwrap_or(key)))
        }
    }
}

/// The first collection that is a key below here: the decoder meets the inner ones first.
fn first_invalid(node: &Node) -> Option<&Node> {
    match &node.value {
        Value::Scalar(_) => None,
        Value::Sequence(items) => items.iter().find_map(first_invalid),
        Value::Mapping(mapping) => mapping.iter().find_map(|entry| {
            let is_collection = entry.key.as_scalar().is_none();
            first_invalid(&entry.key)
                .or_else(|| is_collection.then_some(&entry.key))
                .or_else(|| first_invalid(&entry.value))
        }),
    }
}

/// A tree as `%#v` prints what go-yaml v2 decodes it to.
fn syntax(node: &Node) -> String {
    match &node.value {
        Value::Scalar(_) if is_null(node) => "<nil>".to_owned(),
        _ => inner(node),
    }
}

fn is_null(node: &Node) -> bool {
    matches!(node.resolve(Version::V2), Some(Resolved::Null))
}

fn inner(node: &Node) -> String {
    match &node.value {
        Value::Sequence(items) => {
            let items: Vec<String> = items.iter().map(inner).collect();
            format!("[]interface {{}}{{{}}}", items.join(", "))
        }
        Value::Mapping(mapping) => {
            let mut entries: Vec<String> = mapping
                .iter()
                .map(|entry| format!("{}:{}", inner(&entry.key), inner(&entry.value)))
                .collect();
            entries.sort_unstable();
            format!("map[interface {{}}]interface {{}}{{{}}}", entries.join(", "))
        }
        Value::Scalar(scalar) => match node.resolve(Version::V2) {
            Some(Resolved::Null) => "interface {}(nil)".to_owned(),
            Some(Resolved::Bool(value)) => value.to_string(),
            Some(Resolved::Int(value)) => value.to_string(),
            Some(Resolved::Uint(value)) => format!("{value:#x}"),
            Some(Resolved::Float(value)) if value.is_nan() => "NaN".to_owned(),
            Some(Resolved::Float(value)) if value.is_infinite() => {
                if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned()
            }
            Some(Resolved::Float(value)) => format_float(value),
            Some(Resolved::String(text)) => quote(&text),
            Some(Resolved::Binary(bytes)) => quote(&String::from_utf8_lossy(&bytes)),
            Some(Resolved::Timestamp { .. } | Resolved::Merge) | None => quote(&scalar.text),
        },
    }
}

/// A text as `strconv.Quote` writes it.
fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{c}' => quoted.push_str("\\f"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{b}' => quoted.push_str("\\v"),
            '\0'..='\u{7f}' if c.is_control() => escape(&mut quoted, format_args!("\\x{:02x}", u32::from(c))),
            _ if c.is_control() || (c != ' ' && c.is_whitespace()) || matches!(c, '\u{ad}' | '\u{feff}') => {
                escape(&mut quoted, format_args!("\\u{:04x}", u32::from(c)));
            }
            _ => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

fn escape(quoted: &mut String, escaped: std::fmt::Arguments<'_>) {
    // Writing to a string can't fail.
    let _ = quoted.write_fmt(escaped);
}

/// Go's word for what is wrong with bytes that are not UTF-8; `rest` begins with the first bad character.
pub(crate) fn encoding(rest: &[u8]) -> &'static str {
    let width = match rest.first() {
        Some(0..=0x7F) => 1,
        Some(0xC0..=0xDF) => 2,
        Some(0xE0..=0xEF) => 3,
        Some(0xF0..=0xF7) => 4,
        _ => return "invalid leading UTF-8 octet",
    };
    let Some(character) = rest.get(..width) else { return "incomplete UTF-8 octet sequence" };
    if character.iter().skip(1).any(|byte| byte & 0xC0 != 0x80) {
        return "invalid trailing UTF-8 octet";
    }
    let is_overlong =
        matches!(character, [0xC0 | 0xC1, ..] | [0xE0, 0x80..=0x9F, ..] | [0xF0, 0x80..=0x8F, ..]);
    if is_overlong { "invalid length of a UTF-8 sequence" } else { "invalid Unicode character" }
}
