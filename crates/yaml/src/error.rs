//! What can be wrong with a YAML text.

use crate::position::Position;

/// What is wrong with a YAML text.
///
/// The first words are those of Go's YAML libraries, which users search for; every message names the line,
/// also where Go's leave it out (line 1) or are one off.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The text is not YAML.
    #[error("yaml: line {}: {message}{detail}", .position.line)]
    Syntax {
        /// Where the parser stopped.
        position: Position,
        /// What it met, in the words of Go's parser.
        message: String,
        /// What helps to find it, behind Go's words.
        detail: String,
        /// The line that Go's parser names, 0 for none: see [`Error::go_text`].
        go_line: u32,
        /// The line that the third version of Go's parser names, 0 for none: see [`Error::go3_text`].
        go3_line: u32,
    },
    /// The bytes are not UTF-8 (nor UTF-16 with a byte order mark).
    #[error("yaml: line {}: invalid UTF-8: save the file as UTF-8 text", .position.line)]
    Encoding {
        /// The first bad byte.
        position: Position,
        /// What is wrong with it, in the words of Go's parser.
        message: &'static str,
    },
    /// The text is larger, deeper or expands to more than a manifest may.
    #[error("yaml: line {}: {message}", .position.line)]
    Limit {
        /// Where the bound was passed.
        position: Position,
        /// Which bound, with its number.
        message: String,
    },
    /// A key stands twice in one mapping.
    #[error("yaml: line {}: mapping key {key:?} already defined at line {}", .position.line, .first.line)]
    DuplicateKey {
        /// The key.
        key: String,
        /// The second one.
        position: Position,
        /// The first one.
        first: Position,
    },
    /// A key is no text: a number or null where the object needs names, or a collection.
    #[error("yaml: line {}: invalid map key: {key}: keys must be strings; quote it", .position.line)]
    InvalidKey {
        /// The key, as written or as its kind.
        key: String,
        /// What Go's libraries say of it: see [`Error::go_text`].
        go: String,
        /// Where it stands.
        position: Position,
    },
    /// A scalar's tag and text contradict each other.
    #[error("yaml: line {}: cannot decode {kind} `{text}` as a {wanted}", .position.line)]
    Decode {
        /// The type that the text has, as a short tag: `!!str`.
        kind: String,
        /// The start of the text.
        text: String,
        /// The type asked for, as a short tag: `!!int`.
        wanted: String,
        /// Where it stands.
        position: Position,
    },
    /// `<<` has something else than a mapping or a list of mappings.
    #[error("yaml: line {}: map merge requires map or sequence of maps as the value", .position.line)]
    Merge {
        /// Where the value stands.
        position: Position,
    },
    /// JSON has no such number.
    #[error("yaml: line {}: json: unsupported value: {value}: JSON has neither infinities nor NaN", .position.line)]
    Unsupported {
        /// `+Inf`, `-Inf` or `NaN`.
        value: &'static str,
        /// Where it stands.
        position: Position,
    },
}

impl Error {
    /// Where it is.
    pub fn position(&self) -> Position {
        match self {
            Self::Syntax { position, .. }
            | Self::Encoding { position, .. }
            | Self::Limit { position, .. }
            | Self::DuplicateKey { position, .. }
            | Self::InvalidKey { position, .. }
            | Self::Decode { position, .. }
            | Self::Merge { position }
            | Self::Unsupported { position, .. } => *position,
        }
    }

    /// The line, from 1; 0 when the node came from no text.
    pub fn line(&self) -> u32 {
        self.position().line
    }
}
