//! The steps: each runs one action and tells how it went.

mod drift;
mod make;
mod rollback;
mod test;
mod uninstall;
mod unlock;

use futures::FutureExt;
use futures::future::BoxFuture;
use sluice_apis::helm::v2::{HelmRelease, ReleaseSnapshot, ServerSideApplyMode};
use sluice_release::Drift;
use sluice_release::action::ServerSide;
use sluice_release::objects::Answers;
use sluice_release::storage::Storage;
use sluice_release::wait::{Park, Strategy, Waiting};

use super::decide::Step;
use super::release::Subject;
use super::{HelmReleasePass, Releaser, history, spec, status};

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
    /// Takes a step. An error means that nothing was done that the next state would show. `answers` becomes what a
    /// release was answered.
    pub(super) async fn step(
        &self,
        pass: &mut HelmReleasePass,
        subject: &Subject,
        storage: &Storage,
        step: Step,
        drift: Option<Drift>,
        answers: &mut Answers,
    ) -> Result<(), String> {
        // What an earlier step wrote is told already.
        storage.take_observed();
        match step {
            Step::Install | Step::Upgrade => self.make_release(pass, subject, storage, step, answers).await,
            Step::Test => self.run_tests(pass, subject, storage).await,
            Step::Rollback => self.roll_back(pass, subject, storage).await,
            Step::UninstallRemediation => self.remedy_by_uninstall(pass, subject, storage).await,
            Step::Unlock => self.unlock(pass, subject, storage).await,
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
}

fn latest(object: &mut HelmRelease) -> Option<ReleaseSnapshot> {
    history::latest(&mut status::status_mut(object).history).cloned()
}

/// The definitions of the chart: they are part of the inventory even where they are left alone.
fn crds(subject: &Subject) -> Vec<sluice_chart::Crd> {
    if subject.chart.crds().is_empty() {
        return Vec::new();
    }
    let mut chart = sluice_chart::Chart::clone(&subject.chart);
    // A chart that fails here has failed before.
    let _ = sluice_chart::values::process_dependencies(&mut chart, &subject.values);
    chart.crds()
}

fn server_side(mode: Option<&ServerSideApplyMode>) -> ServerSide {
    match mode {
        Some(ServerSideApplyMode::Enabled) => ServerSide::Enabled,
        Some(ServerSideApplyMode::Disabled) => ServerSide::Disabled,
        Some(ServerSideApplyMode::Auto | ServerSideApplyMode::Other(_)) | None => ServerSide::Auto,
    }
}
