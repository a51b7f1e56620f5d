//! Why a turn at a source did not succeed, and what follows from it.

use std::fmt;
use std::time::Duration;

use sluice_apis::conditions::{ConditionedObject, mark_true};
use sluice_runtime::PatchError;

use crate::conditions::reasons;

/// A failed turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// Reason of the event and the conditions.
    pub(crate) reason: &'static str,
    /// Message of the event and the conditions.
    pub(crate) message: String,
    pub(crate) then: Then,
    /// The condition that the failure sets to True.
    pub(crate) condition: Option<&'static str>,
}

/// What follows a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// The turn is repeated with backoff.
    Retry,
    /// Nothing, until someone changes the object.
    Stall,
    /// Another turn after this time: something else has to happen first.
    Wait(Duration),
    /// Another turn with backoff, without alarm: what it takes is about to come.
    Again,
    /// Another turn at once: what this one was about has changed meanwhile.
    Superseded,
}

impl Failure {
    /// A failure that may pass by itself.
    pub(crate) fn retry(reason: &'static str, message: impl fmt::Display) -> Self {
        Self { reason, message: message.to_string(), then: Then::Retry, condition: None }
    }

    /// A failure that lasts until the object changes.
    pub(crate) fn stall(reason: &'static str, message: impl fmt::Display) -> Self {
        Self { reason, message: message.to_string(), then: Then::Stall, condition: None }
    }

    /// Something else has to happen first; it is looked for again after this time.
    pub(crate) fn wait(reason: &'static str, message: impl fmt::Display, after: Duration) -> Self {
        Self { reason, message: message.to_string(), then: Then::Wait(after), condition: None }
    }

    /// What it takes is about to come; the conditions tell already.
    pub(crate) fn again(message: impl fmt::Display) -> Self {
        Self { reason: "", message: message.to_string(), then: Then::Again, condition: None }
    }

    /// The object changed while the turn went on.
    pub(crate) fn superseded() -> Self {
        Self { reason: "", message: String::new(), then: Then::Superseded, condition: None }
    }

    /// The condition that tells of this failure.
    #[must_use]
    pub(crate) fn with_condition(mut self, condition: &'static str) -> Self {
        self.condition = Some(condition);
        self
    }

    /// Sets the condition.
    pub(crate) fn mark<K: ConditionedObject>(&self, object: &mut K) {
        if let Some(condition) = self.condition {
            mark_true(object, condition, self.reason, &self.message);
        }
    }
}

impl From<PatchError> for Failure {
    fn from(error: PatchError) -> Self {
        Self::retry(reasons::PATCH_OPERATION_FAILED, error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
