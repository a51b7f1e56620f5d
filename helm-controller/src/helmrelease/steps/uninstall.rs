//! Uninstallations: as a remedy, and for good.

use sluice_apis::conditions;
use sluice_apis::helm::condition_types::{RELEASED, REMEDIATED};
use sluice_apis::helm::reasons;
use sluice_apis::helm::v2::{DeletionPropagation, HelmRelease, ReleaseSnapshot};
use sluice_release::action::{Context, Uninstall, UninstallError};
use sluice_release::objects::Propagation;
use sluice_release::record::{Release, status as release_status};
use sluice_release::storage::Storage;
use sluice_release::{Failure, action};
use sluice_runtime::EventType;

use super::super::release::Subject;
use super::super::{HelmReleasePass, Releaser, history, observe, report, spec, status};
use super::{PassPark, latest};

impl Releaser {
    pub(super) async fn remedy_by_uninstall(
        &self,
        pass: &mut HelmReleasePass,
        subject: &Subject,
        storage: &Storage,
    ) -> Result<(), String> {
        let algorithm = self.options.algorithm;
        let current = latest(&mut pass.object);
        let object = pass.object.clone();
        let uninstall = uninstall_options(&object, spec::short_release_name(&object));
        let park = PassPark { pass, cancel: false };
        let waiting = self.waiting(subject, &park, &object, uninstall.no_wait);
        let context = Context::new(subject.cluster.clone(), storage, waiting, &self.capabilities);
        let uninstalled = Box::pin(action::uninstall(&context, &uninstall)).await;
        let log = context.log;
        observe::uninstall(&mut pass.object, &storage.take_observed(), "uninstall-remediation", algorithm);
        let Some(current) = current else {
            // An interrupted uninstallation of which the status knows nothing any more.
            return uninstalled.result.map_err(|error| error.to_string());
        };
        let mut result = uninstalled.result.map_err(failure_of);
        if let Some(release) = &uninstalled.release
            && !history::is_of(&current, &release.name, &release.namespace, release.version)
        {
            result = Err(Failure::new(mismatch(release, &current)));
        }
        let newest = latest(&mut pass.object).unwrap_or_else(|| current.clone());
        let changed = newest.digest != current.digest;
        if result.is_ok() && !changed {
            result = Err(Failure::new("uninstall completed with error: release not updated in Helm storage"));
        }
        let what = format!(
            "Helm uninstall remediation for release {} with chart {}",
            history::full_name(&newest),
            history::chart_name(&newest)
        );
        match result {
            Ok(()) => {
                let message = format!("{what} succeeded");
                conditions::mark_true(
                    &mut pass.object,
                    REMEDIATED,
                    reasons::UNINSTALL_SUCCEEDED,
                    message.clone(),
                );
                pass.event(
                    EventType::Normal,
                    reasons::UNINSTALL_SUCCEEDED,
                    &message,
                    &report::about(&newest),
                );
                Ok(())
            }
            Err(failure) => {
                let brief = format!("{what} failed: {}", failure.message.trim());
                let explained = format!("{what} failed: {}", failure.explained().trim());
                status::status_mut(&mut pass.object).failures += 1;
                conditions::mark_false(&mut pass.object, REMEDIATED, reasons::UNINSTALL_FAILED, explained);
                let text = report::with_log(&brief, &log);
                pass.failure_event(
                    reasons::UNINSTALL_FAILED,
                    &text,
                    failure.detail.as_deref(),
                    &report::about(&newest),
                );
                if changed { Ok(()) } else { Err(failure.message) }
            }
        }
    }

    /// Uninstalls the release for good: it is deleted, or it moves elsewhere.
    pub(in super::super) async fn uninstall(
        &self,
        pass: &mut HelmReleasePass,
        subject: &Subject,
        storage: &Storage,
    ) -> Result<(), String> {
        let algorithm = self.options.algorithm;
        let Some(current) = latest(&mut pass.object) else {
            status::summarize(&mut pass.object, algorithm);
            return Ok(());
        };
        let object = pass.object.clone();
        let uninstall = uninstall_options(&object, current.name.clone());
        storage.take_observed();
        let park = PassPark { pass, cancel: false };
        let waiting = self.waiting(subject, &park, &object, uninstall.no_wait);
        let context = Context::new(subject.cluster.clone(), storage, waiting, &self.capabilities);
        let uninstalled = Box::pin(action::uninstall(&context, &uninstall)).await;
        let log = context.log;
        observe::uninstall(&mut pass.object, &storage.take_observed(), "uninstall", algorithm);
        let name = history::full_name(&current);
        let mut result = match uninstalled.result {
            Err(UninstallError::NotFound(_)) => {
                let message = format!("Release {name} was not found, assuming it is uninstalled");
                conditions::mark_false(&mut pass.object, RELEASED, reasons::UNINSTALL_SUCCEEDED, message);
                status::summarize(&mut pass.object, algorithm);
                return Ok(());
            }
            Err(UninstallError::AlreadyDeleted(_)) => {
                let message = format!("Release {name} was already uninstalled");
                conditions::mark_false(&mut pass.object, RELEASED, reasons::UNINSTALL_SUCCEEDED, message);
                status::summarize(&mut pass.object, algorithm);
                return Ok(());
            }
            result => result.map_err(failure_of),
        };
        if let Some(release) = &uninstalled.release
            && !history::is_of(&current, &release.name, &release.namespace, release.version)
        {
            result = Err(Failure::new(mismatch(release, &current)));
        }
        let newest = latest(&mut pass.object).unwrap_or_else(|| current.clone());
        if result.is_ok() && newest.digest == current.digest && current.status != release_status::UNINSTALLED
        {
            result = Err(Failure::new("uninstall completed with error: release not updated in Helm storage"));
        }
        let what = |outcome: &str| {
            format!(
                "Helm uninstall {outcome} for release {} with chart {}",
                history::full_name(&newest),
                history::chart_name(&newest)
            )
        };
        let outcome = match result {
            Ok(()) => {
                status::status_mut(&mut pass.object).inventory = None;
                let message = what("succeeded");
                conditions::mark_false(
                    &mut pass.object,
                    RELEASED,
                    reasons::UNINSTALL_SUCCEEDED,
                    message.clone(),
                );
                pass.event(
                    EventType::Normal,
                    reasons::UNINSTALL_SUCCEEDED,
                    &message,
                    &report::about(&newest),
                );
                Ok(())
            }
            Err(failure) => {
                let brief = format!("{}: {}", what("failed"), failure.message.trim());
                let explained = format!("{}: {}", what("failed"), failure.explained().trim());
                status::status_mut(&mut pass.object).failures += 1;
                conditions::mark_false(&mut pass.object, RELEASED, reasons::UNINSTALL_FAILED, explained);
                let text = report::with_log(&brief, &log);
                pass.failure_event(
                    reasons::UNINSTALL_FAILED,
                    &text,
                    failure.detail.as_deref(),
                    &report::about(&newest),
                );
                Err(failure.message)
            }
        };
        status::summarize(&mut pass.object, algorithm);
        outcome
    }
}

fn failure_of(error: UninstallError) -> Failure {
    match error {
        UninstallError::Failed(failure) => failure,
        other => Failure::new(other.to_string()),
    }
}

fn mismatch(release: &Release, current: &ReleaseSnapshot) -> String {
    format!(
        "release mismatch: uninstalled release {}/{}.v{} != current release {}",
        release.namespace,
        release.name,
        release.version,
        history::full_name(current)
    )
}

fn uninstall_options(object: &HelmRelease, name: String) -> Uninstall {
    let options = object.spec.uninstall.clone().unwrap_or_default();
    Uninstall {
        name,
        timeout: spec::timeout(object, spec::Timed::Uninstall),
        no_hooks: options.disable_hooks,
        keep_history: options.keep_history,
        no_wait: options.disable_wait,
        propagation: match options.deletion_propagation {
            DeletionPropagation::Foreground => Propagation::Foreground,
            DeletionPropagation::Orphan => Propagation::Orphan,
            DeletionPropagation::Background | DeletionPropagation::Other(_) => Propagation::Background,
        },
    }
}
