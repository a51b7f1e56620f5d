//! What happens after a failed action: how often it is tried again, and how it is remedied.

use std::time::Duration;

use sluice_apis::helm::v2::{
    HelmRelease, HelmReleaseStatus, ReleaseAction, ReleaseStrategyName, RemediationStrategy,
};

/// How soon a failed action is tried again where the strategy does not say.
const RETRY_INTERVAL: Duration = Duration::from_mins(5);

/// The remedy for a failed install or upgrade.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remediation {
    action: ReleaseAction,
    retries: i64,
    ignore_test_failures: bool,
    /// Whether the last failure is remedied too, when no retries are left.
    pub remediates_last_failure: bool,
    /// How.
    pub strategy: RemediationStrategy,
}

impl Remediation {
    /// That of an install: it is uninstalled.
    pub fn of_install(object: &HelmRelease) -> Self {
        let spec =
            object.spec.install.as_ref().and_then(|install| install.remediation.clone()).unwrap_or_default();
        Self {
            action: ReleaseAction::Install,
            retries: spec.retries.unwrap_or_default(),
            ignore_test_failures: spec.ignore_test_failures.unwrap_or_else(|| ignores_test_failures(object)),
            remediates_last_failure: spec.remediate_last_failure.unwrap_or(false),
            strategy: RemediationStrategy::Uninstall,
        }
    }

    /// That of an upgrade.
    pub fn of_upgrade(object: &HelmRelease) -> Self {
        let spec =
            object.spec.upgrade.as_ref().and_then(|upgrade| upgrade.remediation.clone()).unwrap_or_default();
        let retries = spec.retries.unwrap_or_default();
        Self {
            action: ReleaseAction::Upgrade,
            retries,
            ignore_test_failures: spec.ignore_test_failures.unwrap_or_else(|| ignores_test_failures(object)),
            remediates_last_failure: spec.remediate_last_failure.unwrap_or(retries > 0),
            strategy: spec.strategy.unwrap_or(RemediationStrategy::Rollback),
        }
    }

    /// That of the action that was attempted last.
    pub fn active(object: &HelmRelease) -> Option<Self> {
        match object.status.as_ref()?.last_attempted_release_action.as_ref()? {
            ReleaseAction::Install => Some(Self::of_install(object)),
            ReleaseAction::Upgrade => Some(Self::of_upgrade(object)),
            ReleaseAction::Other(_) => None,
        }
    }

    /// Whether a failed test is no failure.
    pub fn ignores_test_failures(&self) -> bool {
        self.ignore_test_failures
    }

    /// How often the action has failed.
    pub fn failures(&self, status: &HelmReleaseStatus) -> i64 {
        match self.action {
            ReleaseAction::Install => status.install_failures,
            _ => status.upgrade_failures,
        }
    }

    /// The action failed once more.
    pub fn count(&self, status: &mut HelmReleaseStatus) {
        match self.action {
            ReleaseAction::Install => status.install_failures += 1,
            _ => status.upgrade_failures += 1,
        }
    }

    /// Whether it has failed more often than it may be tried again.
    pub fn is_exhausted(&self, status: &HelmReleaseStatus) -> bool {
        self.retries >= 0 && self.failures(status) > self.retries
    }

    /// Whether a failed upgrade is uninstalled: what follows is an install, which has retries of its own.
    pub fn is_uninstall_after_upgrade(&self) -> bool {
        self.action == ReleaseAction::Upgrade && self.strategy == RemediationStrategy::Uninstall
    }
}

fn ignores_test_failures(object: &HelmRelease) -> bool {
    object.spec.test.as_ref().is_some_and(|test| test.ignore_failures)
}

/// How soon the action that was attempted last is tried again, if its strategy is to retry.
pub fn active_retry(object: &HelmRelease, by_default: bool) -> Option<Duration> {
    match object.status.as_ref()?.last_attempted_release_action.as_ref()? {
        ReleaseAction::Install => install_retry(object, by_default),
        ReleaseAction::Upgrade => upgrade_retry(object, by_default),
        ReleaseAction::Other(_) => None,
    }
}

/// How soon a failed install is tried again, if its strategy is to retry.
pub fn install_retry(object: &HelmRelease, by_default: bool) -> Option<Duration> {
    let strategy = object.spec.install.as_ref().and_then(|install| install.strategy.as_ref());
    retry(strategy.map(|s| (&s.name, s.retry_interval.map(|interval| interval.0))), by_default)
}

/// How soon a failed upgrade is tried again, if its strategy is to retry.
pub fn upgrade_retry(object: &HelmRelease, by_default: bool) -> Option<Duration> {
    let strategy = object.spec.upgrade.as_ref().and_then(|upgrade| upgrade.strategy.as_ref());
    retry(strategy.map(|s| (&s.name, s.retry_interval.map(|interval| interval.0))), by_default)
}

fn retry(strategy: Option<(&ReleaseStrategyName, Option<Duration>)>, by_default: bool) -> Option<Duration> {
    match strategy {
        None => by_default.then_some(RETRY_INTERVAL),
        Some((ReleaseStrategyName::RetryOnFailure, interval)) => Some(interval.unwrap_or(RETRY_INTERVAL)),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(spec: &serde_json::Value, action: &str) -> HelmRelease {
        let mut value = json!({"apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease", "metadata": {"name": "app"}, "spec": {"interval": "1m"}, "status": {"lastAttemptedReleaseAction": action}});
        value["spec"].as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn an_upgrade_with_retries_remedies_its_last_failure_an_install_does_not() {
        let with = |retries: i64| {
            object(
                &json!({"install": {"remediation": {"retries": retries}}, "upgrade": {"remediation": {"retries": retries}}}),
                "upgrade",
            )
        };
        assert!(Remediation::of_upgrade(&with(1)).remediates_last_failure);
        assert!(!Remediation::of_upgrade(&with(0)).remediates_last_failure);
        assert!(!Remediation::of_install(&with(1)).remediates_last_failure);
    }

    #[test]
    fn retries_are_exhausted_when_it_failed_more_often() {
        for (retries, failures, expected) in
            [(0, 0, false), (0, 1, true), (1, 1, false), (1, 2, true), (-1, 99, false)]
        {
            let mut object = object(&json!({"upgrade": {"remediation": {"retries": retries}}}), "upgrade");
            let remediation = Remediation::active(&object).unwrap();
            let status = object.status.as_mut().unwrap();
            status.upgrade_failures = failures;
            assert_eq!(remediation.is_exhausted(status), expected, "{retries} {failures}");
        }
    }

    #[test]
    fn the_strategy_of_the_last_action_counts() {
        let spec = json!({"install": {"strategy": {"name": "RetryOnFailure"}}, "upgrade": {"strategy": {"name": "RetryOnFailure", "retryInterval": "7s"}}});
        assert_eq!(active_retry(&object(&spec, "install"), false), Some(RETRY_INTERVAL));
        assert_eq!(active_retry(&object(&spec, "upgrade"), false), Some(Duration::from_secs(7)));
        assert_eq!(active_retry(&object(&json!({}), "upgrade"), false), None);
        assert_eq!(active_retry(&object(&json!({}), "upgrade"), true), Some(RETRY_INTERVAL));
        let remediate = json!({"upgrade": {"strategy": {"name": "RemediateOnFailure"}}});
        assert_eq!(active_retry(&object(&remediate, "upgrade"), true), None);
    }
}
