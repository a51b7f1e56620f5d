//! `images` of a kustomization.

use sluice_yaml::Node;

use super::{Digest, Found, Named, Spelling, Unmarked};
use crate::setters::identity;

/// Whether kustomize reads a file of this name.
pub(super) fn is_name(file: &str) -> bool {
    let name = file.rsplit('/').next().unwrap_or(file);
    matches!(name, "kustomization.yaml" | "kustomization.yml" | "Kustomization")
}

pub(super) fn find(unmarked: &Unmarked<'_>, root: &Node, found: &mut Vec<Found>) {
    let Some(images) = root.get("images").and_then(Node::as_sequence) else { return };
    for entry in images.iter() {
        let Some(name) = entry.get("newName").or_else(|| entry.get("name")).and_then(Node::as_str) else {
            continue;
        };
        let named = Named {
            name: name.to_owned(),
            at: entry,
            tag: entry.get("newTag"),
            digest: entry.get("digest").and_then(Digest::whole),
            spelling: Spelling::Tag,
            object: identity(root),
        };
        unmarked.set(&named, found);
    }
}
