//! Why a chart could not be built.

use std::fmt;

use sluice_apis::conditions::{ConditionedObject, delete, mark_false, mark_true};

use crate::conditions::reasons::VERIFICATION_ERROR;
use crate::conditions::types::{BUILD_FAILED, FETCH_FAILED, SOURCE_VERIFIED};
use crate::failure::Failure;

/// Which part of a build failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// There is no such chart.
    Reference,
    /// The chart could not be fetched.
    Pull,
    /// Its version could not be extended.
    Metadata,
    /// Values files could not be merged.
    Values,
    /// Charts that it needs could not be added.
    Dependencies,
    /// It could not be loaded or packed.
    Package,
    /// Its signature is missing or bad.
    Verification,
}

impl Step {
    /// Reason of conditions and events.
    fn reason(self) -> &'static str {
        match self {
            Self::Reference => "InvalidChartReference",
            Self::Pull => "ChartPullError",
            Self::Metadata => "MetadataPatchError",
            Self::Values => "ValuesFilesError",
            Self::Dependencies => "DependencyBuildError",
            Self::Package => "ChartPackageError",
            Self::Verification => "ChartVerificationError",
        }
    }

    fn summary(self) -> &'static str {
        match self {
            Self::Reference => "invalid chart reference",
            Self::Pull => "chart pull error",
            Self::Metadata => "chart metadata patch error",
            Self::Values => "values files merge error",
            Self::Dependencies => "dependency build error",
            Self::Package => "chart package error",
            Self::Verification => "chart verification error",
        }
    }

    /// Whether only another spec or another source can mend it.
    fn lasts(self) -> bool {
        matches!(self, Self::Reference | Self::Metadata | Self::Values)
    }
}

/// A failed build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BuildError {
    step: Step,
    /// In the words of Flux and its libraries.
    message: String,
    /// What there is to say beyond them, for the conditions.
    detail: Option<String>,
}

impl BuildError {
    pub(super) fn new(step: Step, message: impl fmt::Display) -> Self {
        Self { step, message: message.to_string(), detail: None }
    }

    /// Says more in the conditions than in the event, unless that is the same.
    #[must_use]
    pub(super) fn with_detail(mut self, detail: &impl fmt::Display) -> Self {
        let detail = detail.to_string();
        self.detail = (!self.message.ends_with(&detail)).then_some(detail);
        self
    }

    /// For `map_err`.
    pub(super) fn at<E: fmt::Display>(step: Step) -> impl Fn(E) -> Self {
        move |error| Self::new(step, error)
    }

    /// What happened, without the step.
    pub(super) fn message(&self) -> &str {
        &self.message
    }

    /// The same with what it was for before it.
    #[must_use]
    pub(super) fn within(mut self, what: &str) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }

    /// Whether a repository did not accept who we are, or we not who it is. The words are looked for in what it and
    /// the libraries say.
    fn is_about_authentication(&self) -> bool {
        let text = self.to_string();
        // As a word: ports and versions have such digits, too.
        let refused = text.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == "401");
        let words = ["unauthorized", "authentication required", "tls", "unknown certificate authority"];
        refused || words.iter().any(|word| text.contains(word))
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.step.summary(), self.message)
    }
}

/// Anything that ends the build of a chart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The build itself.
    Build(BuildError),
    /// What is around it.
    Other(Failure),
}

impl From<BuildError> for Trouble {
    fn from(error: BuildError) -> Self {
        Self::Build(error)
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Other(failure)
    }
}

impl Trouble {
    /// The trouble as what it is about, for charts from repositories.
    pub(super) fn of_repository(error: BuildError) -> Self {
        if error.is_about_authentication() {
            let message = format!("failed to authenticate with the Helm repository: {error}");
            return Self::Other(Failure::retry(crate::conditions::reasons::AUTHENTICATION_FAILED, message));
        }
        Self::Build(error)
    }

    /// Sets the conditions that tell of it.
    pub(super) fn mark<K: ConditionedObject>(&self, object: &mut K) {
        let error = match self {
            Self::Build(error) => error,
            Self::Other(failure) => {
                delete(object, BUILD_FAILED);
                let message = format!("unknown build error: {}", failure.message);
                mark_true(object, FETCH_FAILED, "Unknown", message);
                if failure.reason == VERIFICATION_ERROR {
                    mark_false(object, SOURCE_VERIFIED, VERIFICATION_ERROR, &failure.message);
                }
                return;
            }
        };
        let (reason, mut message) = (error.step.reason(), error.to_string());
        if let Some(detail) = &error.detail {
            message = format!("{message}: {detail}");
        }
        match error.step {
            Step::Metadata | Step::Values | Step::Dependencies | Step::Package => {
                delete(object, FETCH_FAILED);
                mark_true(object, BUILD_FAILED, reason, message);
            }
            Step::Verification => {
                delete(object, FETCH_FAILED);
                mark_true(object, BUILD_FAILED, reason, &message);
                mark_false(object, SOURCE_VERIFIED, VERIFICATION_ERROR, message);
            }
            Step::Reference | Step::Pull => {
                delete(object, BUILD_FAILED);
                mark_true(object, FETCH_FAILED, reason, message);
            }
        }
    }

    /// What follows from it.
    pub(super) fn into_failure(self) -> Failure {
        match self {
            Self::Other(failure) => failure,
            Self::Build(error) => {
                let make: fn(&'static str, String) -> Failure =
                    if error.step.lasts() { Failure::stall } else { Failure::retry };
                let failure = make(error.step.reason(), error.to_string());
                match error.detail {
                    Some(detail) => failure.with_detail(detail),
                    None => failure,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Then;

    #[test]
    fn what_only_the_user_can_mend_stalls() {
        let failure = |step| Trouble::Build(BuildError::new(step, "no")).into_failure();
        let found = failure(Step::Reference);
        assert_eq!((found.reason, found.then), ("InvalidChartReference", Then::Stall));
        assert_eq!(found.message, "invalid chart reference: no");
        assert_eq!(failure(Step::Values).then, Then::Stall);
        assert_eq!(failure(Step::Metadata).then, Then::Stall);
        for step in [Step::Pull, Step::Dependencies, Step::Package, Step::Verification] {
            assert_eq!(failure(step).then, Then::Retry);
        }
    }

    #[test]
    fn rejected_credentials_are_told_apart() {
        let of = |text: &str| Trouble::of_repository(BuildError::new(Step::Pull, text)).into_failure();
        let found = of("failed to fetch https://x/app.tgz : 401 Unauthorized");
        assert_eq!(found.reason, "AuthenticationFailed");
        assert_eq!(
            found.message,
            "failed to authenticate with the Helm repository: chart pull error: failed to fetch https://x/app.tgz : 401 Unauthorized"
        );
        for other in ["404 Not Found", "failed to get 'oci://127.0.0.1:40117/charts/app:2.0.0': not found"] {
            assert_eq!(of(other).reason, "ChartPullError");
        }
    }
}
