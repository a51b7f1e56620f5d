//! Expressions: pipelines, commands, arguments.

use super::call::Final;
use super::walk::stored;
use super::{Outcome, Res, Slot, Walker, lift};
use crate::parse::{Ideal, NodeId, NodeKind, Template};
use crate::value::{Kind, RED_ZONE, STACK_SEGMENT, Type, Value};
use std::sync::Arc;

impl<'e> Walker<'_, 'e> {
    /// Evaluates a pipeline and stores its value in the variables it declares or assigns.
    pub(super) fn pipeline(&mut self, dot: &Slot, id: NodeId) -> Res<Outcome> {
        self.node = id;
        let template: &'e Arc<Template> = self.template;
        let NodeKind::Pipe(pipe) = template.kind(id) else { return Ok(None) };
        let mut value: Final = None;
        let arena = template.arena();
        for command in arena.nodes(pipe.commands) {
            value = Some(lift(self.command(dot, *command, value)?));
        }
        let value = value.unwrap_or_default();
        for variable in arena.nodes(pipe.variables) {
            let NodeKind::Variable(variable) = template.kind(*variable) else { continue };
            let slot = stored(value.clone());
            if pipe.is_assignment {
                self.assign(variable.symbol, slot)?;
            } else {
                self.execution.variables.push((variable.symbol, slot));
            }
        }
        Ok(value)
    }

    /// Evaluates a command. The result of the one before it is its last argument.
    fn command(&mut self, dot: &Slot, id: NodeId, last: Final) -> Res<Outcome> {
        let template: &'e Arc<Template> = self.template;
        let NodeKind::Command(args) = template.kind(id) else { return Ok(None) };
        let args = template.arena().nodes(args);
        let Some(first) = args.first() else { return Ok(None) };
        match template.kind(*first) {
            NodeKind::Field(fields) => {
                self.node = *first;
                return self.field_chain(dot, dot.clone(), *first, fields, args, last);
            }
            NodeKind::Chain { .. } => return self.chain(dot, *first, args, last),
            NodeKind::Identifier(callee) => {
                self.node = *first;
                return self.call(dot, callee, id, args, last);
            }
            NodeKind::Pipe(_) => {
                self.refuse_arguments(args, &last)?;
                return self.nested_pipeline(dot, *first);
            }
            NodeKind::Variable(_) => return self.variable_chain(dot, *first, args, last),
            _ => {}
        }
        self.node = *first;
        self.refuse_arguments(args, &last)?;
        match template.kind(*first) {
            NodeKind::Bool(value) => Ok(Some(Value::Bool(value))),
            NodeKind::Dot => Ok(dot.value.clone()),
            NodeKind::Nil => Err(self.fail("nil is not a command")),
            NodeKind::Number(number) => self.ideal(*first, number).map(Some),
            NodeKind::String { literal, value } => Ok(Some(Value::Str(template.string(literal, value)))),
            _ => Err(self.fail(format!("can't evaluate command {:?}", template.node_text(*first)))),
        }
    }

    fn nested_pipeline(&mut self, dot: &Slot, id: NodeId) -> Res<Outcome> {
        stacker::maybe_grow(RED_ZONE, STACK_SEGMENT, || self.pipeline(dot, id))
    }

    /// Refuses arguments of what is no function.
    fn refuse_arguments(&self, args: &[NodeId], last: &Final) -> Res<()> {
        match args.first() {
            Some(first) if args.len() > 1 || last.is_some() => {
                let text = self.template.node_text(*first);
                Err(self.fail(format!("can't give argument to non-function {text}")))
            }
            _ => Ok(()),
        }
    }

    /// A number where no type is wanted.
    fn ideal(&mut self, id: NodeId, number: u32) -> Res<Value> {
        self.node = id;
        let template: &'e Arc<Template> = self.template;
        let Some(number) = template.arena().number(number) else { return Ok(Value::Nil) };
        match number.ideal() {
            Ideal::Float(value) => Ok(Value::Float(value)),
            Ideal::Int(value) => Ok(Value::int(value)),
            Ideal::Complex(value) => Ok(Value::object(value)),
            Ideal::Overflow => Err(self.fail(format!("{} overflows int", number.text))),
        }
    }

    /// `(pipeline).Field` or `function.Field`
    fn chain(&mut self, dot: &Slot, id: NodeId, args: &[NodeId], last: Final) -> Res<Outcome> {
        self.node = id;
        let template: &'e Arc<Template> = self.template;
        let NodeKind::Chain { node, fields } = template.kind(id) else { return Ok(None) };
        let receiver = match template.kind(node) {
            NodeKind::Nil => {
                let text = template.node_text(id);
                return Err(self.fail(format!("indirection through explicit nil in {text}")));
            }
            NodeKind::Identifier(callee) => {
                self.node = node;
                self.call(dot, callee, node, &[], None)?
            }
            _ => {
                self.node = node;
                self.nested_pipeline(dot, node)?
            }
        };
        self.field_chain(dot, Slot::plain(receiver), id, fields, args, last)
    }

    /// `$x` or `$x.Field`
    fn variable_chain(&mut self, dot: &Slot, id: NodeId, args: &[NodeId], last: Final) -> Res<Outcome> {
        self.node = id;
        let template: &'e Arc<Template> = self.template;
        let NodeKind::Variable(variable) = template.kind(id) else { return Ok(None) };
        let slot = self.variable(variable.symbol)?;
        if variable.fields.is_empty() {
            let (value, is_boxed) = (slot.value.clone(), slot.is_boxed);
            self.refuse_arguments(args, &last)?;
            self.is_boxed = is_boxed;
            return Ok(value);
        }
        let slot = slot.clone();
        self.field_chain(dot, slot, id, variable.fields, args, last)
    }

    /// Evaluates an argument for a parameter of the type.
    pub(super) fn argument(&mut self, dot: &Slot, ty: Type, id: NodeId) -> Res<Outcome> {
        self.node = id;
        let template: &'e Arc<Template> = self.template;
        let value = match template.kind(id) {
            NodeKind::Dot => {
                self.is_boxed = dot.is_boxed;
                dot.value.clone()
            }
            NodeKind::Nil if ty.can_be_nil() => return Ok(None),
            NodeKind::Nil => return Err(self.fail(format!("cannot assign nil to {ty}"))),
            NodeKind::Field(fields) => self.field_chain(dot, dot.clone(), id, fields, &[], None)?,
            NodeKind::Variable(_) => self.variable_chain(dot, id, &[], None)?,
            NodeKind::Chain { .. } => self.chain(dot, id, &[], None)?,
            NodeKind::Pipe(_) => {
                let value = self.nested_pipeline(dot, id)?;
                self.is_boxed = false;
                value
            }
            NodeKind::Identifier(callee) => {
                let value = self.call(dot, callee, id, &[], None)?;
                self.is_boxed = false;
                value
            }
            _ => {
                self.is_boxed = false;
                return self.literal(ty, id).map(Some);
            }
        };
        self.validate(value, ty)
    }

    /// A literal for a parameter of the type.
    fn literal(&mut self, ty: Type, id: NodeId) -> Res<Value> {
        let template: &'e Arc<Template> = self.template;
        let node = template.kind(id);
        let arena = template.arena();
        let number = match node {
            NodeKind::Number(number) => arena.number(number),
            _ => None,
        };
        let wanted = match (ty.kind(), node) {
            (Kind::Bool, NodeKind::Bool(value)) => return Ok(Value::Bool(value)),
            (Kind::Bool, _) => "bool",
            (Kind::String, NodeKind::String { literal, value }) => {
                return Ok(Value::Str(template.string(literal, value)));
            }
            (Kind::String, _) => "string",
            (Kind::Int(kind), _) => match number.and_then(|number| number.int) {
                Some(value) => return Ok(Value::Int(kind, kind.wrap(value))),
                None => "integer",
            },
            (Kind::Uint(kind), _) => match number.and_then(|number| number.uint) {
                Some(value) => return Ok(Value::Uint(kind, kind.wrap(value))),
                None => "unsigned integer",
            },
            (Kind::Float64, _) => match number.and_then(|number| number.float) {
                Some(value) => return Ok(Value::Float(value)),
                None => "float",
            },
            _ if matches!(ty, Type::Any | Type::Reflect) => match node {
                NodeKind::Bool(value) => return Ok(Value::Bool(value)),
                NodeKind::Number(number) => return self.ideal(id, number),
                NodeKind::String { literal, value } => {
                    return Ok(Value::Str(template.string(literal, value)));
                }
                _ => {
                    let text = template.node_text(id);
                    return Err(
                        self.fail(format!("can't handle assignment of {text} to empty interface argument"))
                    );
                }
            },
            _ => {
                let text = template.node_text(id);
                return Err(self.fail(format!("can't handle {text} for arg of type {ty}")));
            }
        };
        let text = template.node_text(id);
        Err(self.fail(format!("expected {wanted}; found {text}")))
    }

    /// Makes sure that a value can be given to a parameter of the type.
    pub(super) fn validate(&self, value: Outcome, ty: Type) -> Res<Outcome> {
        let Some(inner) = &value else {
            if ty.can_be_nil() {
                return Ok(None);
            }
            return Err(self.fail(format!("invalid value; expected {ty}")));
        };
        if let (Type::Any, Value::Object(object)) = (ty, inner) {
            return Ok(object.copied().map_or(value, Some));
        }
        if matches!(ty, Type::Any | Type::Reflect) || inner.ty() == ty {
            return Ok(value);
        }
        if !matches!(inner, Value::Nil) && inner.ty().assignable_to(ty) {
            // A named slice or map becomes an unnamed one when it is assigned.
            return Ok(Some(inner.underlying()));
        }
        if let Type::Pointer(target) = inner.ty()
            && target.assignable_to(ty)
        {
            if inner.is_nil() {
                return Err(self.fail(format!("dereference of nil pointer of type {ty}")));
            }
            return Ok(value);
        }
        Err(self.fail(format!("wrong type for value; expected {ty}; got {}", inner.ty())))
    }
}
