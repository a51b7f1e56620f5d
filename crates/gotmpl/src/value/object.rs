//! Values with a Go type of their own: structs, pointers, named scalars.

use std::any::Any;

use super::{Str, Type, Value};

/// A struct, a pointer to one, or a named scalar such as `time.Month`.
///
/// Methods that templates can call belong to the type: see [`Named::methods`]. The defaults suit a
/// struct without fields that Go prints as `{}`.
///
/// [`Named::methods`]: super::Named::methods
pub trait Object {
    /// The Go type: a [`Type::Named`], or a [`Type::Pointer`] to one.
    fn ty(&self) -> Type;

    /// For Rust functions that take this very type.
    fn as_any(&self) -> &dyn Any;

    /// The exported field with this name.
    fn field(&self, name: &str) -> Option<Value> {
        self.fields().into_iter().find(|(field, _)| *field == name).map(|(_, value)| value)
    }

    /// All fields in the order of their declaration, for printing and comparing.
    fn fields(&self) -> Vec<(&'static str, Value)> {
        Vec::new()
    }

    /// What a named scalar, slice or map is made of.
    fn underlying(&self) -> Option<Value> {
        None
    }

    /// A value of the same named type made of something else, for copies; none if the type is none of a slice or map.
    fn with_underlying(&self, _: Value) -> Option<Value> {
        None
    }

    /// The entries of a map whose keys are no strings, in the order in which Go ranges over them.
    fn pairs(&self) -> Option<Vec<(Value, Value)>> {
        None
    }

    /// What `String()` or `Error()` gives, if the type has such a method. An error says so with `ty`.
    fn text(&self) -> Option<Str> {
        None
    }

    /// What a parameter of type `interface {}` gets, if that is less than the value itself: Go's copies are not
    /// addressable, and so they lack the methods of their pointers.
    fn copied(&self) -> Option<Value> {
        None
    }

    /// The names and values that `encoding/json` writes for a struct, in their order, if they are not [its
    /// fields](Object::fields) sorted by name.
    fn json(&self) -> Option<Vec<(&'static str, Value)>> {
        None
    }

    /// Whether it is a nil pointer.
    fn is_nil(&self) -> bool {
        false
    }

    /// Go's `==` with another value of the same type.
    fn equals(&self, other: &dyn Object) -> bool {
        if let (Some(a), Some(b)) = (self.underlying(), other.underlying()) {
            return a.deep_equal(&b);
        }
        let (a, b) = (self.fields(), other.fields());
        a.len() == b.len() && a.iter().zip(&b).all(|((_, a), (_, b))| a.deep_equal(b))
    }

    /// What `encoding/json` makes of it, for `toJson` and `toYaml`: a value without objects. By default
    /// the text, what it is made of, or its fields.
    fn to_plain(&self) -> Value {
        if let Some(value) = self.underlying() {
            return value;
        }
        let map = super::Map::new();
        for (name, value) in self.json().unwrap_or_else(|| self.fields()) {
            map.insert(Str::from_static(name), value);
        }
        Value::Map(map)
    }
}
