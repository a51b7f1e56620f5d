//! Installs and upgrades.

use std::time::Instant;

use sluice_apis::conditions;
use sluice_apis::helm::condition_types::{RELEASED, REMEDIATED, TEST_SUCCESS};
use sluice_apis::helm::reasons;
use sluice_apis::helm::v2::{CrdsPolicy, HelmRelease, ReleaseAction};
use sluice_apis::helm::{NAME_LABEL, NAMESPACE_LABEL};
use sluice_apis::meta::Duration;
use sluice_chart::Chart;
use sluice_release::action::{ChartRequest, Common, Context, CrdPolicy, Install, Upgrade};
use sluice_release::objects::Answers;
use sluice_release::storage::Storage;
use sluice_release::{action, settings};
use sluice_runtime::EventType;

use super::super::decide::{self, Step};
use super::super::release::Subject;
use super::super::remediation::{self, Remediation};
use super::super::{HelmReleasePass, Releaser, history, inventory, observe, report, spec, status};
use super::{PassPark, crds, latest, server_side};

impl Releaser {
    pub(super) async fn make_release(
        &self,
        pass: &mut HelmReleasePass,
        subject: &Subject,
        storage: &Storage,
        step: Step,
        answers: &mut Answers,
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
        *answers = context.requests.answers();
        let log = context.log;

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
                    subject.version,
                );
                let brief = format!("{message}{}", failure.message.trim());
                let explained = format!("{message}{}", failure.explained().trim());
                status::status_mut(&mut pass.object).failures += 1;
                conditions::mark_false(&mut pass.object, RELEASED, reason, explained);
                let about = report::about_attempt(&pass.object, subject);
                let text = report::with_log(&brief, &log);
                pass.failure_event(reason, &text, failure.detail.as_deref(), &about);
                if observed.is_empty() {
                    // Nothing is in storage that could be remedied: it is just tried again.
                    Err(failure.message)
                } else {
                    remediation.count(status::status_mut(&mut pass.object));
                    Ok(())
                }
            }
        };
        if outcome.is_err() && !is_install {
            // With the settings recorded, the next pass would take the change for done. An install is tried again anyway.
            status::summarize_keeping_settings(&mut pass.object, algorithm);
        } else {
            status::summarize(&mut pass.object, algorithm);
        }
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
        let mut chart = Chart::clone(&subject.chart);
        chart.metadata.version.clone_from(&subject.version);
        ChartRequest {
            chart,
            values: subject.values.clone(),
            check_schema: !skip_schema,
            allow_dns: self.options.allow_dns,
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
}

fn crd_policy(policy: Option<&CrdsPolicy>) -> CrdPolicy {
    match policy {
        Some(CrdsPolicy::Skip) => CrdPolicy::Skip,
        Some(CrdsPolicy::CreateReplace) => CrdPolicy::CreateReplace,
        Some(CrdsPolicy::Create | CrdsPolicy::Other(_)) | None => CrdPolicy::Create,
    }
}

fn origin_labels(object: &HelmRelease) -> Vec<(String, String)> {
    vec![
        (NAME_LABEL.to_owned(), spec::name(object).to_owned()),
        (NAMESPACE_LABEL.to_owned(), spec::namespace(object).to_owned()),
    ]
}
