//! Marked scalars of documents.

use sluice_yaml::{Document, Node, ScalarStyle, Value, Version, tag};

use super::marker::Marker;
use super::{Marked, Object};

/// The marked scalars of all documents.
pub(super) fn marked(documents: &[Document]) -> Vec<Marked> {
    let mut found = Vec::new();
    for document in documents {
        Search { found: &mut found, object: identity(&document.root) }.visit(&document.root);
    }
    found
}

/// What a manifest says of its object.
pub(crate) fn identity(root: &Node) -> Object {
    let text = |path: &[&str]| root.at(path).and_then(Node::as_str).unwrap_or_default().to_owned();
    Object {
        api_version: text(&["apiVersion"]),
        kind: text(&["kind"]),
        namespace: text(&["metadata", "namespace"]),
        name: text(&["metadata", "name"]),
    }
}

struct Search<'s> {
    found: &'s mut Vec<Marked>,
    object: Object,
}

impl Search<'_> {
    /// The parser bounds how deep collections nest.
    fn visit(&mut self, node: &Node) {
        match &node.value {
            Value::Scalar(_) => {}
            Value::Mapping(mapping) => {
                let list = self.object.kind.ends_with("List");
                for entry in mapping {
                    match entry.value.as_sequence() {
                        Some(items) if list && entry.name() == Some("items") => {
                            for item in items.iter() {
                                Search { found: self.found, object: identity(item) }.visit(item);
                            }
                        }
                        _ => {
                            self.behind(&entry.value);
                            self.visit(&entry.value);
                        }
                    }
                }
            }
            Value::Sequence(items) => {
                for item in items.iter() {
                    if !self.behind(item) {
                        self.above(item);
                    }
                    self.visit(item);
                }
            }
        }
    }

    /// Takes a scalar with a marker behind it; says whether there was one.
    fn behind(&mut self, node: &Node) -> bool {
        let comment = node.comments.as_ref().map(|comments| comments.line.as_str());
        self.take(node, comment.unwrap_or_default(), false)
    }

    /// Takes a scalar with a marker on the line above it.
    fn above(&mut self, node: &Node) {
        let comment = node.comments.as_ref().map(|comments| comments.head.as_str());
        self.take(node, comment.unwrap_or_default(), true);
    }

    fn take(&mut self, node: &Node, comment: &str, above: bool) -> bool {
        let Some(Ok(marker)) = Marker::parse(comment) else { return false };
        let Some(scalar) = node.as_scalar() else { return false };
        let null = node.resolve(Version::V3).is_some_and(|value| value.tag() == tag::NULL);
        if null || !node.position.is_known() {
            return false;
        }
        let value = match scalar.style {
            ScalarStyle::Literal | ScalarStyle::Folded => scalar.text.trim_end(),
            _ => &scalar.text,
        };
        self.found.push(Marked {
            marker,
            span: node.position.span(),
            style: scalar.style,
            value: value.to_owned(),
            line: node.position.line,
            above,
            object: self.object.clone(),
        });
        true
    }
}
