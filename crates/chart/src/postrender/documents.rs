//! From files to trees that remember their file.

use serde_json::{Value as Json, json};
use sluice_yaml::{Kind, Node, Version};

use super::Documents;
use super::error::PostRenderError;
use super::metadata::FILE;

/// The objects of files by path, each with the path in an annotation.
pub(super) fn read(files: &Documents, what: &str) -> Result<Vec<Json>, PostRenderError> {
    let mut objects = Vec::new();
    for (path, documents) in files {
        for document in documents {
            let parsed = sluice_yaml::parse_first(document);
            let parsed = parsed
                .map_err(|source| PostRenderError::Parse { path: path.clone(), source: Box::new(source) })?;
            let Some(node) = parsed else { continue };
            let items = match list(&node) {
                Some(items) => items.to_vec(),
                None => vec![node],
            };
            for mut node in items {
                let found = match node.kind() {
                    Kind::Mapping => None,
                    Kind::Scalar => Some("ScalarNode"),
                    Kind::Sequence => Some("SequenceNode"),
                };
                if let Some(found) = found {
                    return Err(PostRenderError::NoMapping { path: path.clone(), found });
                }
                let fail = |source| PostRenderError::Json {
                    what: what.to_owned(),
                    path: path.clone(),
                    source: Box::new(source),
                };
                node.expand_merges(Version::V3).map_err(fail)?;
                let mut object = node.to_json_rewritten().map_err(fail)?;
                annotate(&mut object, path);
                objects.push(object);
            }
        }
    }
    Ok(objects)
}

/// The items of a document that is one `List`.
fn list(node: &Node) -> Option<&[Node]> {
    let kind = node.get("kind").and_then(Node::as_str)?;
    let items = node.get("items").and_then(Node::as_sequence)?;
    matches!(kind, "List" | "ResourceList").then_some(items)
}

fn annotate(object: &mut Json, path: &str) {
    let mut place = object;
    for key in ["metadata", "annotations"] {
        let next = &mut place[key];
        if next.is_null() {
            *next = json!({});
        }
        if !next.is_object() {
            // Kustomize says what is wrong with it.
            return;
        }
        place = next;
    }
    place[FILE] = json!(path);
}
