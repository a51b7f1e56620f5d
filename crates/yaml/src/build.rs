//! From parser events to trees.

use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle as Style, Span, StrInput, StructureStyle, Tag};

use crate::document::{Document, Limits};
use crate::error::Error;
use crate::node::{Entry, Node, Scalar, ScalarStyle, Value};
use crate::position::Position;

/// An iterator over the documents of a text.
pub(crate) struct Documents<'t> {
    parser: Parser<'t, StrInput<'t>>,
    limits: Limits,
    done: bool,
}

impl<'t> Documents<'t> {
    pub(crate) fn new(text: &'t str, limits: Limits) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let options = granit_parser::options! { emit_comments: false, block_nesting_limit: 1000, flow_nesting_limit: 1000 };
        Self { parser: Parser::new_from_str_with_options(text, options), limits, done: false }
    }
}

impl Iterator for Documents<'_> {
    type Item = Result<Document, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        loop {
            let (event, span) = match self.parser.next_event()? {
                Ok(next) => next,
                Err(error) => {
                    self.done = true;
                    return Some(Err(syntax(&error)));
                }
            };
            match event {
                Event::DocumentStart(..) => {
                    let result = Builder::new(self.limits).run(&mut self.parser);
                    self.done = result.is_err();
                    let line = position(span).line;
                    return Some(result.map(|root| Document { root, foot: String::new(), line }));
                }
                Event::StreamEnd => {
                    self.done = true;
                    return None;
                }
                _ => {}
            }
        }
    }
}

fn syntax(error: &granit_parser::ScanError) -> Error {
    let mark = error.marker();
    let start = mark.byte_offset().unwrap_or(0);
    Error::Syntax {
        position: Position { line: mark.line() as u32, column: mark.col() as u32 + 1, start, end: start },
        message: error.info(),
    }
}

fn position(span: Span) -> Position {
    let bytes = span.byte_range().unwrap_or(0..0);
    Position {
        line: span.start.line() as u32,
        column: span.start.col() as u32 + 1,
        start: bytes.start,
        end: bytes.end,
    }
}

/// A finished node with what it costs to copy it.
#[derive(Clone)]
struct Anchored {
    node: Node,
    nodes: usize,
    bytes: usize,
    depth: usize,
}

/// A collection that is still open.
struct Open {
    node: Node,
    anchor: usize,
    items: Vec<Node>,
    nodes: usize,
    bytes: usize,
    depth: usize,
}

struct Builder {
    limits: Limits,
    anchors: HashMap<usize, Anchored>,
    open: Vec<Open>,
    alias_nodes: usize,
    alias_bytes: usize,
}

impl Builder {
    fn new(limits: Limits) -> Self {
        Self { limits, anchors: HashMap::new(), open: Vec::new(), alias_nodes: 0, alias_bytes: 0 }
    }

    fn run<'t>(mut self, parser: &mut Parser<'t, StrInput<'t>>) -> Result<Node, Error> {
        let mut root = None;
        while let Some(next) = parser.next_event() {
            let (event, span) = next.map_err(|error| syntax(&error))?;
            if let Event::DocumentEnd = event {
                break;
            }
            if let Some(node) = self.event(event, span)? {
                root = Some(node);
            }
        }
        Ok(root.unwrap_or_default())
    }

    fn event(&mut self, event: Event<'_>, span: Span) -> Result<Option<Node>, Error> {
        let position = position(span);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let style = match style {
                    Style::Plain => ScalarStyle::Plain,
                    Style::SingleQuoted => ScalarStyle::SingleQuoted,
                    Style::DoubleQuoted => ScalarStyle::DoubleQuoted,
                    Style::Literal => ScalarStyle::Literal,
                    Style::Folded => ScalarStyle::Folded,
                };
                let bytes = text.len();
                let value = Value::Scalar(Scalar { text: text.into(), style });
                let node = Node { value, tag: long(tag.as_deref()), position, ..Node::default() };
                self.close(Anchored { node, nodes: 1, bytes, depth: 1 }, anchor)
            }
            Event::SequenceStart(style, anchor, tag) => {
                let mut sequence = crate::node::Sequence::default();
                sequence.flow = style == StructureStyle::Flow;
                self.start(Value::Sequence(sequence), anchor, tag.as_deref(), position)
            }
            Event::MappingStart(style, anchor, tag) => {
                let mut mapping = crate::node::Mapping::default();
                mapping.flow = style == StructureStyle::Flow;
                self.start(Value::Mapping(mapping), anchor, tag.as_deref(), position)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(position),
            Event::Alias(id) => {
                let Some(anchored) = self.anchors.get(&id).cloned() else {
                    return Err(Error::Syntax {
                        position,
                        message: "anchor value contains itself".to_owned(),
                    });
                };
                self.alias_nodes += anchored.nodes;
                self.alias_bytes += anchored.bytes;
                if self.alias_nodes > self.limits.alias_nodes || self.alias_bytes > self.limits.alias_bytes {
                    return Err(Error::Limit {
                        position,
                        message: "document contains excessive aliasing".to_owned(),
                    });
                }
                self.close(anchored, 0)
            }
            _ => Ok(None),
        }
    }

    fn start(
        &mut self,
        value: Value,
        anchor: usize,
        tag: Option<&Tag>,
        position: Position,
    ) -> Result<Option<Node>, Error> {
        if self.open.len() >= self.limits.depth {
            return Err(self.too_deep(position));
        }
        let node = Node { value, tag: long(tag), position, ..Node::default() };
        self.open.push(Open { node, anchor, items: Vec::new(), nodes: 1, bytes: 0, depth: 1 });
        Ok(None)
    }

    fn end(&mut self, position: Position) -> Result<Option<Node>, Error> {
        let Some(mut open) = self.open.pop() else { return Ok(None) };
        match &mut open.node.value {
            Value::Sequence(sequence) => *sequence.items_mut() = open.items,
            Value::Mapping(mapping) => {
                let entries = mapping.entries_mut();
                let mut items = open.items.into_iter();
                while let (Some(key), Some(value)) = (items.next(), items.next()) {
                    entries.push(Entry { key, value });
                }
            }
            Value::Scalar(_) => {}
        }
        open.node.position.end = open.node.position.end.max(position.end);
        self.close(
            Anchored { node: open.node, nodes: open.nodes, bytes: open.bytes, depth: open.depth },
            open.anchor,
        )
    }

    fn close(&mut self, mut done: Anchored, anchor: usize) -> Result<Option<Node>, Error> {
        if self.open.len() + done.depth > self.limits.depth {
            return Err(self.too_deep(done.node.position));
        }
        if anchor > 0 {
            self.anchors.insert(anchor, done.clone());
            done.node.anchor = Some(anchor.to_string().into());
        }
        let Some(parent) = self.open.last_mut() else { return Ok(Some(done.node)) };
        parent.nodes += done.nodes;
        parent.bytes += done.bytes;
        parent.depth = parent.depth.max(done.depth + 1);
        parent.items.push(done.node);
        Ok(None)
    }

    fn too_deep(&self, position: Position) -> Error {
        Error::Limit { position, message: format!("exceeded max depth of {}", self.limits.depth) }
    }
}

fn long(tag: Option<&Tag>) -> Option<std::sync::Arc<str>> {
    let tag = tag?;
    let text = format!("{}{}", tag.handle(), tag.suffix());
    (text != "!").then(|| text.into())
}
