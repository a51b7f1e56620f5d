//! Versions and constraints.

use std::cmp::Ordering;

use sluice_semver::{Constraints, Version};

use super::args::{Outcome, any, text};
use crate::function::{Call, FuncError, Function};
use crate::value::{Named, Object, Str, Type, UintKind, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("semver", &[Type::String], |_, args| {
        parse(&text(args, 0)).map(|version| Value::object(Semver(version)))
    }),
    Function::new("semverCompare", &[Type::String, Type::String], compare),
];

fn parse(text: &Str) -> Result<Version, FuncError> {
    Version::parse(&text.to_text()).map_err(|error| FuncError::new(error.to_string()))
}

fn compare(_: &mut Call<'_>, args: &[Value]) -> Outcome {
    let constraints =
        Constraints::parse(&text(args, 0).to_text()).map_err(|error| FuncError::new(error.to_string()))?;
    Ok(constraints.matches(&parse(&text(args, 1))?).into())
}

static VERSION: Named = Named { name: "semver.Version", underlying: Type::Struct, methods: METHODS };
static VERSION_TYPE: Type = Type::Named(&VERSION);
// Types are the same if their names are. Parameters have it without methods, whose table would refer to itself.
static PARAMETER: Named = Named { name: "semver.Version", underlying: Type::Struct, methods: &[] };
static PARAMETER_TYPE: Type = Type::Named(&PARAMETER);
const POINTER: Type = Type::Pointer(&PARAMETER_TYPE);

/// A `*semver.Version`.
struct Semver(Version);

impl Object for Semver {
    fn ty(&self) -> Type {
        Type::Pointer(&VERSION_TYPE)
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }

    fn field(&self, _: &str) -> Option<Value> {
        // None is exported: they are printed only.
        None
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        let number = |value| Value::Uint(UintKind::Uint64, value);
        vec![
            ("major", number(self.0.major())),
            ("minor", number(self.0.minor())),
            ("patch", number(self.0.patch())),
            ("pre", self.0.prerelease().into()),
            ("metadata", self.0.metadata().into()),
            ("original", self.0.original().into()),
        ]
    }

    fn text(&self) -> Option<Str> {
        Some(self.0.to_string().into())
    }

    fn equals(&self, other: &dyn Object) -> bool {
        other.as_any().downcast_ref::<Self>().is_some_and(|other| {
            self.0 == other.0
                && self.0.metadata() == other.0.metadata()
                && self.0.original() == other.0.original()
        })
    }

    fn to_plain(&self) -> Value {
        self.0.to_string().into()
    }
}

static METHODS: &[Function] = &[
    Function::new("Major", &[], |_, args| number(args, Version::major)),
    Function::new("Minor", &[], |_, args| number(args, Version::minor)),
    Function::new("Patch", &[], |_, args| number(args, Version::patch)),
    Function::new("Prerelease", &[], |_, args| Ok(version(args, 0)?.prerelease().into())),
    Function::new("Metadata", &[], |_, args| Ok(version(args, 0)?.metadata().into())),
    Function::new("Original", &[], |_, args| Ok(version(args, 0)?.original().into())),
    Function::new("String", &[], |_, args| Ok(version(args, 0)?.to_string().into())),
    Function::new("Compare", &[POINTER], |_, args| {
        Ok(Value::int(version(args, 0)?.cmp(version(args, 1)?) as i64))
    }),
    Function::new("Equal", &[POINTER], |_, args| ordered(args, |order| order == Ordering::Equal)),
    Function::new("LessThan", &[POINTER], |_, args| ordered(args, Ordering::is_lt)),
    Function::new("LessThanEqual", &[POINTER], |_, args| ordered(args, Ordering::is_le)),
    Function::new("GreaterThan", &[POINTER], |_, args| ordered(args, Ordering::is_gt)),
    Function::new("GreaterThanEqual", &[POINTER], |_, args| ordered(args, Ordering::is_ge)),
    Function::new("IncMajor", &[], |_, args| {
        increased(args, |version| format!("{}.0.0", version.major().wrapping_add(1)))
    }),
    Function::new("IncMinor", &[], |_, args| {
        increased(args, |version| format!("{}.{}.0", version.major(), version.minor().wrapping_add(1)))
    }),
    Function::new("IncPatch", &[], |_, args| {
        increased(args, |version| {
            // A pre-release is followed by its release.
            let patch = version.patch().wrapping_add(u64::from(version.prerelease().is_empty()));
            format!("{}.{}.{patch}", version.major(), version.minor())
        })
    }),
];

fn version(args: &[Value], index: usize) -> Result<&Version, FuncError> {
    any(args, index)
        .downcast::<Semver>()
        .map(|semver| &semver.0)
        .ok_or_else(|| super::args::NIL_POINTER.into())
}

fn number(args: &[Value], part: fn(&Version) -> u64) -> Outcome {
    Ok(Value::Uint(UintKind::Uint64, part(version(args, 0)?)))
}

fn ordered(args: &[Value], holds: fn(Ordering) -> bool) -> Outcome {
    Ok(holds(version(args, 0)?.cmp(version(args, 1)?)).into())
}

fn increased(args: &[Value], text: impl Fn(&Version) -> String) -> Outcome {
    let version = version(args, 0)?;
    let prefix = if version.original().starts_with('v') { "v" } else { "" };
    parse(&format!("{prefix}{}", text(version)).into()).map(|version| Value::object(Semver(version)))
}
