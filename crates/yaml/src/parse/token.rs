//! What the scanner finds in a text.

use std::borrow::Cow;

use super::cursor::Mark;
use crate::node::ScalarStyle;

/// The kinds of token.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind<'t> {
    StreamEnd,
    /// `%YAML major.minor`
    Version(u8, u8),
    /// `%TAG handle prefix`
    TagDirective(&'t str, String),
    DocumentStart,
    DocumentEnd,
    BlockSequenceStart,
    BlockMappingStart,
    BlockEnd,
    FlowSequenceStart,
    FlowSequenceEnd,
    FlowMappingStart,
    FlowMappingEnd,
    /// `-`
    BlockEntry,
    /// `,`
    FlowEntry,
    /// `?`, or the start of a key before a `:`
    Key,
    /// `:`
    Value,
    Alias(&'t str),
    Anchor(&'t str),
    /// A handle (`!`, `!!`, `!name!`; empty for `!<verbatim>`) and what follows it.
    Tag(&'t str, String),
    Scalar(Cow<'t, str>, ScalarStyle),
}

/// A token and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Token<'t> {
    pub kind: Kind<'t>,
    pub start: Mark,
    pub end: Mark,
}

/// A comment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Comment<'t> {
    pub start: Mark,
    /// With its `#`.
    pub text: &'t str,
    /// Whether nothing stands before it on its line.
    pub own_line: bool,
}
