//! The types that a checker knows.

use std::fmt;
use std::sync::Arc;

/// Most parts that a type has; one that would be larger is `dyn`, so that no expression makes the check long.
const MAX_SIZE: u32 = 1000;

/// A type.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Type {
    /// What evaluation will tell.
    Dyn,
    /// `google.protobuf.Any`
    Any,
    /// That of an expression that is wrong: it fits everywhere, so that a mistake is told once.
    Error,
    Null,
    Bool,
    Bytes,
    Double,
    Int,
    String,
    Uint,
    Duration,
    Timestamp,
    /// A type that is not known yet, by its number.
    Parameter(u32),
    /// One made of others.
    Of(Shape, u32, Arc<[Self]>),
}

/// How a type is made of others.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Shape {
    List,
    Map,
    Optional,
    /// The type of a type.
    Type,
}

impl Type {
    /// The type with a simple name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "dyn" => Self::Dyn,
            "any" => Self::Any,
            "null" => Self::Null,
            "bool" => Self::Bool,
            "bytes" => Self::Bytes,
            "double" => Self::Double,
            "int" => Self::Int,
            "string" => Self::String,
            "uint" => Self::Uint,
            "duration" => Self::Duration,
            "timestamp" => Self::Timestamp,
            _ => return None,
        })
    }

    /// A type made of others.
    pub(super) fn of(shape: Shape, parts: Vec<Self>) -> Self {
        let size = parts.iter().map(Self::size).fold(1, u32::saturating_add);
        if size > MAX_SIZE { Self::Dyn } else { Self::Of(shape, size, parts.into()) }
    }

    pub(super) fn list(of: Self) -> Self {
        Self::of(Shape::List, vec![of])
    }

    pub(super) fn map(keys: Self, values: Self) -> Self {
        Self::of(Shape::Map, vec![keys, values])
    }

    pub(super) fn optional(of: Self) -> Self {
        Self::of(Shape::Optional, vec![of])
    }

    pub(super) fn type_of(this: Self) -> Self {
        Self::of(Shape::Type, vec![this])
    }

    /// What the declared variables are: `google.protobuf.Struct`.
    pub(super) fn object() -> Self {
        Self::map(Self::String, Self::Dyn)
    }

    fn size(&self) -> u32 {
        match self {
            Self::Of(_, size, _) => *size,
            _ => 1,
        }
    }

    pub(super) fn is_dyn(&self) -> bool {
        matches!(self, Self::Dyn | Self::Any)
    }

    pub(super) fn is_dyn_or_error(&self) -> bool {
        self.is_dyn() || *self == Self::Error
    }

    /// The type in an optional, and whether it was one.
    pub(super) fn unwrapped(&self) -> (&Self, bool) {
        match self {
            Self::Of(Shape::Optional, _, parts) => (parts.first().unwrap_or(&Self::Dyn), true),
            other => (other, false),
        }
    }

    /// Whether `null` is one of its values.
    pub(super) fn takes_null(&self) -> bool {
        matches!(self, Self::Null | Self::Duration | Self::Timestamp | Self::Of(Shape::Optional, ..))
    }

    /// The name of the type without what it is made of.
    pub(super) fn bare_name(&self) -> String {
        match self {
            Self::Of(shape, ..) => shape.name().to_owned(),
            other => other.result_name(),
        }
    }

    /// The name of the type when it is asked for as a result; those of well-known messages are long.
    pub(super) fn result_name(&self) -> String {
        match self {
            Self::Null => "null_type".to_owned(),
            Self::Duration => "google.protobuf.Duration".to_owned(),
            Self::Timestamp => "google.protobuf.Timestamp".to_owned(),
            Self::Any => "google.protobuf.Any".to_owned(),
            Self::Of(shape, _, parts) if !parts.is_empty() => {
                let parts: Vec<_> = parts.iter().map(Self::result_name).collect();
                format!("{}({})", shape.name(), parts.join(", "))
            }
            other => other.to_string(),
        }
    }
}

impl Shape {
    fn name(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Map => "map",
            Self::Optional => "optional_type",
            Self::Type => "type",
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Dyn => "dyn",
            Self::Any => "any",
            Self::Error => "!error!",
            Self::Null => "null",
            Self::Bool => "bool",
            Self::Bytes => "bytes",
            Self::Double => "double",
            Self::Int => "int",
            Self::String => "string",
            Self::Uint => "uint",
            Self::Duration => "duration",
            Self::Timestamp => "timestamp",
            Self::Parameter(number) => return write!(f, "_var{number}"),
            Self::Of(shape, _, parts) => {
                f.write_str(shape.name())?;
                for (index, part) in parts.iter().enumerate() {
                    write!(f, "{}{part}", if index == 0 { "(" } else { ", " })?;
                }
                if parts.is_empty() { "" } else { ")" }
            }
        };
        f.write_str(text)
    }
}
