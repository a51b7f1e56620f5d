//! Values of charts: in a `HelmRelease`, or in files of their own.

use sluice_yaml::{Node, Value};

use super::{Digest, Found, Named, Spelling, Unmarked, is};
use crate::setters::{Object, identity};

/// The digits of a digest by SHA-256.
const SHA_DIGITS: usize = 64;

/// Values of a `HelmRelease`.
pub(super) fn of_release(unmarked: &Unmarked<'_>, object: &Node, found: &mut Vec<Found>) {
    if !is(object, "helm.toolkit.fluxcd.io", "HelmRelease") {
        return;
    }
    if let Some(values) = object.at(&["spec", "values"]) {
        visit(unmarked, values, &identity(object), found);
    }
}

/// Values that are a document of their own.
pub(super) fn of_file(unmarked: &Unmarked<'_>, root: &Node, found: &mut Vec<Found>) {
    // An object of the cluster holds no values, whatever its file is called.
    if root.get("apiVersion").is_none() || root.get("kind").is_none() {
        visit(unmarked, root, &Object::default(), found);
    }
}

/// The parser bounds how deep collections nest.
fn visit(unmarked: &Unmarked<'_>, node: &Node, object: &Object, found: &mut Vec<Found>) {
    match &node.value {
        Value::Scalar(_) => {}
        Value::Sequence(items) => items.iter().for_each(|item| visit(unmarked, item, object, found)),
        Value::Mapping(mapping) => {
            if let Some(name) = image(node) {
                let named = Named {
                    name,
                    at: node,
                    tag: node.get("tag"),
                    digest: digest(node),
                    spelling: Spelling::Tag,
                    object: object.clone(),
                };
                unmarked.set(&named, found);
            }
            mapping.iter().for_each(|entry| visit(unmarked, &entry.value, object, found));
        }
    }
}

/// The image that charts make of `registry` and `repository`.
fn image(node: &Node) -> Option<String> {
    let repository = node.get("repository").and_then(Node::as_str).filter(|name| !name.is_empty())?;
    let registry = node.get("registry").and_then(Node::as_str).filter(|name| !name.is_empty());
    Some(match registry {
        Some(registry) => format!("{}/{repository}", registry.trim_end_matches('/')),
        None => repository.to_owned(),
    })
}

/// The digest, which some charts call `sha` and have without its algorithm.
fn digest(node: &Node) -> Option<Digest<'_>> {
    if let Some(node) = node.get("digest").and_then(Digest::whole) {
        return Some(node);
    }
    let is_sha = |text: &str| text.len() == SHA_DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let node = node.get("sha").filter(|node| super::text(node).is_some_and(is_sha))?;
    Some(Digest { node, is_bare: true })
}
