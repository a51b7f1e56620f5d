//! Lists, maps and messages that are written out.

use cel::IdedExpr;
use cel::common::ast::{EntryExpr, ListExpr, MapExpr, StructExpr};

use super::bindings::most_general;
use super::types::Type;
use super::{Checker, names};

/// Elements that must have one type, by their ids.
pub(super) struct Alike {
    elements: Vec<(u64, Type)>,
    /// Whether all that differ are told, or the first.
    all: bool,
}

impl<'e> Checker<'e> {
    pub(super) fn list(&mut self, list: &'e ListExpr) -> Type {
        let (mut items, mut elements) = (None, Vec::new());
        for (index, element) in list.elements.iter().enumerate() {
            let item = self.entry(element, list.optional_indices.contains(&index));
            elements.push((element.id, item.clone()));
            items = Some(self.joined(items, item));
        }
        self.must_be_alike(elements, false);
        Type::list(items.unwrap_or_else(|| Type::Parameter(self.bindings.fresh(1))))
    }

    pub(super) fn map(&mut self, map: &'e MapExpr) -> Type {
        let (mut keys, mut values) = (None, None);
        let (mut all_keys, mut all_values) = (Vec::new(), Vec::new());
        for entry in &map.entries {
            let EntryExpr::MapEntry(entry) = &entry.expr else { continue };
            let key = self.check(&entry.key);
            all_keys.push((entry.key.id, key.clone()));
            keys = Some(self.joined(keys, key));
            let value = self.entry(&entry.value, entry.optional);
            all_values.push((entry.value.id, value.clone()));
            values = Some(self.joined(values, value));
        }
        self.must_be_alike(all_keys, true);
        self.must_be_alike(all_values, true);
        if let (Some(keys), Some(values)) = (keys, values) {
            return Type::map(keys, values);
        }
        let first = self.bindings.fresh(2);
        Type::map(Type::Parameter(first), Type::Parameter(first + 1))
    }

    /// What is formatted may be of any types.
    fn must_be_alike(&mut self, elements: Vec<(u64, Type)>, all: bool) {
        if self.formats == 0 && elements.len() > 1 {
            self.alike.push(Alike { elements, all });
        }
    }

    /// Notes which elements differ, now that all types are known.
    pub(super) fn compare(&mut self) {
        for Alike { elements, all } in std::mem::take(&mut self.alike) {
            let mut elements = elements.into_iter().map(|(id, of)| (id, self.bindings.resolved(&of, true)));
            let Some((_, first)) = elements.next() else { continue };
            let other = elements.filter(|(_, of)| *of != first).collect::<Vec<_>>();
            for (id, of) in other.into_iter().take(if all { usize::MAX } else { 1 }) {
                self.mismatch(id, &first, &of);
            }
        }
    }

    /// The fields of messages are not known; the expressions in them are checked.
    pub(super) fn message(&mut self, id: u64, message: &'e StructExpr) -> Type {
        let Some(of) = names::message(&message.type_name) else {
            return match self.name(&message.type_name) {
                None => self.undeclared(id, &message.type_name),
                Some(other) => {
                    self.not_a_message(id, &other);
                    for entry in &message.entries {
                        if let EntryExpr::StructField(field) = &entry.expr {
                            self.check(&field.value);
                        }
                        let text = format!("unexpected failed resolution of '{}'", message.type_name);
                        self.mistake(entry.id, text);
                    }
                    Type::Error
                }
            };
        };
        for entry in &message.entries {
            if let EntryExpr::StructField(field) = &entry.expr {
                self.entry(&field.value, field.optional);
            }
        }
        of
    }

    fn not_a_message(&mut self, id: u64, of: &Type) {
        let inner = match of {
            Type::Of(super::Shape::Type, _, parts) => parts.first(),
            _ => None,
        };
        let message = match inner {
            Some(inner) => format!("'{}' is not a message type", inner.bare_name()),
            None => format!("'{}' is not a type", of.bare_name()),
        };
        self.mistake(id, message);
    }

    /// The type of an element; one that is marked as optional must be so.
    fn entry(&mut self, value: &'e IdedExpr, optional: bool) -> Type {
        let found = self.check(value);
        if !optional {
            return found;
        }
        let (inner, was_optional) = found.unwrapped();
        if !was_optional && !inner.is_dyn() {
            self.mismatch(value.id, &Type::optional(inner.clone()), inner);
        }
        inner.clone()
    }

    /// The type of all elements so far.
    fn joined(&mut self, before: Option<Type>, next: Type) -> Type {
        let Some(before) = before else { return next };
        if self.bindings.fits(&before, &next) { most_general(&before, &next).clone() } else { Type::Dyn }
    }
}
