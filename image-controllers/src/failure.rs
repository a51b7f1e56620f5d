//! Why a turn did not succeed, and what follows from it.

use std::fmt;
use std::time::Duration;

use sluice_runtime::{PatchError, Superseded};

/// A failed turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// Reason of the event and the condition. None leaves Ready as it is if it tells of a failure already.
    pub(crate) reason: Option<&'static str>,
    /// Message of the event and the condition.
    pub(crate) message: String,
    pub(crate) then: Then,
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
    /// Another turn at once: what this one was about has changed meanwhile.
    Superseded,
}

impl Failure {
    /// A failure that may pass by itself.
    pub(crate) fn retry(reason: &'static str, message: impl fmt::Display) -> Self {
        Self { reason: Some(reason), message: message.to_string(), then: Then::Retry }
    }

    /// A failure that may pass by itself and has no reason of its own.
    pub(crate) fn unnamed(message: impl fmt::Display) -> Self {
        Self { reason: None, message: message.to_string(), then: Then::Retry }
    }

    /// A failure that lasts until the object changes.
    pub(crate) fn stall(reason: &'static str, message: impl fmt::Display) -> Self {
        Self { reason: Some(reason), message: message.to_string(), then: Then::Stall }
    }

    /// Something else has to happen first; it is looked for again after this time.
    pub(crate) fn wait(reason: &'static str, message: impl fmt::Display, after: Duration) -> Self {
        Self { reason: Some(reason), message: message.to_string(), then: Then::Wait(after) }
    }
}

impl From<PatchError> for Failure {
    fn from(error: PatchError) -> Self {
        Self::unnamed(error)
    }
}

impl From<Superseded> for Failure {
    fn from(_: Superseded) -> Self {
        Self { reason: None, message: String::new(), then: Then::Superseded }
    }
}

/// Reasons of conditions and events, beyond those of every kind.
pub(crate) mod reasons {
    pub(crate) const AUTHENTICATION_FAILED: &str = "AuthenticationFailed";
    pub(crate) const FAILURE: &str = "Failure";
    pub(crate) const GIT_OPERATION_FAILED: &str = "GitOperationFailed";
    pub(crate) const IMAGE_URL_INVALID: &str = "ImageURLInvalid";
    pub(crate) const INTERVAL_NOT_CONFIGURED: &str = "IntervalNotConfigured";
    pub(crate) const INVALID_POLICY: &str = "InvalidPolicy";
    pub(crate) const INVALID_POLICY_SELECTOR: &str = "InvalidPolicySelector";
    pub(crate) const INVALID_SOURCE_CONFIGURATION: &str = "InvalidSourceConfiguration";
    pub(crate) const INVALID_UPDATE_STRATEGY: &str = "InvalidUpdateStrategy";
    pub(crate) const MARKER_IGNORED: &str = "MarkerIgnored";
    pub(crate) const MIN_AGE_NOT_REACHED: &str = "MinAgeNotReached";
    pub(crate) const PULL_REQUEST_FAILED: &str = "PullRequestFailed";
    pub(crate) const READ_OPERATION_FAILED: &str = "ReadOperationFailed";
    pub(crate) const REMOVED_TEMPLATE_FIELD: &str = "RemovedTemplateField";
    pub(crate) const SOURCE_MANAGER_FAILED: &str = "SourceManagerFailed";
    pub(crate) const UPDATE_FAILED: &str = "UpdateFailed";
    pub(crate) const UPDATE_SKIPPED: &str = "UpdateSkipped";
}
