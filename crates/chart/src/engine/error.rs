//! Errors of templates, as Helm shows them: a place a line, what was executed there, and the message.

use std::fmt;

use sluice_gotmpl::{ExecError, Frame, ParseError};

use super::functions::{WARN_END, WARN_START};

/// A template can't be parsed, or its execution failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateError {
    message: String,
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for TemplateError {}

impl TemplateError {
    pub(super) fn parse(path: &str, error: &ParseError) -> Self {
        let text = error.to_string();
        let tokens: Vec<&str> = text.split(": ").collect();
        let message = match tokens.as_slice() {
            [_, location, .., last] => format!("parse error at ({location}): {last}"),
            [_, last] => format!("parse error at ({last}): {last}"),
            _ => format!("parse error in ({path}): {text}"),
        };
        Self { message }
    }

    pub(super) fn execution(error: &ExecError) -> Self {
        let text = error.to_string();
        let mut tokens = text.splitn(3, ": ");
        if let (Some(_), Some(location), Some(rest)) = (tokens.next(), tokens.next(), tokens.next())
            && let Some(message) = between(rest, WARN_START, WARN_END)
        {
            return Self { message: format!("execution error at ({location}): {message}") };
        }
        // When a part of the chain does not read as Go's own errors do, Helm shows the text as it is.
        Self { message: chain(error).unwrap_or(text) }
    }
}

/// The text between the first start and the last end.
fn between<'t>(text: &'t str, start: &str, end: &str) -> Option<&'t str> {
    let from = text.find(start)? + start.len();
    let rest = text.get(from..)?;
    rest.get(..rest.rfind(end)?)
}

/// One place in the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    location: String,
    executed: String,
    message: String,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.location.is_empty() {
            write!(f, "{}\n  ", self.location)?;
        }
        if !self.executed.is_empty() {
            write!(f, "{}\n    ", self.executed)?;
        }
        if !self.message.is_empty() {
            writeln!(f, "{}", self.message)?;
        }
        Ok(())
    }
}

/// The places from the outermost inwards; none if one of them can't be read.
fn chain(error: &ExecError) -> Option<String> {
    let mut lines: Vec<Line> = Vec::new();
    for text in levels(error) {
        let line = Line::read(&text)?;
        if lines.last() != Some(&line) {
            lines.push(line);
        }
    }
    let text: String = lines.iter().map(Line::to_string).collect();
    Some(text.trim().to_owned())
}

/// The texts that unwrapping Go's error gives one after the other: functions wrap what they get, nodes don't.
fn levels(error: &ExecError) -> Vec<String> {
    let frames: Vec<&Frame> = error.frames().iter().rev().collect();
    let text_from = |from: usize| {
        let mut text: String = frames.iter().skip(from).map(ToString::to_string).collect();
        text.push_str(&error.cause().to_string());
        text
    };
    let mut levels = vec![text_from(0)];
    for (index, frame) in frames.iter().enumerate() {
        let before_call = matches!(frames.get(index), Some(Frame::Call(_)));
        let before_context = matches!(frame, Frame::Context(text) if text != "template: ");
        if before_call || before_context {
            levels.push(text_from(index + 1));
        }
    }
    levels
}

impl Line {
    /// Reads a line of Go's error; none if it is no such line.
    fn read(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("template: ")?;
        if rest.starts_with("no template ") {
            let message = text.to_owned();
            return Some(Self { location: String::new(), executed: String::new(), message });
        }
        if let Some((location, after)) = rest.split_once(": executing ") {
            let (function, after) = after.strip_prefix('"')?.split_once('"')?;
            let (node, message) = after.strip_prefix(" at <")?.split_once(">: ")?;
            return Some(Self {
                location: location.to_owned(),
                executed: format!("executing \"{function}\" at <{node}>:"),
                message: up_to_next(message),
            });
        }
        let (location, message) = rest.rsplit_once(": ")?;
        Some(Self { location: location.to_owned(), executed: String::new(), message: up_to_next(message) })
    }
}

/// The message without the error that it wraps.
fn up_to_next(message: &str) -> String {
    message.find(" template:").and_then(|end| message.get(..end)).unwrap_or(message).to_owned()
}
