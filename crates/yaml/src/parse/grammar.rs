//! The grammar: from tokens to trees. Recursive, to the depth that the limits allow.

use std::collections::HashMap;
use std::sync::Arc;

use super::cursor::Mark;
use super::intern::shared;
use super::scan::{Scanner, error_at, error_with, error_within};
use super::token::{Kind, Token};
use crate::document::{Document, Limits};
use crate::error::Error;
use crate::node::{Entry, Mapping, Node, Scalar, Sequence, Value};
use crate::resolve::tag;

/// A finished node, with what a copy of it adds to a document.
#[derive(Clone, Debug)]
pub(super) struct Built {
    pub(super) node: Node,
    nodes: usize,
    bytes: usize,
    depth: usize,
}

impl Built {
    pub(super) fn leaf(node: Node) -> Self {
        let bytes = node.as_str().map_or(0, str::len);
        Self { node, nodes: 1, bytes, depth: 1 }
    }

    /// Counts a child in and hands its node out.
    pub(super) fn adopt(&mut self, child: Self) -> Node {
        self.nodes += child.nodes;
        self.bytes += child.bytes;
        self.depth = self.depth.max(child.depth + 1);
        child.node
    }
}

pub(super) type Parsed = Result<Built, Error>;

/// What may stand before a node's content.
#[derive(Default)]
struct Properties {
    anchor: Option<Arc<str>>,
    tag: Option<Arc<str>>,
    start: Option<Mark>,
}

/// An iterator over the documents of a text.
#[derive(Debug)]
pub(crate) struct Documents<'t> {
    pub(super) scanner: Scanner<'t>,
    limits: Limits,
    /// An error found before parsing started.
    pending: Option<Error>,
    done: bool,
    /// Whether a document may start without `---`.
    bare: bool,
    /// `%TAG` handles of the document.
    handles: HashMap<String, String>,
    /// Finished nodes by anchor; `None` while the node is open.
    anchors: HashMap<&'t str, Option<Built>>,
    alias_nodes: usize,
    alias_bytes: usize,
}

impl Iterator for Documents<'_> {
    type Item = Result<Document, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let next = match self.pending.take() {
            Some(error) => Some(Err(error)),
            None => self.document().transpose(),
        };
        self.done = !matches!(next, Some(Ok(_)));
        next
    }
}

impl<'t> Documents<'t> {
    pub(crate) fn new(text: &'t str, limits: Limits) -> Self {
        let start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        Self {
            scanner: Scanner::new(text, start, limits.depth),
            limits,
            pending: super::check_characters(text).err(),
            done: false,
            bare: true,
            handles: HashMap::new(),
            anchors: HashMap::new(),
            alias_nodes: 0,
            alias_bytes: 0,
        }
    }

    /// The same without comments.
    pub(crate) fn without_comments(mut self) -> Self {
        self.scanner.drop_comments();
        self
    }

    fn document(&mut self) -> Result<Option<Document>, Error> {
        while !self.bare && self.scanner.peek()?.kind == Kind::DocumentEnd {
            self.scanner.next()?;
        }
        if self.scanner.peek()?.kind == Kind::StreamEnd {
            return Ok(None);
        }
        self.directives()?;
        let token = self.scanner.peek()?;
        let (start, explicit) = (token.start, token.kind == Kind::DocumentStart);
        if explicit {
            self.scanner.next()?;
        } else if !self.bare {
            return Err(error_at(start, "did not find expected <document start>"));
        }
        self.bare = false;
        self.anchors.clear();
        (self.alias_nodes, self.alias_bytes) = (0, 0);
        let token = self.scanner.peek()?;
        let empty = matches!(
            token.kind,
            Kind::Version(..)
                | Kind::TagDirective(..)
                | Kind::DocumentStart
                | Kind::DocumentEnd
                | Kind::StreamEnd
        );
        let root = if explicit && empty { empty_at(token.start) } else { self.node(true, false, 1)?.node };
        let (end, closed) = {
            let token = self.scanner.peek()?;
            (token.start, token.kind == Kind::DocumentEnd)
        };
        if closed {
            self.scanner.next()?;
        }
        let foot = self.scanner.take_head(end);
        Ok(Some(Document { root, foot, line: start.line + 1 }))
    }

    fn directives(&mut self) -> Result<(), Error> {
        self.handles.clear();
        let mut version = false;
        let mut any = false;
        loop {
            let token = self.scanner.peek()?;
            let start = token.start;
            match &token.kind {
                Kind::Version(major, minor) => {
                    if version {
                        return Err(error_at(start, "found duplicate %YAML directive"));
                    }
                    if (*major, *minor) != (1, 1) {
                        let detail = ": only %YAML 1.1 is read; leave the directive out".to_owned();
                        return Err(error_with(start, "found incompatible YAML document", detail));
                    }
                    version = true;
                }
                Kind::TagDirective(handle, prefix) => {
                    if self.handles.insert((*handle).to_owned(), prefix.clone()).is_some() {
                        return Err(error_at(start, "found duplicate %TAG directive"));
                    }
                }
                Kind::DocumentStart => return Ok(()),
                _ if any => return Err(error_at(start, "did not find expected <document start>")),
                _ => return Ok(()),
            }
            any = true;
            self.scanner.next()?;
        }
    }

    /// A node. `block`: in block context; `indentless`: a list may stand at the column of the mapping around it.
    pub(super) fn node(&mut self, block: bool, indentless: bool, depth: usize) -> Parsed {
        if let Kind::Alias(name) = self.scanner.peek()?.kind {
            let token = self.scanner.next()?;
            return self.alias(name, &token, depth);
        }
        let properties = self.properties()?;
        let (name, explicit_tag) = (properties.anchor.clone(), properties.tag);
        let token = self.scanner.peek()?;
        let start = token.start;
        let mut built = match &token.kind {
            Kind::BlockEntry if indentless => self.indentless_sequence(start, depth)?,
            Kind::Scalar(..) => self.scalar()?,
            Kind::FlowSequenceStart => self.flow_sequence(start, depth)?,
            Kind::FlowMappingStart => self.flow_mapping(start, depth)?,
            Kind::BlockSequenceStart if block => self.block_sequence(start, depth)?,
            Kind::BlockMappingStart if block => self.block_mapping(start, depth)?,
            _ if properties.start.is_some() => {
                // Nothing but a tag or an anchor.
                Built::leaf(empty_at(properties.start.unwrap_or(start)))
            }
            _ => return Err(error_at(start, "did not find expected node content")),
        };
        built.node.tag = explicit_tag;
        if let Some(name) = name {
            self.remember(&name, &built);
            built.node.anchor = Some(name);
        }
        Ok(built)
    }

    /// Anchor and tag, in either order.
    fn properties(&mut self) -> Result<Properties, Error> {
        let mut properties = Properties::default();
        loop {
            let token = self.scanner.peek()?;
            let start = token.start;
            match &token.kind {
                Kind::Anchor(name) if properties.anchor.is_none() => {
                    let name = *name;
                    properties.anchor = Some(name.into());
                    self.anchors.insert(name, None);
                }
                Kind::Tag(handle, suffix) if properties.tag.is_none() => {
                    properties.tag = Some(self.handles.get(*handle).map_or_else(
                        || default_tag(handle, suffix, start),
                        |prefix| Ok(format!("{prefix}{suffix}").into()),
                    )?);
                }
                _ => return Ok(properties),
            }
            properties.start.get_or_insert(start);
            self.scanner.next()?;
        }
    }

    fn remember(&mut self, name: &str, built: &Built) {
        if let Some(slot) = self.anchors.get_mut(name) {
            let mut copy = built.clone();
            copy.node.comments = None;
            *slot = Some(copy);
        }
    }

    fn alias(&mut self, name: &str, token: &Token<'t>, depth: usize) -> Parsed {
        let mut copy = match self.anchors.get(name) {
            Some(Some(built)) => built.clone(),
            Some(None) => {
                return Err(anchor_error(token, &format!("anchor '{name}' value contains itself")));
            }
            None => return Err(anchor_error(token, &format!("unknown anchor '{name}' referenced"))),
        };
        self.alias_nodes += copy.nodes;
        self.alias_bytes += copy.bytes;
        let limit = |message: String| Error::Limit { position: token.start.to(token.end), message };
        if self.alias_nodes > self.limits.alias_nodes || self.alias_bytes > self.limits.alias_bytes {
            return Err(limit(format!(
                "document contains excessive aliasing: more than {} nodes or {} bytes through aliases",
                self.limits.alias_nodes, self.limits.alias_bytes
            )));
        }
        if depth + copy.depth > self.limits.depth + 1 {
            return Err(limit(format!("exceeded max depth of {} through aliases", self.limits.depth)));
        }
        self.scanner.peek()?;
        self.scanner.take_line(&mut copy.node, token.start, token.end);
        Ok(copy)
    }

    fn scalar(&mut self) -> Parsed {
        let Token { kind: Kind::Scalar(text, style), start, end } = self.scanner.next()? else {
            return Err(self.scanner.error("did not find expected node content"));
        };
        let mut node = Node::from(Value::Scalar(Scalar { text: shared(&text), style }));
        node.position = start.to(end);
        self.scanner.peek()?;
        self.scanner.take_line(&mut node, start, end);
        Ok(Built::leaf(node))
    }

    pub(super) fn deeper(&self, mark: Mark, depth: usize) -> Result<usize, Error> {
        if depth > self.limits.depth {
            let message = format!("exceeded max depth of {}", self.limits.depth);
            return Err(Error::Limit { position: mark.to(mark), message });
        }
        Ok(depth + 1)
    }

    pub(super) fn is_next(&mut self, kinds: &[Kind<'static>]) -> Result<bool, Error> {
        Ok(kinds.contains(&self.scanner.peek()?.kind))
    }

    fn block_sequence(&mut self, start: Mark, depth: usize) -> Parsed {
        let depth = self.deeper(start, depth)?;
        self.scanner.next()?;
        let mut built = Built::leaf(Node::default());
        let mut items = Vec::new();
        let mut end = start;
        while self.scanner.peek()?.kind == Kind::BlockEntry {
            let item = self.item(&[Kind::BlockEntry, Kind::BlockEnd], depth)?;
            end.pos = end.pos.max(item.node.position.end as usize);
            items.push(built.adopt(item));
        }
        let token = self.scanner.peek()?;
        if token.kind != Kind::BlockEnd {
            return Err(error_within(token.start, "did not find expected '-' indicator", "list", start));
        }
        let block_end = token.start;
        built.node = Node::from(Sequence::from(items));
        built.node.position = start.to(end);
        self.scanner.take_foot(&mut built.node, start.column, block_end);
        self.scanner.next()?;
        Ok(built)
    }

    fn indentless_sequence(&mut self, start: Mark, depth: usize) -> Parsed {
        let depth = self.deeper(start, depth)?;
        let mut built = Built::leaf(Node::default());
        let mut items = Vec::new();
        let mut end = start;
        while self.scanner.peek()?.kind == Kind::BlockEntry {
            let item = self.item(&[Kind::BlockEntry, Kind::Key, Kind::Value, Kind::BlockEnd], depth)?;
            end.pos = end.pos.max(item.node.position.end as usize);
            items.push(built.adopt(item));
        }
        built.node = Node::from(Sequence::from(items));
        built.node.position = start.to(end);
        Ok(built)
    }

    /// A dash and what follows it; nothing does if one of `ends` is next.
    fn item(&mut self, ends: &[Kind<'static>], depth: usize) -> Parsed {
        let dash = self.scanner.next()?;
        let head = self.scanner.take_head(dash.start);
        let mut item = if self.is_next(ends)? {
            Built::leaf(empty_at(dash.end))
        } else {
            self.node(true, false, depth)?
        };
        prepend_head(&mut item.node, head);
        Ok(item)
    }

    fn block_mapping(&mut self, start: Mark, depth: usize) -> Parsed {
        let depth = self.deeper(start, depth)?;
        self.scanner.next()?;
        let mut built = Built::leaf(Node::default());
        let mut entries = Vec::new();
        let mut end = start;
        let ends = [Kind::Key, Kind::Value, Kind::BlockEnd];
        loop {
            let token = self.scanner.peek()?;
            let at = token.start;
            match token.kind {
                Kind::BlockEnd => break,
                Kind::Key => {}
                // `: value` without a key is refused as any other token here.
                _ => {
                    return Err(error_within(at, "did not find expected key", "mapping", start));
                }
            }
            let head = self.scanner.take_head(at);
            let token = self.scanner.next()?;
            let mut key = if self.is_next(&ends)? {
                Built::leaf(empty_at(token.end))
            } else {
                self.node(true, true, depth)?
            };
            prepend_head(&mut key.node, head);
            let value = self.block_value(&mut key.node, &ends, depth)?;
            let last = value.node.position.end.max(key.node.position.end);
            end.pos = end.pos.max(last as usize);
            entries.push(Entry { key: built.adopt(key), value: built.adopt(value) });
        }
        let block_end = self.scanner.peek()?.start;
        built.node = Node::from(Mapping::from(entries));
        built.node.position = start.to(end);
        self.scanner.take_foot(&mut built.node, start.column, block_end);
        self.scanner.next()?;
        Ok(built)
    }

    fn block_value(&mut self, key: &mut Node, ends: &[Kind<'static>], depth: usize) -> Parsed {
        let token = self.scanner.peek()?;
        if token.kind != Kind::Value {
            return Ok(Built::leaf(empty_at(token.start)));
        }
        let colon = self.scanner.next()?;
        let next = self.scanner.peek()?;
        let (next_line, empty) = (next.start.line, ends.contains(&next.kind));
        if empty || next_line != colon.start.line {
            self.scanner.take_line(key, colon.start, colon.end);
        }
        if empty { Ok(Built::leaf(empty_at(colon.end))) } else { self.node(true, true, depth) }
    }
}

/// An error of the decoder, which names no line in Go.
fn anchor_error(token: &Token<'_>, message: &str) -> Error {
    let position = token.start.to(token.start);
    Error::Syntax { position, message: message.to_owned(), detail: String::new(), go_line: 0, go3_line: 0 }
}

/// A null that stands where nothing does.
pub(super) fn empty_at(mark: Mark) -> Node {
    Node { position: mark.to(mark), ..Node::plain("") }
}

pub(super) fn prepend_head(node: &mut Node, head: String) {
    if !head.is_empty() {
        node.comments_mut().head = head;
    }
}

/// The long form of a tag with one of the handles that need no directive.
fn default_tag(handle: &str, suffix: &str, mark: Mark) -> Result<Arc<str>, Error> {
    match handle {
        "" => Ok(suffix.into()),
        "!" => Ok(format!("!{suffix}").into()),
        "!!" => Ok(match suffix {
            "str" => tag::STR.into(),
            "int" => tag::INT.into(),
            _ => format!("{}{suffix}", tag::PREFIX).into(),
        }),
        _ => Err(error_at(mark, "found undefined tag handle")),
    }
}
