//! Go's types, as far as templates can see them: names in `%T` and in errors, kinds in rules.

use std::fmt;

use crate::function::Function;

/// The width of a signed integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are Go's")]
pub enum IntKind {
    Int,
    Int8,
    Int16,
    Int32,
    Int64,
}

/// The width of an unsigned integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are Go's")]
pub enum UintKind {
    Uint,
    Uint8,
    Uint16,
    Uint32,
    Uint64,
    Uintptr,
}

/// What `reflect.Kind` tells of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are Go's")]
pub enum Kind {
    Invalid,
    Bool,
    Int(IntKind),
    Uint(UintKind),
    Float64,
    Complex128,
    String,
    Slice,
    Map,
    Struct,
    Pointer,
    Interface,
}

impl Kind {
    /// The kind's name in Go: `int64`, `slice`, `ptr`.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Invalid => "invalid",
            Kind::Bool => "bool",
            Kind::Int(kind) => kind.name(),
            Kind::Uint(kind) => kind.name(),
            Kind::Float64 => "float64",
            Kind::Complex128 => "complex128",
            Kind::String => "string",
            Kind::Slice => "slice",
            Kind::Map => "map",
            Kind::Struct => "struct",
            Kind::Pointer => "ptr",
            Kind::Interface => "interface",
        }
    }
}

impl IntKind {
    /// The type's name in Go.
    pub fn name(self) -> &'static str {
        match self {
            IntKind::Int => "int",
            IntKind::Int8 => "int8",
            IntKind::Int16 => "int16",
            IntKind::Int32 => "int32",
            IntKind::Int64 => "int64",
        }
    }

    /// The value as a variable of this type holds it: wrapped to its width.
    pub fn wrap(self, value: i64) -> i64 {
        match self {
            IntKind::Int | IntKind::Int64 => value,
            IntKind::Int8 => i64::from(value as i8),
            IntKind::Int16 => i64::from(value as i16),
            IntKind::Int32 => i64::from(value as i32),
        }
    }
}

impl UintKind {
    /// The type's name in Go.
    pub fn name(self) -> &'static str {
        match self {
            UintKind::Uint => "uint",
            UintKind::Uint8 => "uint8",
            UintKind::Uint16 => "uint16",
            UintKind::Uint32 => "uint32",
            UintKind::Uint64 => "uint64",
            UintKind::Uintptr => "uintptr",
        }
    }

    /// The value as a variable of this type holds it: wrapped to its width.
    pub fn wrap(self, value: u64) -> u64 {
        match self {
            UintKind::Uint | UintKind::Uint64 | UintKind::Uintptr => value,
            UintKind::Uint8 => u64::from(value as u8),
            UintKind::Uint16 => u64::from(value as u16),
            UintKind::Uint32 => u64::from(value as u32),
        }
    }
}

/// A Go type. Composite types refer to static parts, so a type is copied, never allocated:
/// `Type::Slice(&Type::String)`.
#[derive(Clone, Copy)]
pub enum Type {
    /// `interface {}`: a parameter of this type takes anything.
    Any,
    /// `reflect.Value`: a parameter that takes anything too, but is told from nil by Go's built-ins.
    Reflect,
    /// `error`
    Error,
    /// `bool`
    Bool,
    /// `int` to `int64`
    Int(IntKind),
    /// `uint` to `uintptr`
    Uint(UintKind),
    /// `float64`
    Float64,
    /// `complex128`
    Complex128,
    /// `string`
    String,
    /// A slice of the type.
    Slice(&'static Type),
    /// A map from strings to the type.
    Map(&'static Type),
    /// An unnamed struct: only as what a named type is made of.
    Struct,
    /// A pointer to the type.
    Pointer(&'static Type),
    /// A type with a name and perhaps methods.
    Named(&'static Named),
}

/// A named type.
pub struct Named {
    /// The name with its package, as `%T` prints it: `common.Values`.
    pub name: &'static str,
    /// What it is made of.
    pub underlying: Type,
    /// Its methods. The first argument of each is the receiver.
    pub methods: &'static [Function],
}

impl Type {
    /// `int`
    pub const INT: Type = Type::Int(IntKind::Int);
    /// `int32`
    pub const INT32: Type = Type::Int(IntKind::Int32);
    /// `int64`
    pub const INT64: Type = Type::Int(IntKind::Int64);
    /// `uint8`
    pub const UINT8: Type = Type::Uint(UintKind::Uint8);
    /// `uint32`
    pub const UINT32: Type = Type::Uint(UintKind::Uint32);
    /// `uint64`
    pub const UINT64: Type = Type::Uint(UintKind::Uint64);
    /// `[]interface {}`
    pub const ANYS: Type = Type::Slice(&Type::Any);
    /// `[]string`
    pub const STRINGS: Type = Type::Slice(&Type::String);
    /// `[]uint8`
    pub const BYTES: Type = Type::Slice(&Type::UINT8);
    /// `map[string]interface {}`
    pub const ANY_MAP: Type = Type::Map(&Type::Any);
    /// `map[string]string`
    pub const STRING_MAP: Type = Type::Map(&Type::String);

    /// The kind of the type's values.
    pub fn kind(self) -> Kind {
        match self {
            Type::Any | Type::Error => Kind::Interface,
            Type::Reflect | Type::Struct => Kind::Struct,
            Type::Bool => Kind::Bool,
            Type::Int(kind) => Kind::Int(kind),
            Type::Uint(kind) => Kind::Uint(kind),
            Type::Float64 => Kind::Float64,
            Type::Complex128 => Kind::Complex128,
            Type::String => Kind::String,
            Type::Slice(_) => Kind::Slice,
            Type::Map(_) => Kind::Map,
            Type::Pointer(_) => Kind::Pointer,
            Type::Named(named) => named.underlying.kind(),
        }
    }

    /// The type of a slice's or map's elements.
    pub fn element(self) -> Option<Type> {
        match self {
            Type::Slice(element) | Type::Map(element) => Some(*element),
            Type::Named(named) => named.underlying.element(),
            _ => None,
        }
    }

    /// The method with this name, of the type or of what it points to.
    pub fn method(self, name: &str) -> Option<&'static Function> {
        match self {
            Type::Named(named) => named.methods.iter().find(|method| method.name() == name),
            Type::Pointer(target) => target.method(name),
            _ => None,
        }
    }

    /// Whether nil can be assigned to a variable of the type.
    pub fn can_be_nil(self) -> bool {
        matches!(self, Type::Reflect)
            || matches!(self.kind(), Kind::Interface | Kind::Map | Kind::Pointer | Kind::Slice)
    }

    /// Whether a variable of type `to` can hold a value of this type without conversion.
    pub fn assignable_to(self, to: Type) -> bool {
        if matches!(to, Type::Any) || self == to {
            return true;
        }
        match (self, to) {
            // Between a named and an unnamed type, what they are made of decides.
            (Type::Named(from), Type::Slice(_) | Type::Map(_)) => from.underlying == to,
            (Type::Slice(_) | Type::Map(_), Type::Named(to)) => self == to.underlying,
            _ => false,
        }
    }
}

impl PartialEq for Type {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Type::Any, Type::Any)
            | (Type::Reflect, Type::Reflect)
            | (Type::Error, Type::Error)
            | (Type::Bool, Type::Bool)
            | (Type::Float64, Type::Float64)
            | (Type::Complex128, Type::Complex128)
            | (Type::Struct, Type::Struct)
            | (Type::String, Type::String) => true,
            (Type::Int(a), Type::Int(b)) => a == b,
            (Type::Uint(a), Type::Uint(b)) => a == b,
            (Type::Slice(a), Type::Slice(b))
            | (Type::Map(a), Type::Map(b))
            | (Type::Pointer(a), Type::Pointer(b)) => a == b,
            (Type::Named(a), Type::Named(b)) => a.name == b.name,
            _ => false,
        }
    }
}

impl Eq for Type {}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::Any => f.write_str("interface {}"),
            Type::Reflect => f.write_str("reflect.Value"),
            Type::Error => f.write_str("error"),
            Type::Bool => f.write_str("bool"),
            Type::Int(kind) => f.write_str(kind.name()),
            Type::Uint(kind) => f.write_str(kind.name()),
            Type::Float64 => f.write_str("float64"),
            Type::Complex128 => f.write_str("complex128"),
            Type::String => f.write_str("string"),
            Type::Slice(element) => write!(f, "[]{element}"),
            Type::Map(element) => write!(f, "map[string]{element}"),
            Type::Struct => f.write_str("struct {}"),
            Type::Pointer(target) => write!(f, "*{target}"),
            Type::Named(named) => f.write_str(named.name),
        }
    }
}

impl fmt::Debug for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Type({self})")
    }
}
