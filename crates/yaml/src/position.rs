//! Where something stands in a text.

use std::fmt;

/// Where a node stands in its text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Position {
    /// Line, from 1; 0 for a node that no text holds.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// Byte offset of the node's first byte, as far as 32 bits reach (of a quoted scalar: its quote; of a block scalar: its `|` or `>`).
    pub start: u32,
    /// Byte offset behind the node's last byte. For a block collection this is where its last entry ends.
    pub end: u32,
}

impl Position {
    /// The position of a node that no text holds.
    pub const NONE: Self = Self { line: 0, column: 0, start: 0, end: 0 };

    /// Whether a text holds the node.
    pub const fn is_known(&self) -> bool {
        self.line > 0
    }

    /// The bytes it covers.
    pub const fn span(&self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}
