//! What the spec means where it does not say.

use std::time::Duration;

use sluice_apis::helm::v2::{DriftDetectionMode, HelmRelease, WaitStrategyName};
use sluice_release::names;

/// How long an action may take where nothing says.
const TIMEOUT: Duration = Duration::from_mins(5);
/// How many revisions are kept.
const MAX_HISTORY: i64 = 5;

/// The namespace of the object.
pub fn namespace(object: &HelmRelease) -> &str {
    object.metadata.namespace.as_deref().unwrap_or_default()
}

/// The name of the object.
pub fn name(object: &HelmRelease) -> &str {
    object.metadata.name.as_deref().unwrap_or_default()
}

/// The name of the release, before it is shortened: messages have it.
pub fn release_name(object: &HelmRelease) -> String {
    names::release_name(&object.spec, name(object))
}

/// The name of the release in Helm's storage.
pub fn short_release_name(object: &HelmRelease) -> String {
    names::shorten(&release_name(object))
}

/// The namespace of the release.
pub fn release_namespace(object: &HelmRelease) -> &str {
    given(object.spec.target_namespace.as_deref()).unwrap_or_else(|| namespace(object))
}

/// The namespace of Helm's storage.
pub fn storage_namespace(object: &HelmRelease) -> &str {
    given(object.spec.storage_namespace.as_deref()).unwrap_or_else(|| namespace(object))
}

fn given(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

/// How many revisions Helm keeps; 0 for all.
pub fn max_history(object: &HelmRelease) -> i64 {
    object.spec.max_history.unwrap_or(MAX_HISTORY)
}

/// The kinds of actions, by the timeouts that they have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timed {
    /// Install.
    Install,
    /// Upgrade.
    Upgrade,
    /// Test.
    Test,
    /// Rollback.
    Rollback,
    /// Uninstall.
    Uninstall,
    /// Anything else.
    Other,
}

/// How long an action may take.
pub fn timeout(object: &HelmRelease, action: Timed) -> Duration {
    let spec = &object.spec;
    let own = match action {
        Timed::Install => spec.install.as_ref().and_then(|a| a.timeout),
        Timed::Upgrade => spec.upgrade.as_ref().and_then(|a| a.timeout),
        Timed::Test => spec.test.as_ref().and_then(|a| a.timeout),
        Timed::Rollback => spec.rollback.as_ref().and_then(|a| a.timeout),
        Timed::Uninstall => spec.uninstall.as_ref().and_then(|a| a.timeout),
        Timed::Other => None,
    };
    own.or(spec.timeout).map_or(TIMEOUT, |timeout| timeout.0)
}

/// Whether an upgrade keeps the values of the release before.
pub fn preserves_values(object: &HelmRelease) -> bool {
    object.spec.upgrade.as_ref().is_some_and(|upgrade| upgrade.preserve_values)
}

/// Whether tests are enabled.
pub fn tests_enabled(object: &HelmRelease) -> bool {
    object.spec.test.as_ref().is_some_and(|test| test.enable)
}

/// Whether drift is looked for.
pub fn detects_drift(object: &HelmRelease) -> bool {
    matches!(drift_mode(object), Some(DriftDetectionMode::Enabled | DriftDetectionMode::Warn))
}

/// Whether drift is corrected.
pub fn corrects_drift(object: &HelmRelease) -> bool {
    drift_mode(object) == Some(&DriftDetectionMode::Enabled)
}

fn drift_mode(object: &HelmRelease) -> Option<&DriftDetectionMode> {
    object.spec.drift_detection.as_ref()?.mode.as_ref()
}

/// Whether objects are awaited as Helm 3 does.
pub fn waits_as_helm_3(object: &HelmRelease, by_default: bool) -> bool {
    match object.spec.wait_strategy.as_ref().map(|strategy| &strategy.name) {
        Some(WaitStrategyName::Legacy) => true,
        Some(_) => false,
        None => by_default,
    }
}

/// The namespace and name of the chart that is made of the template.
pub fn helm_chart(object: &HelmRelease) -> Option<(String, String)> {
    let template = object.spec.chart.as_ref()?;
    let own = namespace(object);
    let of_source = given(template.spec.source_ref.namespace.as_deref()).unwrap_or(own);
    Some((of_source.to_owned(), format!("{own}-{}", name(object))))
}
