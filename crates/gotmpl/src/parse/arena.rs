//! Where the nodes of a template lie, and what they refer to: each kind in one piece, so that a template costs few
//! allocations and is freed without a walk.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use super::node::{Callee, Name, Node, NodeId, NodeKind};
use super::number::Number;

/// Some consecutive elements of one of the arena's lists.
pub(crate) struct Part<T> {
    start: u32,
    len: u32,
    of: PhantomData<fn() -> T>,
}

impl<T> Part<T> {
    const EMPTY: Part<T> = Part { start: 0, len: 0, of: PhantomData };

    pub fn is_empty(self) -> bool {
        self.len == 0
    }

    fn of(self, list: &[T]) -> &[T] {
        let start = self.start as usize;
        list.get(start..start + self.len as usize).unwrap_or_default()
    }
}

impl<T> Clone for Part<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Part<T> {}

impl<T> Default for Part<T> {
    fn default() -> Self {
        Part::EMPTY
    }
}

impl<T> fmt::Debug for Part<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}", self.start, self.len)
    }
}

/// The nodes of one template. The bound of a text keeps every number within 32 bits.
#[derive(Default)]
pub(crate) struct Arena {
    nodes: Vec<Node>,
    /// The children of nodes that have any number of them.
    children: Vec<NodeId>,
    /// Names of fields and of templates.
    names: Vec<Name>,
    /// Names of variables, with their dollar sign.
    symbols: Vec<Name>,
    callees: Vec<Callee>,
    numbers: Vec<Number>,
    texts: Vec<Arc<[u8]>>,
}

static NOTHING: Node = Node { position: 0, kind: NodeKind::Nil };
static NO_TEXT: &[u8] = b"";

impl Arena {
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    pub fn node(&self, id: NodeId) -> &Node {
        self.nodes.get(id.0 as usize).unwrap_or(&NOTHING)
    }

    pub fn nodes(&self, part: Part<NodeId>) -> &[NodeId] {
        part.of(&self.children)
    }

    pub fn names(&self, part: Part<Name>) -> &[Name] {
        part.of(&self.names)
    }

    pub fn name(&self, index: u32) -> &str {
        self.names.get(index as usize).map_or("", |name| name)
    }

    pub fn symbol(&self, index: u32) -> &str {
        self.symbols.get(index as usize).map_or("", |name| name)
    }

    pub fn callee(&self, index: u32) -> Option<&Callee> {
        self.callees.get(index as usize)
    }

    pub fn number(&self, index: u32) -> Option<&Number> {
        self.numbers.get(index as usize)
    }

    /// What a string literal means.
    pub fn text(&self, index: u32) -> Arc<[u8]> {
        self.texts.get(index as usize).cloned().unwrap_or_else(|| NO_TEXT.into())
    }

    pub fn add(&mut self, position: usize, kind: NodeKind) -> NodeId {
        let id = NodeId(self.nodes.len() as u32);
        self.nodes.push(Node { position: position as u32, kind });
        id
    }

    pub fn add_nodes(&mut self, nodes: &[NodeId]) -> Part<NodeId> {
        append(&mut self.children, nodes.iter().copied())
    }

    pub fn add_names(&mut self, names: impl IntoIterator<Item = Name>) -> Part<Name> {
        append(&mut self.names, names)
    }

    pub fn add_name(&mut self, name: Name) -> u32 {
        append(&mut self.names, [name]).start
    }

    /// The number of a variable's name, which is the same whenever it occurs.
    pub fn add_symbol(&mut self, name: &str) -> u32 {
        let known = self.symbols.iter().position(|symbol| **symbol == *name);
        known.map_or_else(|| append(&mut self.symbols, [name.into()]).start, |index| index as u32)
    }

    /// The index of a callee that has been added already. One text has one meaning for each name.
    pub fn callee_named(&self, name: &str) -> Option<u32> {
        self.callees.iter().position(|callee| callee.name() == name).map(|index| index as u32)
    }

    pub fn add_callee(&mut self, callee: Callee) -> u32 {
        append(&mut self.callees, [callee]).start
    }

    pub fn add_number(&mut self, number: Number) -> u32 {
        append(&mut self.numbers, [number]).start
    }

    pub fn add_text(&mut self, text: Arc<[u8]>) -> u32 {
        append(&mut self.texts, [text]).start
    }

    /// Gives back room that nothing will take any more.
    pub fn shrink(&mut self) {
        self.nodes.shrink_to_fit();
        self.children.shrink_to_fit();
        self.names.shrink_to_fit();
        self.symbols.shrink_to_fit();
        self.callees.shrink_to_fit();
        self.numbers.shrink_to_fit();
        self.texts.shrink_to_fit();
    }
}

fn append<T>(list: &mut Vec<T>, items: impl IntoIterator<Item = T>) -> Part<T> {
    let start = list.len();
    list.extend(items);
    Part { start: start as u32, len: (list.len() - start) as u32, of: PhantomData }
}
