//! How an action fails.

use std::fmt;

/// Why an action failed: Helm's text, and what there is to say beyond it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The text as Helm has it.
    pub message: String,
    /// What explains it: a pod's own reason, the hook, what to do.
    pub detail: Option<String>,
}

impl Failure {
    /// A failure that speaks for itself.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), detail: None }
    }

    /// Adds an explanation.
    #[must_use]
    pub fn with_detail(mut self, detail: Option<String>) -> Self {
        self.detail = match (self.detail, detail) {
            (Some(first), Some(second)) => Some(format!("{first}; {second}")),
            (first, second) => first.or(second),
        };
        self
    }

    /// Puts something before the text.
    #[must_use]
    pub fn within(self, what: impl fmt::Display) -> Self {
        Self { message: format!("{what}: {}", self.message), ..self }
    }

    /// The text with its explanation.
    pub fn explained(&self) -> String {
        match &self.detail {
            Some(detail) => format!("{}: {detail}", self.message.trim_end()),
            None => self.message.trim_end().to_owned(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl From<String> for Failure {
    fn from(message: String) -> Self {
        Self::new(message)
    }
}

impl From<crate::storage::StorageError> for Failure {
    fn from(error: crate::storage::StorageError) -> Self {
        Self::new(error.to_string())
    }
}

impl From<crate::objects::BuildError> for Failure {
    fn from(error: crate::objects::BuildError) -> Self {
        Self::new(error.to_string())
    }
}
