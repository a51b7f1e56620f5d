//! Nodes that stand in several places of an object.
//!
//! Where kustomize adds a label or annotation to several places at once, it adds one node to all of them: whatever
//! changes one place later changes the others, selectors too. Such nodes carry the same anchor here. (Anchors of a
//! file's text mean nothing once it is read: their aliases are copies.)

use std::sync::Arc;

use sluice_yaml::{Node, Value};

/// A mark for nodes that are to be one.
#[derive(Debug, Default)]
pub(crate) struct Mark(Option<Arc<str>>);

impl Mark {
    /// The node, marked.
    pub(crate) fn on(&mut self, mut node: Node) -> Node {
        node.anchor = Some(Arc::clone(self.0.get_or_insert_with(|| Arc::from("shared"))));
        node
    }
}

/// Changes to marked nodes, to be made wherever those stand.
#[derive(Debug, Default)]
pub(crate) struct Changes(Vec<Node>);

impl Changes {
    /// Notes that this node has changed.
    pub(crate) fn note(&mut self, node: &Node) {
        if node.anchor.is_some() {
            self.0.push(node.clone());
        }
    }

    /// Makes all noted changes in the tree; of several changes to one node the last one counts.
    pub(crate) fn apply(self, root: &mut Node) {
        if !self.0.is_empty() {
            self.walk(root);
        }
    }

    fn walk(&self, node: &mut Node) {
        if let Some(anchor) = &node.anchor {
            let same =
                |changed: &&Node| changed.anchor.as_ref().is_some_and(|other| Arc::ptr_eq(other, anchor));
            if let Some(changed) = self.0.iter().rev().find(same) {
                node.value = changed.value.clone();
                node.tag.clone_from(&changed.tag);
                return;
            }
        }
        match &mut node.value {
            Value::Scalar(_) => {}
            Value::Sequence(items) => items.items_mut().iter_mut().for_each(|item| self.walk(item)),
            Value::Mapping(mapping) => {
                mapping.entries_mut().iter_mut().for_each(|entry| self.walk(&mut entry.value));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_change_shows_everywhere() {
        let mut tree = sluice_yaml::parse_first("{a: {}, b: [{}], c: &x 1, d: *x}").unwrap().unwrap();
        let mut mark = Mark::default();
        *tree.get_mut("a").unwrap() = mark.on(Node::string("old"));
        let list = tree.get_mut("b").unwrap().as_sequence_mut().unwrap();
        list.items_mut()[0] = mark.on(Node::string("old"));
        let mut changes = Changes::default();
        tree.get_mut("a").unwrap().set_text("new");
        tree.get_mut("c").unwrap().set_text("2");
        changes.note(tree.get("a").unwrap());
        changes.note(tree.get("c").unwrap());
        changes.apply(&mut tree);
        let json = tree.to_json(sluice_yaml::Version::V3).unwrap().to_string();
        assert_eq!(json, r#"{"a":"new","b":["new"],"c":2,"d":1}"#);
    }
}
