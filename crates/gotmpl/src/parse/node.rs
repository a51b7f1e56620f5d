//! Parsed templates: nodes in one vector, which refer to each other by index. So neither parsing nor
//! freeing a template recurses over it.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::number::Number;
use super::text;
use crate::exec::Builtin;
use crate::function::Function;

/// The index of a node in its template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NodeId(pub(super) u32);

/// A node and where in the text it stands.
#[derive(Debug)]
pub(crate) struct Node {
    pub position: usize,
    pub kind: NodeKind,
}

/// A part of the text.
pub(crate) type Span = Range<usize>;

/// What a node is.
#[derive(Debug)]
pub(crate) enum NodeKind {
    List(Box<[NodeId]>),
    Text(Span),
    Action { pipe: NodeId },
    Control(Box<Control>),
    Template { name: Arc<str>, pipe: Option<NodeId> },
    Break,
    Continue,
    Pipe(Box<Pipe>),
    Command(Box<[NodeId]>),
    Identifier(Callee),
    Field(Box<[Box<str>]>),
    Variable(Variable),
    Chain { node: NodeId, fields: Box<[Box<str>]> },
    Dot,
    Nil,
    Bool(bool),
    Number(Box<Number>),
    String { literal: Span, value: Arc<[u8]> },
}

/// `if`, `range` or `with`.
#[derive(Debug)]
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
#[derive(Debug)]
pub(crate) struct Pipe {
    pub is_assignment: bool,
    pub variables: Box<[NodeId]>,
    pub commands: Box<[NodeId]>,
}

/// A variable and fields of it.
#[derive(Debug)]
pub(crate) struct Variable {
    /// The name's number within the template; 0 is `$`.
    pub symbol: u32,
    /// The name with its dollar sign.
    pub name: Box<str>,
    pub fields: Box<[Box<str>]>,
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
    pub text: Box<[u8]>,
}

/// One parsed template.
pub struct Template {
    pub(super) name: Arc<str>,
    pub(super) source: Arc<Source>,
    pub(super) nodes: Vec<Node>,
    pub(super) root: NodeId,
}

static NOTHING: Node = Node { position: 0, kind: NodeKind::Nil };

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

    pub(crate) fn node(&self, id: NodeId) -> &Node {
        self.nodes.get(id.0 as usize).unwrap_or(&NOTHING)
    }

    pub(crate) fn span(&self, span: &Span) -> &[u8] {
        self.source.text.get(span.clone()).unwrap_or_default()
    }

    /// The name of the text that the template was parsed from.
    pub fn source_name(&self) -> &str {
        &self.source.name
    }

    /// The line, from 1, and the column in bytes, from 0, of a position.
    pub(crate) fn line_and_column(&self, position: usize) -> (usize, usize) {
        let before = self.source.text.get(..position).unwrap_or(&self.source.text);
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        let column = before.iter().rev().take_while(|byte| **byte != b'\n').count();
        (line, column)
    }

    /// Whether there is nothing in it but space, comments and definitions.
    pub fn is_empty(&self) -> bool {
        match &self.node(self.root).kind {
            NodeKind::List(nodes) => nodes.iter().all(|id| match &self.node(*id).kind {
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
        write!(f, "Template({}, {} nodes)", self.name, self.nodes.len())
    }
}
