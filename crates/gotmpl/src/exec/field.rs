//! Fields, map entries and methods of values.

use std::sync::Arc;

use super::call::Final;
use super::{Outcome, Res, Slot, Walker};
use crate::parse::{NodeId, Span, Template};
use crate::quote::quote;
use crate::set::MissingKey;
use crate::value::{Kind, List, Map, Str, Type, Value};

impl<'e> Walker<'_, 'e> {
    /// Evaluates `.a.b.c` on a receiver. The arguments go to the last field, which may be a method.
    pub(super) fn field_chain(
        &mut self,
        dot: &Slot,
        receiver: Slot,
        node: NodeId,
        fields: Span,
        args: &[NodeId],
        last: Final,
    ) -> Res<Outcome> {
        let mut receiver = receiver;
        let template: &'e Arc<Template> = self.template;
        // Names are words of letters and digits: text.
        let names = std::str::from_utf8(template.span(fields)).unwrap_or_default();
        let Some((before, final_field)) = names.rsplit_once('.') else {
            return Ok(receiver.value);
        };
        for field in before.split('.').skip(1) {
            receiver = self.field(dot, receiver, node, field, &[], None)?;
        }
        let found = self.field(dot, receiver, node, final_field, args, last)?;
        self.is_boxed = found.is_boxed;
        Ok(found.value)
    }

    fn field(
        &mut self,
        dot: &Slot,
        receiver: Slot,
        node: NodeId,
        name: &str,
        args: &[NodeId],
        last: Final,
    ) -> Res<Slot> {
        let Slot { value, is_boxed } = receiver;
        let Some(value) = value else {
            if self.execution.set.missing_key() == MissingKey::Error {
                let key = quote(name.as_bytes());
                return Err(self.fail(format!("nil data; no entry for key {key}")));
            }
            return Ok(Slot::default());
        };
        if let Value::Nil = value {
            return Err(self.fail(format!("nil pointer evaluating interface {{}}.{name}")));
        }
        let ty = value.ty();
        if let Some(method) = ty.method(name) {
            return self.invoke(dot, method, Some(&value), node, args, last).map(Slot::plain);
        }
        let has_args = args.len() > 1 || last.is_some();
        let shown = if is_boxed { Type::Any } else { ty };
        match &value {
            Value::Map(map) => {
                if has_args {
                    return Err(self.fail(format!("{name} is not a method but has arguments")));
                }
                self.entry(map, name)
            }
            Value::Object(object) if object.is_nil() && ty.kind() == Kind::Pointer => {
                Err(self.fail(format!("nil pointer evaluating {shown}.{name}")))
            }
            Value::Object(object) => match (object.field(name), object.underlying()) {
                (Some(_), _) if has_args => {
                    Err(self.fail(format!("{name} has arguments but cannot be invoked as function")))
                }
                (Some(value), _) => Ok(Slot::plain(Some(value))),
                (None, Some(Value::Map(_))) if has_args => {
                    Err(self.fail(format!("{name} is not a method but has arguments")))
                }
                (None, Some(Value::Map(map))) => self.entry(&map, name),
                (None, _) => Err(self.fail(format!("can't evaluate field {name} in type {shown}"))),
            },
            _ => Err(self.fail(format!("can't evaluate field {name} in type {shown}"))),
        }
    }

    fn entry(&self, map: &Map, key: &str) -> Res<Slot> {
        let element = map.ty().element().unwrap_or(Type::Any);
        let is_boxed = element == Type::Any;
        let value = match (map.get(key), self.execution.set.missing_key()) {
            (Some(value), _) => Some(value),
            (None, MissingKey::Default) => None,
            (None, MissingKey::Zero) => Some(zero(element)),
            (None, MissingKey::Error) => {
                return Err(self.fail(format!("map has no entry for key {}", quote(key.as_bytes()))));
            }
        };
        Ok(Slot { value, is_boxed })
    }
}

/// The zero value of a type, as a missing entry of a map evaluates to.
pub(super) fn zero(ty: Type) -> Value {
    match ty.kind() {
        Kind::Bool => Value::Bool(false),
        Kind::Int(kind) => Value::Int(kind, 0),
        Kind::Uint(kind) => Value::Uint(kind, 0),
        Kind::Float64 => Value::Float(0.0),
        Kind::Complex128 => Value::object(crate::value::Complex { real: 0.0, imaginary: 0.0 }),
        Kind::String => Value::Str(Str::EMPTY),
        Kind::Slice => Value::List(List::nil(ty)),
        Kind::Map => Value::Map(Map::nil(ty)),
        Kind::Invalid | Kind::Struct | Kind::Pointer | Kind::Interface => Value::Nil,
    }
}
