//! From the state of a release to the next action on it.

use sluice_apis::conditions;
use sluice_apis::helm::condition_types::{DRIFTED, READY, RELEASED, REMEDIATED};
use sluice_apis::helm::reasons;
use sluice_apis::helm::v2::{HelmRelease, ReleaseSnapshot, RemediationStrategy};
use sluice_archive::Algorithm;

use super::remediation::{self, Remediation};
use super::{history, spec, status};

/// What is known of a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// There is none.
    Absent,
    /// There is one that this object did not make, or that somebody else changed.
    Unmanaged,
    /// It was made from another chart, other values or other settings.
    OutOfSync,
    /// Objects in the cluster differ from it: one line for each.
    Drifted(String),
    /// An action on it was interrupted.
    Locked,
    /// Its uninstallation was interrupted.
    Uninstalling,
    /// Its tests have not run.
    Untested,
    /// It is as it should be.
    InSync,
    /// Its last action, or one of its tests, failed.
    Failed,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing.
    Done,
    /// Something.
    Run(Step),
    /// Nothing: no retries are left.
    ExceededMaxRetries,
    /// Nothing: there is no release to go back to.
    MissingRollbackTarget,
}

/// An action on a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Install it.
    Install,
    /// Upgrade it.
    Upgrade,
    /// Run its tests.
    Test,
    /// Go back to the last one that worked.
    Rollback,
    /// Uninstall it because it failed.
    UninstallRemediation,
    /// Mark its interrupted action as failed.
    Unlock,
    /// Bring objects back to what it says.
    CorrectDrift,
}

/// The kinds of steps: each is run once at most in a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A new release.
    Release,
    /// A remedy.
    Remediate,
    /// Tests.
    Test,
    /// An unlock.
    Unlock,
    /// A correction.
    DriftCorrection,
}

impl Step {
    /// Its kind.
    pub fn kind(self) -> Kind {
        match self {
            Self::Install | Self::Upgrade => Kind::Release,
            Self::Rollback | Self::UninstallRemediation => Kind::Remediate,
            Self::Test => Kind::Test,
            Self::Unlock => Kind::Unlock,
            Self::CorrectDrift => Kind::DriftCorrection,
        }
    }

    /// Its name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Install => "install",
            Self::Upgrade => "upgrade",
            Self::Test => "test",
            Self::Rollback => "rollback",
            Self::UninstallRemediation => "uninstall",
            Self::Unlock => "unlock",
            Self::CorrectDrift => "correct cluster drift",
        }
    }

    /// Which timeout it has.
    pub fn timed(self) -> spec::Timed {
        match self {
            Self::Install => spec::Timed::Install,
            Self::Upgrade => spec::Timed::Upgrade,
            Self::Test => spec::Timed::Test,
            Self::Rollback => spec::Timed::Rollback,
            Self::UninstallRemediation => spec::Timed::Uninstall,
            Self::Unlock | Self::CorrectDrift => spec::Timed::Other,
        }
    }
}

/// Whether the release to go back to is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// It is, as it was.
    Good,
    /// The history names none.
    Missing,
    /// It is gone, or was changed: only a new upgrade can help.
    Unusable,
}

/// What decisions depend on besides the object and the release.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Whether actions without a strategy are retried instead of remedied.
    pub retry_by_default: bool,
    /// The algorithm of digests.
    pub algorithm: Algorithm,
}

/// Decides on the next step, and brings history and conditions to what the decision means.
///
/// `forced` says whether a release action is asked for whatever the state. A failed release to be rolled back needs
/// to know about its [`Target`]: without, [`Needs`] is the answer.
pub fn decide(object: &mut HelmRelease, state: &State, forced: bool, rules: Rules) -> Decision {
    let next = match state {
        State::InSync => in_sync(object, forced, rules),
        State::Locked => Next::Run(Step::Unlock),
        // It can't be left like that: to go on is all that leads anywhere.
        State::Uninstalling => Next::Run(Step::UninstallRemediation),
        State::Absent => release(object, Step::Install, &Remediation::of_install(object), forced),
        State::OutOfSync => release(object, Step::Upgrade, &Remediation::of_upgrade(object), forced),
        State::Unmanaged => {
            status::status_mut(object).history.clear();
            Next::Run(Step::Upgrade)
        }
        State::Drifted(differences) => drifted(object, differences),
        State::Untested => {
            replace_remediated(object);
            Next::Run(Step::Test)
        }
        State::Failed => return failed(object, forced, rules),
    };
    Decision::Next(next)
}

/// The answer of [`decide`].
#[allow(clippy::large_enum_variant, reason = "there is one at a time, and it is taken apart at once")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// This is next.
    Next(Next),
    /// It depends on whether this snapshot, if there is one, is still in storage: see [`rollback`].
    DependsOn(Option<ReleaseSnapshot>),
}

/// What follows from the release to go back to.
pub fn rollback(target: Target) -> Next {
    match target {
        Target::Good => Next::Run(Step::Rollback),
        Target::Missing => Next::MissingRollbackTarget,
        Target::Unusable => Next::Run(Step::Upgrade),
    }
}

fn release(object: &HelmRelease, step: Step, remediation: &Remediation, forced: bool) -> Next {
    let exhausted = object.status.as_ref().is_some_and(|status| remediation.is_exhausted(status));
    if exhausted && !forced { Next::ExceededMaxRetries } else { Next::Run(step) }
}

fn in_sync(object: &mut HelmRelease, forced: bool, rules: Rules) -> Next {
    if remediation::active_retry(object, rules.retry_by_default).is_some() {
        history::truncate_to_newest(&mut status::status_mut(object).history);
    } else {
        let ignores = Remediation::active(object).map_or_else(
            || object.spec.test.as_ref().is_some_and(|test| test.ignore_failures),
            |remediation| remediation.ignores_test_failures(),
        );
        history::truncate(&mut status::status_mut(object).history, ignores);
    }
    if forced {
        return Next::Run(Step::Upgrade);
    }
    replace_remediated(object);
    if !conditions::is_ready(object) || !conditions::is_true(object, RELEASED) {
        let outcome = match conditions::reason(object, RELEASED) {
            Some(reasons::INSTALL_FAILED) => Some((reasons::INSTALL_SUCCEEDED, "install")),
            Some(reasons::UPGRADE_FAILED) => Some((reasons::UPGRADE_SUCCEEDED, "upgrade")),
            _ => None,
        };
        if let Some((reason, action)) = outcome {
            let message = succeeded(object, action);
            conditions::mark_true(object, RELEASED, reason, message);
            status::summarize(object, rules.algorithm);
        }
    }
    if spec::detects_drift(object) {
        let message = "No drift detected against the cluster state";
        conditions::mark_false(object, DRIFTED, reasons::NO_DRIFT_DETECTED, message);
    }
    Next::Done
}

fn drifted(object: &mut HelmRelease, differences: &str) -> Next {
    let message = drift_message(object, differences);
    conditions::mark_true(object, DRIFTED, reasons::DRIFT_DETECTED, message);
    if spec::corrects_drift(object) { Next::Run(Step::CorrectDrift) } else { Next::Done }
}

/// How drift reads.
pub fn drift_message(object: &mut HelmRelease, differences: &str) -> String {
    let name = history::latest(&mut status::status_mut(object).history).map(|s| history::full_name(s));
    format!(
        "Cluster state of release {} has drifted from the desired state:\n{differences}",
        name.unwrap_or_default()
    )
}

fn failed(object: &mut HelmRelease, forced: bool, rules: Rules) -> Decision {
    let upgrade = Decision::Next(Next::Run(Step::Upgrade));
    if remediation::active_retry(object, rules.retry_by_default).is_some() {
        history::truncate_to_newest(&mut status::status_mut(object).history);
        return upgrade;
    }
    let Some(remediation) = Remediation::active(object) else { return upgrade };
    let status = status::status_mut(object);
    // Without a failure the conditions under which it failed have changed.
    if remediation.failures(status) <= 0 || forced {
        return upgrade;
    }
    if remediation.is_exhausted(status) && !remediation.remediates_last_failure {
        return Decision::Next(Next::ExceededMaxRetries);
    }
    let ignores = remediation.ignores_test_failures();
    history::truncate(&mut status.history, ignores);
    match remediation.strategy {
        RemediationStrategy::Uninstall => Decision::Next(Next::Run(Step::UninstallRemediation)),
        // What a newer API may name: going back is the default.
        RemediationStrategy::Rollback | RemediationStrategy::Other(_) => {
            Decision::DependsOn(history::previous(&mut status.history, ignores).cloned())
        }
    }
}

/// A release that is in sync again through a rollback is what an upgrade would have made.
fn replace_remediated(object: &mut HelmRelease) {
    if conditions::is_true(object, REMEDIATED) {
        let message = succeeded(object, "upgrade");
        status::replace_condition(object, REMEDIATED, RELEASED, reasons::UPGRADE_SUCCEEDED, message);
    }
}

/// How the success of an install or upgrade reads.
pub fn succeeded(object: &mut HelmRelease, action: &str) -> String {
    let latest = history::latest(&mut status::status_mut(object).history);
    let (release, chart) =
        latest.map(|s| (history::full_name(s), history::chart_name(s))).unwrap_or_default();
    format!("Helm {action} succeeded for release {release} with chart {chart}")
}

/// What a pass does after it was decided that nothing more can be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    /// It is tried again after the retry interval.
    Retry,
    /// It goes on at once, in another pass.
    Again,
    /// It is over.
    Over,
    /// It is over for good.
    Stalled,
}

/// A step of a kind that was run already is wanted again.
pub fn pause_before(object: &HelmRelease, rules: Rules) -> Pause {
    if remediation::active_retry(object, rules.retry_by_default).is_some() {
        return Pause::Retry;
    }
    match (Remediation::active(object), object.status.as_ref()) {
        (Some(remediation), Some(status)) if remediation.is_exhausted(status) => Pause::Over,
        _ => Pause::Again,
    }
}

/// A remedy was run: the pass ends.
pub fn pause_after_remedy(object: &HelmRelease, rules: Rules) -> Pause {
    if remediation::active_retry(object, rules.retry_by_default).is_some() {
        return Pause::Retry;
    }
    match (Remediation::active(object), object.status.as_ref()) {
        (Some(remediation), Some(status))
            if remediation.is_exhausted(status) && !remediation.is_uninstall_after_upgrade() =>
        {
            Pause::Stalled
        }
        _ => Pause::Again,
    }
}

/// How often the action that was attempted last has failed, and its name.
pub fn attempts(object: &HelmRelease) -> (String, i64) {
    let Some(status) = object.status.as_ref() else { return Default::default() };
    let action = status.last_attempted_release_action.as_ref().map(|a| a.as_str().to_owned());
    let count = Remediation::active(object).map_or(0, |remediation| remediation.failures(status));
    (action.unwrap_or_default(), count)
}

/// Ready as it stands is not to stay.
pub fn ready_message(object: &HelmRelease) -> String {
    conditions::message(object, READY).unwrap_or_default().to_owned()
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
