//! The tree of values that all formats are read into and written from.

/// A comment, without the character that begins it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comment {
    /// The text, or what encrypts it.
    pub text: String,
    /// Whether it stands behind a value on its line.
    pub inline: bool,
}

/// What a mapping holds, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// A comment before, between or after pairs.
    Comment(Comment),
    /// A key and its value.
    Pair(String, Value),
}

/// What a list holds, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// A comment before, between or after values.
    Comment(Comment),
    /// A value.
    Value(Value),
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing; never encrypted.
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// A point in time, in RFC 3339.
    Time(String),
    /// A text.
    Text(String),
    /// Bytes that are no text: the content of a binary file.
    Bytes(Vec<u8>),
    /// A list.
    List(Vec<Item>),
    /// A mapping.
    Map(Vec<Entry>),
}

impl Value {
    /// The kind's name in messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float64",
            Self::Time(_) => "time",
            Self::Text(_) => "string",
            Self::Bytes(_) => "bytes",
            Self::List(_) => "list",
            Self::Map(_) => "map",
        }
    }
}

/// The value of a key in a mapping.
pub(crate) fn get<'t>(entries: &'t [Entry], name: &str) -> Option<&'t Value> {
    entries.iter().find_map(|entry| match entry {
        Entry::Pair(key, value) if key == name => Some(value),
        _ => None,
    })
}
