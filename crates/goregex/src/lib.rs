//! Go's regular expressions: RE2's syntax and errors, on top of the `regex` crate.
//!
//! The syntax is read by our own parser, which knows what Go accepts and what it says of the rest, and written again
//! for the `regex` crate, whose search is linear too and prefers the same matches.

mod class;
mod error;
mod parse;
mod replace;
mod search;
mod write;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

pub use error::{Code, RegexError};
pub use replace::quote_meta;

/// What a compiled pattern may take that is kept for the next call.
const CACHED_SIZE: usize = 512 << 10;

/// How many compiled patterns a thread keeps.
const CACHED: usize = 100;

/// How long a text may get that is made of a template, in bytes; it is cut beyond.
const MAX_TEXT: usize = 64 << 20;

/// What any compiled pattern may take.
const SIZE: usize = 32 << 20;

/// A compiled pattern. Copies are cheap.
#[derive(Clone, Debug)]
pub struct Regex {
    compiled: regex::bytes::Regex,
    /// The names of the groups, the whole match first; empty for those without.
    names: Vec<String>,
    empty_pattern: bool,
    /// See [`Regex::cost`].
    size: u64,
}

thread_local! {
    static CACHE: RefCell<HashMap<Vec<u8>, Rc<Regex>>> = RefCell::default();
}

impl Regex {
    /// Compiles a pattern, or takes it from this thread's cache.
    pub fn new(pattern: &[u8]) -> Result<Rc<Self>, RegexError> {
        if let Some(regex) = CACHE.with_borrow(|cache| cache.get(pattern).cloned()) {
            return Ok(regex);
        }
        let (regex, small) = Self::compile(pattern)?;
        let regex = Rc::new(regex);
        if small {
            CACHE.with_borrow_mut(|cache| {
                if cache.len() >= CACHED {
                    cache.clear();
                }
                cache.insert(pattern.to_vec(), regex.clone());
            });
        }
        Ok(regex)
    }

    /// Compiles a pattern for a caller that keeps it itself, and shares it between threads.
    pub fn uncached(pattern: &[u8]) -> Result<Self, RegexError> {
        Self::compile(pattern).map(|(regex, _)| regex)
    }

    /// Compiles; says too whether the result is small enough to be kept.
    fn compile(pattern: &[u8]) -> Result<(Self, bool), RegexError> {
        let tree = parse::parse(pattern)?;
        let (text, names) = write::write(&tree);
        let build = |size: usize| {
            regex::bytes::RegexBuilder::new(&text)
                .size_limit(size)
                .dfa_size_limit(2 << 20)
                .nest_limit(10 * parse::MAX_DEPTH as u32)
                .build()
        };
        let large = || RegexError::new(Code::Large, pattern);
        let (compiled, small) = match build(CACHED_SIZE) {
            Ok(compiled) => (compiled, true),
            Err(regex::Error::CompiledTooBig(_)) => (build(SIZE).map_err(|_| large())?, false),
            // The parser lets nothing through that the writer has no text for.
            Err(_) => return Err(RegexError::new(Code::Internal, pattern)),
        };
        Ok((Self { compiled, names, empty_pattern: pattern.is_empty(), size: tree.size() }, small))
    }

    /// How long a search through a text may take: states times bytes.
    pub fn cost(&self, text: &[u8]) -> u64 {
        self.size.saturating_mul(text.len() as u64)
    }
}
