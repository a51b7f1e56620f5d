//! Go maps with string keys.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::{Rc, Weak};

use super::entries::Entries;
use super::release::{release, track};
use super::{Str, Type, Value};

/// A Go map with string keys: a reference. Clones see each other's changes, as in Go. Keys are kept
/// sorted by their bytes, the order in which Go prints and ranges over them.
#[derive(Clone)]
pub struct Map(Rc<Data>);

pub(super) struct Data {
    ty: Type,
    nil: bool,
    /// Whether the end of the render already knows that this map may be part of a cycle.
    tracked: Cell<bool>,
    entries: RefCell<Entries>,
}

impl Map {
    /// An empty `map[string]interface {}`.
    pub fn new() -> Map {
        Map::typed(Type::ANY_MAP)
    }

    /// An empty map of the given map type.
    pub fn typed(ty: Type) -> Map {
        Map::build(ty, false, Entries::new())
    }

    /// A map of the given map type with these entries, made of the element's type.
    pub fn with_entries(ty: Type, entries: impl IntoIterator<Item = (Str, Value)>) -> Map {
        Map::build(ty, false, entries.into_iter().collect())
    }

    /// The nil map of the type: empty, `null` when encoded.
    pub fn nil(ty: Type) -> Map {
        Map::build(ty, true, Entries::new())
    }

    fn build(ty: Type, nil: bool, entries: Entries) -> Map {
        Map(Rc::new(Data { ty, nil, tracked: Cell::new(false), entries: RefCell::new(entries) }))
    }

    /// The type of the map itself.
    pub fn ty(&self) -> Type {
        self.0.ty
    }

    /// Whether it is a nil map.
    pub fn is_nil(&self) -> bool {
        self.0.nil
    }

    /// How many entries it has.
    pub fn len(&self) -> usize {
        self.0.entries.borrow().len()
    }

    /// Whether it has no entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value at the key.
    pub fn get(&self, key: impl AsRef<[u8]>) -> Option<Value> {
        self.0.entries.borrow().get(key.as_ref()).cloned()
    }

    /// Whether the key is there.
    pub fn contains(&self, key: impl AsRef<[u8]>) -> bool {
        self.0.entries.borrow().get(key.as_ref()).is_some()
    }

    /// Sets the value at the key, for all who hold the map.
    pub fn insert(&self, key: impl Into<Str>, value: impl Into<Value>) {
        let value = value.into();
        if value.is_container() && !self.0.tracked.replace(true) {
            track(&self.0);
        }
        let old = self.0.entries.borrow_mut().insert(key.into(), value);
        // Only now: dropping the old value must not find the map borrowed.
        drop(old);
    }

    /// Removes the key, for all who hold the map.
    pub fn remove(&self, key: impl AsRef<[u8]>) -> Option<Value> {
        self.0.entries.borrow_mut().remove(key.as_ref())
    }

    /// The keys in order.
    pub fn keys(&self) -> Vec<Str> {
        self.0.entries.borrow().iter().map(|(key, _)| key.clone()).collect()
    }

    /// The values in the order of their keys.
    pub fn values(&self) -> Vec<Value> {
        self.0.entries.borrow().iter().map(|(_, value)| value.clone()).collect()
    }

    /// The entries in the order of their keys: a snapshot, so the map may be changed meanwhile.
    pub fn entries(&self) -> Vec<(Str, Value)> {
        self.0.entries.borrow().iter().map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    /// A new map of the same type with the same values.
    #[must_use]
    pub fn shallow_copy(&self) -> Map {
        Map::build(self.0.ty, self.0.nil, self.0.entries.borrow().clone())
    }

    /// Whether both are one map in memory.
    pub fn same(&self, other: &Map) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }

    /// The address, for `%p` and for finding cycles.
    pub fn address(&self) -> usize {
        Rc::as_ptr(&self.0).cast::<()>() as usize
    }

    /// About the bytes it takes, if nobody else holds it.
    pub(super) fn owned_size(&self) -> usize {
        if Rc::strong_count(&self.0) > 1 { 0 } else { self.len() * size_of::<(Str, Value)>() }
    }

    /// Takes the values out if nobody else holds the map.
    pub(super) fn into_unique(self) -> Vec<Value> {
        match Rc::try_unwrap(self.0) {
            Ok(mut data) => data.take(),
            Err(_) => Vec::new(),
        }
    }
}

impl Default for Map {
    fn default() -> Self {
        Map::new()
    }
}

impl fmt::Debug for Map {
    /// Not what is inside: it may hold itself.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(len {})", self.ty(), self.len())
    }
}

impl Data {
    fn take(&mut self) -> Vec<Value> {
        self.entries.get_mut().take_values()
    }

    /// Empties a map that may hold itself.
    pub(super) fn clear(this: &Weak<Data>) -> Vec<Value> {
        match this.upgrade() {
            Some(data) => data.entries.borrow_mut().take_values(),
            None => Vec::new(),
        }
    }
}

impl Drop for Data {
    fn drop(&mut self) {
        if self.entries.get_mut().iter().any(|(_, value)| value.is_container()) {
            release(self.take());
        }
    }
}
