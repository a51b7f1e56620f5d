//! Parsed templates: nodes in one vector, which refer to each other by index. So neither parsing nor
//! freeing a template recurses over it.

use std::fmt;
use std::sync::Arc;

use super::arena::{Arena, Part};
use super::text;
use crate::exec::Builtin;
use crate::function::Function;
use crate::value::{Source, Str};

/// The index of a node in its template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NodeId(pub(super) u32);

/// A part of the text, in bytes: 32 bits hold the largest text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub start: u32,
    pub end: u32,
}

impl Span {
    pub fn is_empty(self) -> bool {
        self.start >= self.end
    }

    /// The part of that text.
    pub fn of(self, text: &[u8]) -> &[u8] {
        text.get(self.start as usize..self.end as usize).unwrap_or_default()
    }

    /// What is between the quotes of a literal.
    fn within_quotes(self) -> Span {
        Span { start: self.start + 1, end: self.end.saturating_sub(1) }
    }
}

/// What a node is. The [`Arena`] holds it in less room.
#[derive(Clone, Copy, Debug)]
pub(crate) enum NodeKind {
    List(Part),
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
    Command(Part),
    /// The index of a callee.
    Identifier(u32),
    /// Names, each behind its dot.
    Field(Span),
    Variable(Variable),
    Chain {
        node: NodeId,
        /// Names, each behind its dot.
        fields: Span,
    },
    Dot,
    Nil,
    Bool(bool),
    /// The index of a number.
    Number(u32),
    String {
        /// As it was written.
        literal: Span,
        /// The index of what it means, if that is not what is between its quotes.
        value: Option<u32>,
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
    pub variables: Part,
    pub commands: Part,
}

/// A variable and fields of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Variable {
    /// The name's number within the template; 0 is `$`.
    pub symbol: u32,
    /// Names, each behind its dot.
    pub fields: Span,
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

    pub(crate) fn kind(&self, id: NodeId) -> NodeKind {
        self.arena.kind(id)
    }

    pub(crate) fn span(&self, span: Span) -> &[u8] {
        span.of(&self.source.text)
    }

    /// The name of a variable, with its dollar sign.
    pub(crate) fn symbol(&self, index: u32) -> &str {
        match self.arena.symbol(index) {
            Some(span) => std::str::from_utf8(self.span(span)).unwrap_or_default(),
            None => "$",
        }
    }

    /// What a string literal means.
    pub(crate) fn string(&self, literal: Span, value: Option<u32>) -> Str {
        if let Some(index) = value {
            return Str::shared(self.arena.text(index));
        }
        let Span { start, end } = literal.within_quotes();
        Str::part(&self.source, start..end)
    }

    /// The name of the text that the template was parsed from.
    pub fn source_name(&self) -> &str {
        &self.source.name
    }

    /// The line, from 1, and the column in bytes, from 0, of a node.
    pub(crate) fn line_and_column(&self, id: NodeId) -> (usize, usize) {
        let before = self.source.text.get(..self.arena.position(id)).unwrap_or(&self.source.text);
        let line = 1 + memchr::memchr_iter(b'\n', before).count();
        let column = before.iter().rev().take_while(|byte| **byte != b'\n').count();
        (line, column)
    }

    /// Whether there is nothing in it but space, comments and definitions.
    pub fn is_empty(&self) -> bool {
        match self.kind(self.root) {
            NodeKind::List(nodes) => self.arena.nodes(nodes).iter().all(|id| match self.kind(*id) {
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
