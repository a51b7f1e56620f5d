//! The values that templates work with.

mod complex;
mod entries;
mod equal;
mod list;
mod map;
mod object;
mod release;
mod text;
mod types;

use std::collections::HashSet;
use std::fmt;
use std::rc::Rc;

pub use complex::Complex;
pub use list::List;
pub use map::Map;
pub use object::Object;
pub use release::Scope;
pub(crate) use text::Source;
pub use text::Str;
pub use types::{IntKind, Kind, Named, Type, UintKind};

/// A Go value as templates see it. Cloning is cheap: lists and objects are shared, maps are references.
///
/// Values belong to one thread. Hold a [`Scope`] while templates make them.
#[derive(Clone, Default)]
pub enum Value {
    /// nil without a type: JSON's null.
    #[default]
    Nil,
    /// `bool`
    Bool(bool),
    /// A signed integer with its width.
    Int(IntKind, i64),
    /// An unsigned integer with its width.
    Uint(UintKind, u64),
    /// `float64`
    Float(f64),
    /// `string`
    Str(Str),
    /// A slice.
    List(List),
    /// A map with string keys.
    Map(Map),
    /// A value of a type of its own.
    Object(Rc<dyn Object>),
}

/// How numbers of JSON documents become Go values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbers {
    /// Every number is a `float64`, as Go decodes JSON and Helm reads values.
    Float64,
    /// Whole numbers written without point or exponent are `int64`, as `helm --set` has them.
    Int64,
    /// Whole numbers written without point or exponent are `int`.
    Int,
}

impl Value {
    /// An `int`.
    pub fn int(value: i64) -> Value {
        Value::Int(IntKind::Int, value)
    }

    /// An `int64`.
    pub fn int64(value: i64) -> Value {
        Value::Int(IntKind::Int64, value)
    }

    /// A string.
    pub fn str(text: impl Into<Str>) -> Value {
        Value::Str(text.into())
    }

    /// A `[]interface {}`.
    pub fn list(items: Vec<Value>) -> Value {
        Value::List(List::of(items))
    }

    /// A value of a type of its own.
    pub fn object(object: impl Object + 'static) -> Value {
        Value::Object(Rc::new(object))
    }

    /// A JSON document as Go decodes it into an `interface {}`.
    pub fn from_json(json: &serde_json::Value, numbers: Numbers) -> Value {
        match json {
            serde_json::Value::Null => Value::Nil,
            serde_json::Value::Bool(value) => Value::Bool(*value),
            serde_json::Value::Number(number) => match (numbers, number.as_i64()) {
                (Numbers::Int64, Some(value)) => Value::int64(value),
                (Numbers::Int, Some(value)) => Value::int(value),
                _ => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
            },
            serde_json::Value::String(text) => Value::str(text.as_str()),
            serde_json::Value::Array(items) => {
                Value::list(items.iter().map(|item| Value::from_json(item, numbers)).collect())
            }
            serde_json::Value::Object(entries) => Value::Map(Map::with_entries(
                Type::ANY_MAP,
                entries
                    .iter()
                    .map(|(key, value)| (Str::from(key.as_str()), Value::from_json(value, numbers))),
            )),
        }
    }

    /// The value's type; [`Type::Any`] for nil, which has none.
    pub fn ty(&self) -> Type {
        match self {
            Value::Nil => Type::Any,
            Value::Bool(_) => Type::Bool,
            Value::Int(kind, _) => Type::Int(*kind),
            Value::Uint(kind, _) => Type::Uint(*kind),
            Value::Float(_) => Type::Float64,
            Value::Str(_) => Type::String,
            Value::List(list) => list.ty(),
            Value::Map(map) => map.ty(),
            Value::Object(object) => object.ty(),
        }
    }

    /// The kind of the value; [`Kind::Invalid`] for nil.
    pub fn kind(&self) -> Kind {
        match self {
            Value::Nil => Kind::Invalid,
            value => value.ty().kind(),
        }
    }

    /// What `%T` prints: the type's name, `<nil>` for nil.
    pub fn type_name(&self) -> String {
        match self {
            Value::Nil => "<nil>".to_owned(),
            value => value.ty().to_string(),
        }
    }

    /// The value itself, or what a named scalar, slice or map is made of.
    #[must_use]
    pub fn underlying(&self) -> Value {
        match self {
            Value::Object(object) => object.underlying().unwrap_or_else(|| self.clone()),
            value => value.clone(),
        }
    }

    /// Whether it is nil, or the nil of its type.
    pub fn is_nil(&self) -> bool {
        match self {
            Value::Nil => true,
            Value::List(list) => list.is_nil(),
            Value::Map(map) => map.is_nil(),
            Value::Object(object) => object.is_nil(),
            _ => false,
        }
    }

    /// Whether `if` takes it as true: not nil, not zero, not empty.
    pub fn is_true(&self) -> bool {
        match self {
            Value::Nil => false,
            Value::Bool(value) => *value,
            Value::Int(_, value) => *value != 0,
            Value::Uint(_, value) => *value != 0,
            Value::Float(value) => *value != 0.0,
            Value::Str(text) => !text.is_empty(),
            Value::List(list) => !list.is_empty(),
            Value::Map(map) => !map.is_empty(),
            Value::Object(object) => match object.underlying() {
                Some(value) => value.is_true(),
                None if object.ty().kind() == Kind::Complex128 => {
                    !Complex::of(self).is_some_and(Complex::is_zero)
                }
                None => object.pairs().map_or_else(|| !object.is_nil(), |pairs| !pairs.is_empty()),
            },
        }
    }

    /// The string's bytes.
    pub fn as_str(&self) -> Option<&Str> {
        match self {
            Value::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The list.
    pub fn as_list(&self) -> Option<&List> {
        match self {
            Value::List(list) => Some(list),
            _ => None,
        }
    }

    /// The map.
    pub fn as_map(&self) -> Option<&Map> {
        match self {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The object, if its Rust type is `T`.
    pub fn downcast<T: 'static>(&self) -> Option<&T> {
        match self {
            Value::Object(object) => object.as_any().downcast_ref(),
            _ => None,
        }
    }

    /// About how many bytes the value takes that nobody else holds: of one that is shared, none.
    pub(crate) fn owned_size(&self) -> usize {
        match self {
            Value::Str(text) => text.owned_size(),
            Value::List(list) => list.owned_size(),
            Value::Map(map) => map.owned_size(),
            _ => 0,
        }
    }

    /// Whether other values can be inside.
    pub(crate) fn is_container(&self) -> bool {
        matches!(self, Value::List(_) | Value::Map(_))
    }

    /// What `reflect.DeepEqual` says: same types, same content, `NaN` differs from itself. Lists and
    /// maps that hold themselves are equal where the same pair is met again.
    pub fn deep_equal(&self, other: &Value) -> bool {
        equal::deep_equal(self, other, &mut HashSet::new())
    }
}

/// Below so much stack left, recursion over values or templates goes on in a new segment.
pub(crate) const RED_ZONE: usize = 128 << 10;
/// The size of such a segment.
pub(crate) const STACK_SEGMENT: usize = 1 << 20;

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Nil => f.write_str("Nil"),
            Value::Bool(value) => write!(f, "{value:?}"),
            Value::Int(kind, value) => write!(f, "{}({value})", kind.name()),
            Value::Uint(kind, value) => write!(f, "{}({value})", kind.name()),
            Value::Float(value) => write!(f, "{value:?}"),
            Value::Str(text) => write!(f, "{text:?}"),
            Value::List(list) => write!(f, "{list:?}"),
            Value::Map(map) => write!(f, "{map:?}"),
            Value::Object(object) => write!(f, "{}", object.ty()),
        }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Value::Bool(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Value::Float(value)
    }
}

/// A byte of a `[]uint8`.
impl From<u8> for Value {
    fn from(value: u8) -> Self {
        Value::Uint(UintKind::Uint8, u64::from(value))
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Str(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::Str(text.into())
    }
}

impl From<Str> for Value {
    fn from(text: Str) -> Self {
        Value::Str(text)
    }
}

impl From<List> for Value {
    fn from(list: List) -> Self {
        Value::List(list)
    }
}

impl From<Map> for Value {
    fn from(map: Map) -> Self {
        Value::Map(map)
    }
}
