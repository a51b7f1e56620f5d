//! What helm-controller's own suite goes through, and what the documentation of `HelmRelease` promises: each test has many
//! releases at once in one namespace.

mod apply;
mod definitions;
mod drift;
mod expressions;
mod failures;
mod files;
mod hooks;
mod logs;
mod moves;
mod requests;
mod uninstall;
mod values;
mod watched;

use sluice_apis::conditions;
use sluice_apis::conditions::ConditionedObject;
use sluice_apis::helm::v2::HelmRelease;

use crate::support::World;

/// The conditions in the order of their types: `Ready=False:InstallFailed Stalled=True:RetriesExceeded`.
fn told(object: &HelmRelease) -> String {
    let mut rows: Vec<String> = object
        .conditions()
        .iter()
        .map(|condition| format!("{}={}:{}", condition.type_, condition.status, condition.reason))
        .collect();
    rows.sort_unstable();
    rows.join(" ")
}

/// How often it failed: installs, upgrades.
fn failures(object: &HelmRelease) -> (i64, i64) {
    object.status.as_ref().map_or((0, 0), |status| (status.install_failures, status.upgrade_failures))
}

/// Waits until the current generation is observed, and the condition has this status and reason.
async fn observed(world: &World, name: &str, type_: &str, status: &str, reason: &str) -> HelmRelease {
    world
        .until(name, |object| {
            let observed = object.status.as_ref().map(|status| status.observed_generation);
            observed == object.metadata.generation
                && conditions::get(object, type_)
                    .is_some_and(|condition| condition.status == status && condition.reason == reason)
        })
        .await
}

/// Waits until it is not ready for this reason.
async fn not_ready(world: &World, name: &str, reason: &str) -> HelmRelease {
    world
        .until(name, |object| {
            conditions::is_false(object, "Ready") && conditions::reason(object, "Ready") == Some(reason)
        })
        .await
}

/// The message of Ready.
fn message(object: &HelmRelease) -> &str {
    conditions::message(object, "Ready").unwrap_or_default()
}
