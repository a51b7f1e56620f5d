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
    /// Message of the conditions, and of the event if that has none of its own.
    pub(crate) message: String,
    /// Message of the event, where it differs: Flux's text without what is added to it.
    event: Option<String>,
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
        Self { reason, message: message.to_string(), then: Then::Retry, event: None, condition: None }
    }

    /// A failure that lasts until the object changes.
    pub(crate) fn stall(reason: &'static str, message: impl fmt::Display) -> Self {
        Self { reason, message: message.to_string(), then: Then::Stall, event: None, condition: None }
    }

    /// Something else has to happen first; it is looked for again after this time.
    pub(crate) fn wait(reason: &'static str, message: impl fmt::Display, after: Duration) -> Self {
        Self { reason, message: message.to_string(), then: Then::Wait(after), event: None, condition: None }
    }

    /// What it takes is about to come; the conditions tell already.
    pub(crate) fn again(message: impl fmt::Display) -> Self {
        Self { reason: "", message: message.to_string(), then: Then::Again, event: None, condition: None }
    }

    /// The object changed while the turn went on.
    pub(crate) fn superseded() -> Self {
        Self { reason: "", message: String::new(), then: Then::Superseded, event: None, condition: None }
    }

    /// The condition that tells of this failure.
    #[must_use]
    pub(crate) fn with_condition(mut self, condition: &'static str) -> Self {
        self.condition = Some(condition);
        self
    }

    /// Gives the event a message of its own.
    #[must_use]
    pub(crate) fn with_event(mut self, message: impl fmt::Display) -> Self {
        self.event = Some(message.to_string());
        self
    }

    /// Says more in the conditions than in the event.
    #[must_use]
    pub(crate) fn with_detail(mut self, detail: impl fmt::Display) -> Self {
        let told = format!("{}: {detail}", self.message);
        let plain = std::mem::replace(&mut self.message, told);
        self.event.get_or_insert(plain);
        self
    }

    /// Message of the event.
    pub(crate) fn event_message(&self) -> &str {
        self.event.as_deref().unwrap_or(&self.message)
    }

    /// Says what to do about a volume that takes no more; `place` names it.
    #[must_use]
    pub(crate) fn with_remedy(self, place: &str) -> Self {
        match remedy(&self.message) {
            Some(remedy) => self.with_detail(format!("the volume of {place} {remedy}")),
            None => self,
        }
    }

    /// Sets the condition.
    pub(crate) fn mark<K: ConditionedObject>(&self, object: &mut K) {
        if let Some(condition) = self.condition {
            mark_true(object, condition, self.reason, &self.message);
        }
    }
}

/// What is wrong with a volume, and what helps. The causes are told apart by the system's words, which all libraries
/// pass on.
fn remedy(message: &str) -> Option<&'static str> {
    let message = message.to_ascii_lowercase();
    [
        ("no space left on device", "is full: give it more space"),
        ("disk quota exceeded", "has used up its quota: give it more space"),
        ("read-only file system", "is read-only: mount it writable"),
    ]
    .into_iter()
    .find_map(|(words, remedy)| message.contains(words).then_some(remedy))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volumes_that_take_no_more_are_named() {
        let told = |text: &str| {
            let failure = Failure::retry("R", text).with_remedy("--storage-path");
            // Events have Flux's text alone.
            assert_eq!(failure.event_message(), text);
            failure.message
        };
        for (code, end) in [
            (28, "the volume of --storage-path is full: give it more space"),
            (122, "the volume of --storage-path has used up its quota: give it more space"),
            (30, "the volume of --storage-path is read-only: mount it writable"),
        ] {
            let text = std::io::Error::from_raw_os_error(code).to_string();
            assert_eq!(told(&text), format!("{text}: {end}"));
        }
        assert_eq!(told("no route to host"), "no route to host");
    }
}
