//! What an earlier process did, and was ended before it could say so in the status.
//!
//! Without this such a revision would count as somebody else's: the history would be dropped, and with it the release
//! to go back to.

use sluice_apis::conditions;
use sluice_apis::helm::condition_types::{RELEASED, REMEDIATED};
use sluice_apis::helm::reasons;
use sluice_apis::helm::v2::{HelmRelease, ReleaseAction};
use sluice_release::digest;
use sluice_release::record::{Release, status as release_status};
use sluice_release::storage::Storage;

use super::release::Subject;
use super::remediation::Remediation;
use super::{Releaser, decide, history, observe, status};

/// How the description of a revision begins whose action was interrupted.
pub const UNLOCKED: &str = "Release unlocked from stale";

/// What a revision was made by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Made {
    Install,
    Upgrade,
    Rollback,
}

impl Made {
    fn of(release: &Release, is_first: bool) -> Self {
        match release.info.status.as_str() {
            release_status::PENDING_INSTALL => return Self::Install,
            release_status::PENDING_UPGRADE => return Self::Upgrade,
            release_status::PENDING_ROLLBACK => return Self::Rollback,
            _ => {}
        }
        let description = release.info.description.as_str();
        if description.starts_with("Rollback") {
            Self::Rollback
        } else if description.starts_with("Upgrade") {
            Self::Upgrade
        } else if is_first {
            Self::Install
        } else {
            // Installs and rollbacks tell in the same words that something was not ready in time.
            Self::Rollback
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Install => "install",
            Self::Upgrade => "upgrade",
            Self::Rollback => "rollback",
        }
    }
}

/// Whether a revision that this controller wrote is the one that follows those that the status knows.
fn follows(object: &mut HelmRelease, release: &Release, is_resumed: bool) -> bool {
    match history::latest(&mut status::status_mut(object).history) {
        Some(latest) => latest.name == release.name && latest.version + 1 == release.version,
        // A release that was there before this object is somebody else's, whoever wrote it.
        None => is_resumed && release.version == 1,
    }
}

impl Releaser {
    /// Takes a revision into the history that this controller wrote and the status does not know, and says of it what
    /// would have been said.
    pub(super) async fn recover(
        &self,
        object: &mut HelmRelease,
        subject: &Subject,
        storage: &Storage,
        release: &Release,
    ) {
        let is_settled =
            matches!(release.info.status.as_str(), release_status::DEPLOYED | release_status::FAILED);
        // What was unlocked is known, unless it was another tool's.
        let was_unlocked = release.info.description.starts_with(UNLOCKED);
        if !is_settled || was_unlocked || !follows(object, release, subject.is_resumed) {
            return;
        }
        let made = self.take_in(object, storage, release).await;
        tracing::info!(
            revision = release.version,
            status = release.info.status,
            "a revision that was stored but not recorded joins the history"
        );
        match (made, release.info.status.as_str()) {
            (Made::Install | Made::Upgrade, release_status::FAILED) => failed(object, subject, release, made),
            (Made::Install | Made::Upgrade, _) => {
                let reason = match made {
                    Made::Install => reasons::INSTALL_SUCCEEDED,
                    _ => reasons::UPGRADE_SUCCEEDED,
                };
                let message = decide::succeeded(object, made.name());
                conditions::mark_true(object, RELEASED, reason, message);
            }
            (Made::Rollback, release_status::DEPLOYED) => {
                let about = describe(release);
                let message = format!("Helm rollback to previous release {about} succeeded");
                conditions::mark_true(object, REMEDIATED, reasons::ROLLBACK_SUCCEEDED, message);
            }
            (Made::Rollback, _) => {
                status::status_mut(object).failures += 1;
                let about = describe(release);
                let why = &release.info.description;
                let message = format!("Helm rollback to previous release {about} failed: {why}");
                conditions::mark_false(object, REMEDIATED, reasons::ROLLBACK_FAILED, message);
            }
        }
        // With which settings it was made is not known: what is recorded of them stays as it was.
        status::summarize_keeping_settings(object, self.options.algorithm);
    }

    /// As [`Self::recover`], for a revision that was pending until just now; nothing is said of it.
    pub(super) async fn recover_pending(
        &self,
        object: &mut HelmRelease,
        storage: &Storage,
        release: &Release,
        is_resumed: bool,
    ) {
        if follows(object, release, is_resumed) {
            self.take_in(object, storage, release).await;
        }
    }

    async fn take_in(&self, object: &mut HelmRelease, storage: &Storage, release: &Release) -> Made {
        let algorithm = self.options.algorithm;
        let known = status::status_mut(object).history.clone();
        for snapshot in &known {
            // The action may have changed the state of those before.
            if let Ok(stored) = storage.get(&snapshot.name, snapshot.version).await {
                observe::refresh(object, &stored, algorithm);
            }
        }
        let made = Made::of(release, known.is_empty());
        observe::interrupted(object, release, made.name(), algorithm);
        made
    }
}

/// It failed; if what is wanted is still the same, it counts.
fn failed(object: &mut HelmRelease, subject: &Subject, release: &Release, made: Made) {
    let (reason, action, remediation) = match made {
        Made::Install => (reasons::INSTALL_FAILED, ReleaseAction::Install, Remediation::of_install(object)),
        _ => (reasons::UPGRADE_FAILED, ReleaseAction::Upgrade, Remediation::of_upgrade(object)),
    };
    let why = release.info.description.split_once(" failed: ").map_or("", |(_, why)| why);
    let message = format!("Helm {} failed for release {}: {why}", made.name(), describe(release));
    conditions::mark_false(object, RELEASED, reason, message);
    let is_wanted = release.chart.version() == subject.version
        && digest::values_match(&subject.config_digest, &release.config);
    if is_wanted {
        let status = status::status_mut(object);
        status.last_attempted_release_action = Some(action);
        status.failures += 1;
        remediation.count(status);
    }
}

fn describe(release: &Release) -> String {
    let (chart, version) = (release.chart.name(), release.chart.version());
    format!("{}/{} with chart {chart}@{version}", release.namespace, release.name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn revision(version: i64, status: &str, description: &str) -> Release {
        let mut release = Release { name: "a".to_owned(), version, ..Release::default() };
        release.set_status(status, description);
        release
    }

    #[test]
    fn descriptions_tell_what_made_a_revision() {
        for (status, description, is_first, expected) in [
            ("pending-install", "Initial install underway", true, Made::Install),
            ("deployed", "Install complete", true, Made::Install),
            ("failed", "Release \"a\" failed: timeout", true, Made::Install),
            ("failed", "Release \"a\" failed: timeout", false, Made::Rollback),
            ("deployed", "Upgrade complete", false, Made::Upgrade),
            ("failed", "Upgrade \"a\" failed: no", false, Made::Upgrade),
            ("deployed", "Rollback to 1", false, Made::Rollback),
            ("failed", "Rollback \"a\" failed: no", false, Made::Rollback),
        ] {
            assert_eq!(Made::of(&revision(2, status, description), is_first), expected, "{description}");
        }
    }

    #[test]
    fn only_the_next_revision_follows() {
        let mut object: HelmRelease = serde_json::from_value(json!({
            "apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease", "metadata": {"name": "a"},
            "spec": {"interval": "1m"},
        }))
        .unwrap();
        assert!(!follows(&mut object, &revision(1, "deployed", ""), false));
        assert!(follows(&mut object, &revision(1, "deployed", ""), true));
        assert!(!follows(&mut object, &revision(2, "deployed", ""), true));
        let known = revision(4, "deployed", "");
        observe::interrupted(&mut object, &known, "upgrade", sluice_archive::Algorithm::Sha256);
        assert!(follows(&mut object, &revision(5, "failed", ""), false));
        assert!(!follows(&mut object, &revision(6, "failed", ""), true));
    }
}
