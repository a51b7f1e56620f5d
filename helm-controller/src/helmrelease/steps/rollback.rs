//! Back to the last release that worked.

use sluice_apis::conditions;
use sluice_apis::helm::condition_types::REMEDIATED;
use sluice_apis::helm::reasons;
use sluice_release::action::{self, Common, Context, Rollback};
use sluice_release::storage::Storage;
use sluice_runtime::EventType;

use super::super::release::Subject;
use super::super::remediation::Remediation;
use super::super::{HelmReleasePass, Releaser, history, inventory, observe, report, spec, status};
use super::{PassPark, crds, latest, server_side};

impl Releaser {
    pub(super) async fn roll_back(
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
                let brief = format!("{what} failed: {}", failure.message.trim());
                let explained = format!("{what} failed: {}", failure.explained().trim());
                status::status_mut(&mut pass.object).failures += 1;
                conditions::mark_false(&mut pass.object, REMEDIATED, reasons::ROLLBACK_FAILED, explained);
                let text = report::with_log(&brief, &log);
                pass.failure_event(reasons::ROLLBACK_FAILED, &text, failure.detail.as_deref(), &about);
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
}
