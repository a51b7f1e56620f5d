//! Go slices.

use std::fmt;
use std::rc::Rc;

use super::release::release;
use super::{Str, Type, Value};

/// A Go slice: typed, immutable, cheap to clone. `[]uint8` is kept as bytes, not as values.
#[derive(Clone)]
pub struct List(Rc<Data>);

struct Data {
    ty: Type,
    nil: bool,
    items: Items,
}

enum Items {
    Values(Vec<Value>),
    Bytes(Str),
}

impl List {
    /// A `[]interface {}`.
    pub fn of(items: Vec<Value>) -> List {
        List::typed(Type::ANYS, items)
    }

    /// A slice of the given slice type, whose elements the caller has made of the element's type.
    pub fn typed(ty: Type, items: Vec<Value>) -> List {
        List(Rc::new(Data { ty, nil: false, items: Items::Values(items) }))
    }

    /// A `[]string`.
    pub fn strings<S: Into<Str>>(items: impl IntoIterator<Item = S>) -> List {
        List::typed(Type::STRINGS, items.into_iter().map(|item| Value::Str(item.into())).collect())
    }

    /// A `[]uint8`.
    pub fn bytes(bytes: impl Into<Str>) -> List {
        List(Rc::new(Data { ty: Type::BYTES, nil: false, items: Items::Bytes(bytes.into()) }))
    }

    /// The nil slice of the type: empty, and `null` when encoded.
    pub fn nil(ty: Type) -> List {
        List(Rc::new(Data { ty, nil: true, items: Items::Values(Vec::new()) }))
    }

    /// The type of the slice itself.
    pub fn ty(&self) -> Type {
        self.0.ty
    }

    /// Whether it is a nil slice.
    pub fn is_nil(&self) -> bool {
        self.0.nil
    }

    /// How many elements it has.
    pub fn len(&self) -> usize {
        match &self.0.items {
            Items::Values(values) => values.len(),
            Items::Bytes(bytes) => bytes.len(),
        }
    }

    /// Whether it has no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The element at the index.
    pub fn get(&self, index: usize) -> Option<Value> {
        match &self.0.items {
            Items::Values(values) => values.get(index).cloned(),
            Items::Bytes(bytes) => bytes.get(index).map(|byte| Value::from(*byte)),
        }
    }

    /// The elements in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Value> + ExactSizeIterator + '_ {
        (0..self.len()).map(|index| self.get(index).unwrap_or_default())
    }

    /// The elements, unless they are bytes.
    pub fn as_slice(&self) -> Option<&[Value]> {
        match &self.0.items {
            Items::Values(values) => Some(values),
            Items::Bytes(_) => None,
        }
    }

    /// The bytes of a `[]uint8`.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match &self.0.items {
            Items::Bytes(bytes) => Some(bytes),
            Items::Values(_) => None,
        }
    }

    /// The elements as a new vector.
    pub fn to_vec(&self) -> Vec<Value> {
        self.iter().collect()
    }

    /// The elements from `start` up to `end`, both within bounds, as a slice of the same type.
    #[must_use]
    pub fn slice(&self, start: usize, end: usize) -> List {
        let items = match &self.0.items {
            Items::Values(values) => Items::Values(values.get(start..end).unwrap_or_default().to_vec()),
            Items::Bytes(bytes) => Items::Bytes(bytes.get(start..end).unwrap_or_default().into()),
        };
        List(Rc::new(Data { ty: self.0.ty, nil: self.0.nil, items }))
    }

    /// Whether both are one slice in memory.
    pub fn same(&self, other: &List) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }

    /// The address, for `%p` and for finding cycles.
    pub fn address(&self) -> usize {
        Rc::as_ptr(&self.0).cast::<()>() as usize
    }

    /// The bytes it takes, if nobody else holds it.
    pub(super) fn owned_size(&self) -> usize {
        match &self.0.items {
            _ if Rc::strong_count(&self.0) > 1 => 0,
            Items::Values(values) => values.len() * size_of::<Value>(),
            Items::Bytes(bytes) => bytes.len(),
        }
    }

    /// Takes the elements out if nobody else holds the slice.
    pub(super) fn into_unique(self) -> Vec<Value> {
        match Rc::try_unwrap(self.0) {
            Ok(mut data) => data.take(),
            Err(_) => Vec::new(),
        }
    }
}

impl fmt::Debug for List {
    /// Not what is inside: it may hold itself.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(len {})", self.ty(), self.len())
    }
}

impl Data {
    fn take(&mut self) -> Vec<Value> {
        match &mut self.items {
            Items::Values(values) => std::mem::take(values),
            Items::Bytes(_) => Vec::new(),
        }
    }
}

impl Drop for Data {
    fn drop(&mut self) {
        if let Items::Values(values) = &self.items
            && values.iter().any(Value::is_container)
        {
            release(self.take());
        }
    }
}
