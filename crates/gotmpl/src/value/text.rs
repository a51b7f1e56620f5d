//! Go strings: any bytes, usually UTF-8, cheap to clone.

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::{Deref, Range};
use std::rc::Rc;
use std::sync::Arc;

/// A Go string. It dereferences to its bytes, compares and sorts by them, and clones without copying.
#[derive(Clone)]
pub struct Str(Repr);

#[derive(Clone)]
enum Repr {
    Static(&'static [u8]),
    /// Made while rendering: one thread counts its owners.
    Local(Rc<[u8]>),
    /// What a parsed template or a chart has, which threads share.
    Shared(Arc<[u8]>),
    /// Part of the text of a template, from its start to its end in bytes.
    Part(Arc<Source>, u32, u32),
}

/// The text that templates were parsed from.
pub(crate) struct Source {
    /// The name of the text.
    pub name: Arc<str>,
    pub text: Arc<[u8]>,
}

impl Str {
    /// The empty string.
    pub const EMPTY: Str = Str::from_static("");

    /// A string that lives as long as the program.
    pub const fn from_static(text: &'static str) -> Str {
        Str(Repr::Static(text.as_bytes()))
    }

    /// A string that a parsed template owns.
    pub fn shared(bytes: Arc<[u8]>) -> Str {
        Str(Repr::Shared(bytes))
    }

    /// A string that stands in the text of a template.
    pub(crate) fn part(source: &Arc<Source>, part: Range<u32>) -> Str {
        Str(Repr::Part(source.clone(), part.start, part.end))
    }

    /// The bytes of the string, valid UTF-8 or not.
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Static(bytes) => bytes,
            Repr::Local(bytes) => bytes,
            Repr::Shared(bytes) => bytes,
            Repr::Part(source, start, end) => {
                source.text.get(*start as usize..*end as usize).unwrap_or_default()
            }
        }
    }

    /// Its bytes, if nobody else holds them.
    pub(super) fn owned_size(&self) -> usize {
        match &self.0 {
            Repr::Local(bytes) if Rc::strong_count(bytes) == 1 => bytes.len(),
            _ => 0,
        }
    }

    /// The text; what is not UTF-8 becomes U+FFFD, as when Go ranges over a string.
    pub fn to_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.as_bytes())
    }

    /// The text if all of it is UTF-8.
    pub fn as_utf8(&self) -> Option<&str> {
        std::str::from_utf8(self.as_bytes()).ok()
    }
}

impl Default for Str {
    fn default() -> Self {
        Str::EMPTY
    }
}

impl Deref for Str {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl AsRef<[u8]> for Str {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl Borrow<[u8]> for Str {
    fn borrow(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl From<&str> for Str {
    fn from(text: &str) -> Self {
        Str::from(text.as_bytes())
    }
}

impl From<&[u8]> for Str {
    fn from(bytes: &[u8]) -> Self {
        if bytes.is_empty() { Str::EMPTY } else { Str(Repr::Local(Rc::from(bytes))) }
    }
}

impl From<String> for Str {
    fn from(text: String) -> Self {
        Str::from(text.into_bytes())
    }
}

impl From<Vec<u8>> for Str {
    fn from(bytes: Vec<u8>) -> Self {
        Str::from(bytes.as_slice())
    }
}

impl From<Cow<'_, str>> for Str {
    fn from(text: Cow<'_, str>) -> Self {
        Str::from(text.as_bytes())
    }
}

impl PartialEq for Str {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Str {}

impl PartialOrd for Str {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Str {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl Hash for Str {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl fmt::Debug for Str {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.to_text(), f)
    }
}

impl fmt::Display for Str {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text())
    }
}
