//! What functions and operators take and give: those of cel-go's standard library and of the libraries that Flux adds.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::types::{Shape, Type};

/// One way to call a function.
#[derive(Debug)]
pub(super) struct Overload {
    /// Whether the first argument stands before the name.
    pub(super) member: bool,
    /// What it takes, the target included.
    pub(super) arguments: Vec<Type>,
    /// What it gives.
    pub(super) result: Type,
    /// How many type parameters there are; they are numbered from 0.
    pub(super) parameters: u32,
}

/// Whether there is a function of this name, and what it takes.
pub(super) fn function(name: &str) -> Option<&'static [Overload]> {
    DECLARED.get(name).map(Vec::as_slice)
}

static DECLARED: LazyLock<HashMap<&'static str, Vec<Overload>>> = LazyLock::new(|| {
    let mut all: HashMap<&str, Vec<Overload>> = HashMap::new();
    for (name, signatures) in SIGNATURES {
        all.insert(name, signatures.iter().filter_map(|signature| read(signature)).collect());
    }
    for name in ["_<_", "_<=_", "_>_", "_>=_"] {
        let pairs = ORDERED.iter().filter_map(|pair| read(&format!("({pair}) bool")));
        all.insert(name, pairs.collect());
    }
    all
});

/// What can be said to be less or more.
const ORDERED: &[&str] = &[
    "bool, bool",
    "int, int",
    "int, double",
    "int, uint",
    "uint, uint",
    "uint, double",
    "uint, int",
    "double, double",
    "double, int",
    "double, uint",
    "string, string",
    "bytes, bytes",
    "timestamp, timestamp",
    "duration, duration",
];

/// By name: `(arguments) result`, or `target.(arguments) result`. Capitals are type parameters.
const SIGNATURES: &[(&str, &[&str])] = &[
    ("!_", &["(bool) bool"]),
    ("-_", &["(double) double", "(int) int"]),
    ("@in", &["(A, list(A)) bool", "(A, map(A, B)) bool"]),
    ("@not_strictly_false", &["(bool) bool"]),
    ("_!=_", &["(A, A) bool"]),
    ("_%_", &["(int, int) int", "(uint, uint) uint"]),
    ("_&&_", &["(bool, bool) bool"]),
    ("_*_", &["(double, double) double", "(int, int) int", "(uint, uint) uint"]),
    (
        "_+_",
        &[
            "(bytes, bytes) bytes",
            "(double, double) double",
            "(duration, duration) duration",
            "(duration, timestamp) timestamp",
            "(timestamp, duration) timestamp",
            "(int, int) int",
            "(list(A), list(A)) list(A)",
            "(string, string) string",
            "(uint, uint) uint",
        ],
    ),
    (
        "_-_",
        &[
            "(double, double) double",
            "(duration, duration) duration",
            "(int, int) int",
            "(timestamp, duration) timestamp",
            "(timestamp, timestamp) duration",
            "(uint, uint) uint",
        ],
    ),
    ("_/_", &["(double, double) double", "(int, int) int", "(uint, uint) uint"]),
    ("_==_", &["(A, A) bool"]),
    ("_?._", &["(dyn, string) optional(V)"]),
    ("_?_:_", &["(bool, A, A) A"]),
    (
        "_[?_]",
        &[
            "(list(V), int) optional(V)",
            "(optional(list(V)), int) optional(V)",
            "(map(K, V), K) optional(V)",
            "(optional(map(K, V)), K) optional(V)",
        ],
    ),
    (
        "_[_]",
        &[
            "(list(A), int) A",
            "(map(A, B), A) B",
            "(optional(list(V)), int) optional(V)",
            "(optional(map(K, V)), K) optional(V)",
        ],
    ),
    ("_||_", &["(bool, bool) bool"]),
    ("base64.decode", &["(string) bytes"]),
    ("base64.encode", &["(bytes) string"]),
    ("bool", &["(bool) bool", "(string) bool"]),
    ("bytes", &["(bytes) bytes", "(string) bytes"]),
    ("charAt", &["string.(int) string"]),
    ("contains", &["string.(string) bool"]),
    ("double", &["(double) double", "(int) double", "(string) double", "(uint) double"]),
    ("duration", &["(duration) duration", "(int) duration", "(string) duration"]),
    ("dyn", &["(A) dyn"]),
    ("endsWith", &["string.(string) bool"]),
    ("first", &["list(V).() optional(V)"]),
    ("format", &["string.(list(dyn)) string"]),
    ("getDate", &["timestamp.() int", "timestamp.(string) int"]),
    ("getDayOfMonth", &["timestamp.() int", "timestamp.(string) int"]),
    ("getDayOfWeek", &["timestamp.() int", "timestamp.(string) int"]),
    ("getDayOfYear", &["timestamp.() int", "timestamp.(string) int"]),
    ("getFullYear", &["timestamp.() int", "timestamp.(string) int"]),
    ("getHours", &["timestamp.() int", "timestamp.(string) int", "duration.() int"]),
    ("getMilliseconds", &["timestamp.() int", "timestamp.(string) int", "duration.() int"]),
    ("getMinutes", &["timestamp.() int", "timestamp.(string) int", "duration.() int"]),
    ("getMonth", &["timestamp.() int", "timestamp.(string) int"]),
    ("getSeconds", &["timestamp.() int", "timestamp.(string) int", "duration.() int"]),
    ("hasValue", &["optional(V).() bool"]),
    ("indexOf", &["string.(string) int", "string.(string, int) int"]),
    (
        "int",
        &["(int) int", "(double) int", "(duration) int", "(string) int", "(timestamp) int", "(uint) int"],
    ),
    ("join", &["list(string).() string", "list(string).(string) string"]),
    ("last", &["list(V).() optional(V)"]),
    ("lastIndexOf", &["string.(string) int", "string.(string, int) int"]),
    ("lowerAscii", &["string.() string"]),
    ("matches", &["(string, string) bool", "string.(string) bool"]),
    ("optional.none", &["() optional(V)"]),
    ("optional.of", &["(V) optional(V)"]),
    ("optional.ofNonZeroValue", &["(V) optional(V)"]),
    ("optional.unwrap", &["(list(optional(V))) list(V)"]),
    ("or", &["optional(V).(optional(V)) optional(V)"]),
    ("orValue", &["optional(V).(V) V"]),
    ("replace", &["string.(string, string) string", "string.(string, string, int) string"]),
    ("reverse", &["string.() string"]),
    ("sets.contains", &["(list(T), list(T)) bool"]),
    ("sets.equivalent", &["(list(T), list(T)) bool"]),
    ("sets.intersects", &["(list(T), list(T)) bool"]),
    (
        "size",
        &[
            "(bytes) int",
            "bytes.() int",
            "(list(A)) int",
            "list(A).() int",
            "(map(A, B)) int",
            "map(A, B).() int",
            "(string) int",
            "string.() int",
        ],
    ),
    ("split", &["string.(string) list(string)", "string.(string, int) list(string)"]),
    ("startsWith", &["string.(string) bool"]),
    (
        "string",
        &[
            "(string) string",
            "(bool) string",
            "(bytes) string",
            "(double) string",
            "(duration) string",
            "(int) string",
            "(timestamp) string",
            "(uint) string",
        ],
    ),
    ("strings.quote", &["(string) string"]),
    ("substring", &["string.(int) string", "string.(int, int) string"]),
    ("timestamp", &["(timestamp) timestamp", "(int) timestamp", "(string) timestamp"]),
    ("trim", &["string.() string"]),
    ("type", &["(A) type(A)"]),
    ("uint", &["(uint) uint", "(double) uint", "(int) uint", "(string) uint"]),
    ("unwrapOpt", &["list(optional(V)).() list(V)"]),
    ("upperAscii", &["string.() string"]),
    ("value", &["optional(V).() V"]),
];

/// Reads a signature; `None` only for one that is mistyped above.
fn read(text: &str) -> Option<Overload> {
    let mut reader = Reader { rest: text, parameters: Vec::new() };
    let member = !text.starts_with('(');
    let mut arguments = Vec::new();
    if member {
        arguments.push(reader.kind()?);
        reader.skip(".")?;
    }
    reader.skip("(")?;
    while reader.skip(")").is_none() {
        let _ = reader.skip(", ");
        arguments.push(reader.kind()?);
    }
    reader.skip(" ")?;
    let result = reader.kind()?;
    let parameters = u32::try_from(reader.parameters.len()).ok()?;
    reader.rest.is_empty().then_some(Overload { member, arguments, result, parameters })
}

struct Reader<'t> {
    rest: &'t str,
    parameters: Vec<&'t str>,
}

impl<'t> Reader<'t> {
    fn skip(&mut self, what: &str) -> Option<()> {
        self.rest = self.rest.strip_prefix(what)?;
        Some(())
    }

    fn kind(&mut self) -> Option<Type> {
        let end = self.rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        self.rest = rest;
        let shape = match name {
            "list" => Shape::List,
            "map" => Shape::Map,
            "optional" => Shape::Optional,
            "type" => Shape::Type,
            _ => return Type::named(name).or_else(|| self.parameter(name)),
        };
        self.skip("(")?;
        let mut parts = vec![self.kind()?];
        while self.skip(", ").is_some() {
            parts.push(self.kind()?);
        }
        self.skip(")")?;
        Some(Type::of(shape, parts))
    }

    fn parameter(&mut self, name: &'t str) -> Option<Type> {
        let known = self.parameters.iter().position(|known| *known == name);
        let number = known.unwrap_or_else(|| {
            self.parameters.push(name);
            self.parameters.len() - 1
        });
        u32::try_from(number).ok().map(Type::Parameter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_signatures_can_be_read() {
        let read = DECLARED.values().map(Vec::len).sum::<usize>();
        let written = SIGNATURES.iter().map(|(_, signatures)| signatures.len()).sum::<usize>();
        assert_eq!(read, written + 4 * ORDERED.len());
    }
}
