//! Fields of documents that are text in a field: JSON or YAML in a ConfigMap.

use sluice_yaml::{Kind, Node, Version};

use super::path::{self, Failure, lookup, lookup_mut};
use crate::error::Error;
use crate::text::to_text;

/// Writes into the document that is the text of a field on the path. Whether there is such a field.
pub(super) fn write(
    root: &mut Node,
    path: &[String],
    create: Option<Kind>,
    mut set: impl FnMut(&mut Node, bool) -> Result<(), Error>,
) -> bool {
    let Some((outer, inner, mut document)) = find(root, path) else { return false };
    let found = path::visit(&mut document, inner, create, &mut |field, created| {
        set(field, created).map_err(|error| Failure::Write(Box::new(error)))
    });
    if !matches!(found, Ok(1..)) {
        return false;
    }
    let Some(field) = lookup_mut(root, outer) else { return false };
    let old = field.as_str().unwrap_or_default();
    let Some(new) = serialize(&document, old) else { return false };
    super::write_text(field, &new);
    true
}

/// The path of the first scalar on the way, the rest of the path, and the document in the scalar.
fn find<'p>(root: &Node, path: &'p [String]) -> Option<(&'p [String], &'p [String], Node)> {
    for at in 1..path.len() {
        let (outer, inner) = path.split_at(at);
        let Ok(Some(node)) = lookup(root, outer) else { continue };
        if let Some(text) = node.as_str()
            && let Ok(document) = sluice_yaml::parse_first(text)
        {
            return Some((outer, inner, document?));
        }
    }
    None
}

/// The document's text, in the format it had.
fn serialize(document: &Node, old: &str) -> Option<String> {
    if !old.trim_start().starts_with(['{', '[']) {
        return Some(to_text(document).trim().to_owned());
    }
    let json = document.to_json(Version::V3).ok()?;
    let indented = old.contains('\n') && old.contains("  ");
    let text = if indented { serde_json::to_string_pretty(&json) } else { serde_json::to_string(&json) };
    text.ok().map(|text| escape(&text))
}

/// Go's JSON is safe within HTML.
fn escape(json: &str) -> String {
    json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}
