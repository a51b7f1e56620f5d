//! Variable substitution in text, in the dialect that Flux's post-build substitution speaks.
//!
//! It looks like a shell's parameter expansion and is not one: `${v:?w}` and `${v:+w}` act as
//! defaults, operators without the colon (`${v-w}`) are errors, `$v` is plain text, lengths and
//! slices count bytes, and an empty value counts as unset for the default operators.
//!
//! | form | result |
//! |---|---|
//! | `${v}` | the value |
//! | `${v:-w}` `${v:=w}` `${v=w}` `${v:?w}` `${v:+w}` | the value, or `w` where it is empty or unset |
//! | `${#v}` | the value's length in bytes |
//! | `${v^}` `${v^^}` `${v,}` `${v,,}` | upper or lower case, of the first letter or of all |
//! | `${v:off}` `${v:off:len}` | a slice; negative numbers count from the end |
//! | `${v#p}` `${v##p}` `${v%p}` `${v%%p}` | the value without a shortest or longest prefix or suffix |
//! | `${v/a/b}` `${v//a/b}` `${v/#a/b}` `${v/%a/b}` | the first, all, leading or trailing `a` replaced |
//! | `$$` | a literal `$` |

mod glob;
mod operator;
mod parse;

use std::collections::BTreeMap;

use operator::Operator;
use parse::{Expansion, Part};

/// The values that names stand for.
pub type Variables = BTreeMap<String, String>;

/// Whether a name without a value is an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// A name without a value is an error, unless its form brings a default.
    Error,
    /// A name without a value stands for the empty string.
    Empty,
}

/// Why a text could not be expanded. `line` is the 1-based line in the text; the message is without it.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// The form inside `${…}` is none of the supported ones.
    #[error("bad substitution")]
    BadSubstitution {
        /// Where the form begins.
        line: usize,
    },
    /// A `}` was expected behind the name: it is missing, or the operator is not supported.
    #[error("missing closing brace")]
    MissingClosingBrace {
        /// Where the form begins.
        line: usize,
        /// The name that was read.
        name: String,
        /// What stands where the brace was expected.
        found: String,
    },
    /// `${` is not followed by a name.
    #[error("unable to parse variable name")]
    VariableName {
        /// Where the form begins.
        line: usize,
    },
    /// An operator's argument ends with the text or is empty.
    #[error("unable to parse substitution within function")]
    Argument {
        /// Where the form begins.
        line: usize,
    },
    /// The operator behind the name is not one of the default operators.
    #[error("unable to parse default function")]
    DefaultOperator {
        /// Where the form begins.
        line: usize,
    },
    /// A name has no value.
    #[error("variable not set (strict mode): {name:?}")]
    NotSet {
        /// The name.
        name: String,
        /// Where it is used.
        line: usize,
    },
    /// Forms are nested deeper than [`parse::MAX_DEPTH`].
    #[error("substitutions are nested too deeply")]
    TooDeep {
        /// Where the form begins.
        line: usize,
    },
    /// A slice cut a character in two.
    #[error("a slice of {name:?} cuts a character in two: offsets count bytes")]
    NotUtf8 {
        /// The name that was sliced.
        name: String,
        /// Where it is used.
        line: usize,
    },
}

impl Error {
    /// The place, and what to do about it where that is known.
    pub fn detail(&self) -> String {
        match self {
            Self::MissingClosingBrace { line, name, found } => {
                format!("line {line}: `${{{name}` is followed by {found}")
            }
            Self::VariableName { line } => format!("line {line}: write `$${{` for a literal `${{`"),
            Self::BadSubstitution { line }
            | Self::Argument { line }
            | Self::DefaultOperator { line }
            | Self::NotSet { line, .. }
            | Self::TooDeep { line }
            | Self::NotUtf8 { line, .. } => format!("line {line}"),
        }
    }
}

/// Expands every form in `text`.
pub fn expand(text: &str, variables: &Variables, missing: Missing) -> Result<String, Error> {
    // Most texts hold no form at all: nothing to parse, nothing to copy twice.
    if !text.contains('$') {
        return Ok(text.to_owned());
    }
    let parts = parse::parse(text)?;
    let mut out = String::with_capacity(text.len());
    for part in &parts {
        write(part, variables, missing, &mut out)?;
    }
    Ok(out)
}

fn write(part: &Part, variables: &Variables, missing: Missing, out: &mut String) -> Result<(), Error> {
    match part {
        Part::Text(text) => out.push_str(text),
        Part::Expansion(expansion) => out.push_str(&evaluate(expansion, variables, missing)?),
    }
    Ok(())
}

fn evaluate(e: &Expansion, variables: &Variables, missing: Missing) -> Result<String, Error> {
    let mut arguments = Vec::with_capacity(e.arguments.len());
    for argument in &e.arguments {
        let mut text = String::new();
        write(argument, variables, missing, &mut text)?;
        arguments.push(text);
    }
    let value = match variables.get(&e.name) {
        Some(value) => value.as_str(),
        None if missing == Missing::Error && e.operator != Operator::Default => {
            return Err(Error::NotSet { name: e.name.clone(), line: e.line });
        }
        None => "",
    };
    e.operator.apply(value, &arguments).ok_or_else(|| Error::NotUtf8 { name: e.name.clone(), line: e.line })
}

/// Whether `name` may name a variable: a letter or underscore, then letters, digits, underscores (ASCII).
pub fn is_valid_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b == b'_' || b.is_ascii_alphabetic())
        && bytes.all(|b| b == b'_' || b.is_ascii_alphanumeric())
}
