//! Tests.

use sluice_apis::conditions;
use sluice_apis::helm::condition_types::TEST_SUCCESS;
use sluice_apis::helm::reasons;
use sluice_release::action::{Context, Test, TestFilter};
use sluice_release::storage::Storage;
use sluice_release::{Failure, action};
use sluice_runtime::EventType;

use super::super::release::Subject;
use super::super::remediation::Remediation;
use super::super::{HelmReleasePass, Releaser, history, observe, report, spec, status};
use super::{PassPark, latest};

impl Releaser {
    pub(super) async fn run_tests(
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
                let count = latest.test_hooks.as_ref().map_or(0, std::collections::BTreeMap::len);
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
                conditions::mark_false(&mut pass.object, TEST_SUCCESS, reasons::TEST_FAILED, long);
                pass.failure_event(
                    reasons::TEST_FAILED,
                    &short,
                    failure.detail.as_deref(),
                    &report::about(&latest),
                );
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
}
