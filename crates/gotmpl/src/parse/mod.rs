//! From text to templates.

mod arena;
mod lexer;
mod node;
mod number;
mod parser;
mod pipeline;
mod text;
mod unquote;

use std::sync::Arc;

use crate::error::ParseError;
use crate::function::FuncMap;

pub use node::Template;
pub(crate) use node::{Callee, Control, ControlKeyword, NodeId, NodeKind, Span};
pub(crate) use number::{Ideal, underscores_separate_digits};

/// A template may have so many bytes.
pub const MAX_TEXT: usize = 64 << 20;

/// Control structures, and parentheses, may be nested so deep.
pub const MAX_DEPTH: usize = 10_000;

/// The marks around actions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delims {
    left: String,
    right: String,
}

impl Delims {
    /// Delimiters; an empty one stands for Go's `{{` or `}}`.
    pub fn new(left: &str, right: &str) -> Delims {
        let or = |text: &str, default: &str| if text.is_empty() { default } else { text }.to_owned();
        Delims { left: or(left, "{{"), right: or(right, "}}") }
    }
}

impl Default for Delims {
    fn default() -> Self {
        Delims::new("", "")
    }
}

/// What one text holds: a template, and those it defines. Threads may share it.
#[derive(Clone, Debug)]
pub struct Parsed {
    templates: Vec<Arc<Template>>,
}

impl Parsed {
    /// The templates.
    pub fn templates(&self) -> &[Arc<Template>] {
        &self.templates
    }
}

/// Parses a text.
pub(crate) fn parse(
    name: &str,
    text: Arc<[u8]>,
    functions: &FuncMap,
    delims: &Delims,
) -> Result<Parsed, ParseError> {
    parser::parse(name, text, functions, delims)
}
