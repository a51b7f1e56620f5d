//! Nodes with identity: one may be part of several trees, and a change shows in all of them.

use std::sync::Arc;

use sluice_yaml::{Entry, Mapping, Node, Scalar, ScalarStyle, Sequence, Value, Version};

/// A node in an [`Arena`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Id(usize);

/// What a node holds.
#[derive(Clone, Debug)]
pub(super) enum Content {
    Scalar(Scalar),
    List(Vec<Id>),
    Map(Vec<(Node, Id)>),
}

#[derive(Clone, Debug)]
struct Slot {
    content: Content,
    /// Tag, comments and position; the value in it is not used.
    shell: Node,
    flow: bool,
    /// A null that was written out in the target, where the patch says nothing: it stays.
    kept: bool,
}

/// Owns nodes.
#[derive(Debug, Default)]
pub(super) struct Arena {
    slots: Vec<Slot>,
    /// The nodes that stand in several places of a tree: those whose anchors are one and the same.
    shared: Vec<(Arc<str>, Id)>,
}

impl Arena {
    /// Takes a tree in. Nodes that carry the same anchor (not: one of the same name) are one node.
    pub(super) fn take(&mut self, node: &Node) -> Id {
        let Some(anchor) = &node.anchor else { return self.take_new(node) };
        if let Some((_, id)) = self.shared.iter().find(|(shared, _)| Arc::ptr_eq(shared, anchor)) {
            return *id;
        }
        let id = self.take_new(node);
        self.shared.push((Arc::clone(anchor), id));
        id
    }

    fn take_new(&mut self, node: &Node) -> Id {
        let (content, flow) = match &node.value {
            Value::Scalar(scalar) => (Content::Scalar(scalar.clone()), false),
            Value::Sequence(items) => {
                (Content::List(items.iter().map(|item| self.take(item)).collect()), items.flow)
            }
            Value::Mapping(mapping) => {
                let entries =
                    mapping.iter().map(|entry| (entry.key.clone(), self.take(&entry.value))).collect();
                (Content::Map(entries), mapping.flow)
            }
        };
        let shell = Node { value: Value::default(), ..node.clone() };
        self.push(Slot { content, shell, flow, kept: false })
    }

    fn push(&mut self, slot: Slot) -> Id {
        self.slots.push(slot);
        Id(self.slots.len() - 1)
    }

    /// Makes an empty list.
    pub(super) fn empty_list(&mut self) -> Id {
        self.push(Slot {
            content: Content::List(Vec::new()),
            shell: Node::default(),
            flow: false,
            kept: false,
        })
    }

    /// Makes a plain scalar.
    pub(super) fn scalar(&mut self, text: &str) -> Id {
        self.take(&Node::plain(text))
    }

    /// Hands a tree out.
    pub(super) fn give(&self, id: Id) -> Node {
        let Some(slot) = self.slots.get(id.0) else { return Node::default() };
        let value = match &slot.content {
            Content::Scalar(scalar) => Value::Scalar(scalar.clone()),
            Content::List(items) => {
                let mut sequence: Sequence = items.iter().map(|item| self.give(*item)).collect();
                sequence.flow = slot.flow;
                Value::Sequence(sequence)
            }
            Content::Map(entries) => {
                let entries =
                    entries.iter().map(|(key, value)| Entry { key: key.clone(), value: self.give(*value) });
                let mut mapping: Mapping = entries.collect();
                mapping.flow = slot.flow;
                Value::Mapping(mapping)
            }
        };
        Node { value, ..slot.shell.clone() }
    }

    pub(super) fn content(&self, id: Id) -> Option<&Content> {
        self.slots.get(id.0).map(|slot| &slot.content)
    }

    /// The name of the node's kind, as Go's libraries call it.
    pub(super) fn kind(&self, id: Id) -> &'static str {
        match self.content(id) {
            Some(Content::Map(_)) => "MappingNode",
            Some(Content::List(_)) => "SequenceNode",
            _ => "ScalarNode",
        }
    }

    pub(super) fn line(&self, id: Id) -> u32 {
        self.slots.get(id.0).map_or(0, |slot| slot.shell.position.line)
    }

    pub(super) fn is_null(&self, id: Id) -> bool {
        match self.slots.get(id.0) {
            Some(Slot { content: Content::Scalar(scalar), shell, .. }) => {
                Node { value: Value::Scalar(scalar.clone()), tag: shell.tag.clone(), ..Node::default() }
                    .is_null()
            }
            _ => false,
        }
    }

    /// Whether there is a node, and it is no null.
    pub(super) fn has(&self, id: Option<Id>) -> bool {
        id.is_some_and(|id| !self.is_null(id))
    }

    pub(super) fn is_kept(&self, id: Id) -> bool {
        self.slots.get(id.0).is_some_and(|slot| slot.kept)
    }

    pub(super) fn is_empty_map(&self, id: Id) -> bool {
        matches!(self.content(id), Some(Content::Map(entries)) if entries.is_empty())
    }

    pub(super) fn is_map(&self, id: Id) -> bool {
        matches!(self.content(id), Some(Content::Map(_)))
    }

    /// The text of a scalar; empty for a collection.
    pub(super) fn text(&self, id: Id) -> &str {
        match self.content(id) {
            Some(Content::Scalar(scalar)) => &scalar.text,
            _ => "",
        }
    }

    /// The items of a list; none for anything else.
    pub(super) fn items(&self, id: Id) -> &[Id] {
        match self.content(id) {
            Some(Content::List(items)) => items,
            _ => &[],
        }
    }

    pub(super) fn set_items(&mut self, id: Id, new: Vec<Id>) {
        if let Some(Slot { content: Content::List(items), .. }) = self.slots.get_mut(id.0) {
            *items = new;
        }
    }

    /// The entries of a map; none for anything else.
    pub(super) fn entries(&self, id: Id) -> &[(Node, Id)] {
        match self.content(id) {
            Some(Content::Map(entries)) => entries,
            _ => &[],
        }
    }

    /// The value of a map's key.
    pub(super) fn field(&self, id: Id, key: &str) -> Option<Id> {
        self.entries(id).iter().find(|(name, _)| name.as_str() == Some(key)).map(|(_, value)| *value)
    }

    /// The line and head comments of a field: of its value, then of its key.
    pub(super) fn field_comments(&self, id: Id, key: &str) -> Vec<&str> {
        let entry = self.entries(id).iter().find(|(name, _)| name.as_str() == Some(key));
        let Some((name, value)) = entry else { return Vec::new() };
        let value = self.slots.get(value.0).and_then(|slot| slot.shell.comments.as_deref());
        let all = [value, name.comments.as_deref()].into_iter().flatten();
        all.flat_map(|comments| [comments.line.as_str(), comments.head.as_str()]).collect()
    }

    pub(super) fn clear_field(&mut self, id: Id, key: &str) {
        if let Some(Slot { content: Content::Map(entries), .. }) = self.slots.get_mut(id.0)
            && let Some(index) = entries.iter().position(|(name, _)| name.as_str() == Some(key))
        {
            entries.remove(index);
        }
    }

    /// How a map's key is written; bare if it is not there.
    pub(super) fn key_style(&self, id: Id, key: &str) -> ScalarStyle {
        let entry = self.entries(id).iter().find(|(name, _)| name.as_str() == Some(key));
        entry.and_then(|(name, _)| name.as_scalar()).map(|scalar| scalar.style).unwrap_or_default()
    }

    /// Sets a map's key. A value that is there already is overwritten in place and lends the new one its style; a new
    /// key is written in the style given: a bare one may be a number.
    pub(super) fn set_field(&mut self, id: Id, key: &str, value: Id, style: ScalarStyle) {
        if let Some(old) = self.field(id, key) {
            self.overwrite(old, value);
        } else if let Some(Slot { content: Content::Map(entries), .. }) = self.slots.get_mut(id.0) {
            let key = Scalar { style, ..Node::plain(key).as_scalar().cloned().unwrap_or_default() };
            entries.push((Value::Scalar(key).into(), value));
        }
    }

    fn overwrite(&mut self, old: Id, new: Id) {
        if old == new {
            return;
        }
        let Some(style) = self.slots.get(old.0).map(|slot| match &slot.content {
            Content::Scalar(scalar) => scalar.style,
            _ => ScalarStyle::Plain,
        }) else {
            return;
        };
        if let Some(Slot { content: Content::Scalar(scalar), shell, .. }) = self.slots.get_mut(new.0) {
            lend_style(scalar, shell, style);
        }
        if let Some(copy) = self.slots.get(new.0).cloned()
            && let Some(slot) = self.slots.get_mut(old.0)
        {
            let anchor = slot.shell.anchor.take();
            *slot = copy;
            slot.shell.anchor = anchor;
        }
    }

    /// Makes a null stay when it is set as a field.
    pub(super) fn keep(&mut self, id: Id) {
        if let Some(slot) = self.slots.get_mut(id.0) {
            slot.kept = true;
        }
    }
}

/// Gives a scalar the style of the one whose place it takes: a number where a quoted text was becomes a text. A text
/// stays one, by its tag if it has to stand bare.
fn lend_style(scalar: &mut Scalar, shell: &mut Node, style: ScalarStyle) {
    let is_text = |scalar: &Scalar, tag: Option<&str>| {
        matches!(Version::V3.resolve(scalar, tag), Ok(sluice_yaml::Resolved::String(_)))
    };
    let was_text = is_text(scalar, shell.tag.as_deref());
    scalar.style = style;
    if was_text && !is_text(scalar, shell.tag.as_deref()) {
        shell.tag = Some(sluice_yaml::tag::STR.into());
    }
}
