//! How a pass ends when it can't go on.

use std::time::Duration;

use sluice_apis::kustomize::reasons;

/// Secrets hold more than secrets. Values shorter than this, in bytes, are such as `true`, `8080` or `prod`: to hide
/// them wherever they occur would leave no message to read.
const SHORTEST_SECRET: usize = 6;

/// What happens after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// Tried again after the retry interval, with a warning event.
    Retry,
    /// Tried again after the retry interval, without an event: the cause shows in the condition and in the log.
    RetryQuietly,
    /// Looked at again after this time at the latest, or as soon as what it waits for changes.
    Await(Duration),
    /// Tried again after a growing delay.
    Backoff,
    /// Not tried again until somebody changes the object; the spec counts as observed.
    Stall,
    /// As [`Then::Stall`], but the spec does not count as observed: the controller's flags forbid it.
    Forbid,
}

/// Why a pass can't go on: the Ready condition's reason and message, and what happens then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// The reason of the conditions.
    pub reason: &'static str,
    /// The message of the conditions, and of the event if that has none of its own.
    pub message: String,
    /// What the conditions say beyond the message: the cause of the cause, the place, the remedy.
    pub detail: Option<String>,
    /// The message of the event, where it differs.
    pub event: Option<String>,
    /// What happens then.
    pub then: Then,
}

impl Failure {
    /// A failure that is tried again.
    pub fn retry(reason: &'static str, message: impl Into<String>) -> Self {
        Self { reason, message: message.into(), detail: None, event: None, then: Then::Retry }
    }

    /// The source can't be used; `then` says what its return needs.
    pub fn source(message: impl Into<String>, then: Then) -> Self {
        Self { then, ..Self::retry(reasons::ARTIFACT_FAILED, message) }
    }

    /// The manifests can't be built.
    pub fn build(message: impl Into<String>) -> Self {
        Self::retry(reasons::BUILD_FAILED, message)
    }

    /// The objects can't be applied.
    pub fn apply(message: impl Into<String>) -> Self {
        Self::retry(reasons::RECONCILIATION_FAILED, message)
    }

    /// A dependency is not ready.
    pub fn dependency(message: impl Into<String>, look_again: Duration) -> Self {
        Self { then: Then::Await(look_again), ..Self::retry(reasons::DEPENDENCY_NOT_READY, message) }
    }

    /// An expression in the spec can't be used, whatever the cluster's state.
    pub fn expression(message: impl Into<String>) -> Self {
        let message =
            format!("Reconciliation failed terminally due to configuration error: {}", message.into());
        Self { then: Then::Stall, ..Self::retry(reasons::INVALID_CEL_EXPRESSION, message) }
    }

    /// The controller's flags forbid what the spec asks for.
    pub fn forbidden(reason: &'static str, message: impl Into<String>) -> Self {
        Self { then: Then::Forbid, ..Self::retry(reason, message) }
    }

    /// Gives the event a message of its own.
    #[must_use]
    pub fn with_event(mut self, message: impl Into<String>) -> Self {
        self.event = Some(message.into());
        self
    }

    /// Adds what the conditions say beyond the message.
    #[must_use]
    pub fn with_detail(mut self, detail: Option<String>) -> Self {
        self.detail = detail;
        self
    }

    /// Hides values of Secrets: the API server quotes what it refuses.
    #[must_use]
    pub fn hiding(mut self, secrets: &[String]) -> Self {
        let mut values: Vec<&str> =
            secrets.iter().map(|value| value.trim()).filter(|value| value.len() >= SHORTEST_SECRET).collect();
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        for text in [Some(&mut self.message), self.detail.as_mut(), self.event.as_mut()].into_iter().flatten()
        {
            for value in &values {
                if text.contains(value) {
                    *text = text.replace(value, "***");
                }
            }
        }
        self
    }

    /// The message of the conditions.
    pub fn condition_message(&self) -> String {
        match &self.detail {
            Some(detail) => format!("{}: {detail}", self.message.trim_end()),
            None => self.message.clone(),
        }
    }

    /// The message of the event.
    pub fn event_message(&self) -> &str {
        self.event.as_deref().unwrap_or(&self.message)
    }

    /// Whether only a change of the object can help.
    pub fn is_terminal(&self) -> bool {
        matches!(self.then, Then::Stall | Then::Forbid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_secrets_are_hidden() {
        let failure = Failure::apply("hunter2-longer and hunter2 on port 8080")
            .with_detail(Some("hunter2 too".to_owned()))
            .with_event("hunter2")
            .hiding(&["hunter2\n".to_owned(), "8080".to_owned(), String::new(), "hunter2-longer".to_owned()]);
        assert_eq!(failure.condition_message(), "*** and *** on port 8080: *** too");
        assert_eq!(failure.event_message(), "***");
    }
}
