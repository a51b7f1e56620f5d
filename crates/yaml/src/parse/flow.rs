//! Flow collections: `[a, b]`, `{a: b}`.

use super::cursor::Mark;
use super::grammar::{Built, Documents, Parsed, empty_at, prepend_head};
use super::scan::error_within;
use super::token::Kind;
use crate::error::Error;
use crate::node::{Entry, Mapping, Node, Sequence};

impl Documents<'_> {
    pub(super) fn flow_sequence(&mut self, start: Mark, depth: usize) -> Parsed {
        let depth = self.deeper(start, depth)?;
        self.scanner.next()?;
        let mut built = Built::leaf(Node::default());
        let mut items = Vec::new();
        while self.scanner.peek()?.kind != Kind::FlowSequenceEnd {
            if !items.is_empty() {
                self.separator(start, "did not find expected ',' or ']'", "list")?;
            }
            let token = self.scanner.peek()?;
            let at = token.start;
            match token.kind {
                Kind::FlowSequenceEnd => break,
                Kind::Key => {
                    let pair = self.flow_pair(at, depth)?;
                    items.push(built.adopt(pair));
                }
                _ => {
                    let head = self.scanner.take_head(at);
                    let mut item = self.node(false, false, depth)?;
                    prepend_head(&mut item.node, head);
                    items.push(built.adopt(item));
                }
            }
        }
        let end = self.scanner.next()?.end;
        let mut sequence = Sequence::from(items);
        sequence.flow = true;
        self.finish_flow(built, sequence.into(), start, end)
    }

    /// `a: b` inside `[]`: a mapping of one entry.
    fn flow_pair(&mut self, start: Mark, depth: usize) -> Parsed {
        let depth = self.deeper(start, depth)?;
        let ends = [Kind::Value, Kind::FlowEntry, Kind::FlowSequenceEnd];
        let mark = self.scanner.next()?.end;
        let mut built = Built::leaf(Node::default());
        let key = if self.is_next(&ends)? {
            // Go's parser takes this token away, and so complains of what follows.
            self.scanner.next()?;
            Built::leaf(empty_at(mark))
        } else {
            self.node(false, false, depth)?
        };
        let value = self.flow_value(&[Kind::FlowEntry, Kind::FlowSequenceEnd], depth)?;
        let end = value.node.position.end.max(key.node.position.end);
        let mut mapping = Mapping::from(vec![Entry { key: built.adopt(key), value: built.adopt(value) }]);
        mapping.flow = true;
        built.node = mapping.into();
        built.node.position = start.to(Mark { pos: end as usize, ..start });
        Ok(built)
    }

    pub(super) fn flow_mapping(&mut self, start: Mark, depth: usize) -> Parsed {
        let depth = self.deeper(start, depth)?;
        self.scanner.next()?;
        let mut built = Built::leaf(Node::default());
        let mut entries: Vec<Entry> = Vec::new();
        while self.scanner.peek()?.kind != Kind::FlowMappingEnd {
            if !entries.is_empty() {
                self.separator(start, "did not find expected ',' or '}'", "mapping")?;
            }
            let token = self.scanner.peek()?;
            let (at, explicit) = (token.start, token.kind == Kind::Key);
            if token.kind == Kind::FlowMappingEnd {
                break;
            }
            let head = self.scanner.take_head(at);
            let (mut key, value) = if explicit {
                self.scanner.next()?;
                let ends = [Kind::Value, Kind::FlowEntry, Kind::FlowMappingEnd];
                let next = self.scanner.peek()?.start;
                let key = if self.is_next(&ends)? {
                    Built::leaf(empty_at(next))
                } else {
                    self.node(false, false, depth)?
                };
                (key, self.flow_value(&[Kind::FlowEntry, Kind::FlowMappingEnd], depth)?)
            } else {
                let key = self.node(false, false, depth)?;
                let next = self.scanner.peek()?.start;
                (key, Built::leaf(empty_at(next)))
            };
            prepend_head(&mut key.node, head);
            entries.push(Entry { key: built.adopt(key), value: built.adopt(value) });
        }
        let end = self.scanner.next()?.end;
        let mut mapping = Mapping::from(entries);
        mapping.flow = true;
        self.finish_flow(built, mapping.into(), start, end)
    }

    fn flow_value(&mut self, ends: &[Kind<'static>], depth: usize) -> Parsed {
        let mut next = self.scanner.peek()?.start;
        if self.is_next(&[Kind::Value])? {
            self.scanner.next()?;
            if !self.is_next(ends)? {
                return self.node(false, false, depth);
            }
            next = self.scanner.peek()?.start;
        }
        Ok(Built::leaf(empty_at(next)))
    }

    /// The comma between the entries of a flow collection.
    fn separator(&mut self, start: Mark, message: &str, what: &str) -> Result<(), Error> {
        let token = self.scanner.peek()?;
        if token.kind != Kind::FlowEntry {
            return Err(error_within(token.start, message, what, start));
        }
        self.scanner.next()?;
        Ok(())
    }

    fn finish_flow(&mut self, mut built: Built, node: Node, start: Mark, end: Mark) -> Parsed {
        built.node = node;
        built.node.position = start.to(end);
        self.scanner.peek()?;
        self.scanner.take_line(&mut built.node, end, end);
        Ok(built)
    }
}
