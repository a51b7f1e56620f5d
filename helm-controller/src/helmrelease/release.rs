//! From the state of the release in storage, step by step, to the state that is wanted.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};
use sluice_apis::conditions;
use sluice_apis::helm::condition_types::{READY, RECONCILING};
use sluice_apis::helm::reasons;
use sluice_apis::helm::v2::{HelmRelease, HelmReleaseStatus, ReleaseSnapshot};
use sluice_apis::kustomize::v1::IgnoreRule;
use sluice_apis::meta::format_duration;
use sluice_apply::Cluster;
use sluice_apply::ignore::IgnoreRules;
use sluice_apply::status::StatusReader;
use sluice_archive::Algorithm;
use sluice_chart::Chart;
use sluice_release::objects::Answers;
use sluice_release::record::{Release, status as release_status};
use sluice_release::storage::{Storage, StorageError};
use sluice_release::{Drift, digest, journal};
use sluice_runtime::{EventType, PatchError};
use std::sync::Arc;

use super::decide::{self, Decision, Kind, Next, Pause, State, Step, Target};
use super::{HelmReleasePass, Releaser, history, observe, remediation, requests, spec, status};

/// What a pass releases, and where.
pub struct Subject {
    /// The cluster, with the release's identity.
    pub cluster: Cluster,
    /// The chart.
    pub chart: Arc<Chart>,
    /// Its version, with what the source's revision makes of it.
    pub version: String,
    /// The values.
    pub values: Map<String, Json>,
    /// Their digest.
    pub config_digest: String,
    /// How to judge kinds that don't follow the conventions.
    pub readers: Vec<Arc<dyn StatusReader>>,
    /// Whether an earlier pass had begun to release.
    pub is_resumed: bool,
}

/// How the steps ended.
pub enum End {
    /// All is as it should be.
    Done,
    /// The next pass goes on.
    Again,
    /// The action is tried again after the retry interval.
    Retry,
    /// Nothing helps but a change.
    Stalled(String),
    /// It is tried again with backoff.
    Error(String),
}

impl Releaser {
    /// Takes steps until nothing is left to do, or a step of a kind would be taken twice.
    pub(super) async fn release(
        &self,
        pass: &mut HelmReleasePass,
        subject: &Subject,
        storage: &Storage,
    ) -> End {
        let rules = self.rules();
        let mut taken: Vec<Kind> = Vec::new();
        let mut answers = Answers::default();
        loop {
            let state = self.state(&mut pass.object, subject, storage, &answers).await;
            let (state, drift) = match state {
                Ok(found) => found,
                Err(error) => {
                    let message = format!("Could not determine release state: {error}");
                    conditions::mark_false(&mut pass.object, READY, reasons::STATE_ERROR, message);
                    return End::Error(format!("cannot determine release state: {error}"));
                }
            };
            tracing::debug!(?state, "state of the release");
            if let State::Drifted(differences) = &state {
                let message = decide::drift_message(&mut pass.object, differences);
                pass.event(EventType::Warning, reasons::DRIFT_DETECTED, &message, &BTreeMap::default());
            }
            let forced = requests::take_force(&mut pass.object);
            let next = match decide::decide(&mut pass.object, &state, forced, rules) {
                Decision::Next(next) => next,
                Decision::DependsOn(target) => match rollback_target(storage, target.as_ref()).await {
                    Ok(target) => decide::rollback(target),
                    Err(error) => {
                        return End::Error(format!(
                            "cannot verify previous release to roll back to: {error}"
                        ));
                    }
                },
            };
            let step = match next {
                Next::Done => {
                    conditions::delete(&mut pass.object, RECONCILING);
                    status::summarize(&mut pass.object, rules.algorithm);
                    return End::Done;
                }
                Next::ExceededMaxRetries => return stalled(&mut pass.object),
                Next::MissingRollbackTarget => {
                    let error = "missing target release for rollback: cannot remediate failed release";
                    let message = format!("Failed to perform remediation: {error}");
                    conditions::mark_stalled(&mut pass.object, reasons::MISSING_ROLLBACK_TARGET, message);
                    return End::Stalled(error.to_owned());
                }
                Next::Run(step) => step,
            };
            if taken.contains(&step.kind()) {
                let pause = decide::pause_before(&pass.object, rules);
                return self.pause(&mut pass.object, pause);
            }
            announce(&mut pass.object, step);
            journal::before_write("status before a step");
            if let Err(error) = tell(pass).await {
                return End::Error(error.to_string());
            }
            if let Err(error) = self.step(pass, subject, storage, step, drift, &mut answers).await {
                if remediation::active_retry(&pass.object, rules.retry_by_default).is_some() {
                    tracing::error!(%error, "failed to run '{}' action", step.name());
                    return self.pause(&mut pass.object, Pause::Retry);
                }
                if conditions::is_ready(&pass.object) {
                    conditions::mark_false(&mut pass.object, READY, reasons::RECONCILE_ERROR, error.clone());
                }
                return End::Error(error);
            }
            if step.kind() == Kind::Remediate {
                let pause = decide::pause_after_remedy(&pass.object, rules);
                return self.pause(&mut pass.object, pause);
            }
            taken.push(step.kind());
            journal::before_write("status after a step");
            if let Err(error) = tell(pass).await {
                return End::Error(error.to_string());
            }
        }
    }

    fn pause(&self, object: &mut HelmRelease, pause: Pause) -> End {
        match pause {
            Pause::Retry => {
                let interval =
                    remediation::active_retry(object, self.options.retry_by_default).unwrap_or_default();
                let message = format!("retrying after {}", format_duration(interval));
                conditions::mark_reconciling(object, reasons::PROGRESSING_WITH_RETRY, message);
                End::Retry
            }
            Pause::Again => {
                let message = decide::ready_message(object);
                conditions::mark_reconciling(object, reasons::PROGRESSING_WITH_RETRY, message);
                End::Again
            }
            Pause::Over => {
                conditions::delete(object, RECONCILING);
                End::Done
            }
            Pause::Stalled => stalled(object),
        }
    }

    /// What is in storage, compared with what is wanted and with what is in the cluster.
    async fn state(
        &self,
        object: &mut HelmRelease,
        subject: &Subject,
        storage: &Storage,
        answers: &Answers,
    ) -> Result<(State, Option<Drift>), String> {
        let name = spec::short_release_name(object);
        let mut found = storage.last_and_writer(&name).await;
        if matches!(found, Err(StorageError::NotFound)) && is_new(object) && take_over(storage, &name).await {
            found = storage.last_and_writer(&name).await;
        }
        let (last, is_own) = match found {
            Err(StorageError::NotFound) => return Ok((State::Absent, None)),
            result => {
                result.map_err(|error| format!("failed to retrieve last release from storage: {error}"))?
            }
        };
        if is_own {
            self.recover(object, subject, storage, &last).await;
        }
        let state = self.state_of(object, subject, &last)?;
        if state != State::InSync || !spec::detects_drift(object) {
            return Ok((state, None));
        }
        let drift = self.drift(object, subject, &last, answers).await?;
        if !drift.has_changes() {
            if !drift.errors.is_empty() {
                return Err(format!("unable to determine cluster state: {}", drift.errors.join(", ")));
            }
            return Ok((State::InSync, None));
        }
        for error in &drift.errors {
            tracing::error!(error, "an object could not be compared with the cluster's");
        }
        Ok((State::Drifted(drift.summary()), Some(drift)))
    }

    /// The state without what is in the cluster.
    fn state_of(&self, object: &mut HelmRelease, subject: &Subject, last: &Release) -> Result<State, String> {
        if last.is_pending() {
            return Ok(State::Locked);
        }
        let status = last.info.status.as_str();
        let generation = object.metadata.generation.unwrap_or_default();
        let Some(current) = history::latest(&mut status::status_mut(object).history).cloned() else {
            return Ok(match status {
                release_status::UNINSTALLED => State::Absent,
                release_status::UNINSTALLING => State::Uninstalling,
                _ => State::Unmanaged,
            });
        };
        if status == release_status::UNINSTALLING {
            return Ok(State::Uninstalling);
        }
        if observe::is_same(&current, last) != Some(true) {
            return Ok(State::Unmanaged);
        }
        match status {
            release_status::FAILED => return Ok(State::Failed),
            release_status::UNINSTALLED => return Ok(State::Absent),
            release_status::DEPLOYED => {}
            other => return Err(format!("unable to determine state for release with status '{other}'")),
        }
        if last.chart.name() != subject.chart.metadata.name || last.chart.version() != subject.version {
            return Ok(State::OutOfSync);
        }
        let keeps_values = || spec::preserves_values(object) && adds_nothing(&subject.values, &last.config);
        if !(digest::values_match(&current.config_digest, &subject.values) || keeps_values()) {
            return Ok(State::OutOfSync);
        }
        let observed = object.status.as_ref().map(|status| status.observed_generation).unwrap_or_default();
        if observed != generation && self.settings_changed(object) {
            return Ok(State::OutOfSync);
        }
        if spec::tests_enabled(object) {
            if !history::is_tested(&current) {
                return Ok(State::Untested);
            }
            let remediation = remediation::Remediation::active(object);
            if remediation.is_some_and(|remediation| !remediation.ignores_test_failures())
                && history::has_failed_test(&current)
            {
                return Ok(State::Failed);
            }
        }
        Ok(State::InSync)
    }

    /// Whether post-renderers or common metadata are others than those of the release.
    fn settings_changed(&self, object: &HelmRelease) -> bool {
        let spec = &object.spec;
        let Some(status) = &object.status else { return false };
        let algorithm = self.options.algorithm;
        let renderers = status::settings_digest(algorithm, spec.post_renderers.as_ref());
        let metadata = status::settings_digest(algorithm, spec.common_metadata.as_ref());
        renderers != status.observed_post_renderers_digest
            || metadata != status.observed_common_metadata_digest
    }

    async fn drift(
        &self,
        object: &HelmRelease,
        subject: &Subject,
        last: &Release,
        answers: &Answers,
    ) -> Result<Drift, String> {
        let rules =
            object.spec.drift_detection.as_ref().map(|drift| drift.ignore.as_slice()).unwrap_or_default();
        let failed = |error: &dyn std::fmt::Display| format!("unable to determine cluster state: {error}");
        let (whole, parts): (Vec<_>, Vec<_>) =
            rules.iter().cloned().partition(|rule| rule.paths.iter().any(String::is_empty));
        let ignore = IgnoreRules::of(&parts).map_err(|error| failed(&error))?;
        // A rule for the whole object becomes one for a field that every object has.
        let whole: Vec<IgnoreRule> =
            whole.into_iter().map(|rule| IgnoreRule { paths: vec!["/kind".to_owned()], ..rule }).collect();
        let whole = IgnoreRules::of(&whole).map_err(|error| failed(&error))?;
        let excluded = |object: &sluice_apply::Object| !whole.paths_for(object).is_empty();
        let rules = sluice_release::DriftRules {
            ignore: &ignore,
            disabled: sluice_apis::helm::DRIFT_DETECTION_KEY,
            override_managers: &self.options.override_managers,
            answers,
        };
        sluice_release::detect(&subject.cluster, last, &rules, excluded).await.map_err(|error| failed(&error))
    }
}

/// Whether nothing was released yet.
fn is_new(object: &HelmRelease) -> bool {
    object
        .status
        .as_ref()
        .is_none_or(|status| status.history.is_empty() && status.last_attempted_release_action.is_none())
}

/// Whether Helm had stored the release in ConfigMaps, and it is now in Secrets.
async fn take_over(storage: &Storage, name: &str) -> bool {
    match storage.take_over(name).await {
        Ok(0) => false,
        Ok(revisions) => {
            tracing::info!(revisions, "took over the release that Helm had stored in ConfigMaps");
            true
        }
        // Who may not read ConfigMaps has none of them.
        Err(error) => {
            tracing::debug!(%error, "releases in ConfigMaps can't be read");
            false
        }
    }
}

/// Whether values over those that a release has leave them as they are.
fn adds_nothing(values: &Map<String, Json>, config: &Map<String, Json>) -> bool {
    let merged = sluice_chart::load::merge_maps(config.clone(), values.clone());
    let digest = |values| digest::of_values(Algorithm::Sha256, values);
    digest(&merged) == digest(config)
}

/// Writes the status between steps. Failures that are counted and requests that are answered are never left out: they
/// must outlive this process. Everything else is found again in storage.
async fn tell(pass: &mut HelmReleasePass) -> Result<(), PatchError> {
    let requests = |object: &HelmRelease| {
        let status = object.status.as_ref();
        status.map(|status| (status.last_handled_force_at.clone(), status.last_handled_reset_at.clone()))
    };
    let failures =
        |status: &HelmReleaseStatus| status.failures + status.install_failures + status.upgrade_failures > 0;
    let must = requests(&pass.object) != requests(pass.baseline())
        || pass.object.status.as_ref().is_some_and(failures);
    if must { pass.patch().await } else { pass.progress().await }
}

/// Says which step is about to be taken.
fn announce(object: &mut HelmRelease, step: Step) {
    let timeout = format_duration(spec::timeout(object, step.timed()));
    let message = format!("Running '{}' action with timeout of {timeout}", step.name());
    tracing::info!("{}", message.to_lowercase());
    conditions::mark_reconciling(object, reasons::PROGRESSING, message.clone());
    if step.kind() == Kind::Release {
        conditions::mark_unknown(object, READY, reasons::PROGRESSING, message);
    }
}

fn stalled(object: &mut HelmRelease) -> End {
    let (action, count) = decide::attempts(object);
    let message = format!("Failed to {action} after {count} attempt(s)");
    conditions::mark_stalled(object, reasons::RETRIES_EXCEEDED, message.clone());
    End::Stalled(format!("exceeded maximum retries: {message}"))
}

/// Whether the release to go back to is still in storage as it was.
async fn rollback_target(
    storage: &Storage,
    target: Option<&ReleaseSnapshot>,
) -> Result<Target, StorageError> {
    let Some(snapshot) = target else { return Ok(Target::Missing) };
    match storage.get(&snapshot.name, snapshot.version).await {
        Ok(release) if observe::is_same(snapshot, &release) == Some(true) => Ok(Target::Good),
        Ok(_) | Err(StorageError::NotFound) => Ok(Target::Unusable),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn kept_values_are_not_put_over_themselves_again() {
        let map = |value: Json| value.as_object().cloned().unwrap_or_default();
        let config = map(json!({"a": {"b": 1}, "c": [1]}));
        assert!(adds_nothing(&map(json!({"a": {"b": 1.0}})), &config));
        assert!(adds_nothing(&Map::new(), &config));
        assert!(!adds_nothing(&map(json!({"a": {"b": 2}})), &config));
        assert!(!adds_nothing(&map(json!({"d": null})), &config));
    }
}
