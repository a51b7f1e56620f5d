//! Errors that functions return.

use thiserror::Error;

use crate::error::ExecError;

/// Why a function failed. The executor adds where it was called.
#[derive(Clone, Debug, Error)]
pub enum FuncError {
    /// The function's own message.
    #[error("{0}")]
    Message(String),
    /// A template that the function executed failed: its frames are kept.
    #[error(transparent)]
    Template(Box<ExecError>),
    /// A template failed, and the function says in front what it was doing.
    #[error("{context}{source}")]
    Context {
        /// What stands before the cause, with its separator: `"parsing: "`.
        context: String,
        /// The cause.
        source: Box<ExecError>,
    },
}

impl FuncError {
    /// An error with this message.
    pub fn new(message: impl Into<String>) -> FuncError {
        FuncError::Message(message.into())
    }

    /// Puts text before the message; the separator is part of the text.
    #[must_use]
    pub fn context(self, context: impl Into<String>) -> FuncError {
        let mut context = context.into();
        match self {
            FuncError::Message(message) => {
                context.push_str(&message);
                FuncError::Message(context)
            }
            FuncError::Template(source) => FuncError::Context { context, source },
            FuncError::Context { context: inner, source } => {
                context.push_str(&inner);
                FuncError::Context { context, source }
            }
        }
    }
}

impl From<String> for FuncError {
    fn from(message: String) -> Self {
        FuncError::Message(message)
    }
}

impl From<&str> for FuncError {
    fn from(message: &str) -> Self {
        FuncError::Message(message.to_owned())
    }
}

impl From<ExecError> for FuncError {
    fn from(error: ExecError) -> Self {
        FuncError::Template(Box::new(error))
    }
}
