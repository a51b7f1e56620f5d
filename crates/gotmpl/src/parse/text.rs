//! Nodes as text, as Go's `Node.String` writes them.

use super::arena::Arena;
use super::node::{Callee, Control, NodeId, NodeKind, Pipe, Span, Template};
use crate::quote::quote;
use crate::value::{RED_ZONE, STACK_SEGMENT};

/// The text of a node.
pub(super) fn node_text(template: &Template, id: NodeId, quote_texts: bool) -> Vec<u8> {
    let mut writer = Writer { template, arena: template.arena(), quote_texts, out: Vec::new() };
    writer.node(id);
    writer.out
}

struct Writer<'a> {
    template: &'a Template,
    arena: &'a Arena,
    quote_texts: bool,
    out: Vec<u8>,
}

impl Writer<'_> {
    fn write(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn node(&mut self, id: NodeId) {
        let kind = self.template.kind(id);
        stacker::maybe_grow(RED_ZONE, STACK_SEGMENT, || self.kind(kind));
    }

    fn kind(&mut self, kind: NodeKind) {
        match kind {
            NodeKind::List(nodes) => self.arena.nodes(nodes).iter().for_each(|id| self.node(*id)),
            NodeKind::Text(span) => {
                let text = self.template.span(span);
                if self.quote_texts {
                    self.write(&quote(text));
                } else {
                    self.out.extend_from_slice(text);
                }
            }
            NodeKind::Action { pipe } => {
                self.write("{{");
                self.node(pipe);
                self.write("}}");
            }
            NodeKind::Control(control) => self.control(&control),
            NodeKind::Template { name, pipe } => {
                self.write("{{template ");
                self.write(&quote(self.arena.name(name).as_bytes()));
                if let Some(pipe) = pipe {
                    self.write(" ");
                    self.node(pipe);
                }
                self.write("}}");
            }
            NodeKind::Break => self.write("{{break}}"),
            NodeKind::Continue => self.write("{{continue}}"),
            NodeKind::Pipe(pipe) => self.pipe(&pipe),
            NodeKind::Command(args) => {
                for (index, arg) in self.arena.nodes(args).iter().enumerate() {
                    if index > 0 {
                        self.write(" ");
                    }
                    self.operand(*arg);
                }
            }
            NodeKind::Identifier(callee) => self.write(self.arena.callee(callee).map_or("", Callee::name)),
            NodeKind::Field(fields) => self.fields(fields),
            NodeKind::Variable(variable) => {
                self.write(self.template.symbol(variable.symbol));
                self.fields(variable.fields);
            }
            NodeKind::Chain { node, fields } => {
                self.operand(node);
                self.fields(fields);
            }
            NodeKind::Dot => self.write("."),
            NodeKind::Nil => self.write("nil"),
            NodeKind::Bool(value) => self.write(if value { "true" } else { "false" }),
            NodeKind::Number(number) => {
                self.write(self.arena.number(number).map_or("", |number| &number.text));
            }
            NodeKind::String { literal, .. } => self.out.extend_from_slice(self.template.span(literal)),
        }
    }

    fn control(&mut self, control: &Control) {
        self.write("{{");
        self.write(control.keyword.name());
        self.write(" ");
        self.node(control.pipe);
        self.write("}}");
        self.node(control.list);
        if let Some(otherwise) = control.otherwise {
            self.write("{{else}}");
            self.node(otherwise);
        }
        self.write("{{end}}");
    }

    fn pipe(&mut self, pipe: &Pipe) {
        for (index, variable) in self.arena.nodes(pipe.variables).iter().enumerate() {
            if index > 0 {
                self.write(", ");
            }
            self.node(*variable);
        }
        if !pipe.variables.is_empty() {
            self.write(if pipe.is_assignment { " = " } else { " := " });
        }
        for (index, command) in self.arena.nodes(pipe.commands).iter().enumerate() {
            if index > 0 {
                self.write(" | ");
            }
            self.node(*command);
        }
    }

    /// A node among others: a pipeline needs parentheses there.
    fn operand(&mut self, id: NodeId) {
        if matches!(self.template.kind(id), NodeKind::Pipe(_)) {
            self.write("(");
            self.node(id);
            self.write(")");
        } else {
            self.node(id);
        }
    }

    fn fields(&mut self, fields: Span) {
        self.out.extend_from_slice(self.template.span(fields));
    }
}
