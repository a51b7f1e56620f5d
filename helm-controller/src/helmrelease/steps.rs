//! The steps: each runs one action and tells how it went.

use futures::FutureExt;
use futures::future::BoxFuture;
use sluice_apis::conditions;
use sluice_apis::helm::condition_types::{READY, RELEASED, REMEDIATED, TEST_SUCCESS};
use sluice_apis::helm::reasons;
use sluice_apis::helm::v2::{
    CrdsPolicy, DeletionPropagation, HelmRelease, ReleaseAction, ReleaseSnapshot, ServerSideApplyMode,
};
use sluice_apis::helm::{NAME_LABEL, NAMESPACE_LABEL};
use sluice_apis::meta::Duration;
use sluice_release::action::{
    ChartRequest, Common, Context, CrdPolicy, Install, Rollback, ServerSide, Test, TestFilter, Uninstall,
    UninstallError, Upgrade,
};
use sluice_release::objects::Propagation;
use sluice_release::record::{Release, status as release_status};
use sluice_release::storage::{Storage, StorageError};
use sluice_release::wait::{Park, Strategy, Waiting};
use sluice_release::{Drift, Failure, action, settings};
use sluice_runtime::EventType;
use std::time::Instant;

use super::decide::{self, Step};
use super::release::Subject;
use super::remediation::{self, Remediation};
use super::{HelmReleasePass, Releaser, history, inventory, observe, report, spec, status};

/// Lends the time of a pass: no worker is held meanwhile.
struct PassPark<'a> {
    pass: &'a HelmReleasePass,
    cancel: bool,
}

impl Park for PassPark<'_> {
    fn park<'a>(&'a self, wait: BoxFuture<'a, ()>) -> BoxFuture<'a, ()> {
        self.pass.park(wait).boxed()
    }

    fn interrupted(&self) -> BoxFuture<'_, String> {
        if !self.cancel {
            return std::future::pending().boxed();
        }
        self.pass.preempted().map(|trigger| format!("New reconciliation triggered by {trigger}")).boxed()
    }
}

impl Releaser {
    /// Takes a step. An error means that nothing was done that the next state would show.
    pub(super) async fn step(
        &self,
        pass: &mut HelmReleasePass,
        subject: &Subject,
        storage: &Storage,
        step: Step,
        drift: Option<Drift>,
    ) -> Result<(), String> {
        // What an earlier step wrote is told already.
        storage.take_observed();
        match step {
            Step::Install | Step::Upgrade => self.make_release(pass, subject, storage, step).await,
            Step::Test => self.run_tests(pass, subject, storage).await,
            Step::Rollback => self.roll_back(pass, subject, storage).await,
            Step::UninstallRemediation => self.remedy_by_uninstall(pass, subject, storage).await,
            Step::Unlock => self.unlock(pass, storage).await,
            Step::CorrectDrift => {
                self.correct(pass, subject, drift.unwrap_or_default()).await;
                Ok(())
            }
        }
    }

    fn waiting<'a>(
        &self,
        subject: &Subject,
        park: &'a dyn Park,
        object: &HelmRelease,
        no_wait: bool,
    ) -> Waiting<'a> {
        let strategy = if no_wait {
            Strategy::HooksOnly
        } else if spec::waits_as_helm_3(object, self.options.helm_3_defaults) {
            Strategy::HelmThree
        } else {
            Strategy::Conventions
        };
        Waiting { cluster: subject.cluster.clone(), readers: subject.readers.clone(), strategy, park }
    }

    async fn make_release(
        &self,
        pass: &mut HelmReleasePass,
        subject: &Subject,
        storage: &Storage,
        step: Step,
    ) -> Result<(), String> {
        let began = Instant::now();
        let is_install = step == Step::Install;
        let algorithm = self.options.algorithm;
        let object = &mut pass.object;
        let current = status::status_mut(object);
        let attempt = if is_install { ReleaseAction::Install } else { ReleaseAction::Upgrade };
        let name = attempt.as_str().to_owned();
        current.last_attempted_release_action = Some(attempt);
        if is_install {
            // There is nothing before an install to go back to.
            current.history.clear();
        }
        conditions::delete(object, TEST_SUCCESS);
        conditions::delete(object, REMEDIATED);

        let object = pass.object.clone();
        let no_wait = if is_install {
            object.spec.install.as_ref().is_some_and(|install| install.disable_wait)
        } else {
            object.spec.upgrade.as_ref().is_some_and(|upgrade| upgrade.disable_wait)
        };
        let park = PassPark { pass, cancel: self.options.cancel_waits };
        let waiting = self.waiting(subject, &park, &object, no_wait);
        let context = Context::new(subject.cluster.clone(), storage, waiting, &self.capabilities);
        let result = if is_install {
            Box::pin(action::install(&context, self.install_options(&object, subject))).await
        } else {
            Box::pin(action::upgrade(&context, self.upgrade_options(&object, subject))).await
        };
        let log = context.log;
        drop(park);

        status::status_mut(&mut pass.object).last_attempted_release_action_duration =
            Some(Duration(began.elapsed()));
        let observed = storage.take_observed();
        observe::release(&mut pass.object, &observed, &name, algorithm);
        if let Some(last) = observed.last() {
            inventory::record(pass, &subject.cluster, last, &crds(subject)).await;
        }
        let outcome = match result {
            Ok(_) => {
                self.released(pass, is_install);
                Ok(())
            }
            Err(failure) => {
                let (reason, remediation) = if is_install {
                    (reasons::INSTALL_FAILED, Remediation::of_install(&pass.object))
                } else {
                    (reasons::UPGRADE_FAILED, Remediation::of_upgrade(&pass.object))
                };
                let message = format!(
                    "Helm {name} failed for release {}/{} with chart {}@{}: ",
                    spec::release_namespace(&pass.object),
                    spec::release_name(&pass.object),
                    subject.chart.metadata.name,
                    subject.chart.metadata.version,
                );
                let short = format!("{message}{}", failure.message.trim());
                let long = format!("{message}{}", failure.explained().trim());
                status::status_mut(&mut pass.object).failures += 1;
                conditions::mark_false(&mut pass.object, RELEASED, reason, long);
                let about = report::about_attempt(&pass.object, subject);
                let text = report::with_log(&short, &log, failure.detail.as_deref());
                pass.event(EventType::Warning, reason, &text, &about);
                if observed.is_empty() {
                    // Nothing is in storage that could be remedied: it is just tried again.
                    Err(failure.message)
                } else {
                    remediation.count(status::status_mut(&mut pass.object));
                    Ok(())
                }
            }
        };
        status::summarize(&mut pass.object, algorithm);
        outcome
    }

    fn released(&self, pass: &mut HelmReleasePass, is_install: bool) {
        let (action, reason) = if is_install {
            ("install", reasons::INSTALL_SUCCEEDED)
        } else {
            ("upgrade", reasons::UPGRADE_SUCCEEDED)
        };
        let message = decide::succeeded(&mut pass.object, action);
        conditions::mark_true(&mut pass.object, RELEASED, reason, message.clone());
        let Some(latest) = latest(&mut pass.object) else { return };
        if spec::tests_enabled(&pass.object) && !history::is_tested(&latest) {
            let message = format!(
                "Helm release {} with chart {} is awaiting tests",
                history::full_name(&latest),
                history::chart_name(&latest)
            );
            conditions::mark_unknown(&mut pass.object, TEST_SUCCESS, reasons::AWAITING_TESTS, message);
        }
        let by_default = self.options.retry_by_default;
        let retries = if is_install {
            remediation::install_retry(&pass.object, by_default)
        } else {
            remediation::upgrade_retry(&pass.object, by_default)
        };
        if retries.is_some() {
            status::clear_failures(&mut pass.object);
        }
        pass.event(EventType::Normal, reason, &message, &report::about(&latest));
    }

    fn request(&self, object: &HelmRelease, subject: &Subject, skip_schema: bool) -> ChartRequest {
        ChartRequest {
            chart: subject.chart.clone(),
            values: subject.values.clone(),
            check_schema: !skip_schema,
            settings: settings::of(object, self.options.helm_3_defaults),
        }
    }

    fn install_options(&self, object: &HelmRelease, subject: &Subject) -> Install {
        let install = object.spec.install.clone().unwrap_or_default();
        Install {
            name: spec::short_release_name(object),
            namespace: spec::release_namespace(object).to_owned(),
            chart: self.request(object, subject, install.disable_schema_validation),
            common: Common {
                timeout: spec::timeout(object, spec::Timed::Install),
                no_hooks: install.disable_hooks,
                wait_for_jobs: !install.disable_wait_for_jobs,
            },
            server_side: install.server_side_apply.unwrap_or(!self.options.helm_3_defaults),
            take_ownership: !install.disable_take_ownership,
            replace: install.replace,
            create_namespace: install.create_namespace && object.spec.target_namespace.is_some(),
            crds: crd_policy(install.crds.as_ref()),
            crd_labels: origin_labels(object),
        }
    }

    fn upgrade_options(&self, object: &HelmRelease, subject: &Subject) -> Upgrade {
        let upgrade = object.spec.upgrade.clone().unwrap_or_default();
        Upgrade {
            name: spec::short_release_name(object),
            chart: self.request(object, subject, upgrade.disable_schema_validation),
            common: Common {
                timeout: spec::timeout(object, spec::Timed::Upgrade),
                no_hooks: upgrade.disable_hooks,
                wait_for_jobs: !upgrade.disable_wait_for_jobs,
            },
            server_side: server_side(upgrade.server_side_apply.as_ref()),
            take_ownership: !upgrade.disable_take_ownership,
            force: upgrade.force,
            preserve_values: upgrade.preserve_values,
            cleanup_on_fail: upgrade.cleanup_on_fail,
            crds: crd_policy(upgrade.crds.as_ref()),
            crd_labels: origin_labels(object),
        }
    }

    async fn run_tests(
        &self,
        pass: &mut HelmReleasePass,
        subject: &Subject,
        storage: &Storage,
    ) -> Result<(), String> {
        let algorithm = self.options.algorithm;
        let Some(current) = latest(&mut pass.object) else {
            return Err("no latest release: required for test".to_owned());
        };
        let object = pass.object.clone();
        let filters: Vec<TestFilter> = object
            .spec
            .test
            .iter()
            .flat_map(|test| &test.filters)
            .map(|filter| TestFilter { name: filter.name.clone(), exclude: filter.exclude })
            .collect();
        let test = Test {
            name: spec::short_release_name(&object),
            timeout: spec::timeout(&object, spec::Timed::Test),
            filters: filters.clone(),
        };
        let park = PassPark { pass, cancel: false };
        let waiting = self.waiting(subject, &park, &object, false);
        let context = Context::new(subject.cluster.clone(), storage, waiting, &self.capabilities);
        let (tested, mut result) = Box::pin(action::test(&context, &test)).await;
        drop(context);
        drop(park);
        observe::test(&mut pass.object, &storage.take_observed(), &filters, algorithm);
        if let Some(tested) = tested
            && !history::is_of(&current, &tested.name, &tested.namespace, tested.version)
        {
            result = Err(Failure::new(format!(
                "release mismatch: tested release {}/{}.v{} != current release {}",
                tested.namespace,
                tested.name,
                tested.version,
                history::full_name(&current)
            )));
        }
        let latest = latest(&mut pass.object).unwrap_or(current);
        let (release, chart) = (history::full_name(&latest), history::chart_name(&latest));
        let outcome = match result {
            Ok(()) => {
                let count = latest.test_hooks.as_ref().map_or(0, |hooks| hooks.len());
                let what = match count {
                    0 => "no test hooks".to_owned(),
                    1 => "1 test hook completed successfully".to_owned(),
                    count => format!("{count} test hooks completed successfully"),
                };
                let message = format!("Helm test succeeded for release {release} with chart {chart}: {what}");
                conditions::mark_true(
                    &mut pass.object,
                    TEST_SUCCESS,
                    reasons::TEST_SUCCEEDED,
                    message.clone(),
                );
                pass.event(EventType::Normal, reasons::TEST_SUCCEEDED, &message, &report::about(&latest));
                Ok(())
            }
            Err(failure) => {
                let message = format!("Helm test failed for release {release} with chart {chart}: ");
                let short = format!("{message}{}", failure.message.trim());
                let long = format!("{message}{}", failure.explained().trim());
                status::status_mut(&mut pass.object).failures += 1;
                conditions::mark_false(&mut pass.object, TEST_SUCCESS, reasons::TEST_FAILED, long.clone());
                pass.event(EventType::Warning, reasons::TEST_FAILED, &long, &report::about(&latest));
                if history::is_tested(&latest) {
                    let remediation = Remediation::active(&pass.object);
                    if let Some(remediation) = remediation.filter(|r| !r.ignores_test_failures()) {
                        remediation.count(status::status_mut(&mut pass.object));
                    }
                    Ok(())
                } else {
                    Err(short)
                }
            }
        };
        status::summarize(&mut pass.object, algorithm);
        outcome
    }

    async fn roll_back(
        &self,
        pass: &mut HelmReleasePass,
        subject: &Subject,
        storage: &Storage,
    ) -> Result<(), String> {
        let algorithm = self.options.algorithm;
        let ignores = Remediation::of_upgrade(&pass.object).ignores_test_failures();
        let current = latest(&mut pass.object);
        let history = &mut status::status_mut(&mut pass.object).history;
        let Some(target) = history::previous(history, ignores).cloned() else {
            return Err("missing target release for rollback: required to rollback".to_owned());
        };
        if let Some(current) = &current
            && (current.name != target.name || current.namespace != target.namespace)
        {
            return Err(format!(
                "release mismatch: previous release name or namespace {} does not match current {}",
                history::full_name(&target),
                history::full_name(current)
            ));
        }
        let object = pass.object.clone();
        let options = object.spec.rollback.clone().unwrap_or_default();
        let rollback = Rollback {
            name: target.name.clone(),
            version: target.version,
            common: Common {
                timeout: spec::timeout(&object, spec::Timed::Rollback),
                no_hooks: options.disable_hooks,
                wait_for_jobs: !options.disable_wait_for_jobs,
            },
            server_side: server_side(options.server_side_apply.as_ref()),
            force: options.force,
            cleanup_on_fail: options.cleanup_on_fail,
        };
        let park = PassPark { pass, cancel: self.options.cancel_waits };
        let waiting = self.waiting(subject, &park, &object, options.disable_wait);
        let context = Context::new(subject.cluster.clone(), storage, waiting, &self.capabilities);
        let result = Box::pin(action::rollback(&context, &rollback)).await;
        let log = context.log;
        drop(park);
        let observed = storage.take_observed();
        observe::rollback(&mut pass.object, &observed, algorithm);
        if let Some(last) = observed.last() {
            inventory::record(pass, &subject.cluster, last, &crds(subject)).await;
        }
        let what = format!(
            "Helm rollback to previous release {} with chart {}",
            history::full_name(&target),
            history::chart_name(&target)
        );
        let about = report::about_target(&target, &subject.config_digest);
        let outcome = match result {
            Ok(_) => {
                let message = format!("{what} succeeded");
                conditions::mark_true(
                    &mut pass.object,
                    REMEDIATED,
                    reasons::ROLLBACK_SUCCEEDED,
                    message.clone(),
                );
                pass.event(EventType::Normal, reasons::ROLLBACK_SUCCEEDED, &message, &about);
                Ok(())
            }
            Err(failure) => {
                let short = format!("{what} failed: {}", failure.message.trim());
                let long = format!("{what} failed: {}", failure.explained().trim());
                status::status_mut(&mut pass.object).failures += 1;
                conditions::mark_false(&mut pass.object, REMEDIATED, reasons::ROLLBACK_FAILED, long);
                let text = report::with_log(&short, &log, failure.detail.as_deref());
                pass.event(EventType::Warning, reasons::ROLLBACK_FAILED, &text, &about);
                let newest = latest(&mut pass.object).map(|snapshot| snapshot.digest);
                if newest.is_none() || newest == current.map(|snapshot| snapshot.digest) {
                    Err(failure.message)
                } else {
                    Ok(())
                }
            }
        };
        status::summarize(&mut pass.object, algorithm);
        outcome
    }

    async fn remedy_by_uninstall(
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
        drop(park);
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
                let short = format!("{what} failed: {}", failure.message.trim());
                let long = format!("{what} failed: {}", failure.explained().trim());
                status::status_mut(&mut pass.object).failures += 1;
                conditions::mark_false(&mut pass.object, REMEDIATED, reasons::UNINSTALL_FAILED, long);
                let text = report::with_log(&short, &log, failure.detail.as_deref());
                pass.event(EventType::Warning, reasons::UNINSTALL_FAILED, &text, &report::about(&newest));
                if changed { Ok(()) } else { Err(failure.message) }
            }
        }
    }

    /// Uninstalls the release for good: it is deleted, or it moves elsewhere.
    pub(super) async fn uninstall(
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
        drop(park);
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
                let short = format!("{}: {}", what("failed"), failure.message.trim());
                let long = format!("{}: {}", what("failed"), failure.explained().trim());
                status::status_mut(&mut pass.object).failures += 1;
                conditions::mark_false(&mut pass.object, RELEASED, reasons::UNINSTALL_FAILED, long);
                let text = report::with_log(&short, &log, failure.detail.as_deref());
                pass.event(EventType::Warning, reasons::UNINSTALL_FAILED, &text, &report::about(&newest));
                Err(failure.message)
            }
        };
        status::summarize(&mut pass.object, algorithm);
        outcome
    }

    async fn unlock(&self, pass: &mut HelmReleasePass, storage: &Storage) -> Result<(), String> {
        let algorithm = self.options.algorithm;
        let name = spec::short_release_name(&pass.object);
        let mut release = match storage.last(&name).await {
            // Whatever took it away: the next state tells.
            Err(StorageError::NotFound) => return Ok(()),
            result => result.map_err(|error| error.to_string())?,
        };
        if !release.is_pending() {
            return Ok(());
        }
        let locked = release.info.status.clone();
        release.set_status(release_status::FAILED, format!("Release unlocked from stale '{locked}' state"));
        let result = storage.update(&release).await;
        observe::unlock(&mut pass.object, &storage.take_observed(), algorithm);
        let oci = status::status_mut(&mut pass.object)
            .history
            .iter()
            .find(|known| history::is_of(known, &release.name, &release.namespace, release.version))
            .and_then(|known| known.oci_digest.clone());
        let described = format!(
            "Helm release {}/{}.v{} with chart {}@{} in {locked} state",
            release.namespace,
            release.name,
            release.version,
            release.chart.name(),
            release.chart.version()
        );
        let digest = sluice_release::digest::of_values(algorithm, &release.config).to_string();
        let about = report::metadata(
            release.chart.version(),
            &digest,
            Some(release.chart.app_version()),
            oci.as_deref(),
        );
        let outcome = match result {
            Ok(()) => {
                let message = format!("Unlocked {described}");
                conditions::mark_false(&mut pass.object, RELEASED, reasons::PENDING_RELEASE, message.clone());
                pass.event(EventType::Normal, reasons::PENDING_RELEASE, &message, &about);
                Ok(())
            }
            Err(error) => {
                let message = format!("Unlock of {described} failed: {error}");
                status::status_mut(&mut pass.object).failures += 1;
                conditions::mark_false(&mut pass.object, RELEASED, reasons::PENDING_RELEASE, message.clone());
                pass.event(EventType::Warning, reasons::PENDING_RELEASE, &message, &about);
                Err(error.to_string())
            }
        };
        status::summarize(&mut pass.object, algorithm);
        outcome
    }

    async fn correct(&self, pass: &mut HelmReleasePass, subject: &Subject, drift: Drift) {
        if !drift.has_changes() {
            return;
        }
        conditions::mark_unknown(&mut pass.object, READY, reasons::PROGRESSING, "correcting cluster drift");
        let correction = sluice_release::correct(&subject.cluster, drift).await;
        let Some(current) = latest(&mut pass.object) else { return };
        let name = history::full_name(&current);
        let corrected = correction.corrected.join("\n");
        if !correction.errors.is_empty() {
            let partly = if corrected.is_empty() { "" } else { "partially " };
            let mut message = format!(
                "Failed to {partly}correct cluster state of release {name}:\n{}",
                correction.errors.join("\n")
            );
            if !corrected.is_empty() {
                message.push_str(&format!("\n\nSuccessful corrections:\n{corrected}"));
            }
            pass.event(
                EventType::Warning,
                reasons::DRIFT_CORRECTION_FAILED,
                &message,
                &report::about(&current),
            );
        } else if !corrected.is_empty() {
            let message = format!("Cluster state of release {name} has been corrected:\n{corrected}");
            pass.event(EventType::Normal, reasons::DRIFT_CORRECTED, &message, &report::about(&current));
        }
    }
}

fn latest(object: &mut HelmRelease) -> Option<ReleaseSnapshot> {
    history::latest(&mut status::status_mut(object).history).cloned()
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

/// The definitions of the chart: they are part of the inventory even where they are left alone.
fn crds(subject: &Subject) -> Vec<sluice_chart::Crd> {
    if subject.chart.crds().is_empty() {
        return Vec::new();
    }
    let mut chart = subject.chart.clone();
    // A chart that fails here has failed before.
    let _ = sluice_chart::values::process_dependencies(&mut chart, &subject.values);
    chart.crds()
}

fn crd_policy(policy: Option<&CrdsPolicy>) -> CrdPolicy {
    match policy {
        Some(CrdsPolicy::Skip) => CrdPolicy::Skip,
        Some(CrdsPolicy::CreateReplace) => CrdPolicy::CreateReplace,
        Some(CrdsPolicy::Create | CrdsPolicy::Other(_)) | None => CrdPolicy::Create,
    }
}

fn server_side(mode: Option<&ServerSideApplyMode>) -> ServerSide {
    match mode {
        Some(ServerSideApplyMode::Enabled) => ServerSide::Enabled,
        Some(ServerSideApplyMode::Disabled) => ServerSide::Disabled,
        Some(ServerSideApplyMode::Auto | ServerSideApplyMode::Other(_)) | None => ServerSide::Auto,
    }
}

fn origin_labels(object: &HelmRelease) -> Vec<(String, String)> {
    vec![
        (NAME_LABEL.to_owned(), spec::name(object).to_owned()),
        (NAMESPACE_LABEL.to_owned(), spec::namespace(object).to_owned()),
    ]
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
