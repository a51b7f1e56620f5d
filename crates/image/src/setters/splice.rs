//! Writing a value in place of another, in its style.

use sluice_yaml::{Node, ScalarStyle};

use super::Marked;

/// Replaces the bytes of a scalar.
pub(super) fn replace(text: &mut String, place: &Marked, new: &str) {
    let written = text.get(place.span.clone()).unwrap_or_default();
    let value = match place.style {
        ScalarStyle::SingleQuoted => format!("'{}'", new.replace('\'', "''")),
        ScalarStyle::DoubleQuoted => double_quoted(new),
        ScalarStyle::Plain => plain(new),
        ScalarStyle::Literal | ScalarStyle::Folded => block(written, new),
    };
    text.replace_range(place.span.clone(), &value);
}

/// Bare where that is a string for every reader, quoted elsewhere.
fn plain(new: &str) -> String {
    match Node::string(new).as_scalar() {
        Some(scalar) if scalar.style == ScalarStyle::Plain => new.to_owned(),
        _ => double_quoted(new),
    }
}

fn double_quoted(new: &str) -> String {
    format!("\"{}\"", new.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Keeps header, indentation and what follows the text of a block scalar.
fn block(written: &str, new: &str) -> String {
    let Some(header) = written.find('\n').and_then(|end| written.get(..=end)) else {
        return double_quoted(new);
    };
    let content = written.get(header.len()..).unwrap_or_default();
    let first = content.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let indentation = first.get(..first.len() - first.trim_start().len()).unwrap_or_default();
    let trailing = content.get(content.trim_end().len()..).unwrap_or_default();
    format!("{header}{indentation}{new}{trailing}")
}
