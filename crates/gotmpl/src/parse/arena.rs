//! Where the nodes of a template lie, and what they refer to: each kind in one piece, so that a template costs few
//! allocations and is freed without a walk.
//!
//! A chart has many times more nodes than templates that run, so a node is stored in twelve bytes: where it stands,
//! what it is, and one number. What needs more numbers has them among the words. Names and most texts are not copied:
//! they are parts of the template's text.

use std::fmt;
use std::sync::Arc;

use super::node::{Callee, Control, ControlKeyword, NodeId, NodeKind, Pipe, Span, Variable};
use super::number::Number;

/// Some consecutive nodes among the arena's words.
#[derive(Clone, Copy, Default)]
pub(crate) struct Part {
    start: u32,
    len: u32,
}

impl Part {
    pub fn is_empty(self) -> bool {
        self.len == 0
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}", self.start, self.len)
    }
}

/// What a stored node is, and so what its number means.
#[derive(Clone, Copy, Debug)]
enum Tag {
    /// The words: count, nodes.
    List,
    /// The end of the text; it begins where the node stands.
    Text,
    /// The pipe.
    Action,
    /// The words: pipe, list, otherwise. Each keyword with an `else` and without one.
    Control(ControlKeyword, bool),
    /// The index of the name.
    Template,
    /// The words: index of the name, pipe.
    TemplateWith,
    Break,
    Continue,
    /// The words: count of commands, variables, commands. So many variables; whether they are assigned to.
    Pipe(u8, bool),
    /// The words: count, nodes.
    Command,
    /// The index of the callee.
    Identifier,
    /// The end of the name; its dot stands where the node does.
    Field,
    /// The words: start and end of the names.
    Fields,
    /// The symbol.
    Variable,
    /// The words: symbol, start and end of the names.
    VariableFields,
    /// The words: node, start and end of the names.
    Chain,
    Dot,
    Nil,
    /// 0 or 1.
    Bool,
    /// The index of the number.
    Number,
    /// The end of the literal, which stands for what is between its quotes.
    String,
    /// The words: end of the literal, index of the text that it stands for.
    EscapedString,
}

#[derive(Clone, Copy, Debug)]
struct Stored {
    position: u32,
    tag: Tag,
    number: u32,
}

/// The nodes of one template. The bound of a text keeps every number within 32 bits.
#[derive(Default)]
pub(crate) struct Arena {
    nodes: Vec<Stored>,
    /// Numbers that did not fit into nodes: identities of other nodes, and by them counts, places and indices.
    words: Vec<NodeId>,
    /// Names of templates.
    names: Vec<Arc<str>>,
    /// Names of variables, with their dollar sign; the first one is `$` itself and stands nowhere.
    symbols: Vec<Span>,
    callees: Vec<Callee>,
    numbers: Vec<Number>,
    /// Texts that literals with escapes stand for.
    texts: Vec<Arc<[u8]>>,
}

/// So many numbers are looked at before one is added again: most of a template are the same few.
const NUMBERS_LOOKED_AT: usize = 16;

static NO_TEXT: &[u8] = b"";

impl Arena {
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Where a node stands, in bytes.
    pub fn position(&self, id: NodeId) -> usize {
        self.nodes.get(id.0 as usize).map_or(0, |node| node.position as usize)
    }

    /// What a node is.
    pub fn kind(&self, id: NodeId) -> NodeKind {
        let Some(Stored { position, tag, number }) = self.nodes.get(id.0 as usize).copied() else {
            return NodeKind::Nil;
        };
        let node = NodeId(number);
        let span = |start: u32, end: u32| Span { start, end };
        match tag {
            Tag::List => NodeKind::List(self.counted(number)),
            Tag::Text => NodeKind::Text(span(position, number)),
            Tag::Action => NodeKind::Action { pipe: node },
            Tag::Control(keyword, has_otherwise) => NodeKind::Control(Control {
                keyword,
                pipe: NodeId(self.word(number)),
                list: NodeId(self.word(number + 1)),
                otherwise: has_otherwise.then(|| NodeId(self.word(number + 2))),
            }),
            Tag::Template => NodeKind::Template { name: number, pipe: None },
            Tag::TemplateWith => {
                NodeKind::Template { name: self.word(number), pipe: Some(NodeId(self.word(number + 1))) }
            }
            Tag::Break => NodeKind::Break,
            Tag::Continue => NodeKind::Continue,
            Tag::Pipe(variables, is_assignment) => {
                let variables = Part { start: number + 1, len: u32::from(variables) };
                let commands = Part { start: variables.start + variables.len, len: self.word(number) };
                NodeKind::Pipe(Pipe { is_assignment, variables, commands })
            }
            Tag::Command => NodeKind::Command(self.counted(number)),
            Tag::Identifier => NodeKind::Identifier(number),
            Tag::Field => NodeKind::Field(span(position, number)),
            Tag::Fields => NodeKind::Field(self.span_at(number)),
            Tag::Variable => NodeKind::Variable(Variable { symbol: number, fields: Span::default() }),
            Tag::VariableFields => {
                NodeKind::Variable(Variable { symbol: self.word(number), fields: self.span_at(number + 1) })
            }
            Tag::Chain => {
                NodeKind::Chain { node: NodeId(self.word(number)), fields: self.span_at(number + 1) }
            }
            Tag::Dot => NodeKind::Dot,
            Tag::Nil => NodeKind::Nil,
            Tag::Bool => NodeKind::Bool(number != 0),
            Tag::Number => NodeKind::Number(number),
            Tag::String => NodeKind::String { literal: span(position, number), value: None },
            Tag::EscapedString => NodeKind::String {
                literal: span(position, self.word(number)),
                value: Some(self.word(number + 1)),
            },
        }
    }

    fn word(&self, index: u32) -> u32 {
        self.words.get(index as usize).map_or(0, |word| word.0)
    }

    /// The nodes behind their count.
    fn counted(&self, index: u32) -> Part {
        Part { start: index + 1, len: self.word(index) }
    }

    fn span_at(&self, index: u32) -> Span {
        Span { start: self.word(index), end: self.word(index + 1) }
    }

    pub fn nodes(&self, part: Part) -> &[NodeId] {
        let start = part.start as usize;
        self.words.get(start..start + part.len as usize).unwrap_or_default()
    }

    /// The name of a template that is called.
    pub fn name(&self, index: u32) -> &str {
        self.names.get(index as usize).map_or("", |name| name)
    }

    /// Where a variable is first named; nowhere for `$`.
    pub fn symbol(&self, index: u32) -> Option<Span> {
        self.symbols.get((index as usize).checked_sub(1)?).copied()
    }

    pub fn callee(&self, index: u32) -> Option<&Callee> {
        self.callees.get(index as usize)
    }

    pub fn number(&self, index: u32) -> Option<&Number> {
        self.numbers.get(index as usize)
    }

    /// What a string literal with escapes means.
    pub fn text(&self, index: u32) -> Arc<[u8]> {
        self.texts.get(index as usize).cloned().unwrap_or_else(|| NO_TEXT.into())
    }

    /// Adds a node. The nodes that it is made of have been added with [`Arena::add_nodes`].
    pub fn add(&mut self, position: usize, kind: NodeKind) -> NodeId {
        let position = position as u32;
        let (tag, number) = match kind {
            NodeKind::List(nodes) => (Tag::List, nodes.start.saturating_sub(1)),
            NodeKind::Command(nodes) => (Tag::Command, nodes.start.saturating_sub(1)),
            NodeKind::Text(span) => (Tag::Text, span.end),
            NodeKind::Action { pipe } => (Tag::Action, pipe.0),
            NodeKind::Control(Control { keyword, pipe, list, otherwise: None }) => {
                (Tag::Control(keyword, false), self.add_words([pipe.0, list.0]))
            }
            NodeKind::Control(Control { keyword, pipe, list, otherwise: Some(otherwise) }) => {
                (Tag::Control(keyword, true), self.add_words([pipe.0, list.0, otherwise.0]))
            }
            NodeKind::Template { name, pipe: None } => (Tag::Template, name),
            NodeKind::Template { name, pipe: Some(pipe) } => {
                (Tag::TemplateWith, self.add_words([name, pipe.0]))
            }
            NodeKind::Break => (Tag::Break, 0),
            NodeKind::Continue => (Tag::Continue, 0),
            NodeKind::Pipe(pipe) => {
                // Its nodes lie behind their count, as `add_pipe` has put them.
                (
                    Tag::Pipe(pipe.variables.len as u8, pipe.is_assignment),
                    pipe.variables.start.saturating_sub(1),
                )
            }
            NodeKind::Identifier(callee) => (Tag::Identifier, callee),
            NodeKind::Field(names) if names.start == position => (Tag::Field, names.end),
            NodeKind::Field(names) => (Tag::Fields, self.add_words([names.start, names.end])),
            NodeKind::Variable(Variable { symbol, fields }) if fields.is_empty() => (Tag::Variable, symbol),
            NodeKind::Variable(Variable { symbol, fields }) => {
                (Tag::VariableFields, self.add_words([symbol, fields.start, fields.end]))
            }
            NodeKind::Chain { node, fields } => {
                (Tag::Chain, self.add_words([node.0, fields.start, fields.end]))
            }
            NodeKind::Dot => (Tag::Dot, 0),
            NodeKind::Nil => (Tag::Nil, 0),
            NodeKind::Bool(value) => (Tag::Bool, u32::from(value)),
            NodeKind::Number(number) => (Tag::Number, number),
            NodeKind::String { literal, value: None } => (Tag::String, literal.end),
            NodeKind::String { literal, value: Some(value) } => {
                (Tag::EscapedString, self.add_words([literal.end, value]))
            }
        };
        let id = NodeId(self.nodes.len() as u32);
        self.nodes.push(Stored { position, tag, number });
        id
    }

    fn add_words<const N: usize>(&mut self, words: [u32; N]) -> u32 {
        let start = self.words.len() as u32;
        self.words.extend(words.map(NodeId));
        start
    }

    /// Adds the nodes of a list or a command.
    pub fn add_nodes(&mut self, nodes: &[NodeId]) -> Part {
        let start = self.add_words([nodes.len() as u32]) + 1;
        self.words.extend_from_slice(nodes);
        Part { start, len: nodes.len() as u32 }
    }

    /// Adds the variables, of which the grammar allows two, and the commands of a pipeline.
    pub fn add_pipe(
        &mut self,
        position: usize,
        is_assignment: bool,
        variables: &[NodeId],
        commands: &[NodeId],
    ) -> NodeId {
        let start = self.add_words([commands.len() as u32]) + 1;
        self.words.extend_from_slice(variables);
        self.words.extend_from_slice(commands);
        let variables = Part { start, len: variables.len() as u32 };
        let commands = Part { start: start + variables.len, len: commands.len() as u32 };
        self.add(position, NodeKind::Pipe(Pipe { is_assignment, variables, commands }))
    }

    pub fn add_name(&mut self, name: Arc<str>) -> u32 {
        append(&mut self.names, name)
    }

    /// The number of a variable's name, which is the same whenever it occurs in the text.
    pub fn add_symbol(&mut self, name: Span, text: &[u8]) -> u32 {
        let wanted = name.of(text);
        if wanted == b"$" {
            return 0;
        }
        let known = self.symbols.iter().position(|symbol| symbol.of(text) == wanted);
        1 + known.map_or_else(|| append(&mut self.symbols, name), |index| index as u32)
    }

    /// The index of a callee that has been added already. One text has one meaning for each name.
    pub fn callee_named(&self, name: &str) -> Option<u32> {
        self.callees.iter().position(|callee| callee.name() == name).map(|index| index as u32)
    }

    pub fn add_callee(&mut self, callee: Callee) -> u32 {
        append(&mut self.callees, callee)
    }

    /// The index of a number that has been added a short while ago.
    pub fn number_written(&self, text: &str) -> Option<u32> {
        let newest = self.numbers.iter().enumerate().rev().take(NUMBERS_LOOKED_AT);
        let mut same = newest.filter(|(_, number)| *number.text == *text);
        same.next().map(|(index, _)| index as u32)
    }

    pub fn add_number(&mut self, number: Number) -> u32 {
        append(&mut self.numbers, number)
    }

    pub fn add_text(&mut self, text: &[u8]) -> u32 {
        append(&mut self.texts, text.into())
    }

    /// Gives back room that nothing will take any more.
    pub fn shrink(&mut self) {
        self.nodes.shrink_to_fit();
        self.words.shrink_to_fit();
        self.names.shrink_to_fit();
        self.symbols.shrink_to_fit();
        self.callees.shrink_to_fit();
        self.numbers.shrink_to_fit();
        self.texts.shrink_to_fit();
    }
}

fn append<T>(list: &mut Vec<T>, item: T) -> u32 {
    list.push(item);
    (list.len() - 1) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_small() {
        assert_eq!(size_of::<Stored>(), 12);
    }
}
