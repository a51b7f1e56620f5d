//! Errors of parsing and executing, with Go's texts.

use std::fmt;

use thiserror::Error;

use crate::limits::Limit;

/// A template's text is not a template: Go's message, such as
/// `template: mychart/templates/a.yaml:3: unexpected "}" in operand`.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("template: {template}:{line}: {message}")]
pub struct ParseError {
    /// The name of the template that was parsed.
    pub template: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

/// Executing a template failed.
///
/// Displayed, it is Go's message: every template and function on the way, the outermost first, and
/// then the cause.
#[derive(Clone, Debug)]
pub struct ExecError {
    /// The innermost frame first.
    frames: Vec<Frame>,
    cause: Cause,
}

/// What went wrong at the innermost place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A message of the executor or of a function.
    Message(String),
    /// A limit was reached.
    Limit(Limit),
}

/// One place that execution was at: a node of a template, or text that a function put before an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A node of a template.
    Node(Place),
    /// A function or method was called here.
    Call(&'static str),
    /// Text of a function, with its separator.
    Context(String),
    /// A template as a whole.
    Template(String),
}

/// A node of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The name of the parsed text that holds the node: for a `define`, the file around it.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in bytes, from 0, as Go counts it.
    pub column: usize,
    /// The template that was executing.
    pub template: String,
    /// The node's canonical text, shortened as Go does.
    pub node: String,
}

impl ExecError {
    /// An error with a message and no place yet.
    pub fn new(message: impl Into<String>) -> ExecError {
        ExecError { frames: Vec::new(), cause: Cause::Message(message.into()) }
    }

    /// Adds a frame around the error.
    #[must_use]
    pub(crate) fn within(mut self, frame: Frame) -> ExecError {
        self.frames.push(frame);
        self
    }

    /// The frames, the innermost first.
    pub fn frames(&self) -> &[Frame] {
        &self.frames
    }

    /// The nodes on the way, the innermost first: where the error arose, then who included that, and
    /// so on.
    pub fn places(&self) -> impl Iterator<Item = &Place> {
        self.frames.iter().filter_map(|frame| match frame {
            Frame::Node(place) => Some(place),
            _ => None,
        })
    }

    /// The cause without the way to it.
    pub fn cause(&self) -> &Cause {
        &self.cause
    }

    /// The limit, if that was reached.
    pub fn limit(&self) -> Option<Limit> {
        match self.cause {
            Cause::Limit(limit) => Some(limit),
            Cause::Message(_) => None,
        }
    }
}

impl From<Limit> for ExecError {
    fn from(limit: Limit) -> Self {
        ExecError { frames: Vec::new(), cause: Cause::Limit(limit) }
    }
}

impl fmt::Display for ExecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for frame in self.frames.iter().rev() {
            fmt::Display::fmt(frame, f)?;
        }
        fmt::Display::fmt(&self.cause, f)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::Message(message) => f.write_str(message),
            Cause::Limit(limit) => fmt::Display::fmt(limit, f),
        }
    }
}

impl std::error::Error for ExecError {}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Frame::Node(place) => {
                let Place { file, line, column, template, node } = place;
                let template = crate::quote::quote(template.as_bytes());
                write!(f, "template: {file}:{line}:{column}: executing {template} at <{node}>: ")
            }
            Frame::Call(name) => write!(f, "error calling {name}: "),
            Frame::Context(text) => f.write_str(text),
            Frame::Template(name) => write!(f, "template: {name}: "),
        }
    }
}
