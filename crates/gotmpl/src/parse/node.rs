//! Parsed templates: nodes in one vector, which refer to each other by index. So neither parsing nor
//! freeing a template recurses over it.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::arena::{Arena, Part};
use super::text;
use crate::exec::Builtin;
use crate::function::Function;

/// The index of a node in its template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NodeId(pub(super) u32);

/// A node and where in the text it stands.
#[derive(Debug)]
pub(crate) struct Node {
    /// In bytes: 32 bits hold the largest text.
    pub position: u32,
    pub kind: NodeKind,
}

/// A part of the text.
pub(crate) type Span = Range<u32>;

/// A name in a chain of fields; a text has each name once.
pub(crate) type Name = Arc<str>;

/// What a node is. Everything of varying size lies in the [`Arena`], which makes nodes small.
#[derive(Debug)]
pub(crate) enum NodeKind {
    List(Part<NodeId>),
    Text(Span),
    Action {
        pipe: NodeId,
    },
    Control(Control),
    Template {
        /// The index of its name.
        name: u32,
        pipe: Option<NodeId>,
    },
    Break,
    Continue,
    Pipe(Pipe),
    Command(Part<NodeId>),
    /// The index of a callee.
    Identifier(u32),
    Field(Part<Name>),
    Variable(Variable),
    Chain {
        node: NodeId,
        fields: Part<Name>,
    },
    Dot,
    Nil,
    Bool(bool),
    /// The index of a number.
    Number(u32),
    String {
        /// As it was written.
        literal: Span,
        /// The index of what it means.
        value: u32,
    },
}

/// `if`, `range` or `with`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Control {
    pub keyword: ControlKeyword,
    pub pipe: NodeId,
    pub list: NodeId,
    pub otherwise: Option<NodeId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ControlKeyword {
    If,
    Range,
    With,
}

impl ControlKeyword {
    pub fn name(self) -> &'static str {
        match self {
            ControlKeyword::If => "if",
            ControlKeyword::Range => "range",
            ControlKeyword::With => "with",
        }
    }
}

/// Commands, and the variables that take their result.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pipe {
    pub is_assignment: bool,
    pub variables: Part<NodeId>,
    pub commands: Part<NodeId>,
}

/// A variable and fields of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Variable {
    /// The name's number within the template; 0 is `$`.
    pub symbol: u32,
    pub fields: Part<Name>,
}

/// What a name in the place of a function means.
#[derive(Clone, Debug)]
pub(crate) enum Callee {
    Function(Arc<Function>),
    Builtin(&'static Builtin),
}

impl Callee {
    pub fn name(&self) -> &'static str {
        match self {
            Callee::Function(function) => function.name(),
            Callee::Builtin(builtin) => builtin.name(),
        }
    }
}

/// The text that templates were parsed from.
pub(crate) struct Source {
    /// The name of the text.
    pub name: Arc<str>,
    pub text: Arc<[u8]>,
}

impl Source {
    pub fn span(&self, span: &Span) -> &[u8] {
        self.text.get(span.start as usize..span.end as usize).unwrap_or_default()
    }
}

/// One parsed template.
pub struct Template {
    pub(super) name: Arc<str>,
    pub(super) source: Arc<Source>,
    pub(super) arena: Arena,
    pub(super) root: NodeId,
}

impl Template {
    /// The name by which it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn shared_name(&self) -> Arc<str> {
        self.name.clone()
    }

    pub(crate) fn root(&self) -> NodeId {
        self.root
    }

    pub(crate) fn arena(&self) -> &Arena {
        &self.arena
    }

    pub(crate) fn node(&self, id: NodeId) -> &Node {
        self.arena.node(id)
    }

    pub(crate) fn span(&self, span: &Span) -> &[u8] {
        self.source.span(span)
    }

    /// The name of the text that the template was parsed from.
    pub fn source_name(&self) -> &str {
        &self.source.name
    }

    /// The line, from 1, and the column in bytes, from 0, of a position.
    pub(crate) fn line_and_column(&self, position: usize) -> (usize, usize) {
        let before = self.source.text.get(..position).unwrap_or(&self.source.text);
        let line = 1 + memchr::memchr_iter(b'\n', before).count();
        let column = before.iter().rev().take_while(|byte| **byte != b'\n').count();
        (line, column)
    }

    /// Whether there is nothing in it but space, comments and definitions.
    pub fn is_empty(&self) -> bool {
        match &self.node(self.root).kind {
            NodeKind::List(nodes) => self.arena.nodes(*nodes).iter().all(|id| match &self.node(*id).kind {
                NodeKind::Text(span) => crate::text::trim_space(self.span(span)).is_empty(),
                _ => false,
            }),
            _ => false,
        }
    }

    /// The template as text again, in one canonical form, with texts quoted as Go literals.
    pub fn canonical(&self) -> String {
        String::from_utf8_lossy(&text::node_text(self, self.root, true)).into_owned()
    }

    /// A node as it stands in errors.
    pub(crate) fn node_text(&self, id: NodeId) -> String {
        String::from_utf8_lossy(&text::node_text(self, id, false)).into_owned()
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Template({}, {} nodes)", self.name, self.arena.len())
    }
}
