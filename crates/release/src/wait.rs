//! Waiting until objects are ready or gone, without holding anything but a place in a watch.

use std::sync::Arc;
use std::time::Duration;

use sluice_apply::change::{Action, Change, ChangeSet};
pub use sluice_apply::park::{Here, Park};
use sluice_apply::status::{JobReader, State, Status, StatusReader};
use sluice_apply::wait::{WaitError, WaitOptions, Waiter, jobs_with_ttl};
use sluice_apply::{Cluster, Object, ObjectId, prune};

use crate::Failure;
use crate::legacy::HelmThreeReader;
use crate::objects::Target;

/// When objects count as ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// At once: only hooks are awaited.
    HooksOnly,
    /// By the conventions of Kubernetes.
    Conventions,
    /// As Helm 3 sees it.
    HelmThree,
}

/// How to wait.
#[derive(Clone)]
pub struct Waiting<'a> {
    /// The cluster.
    pub cluster: Cluster,
    /// What is asked before all else whether an object is ready.
    pub readers: Vec<Arc<dyn StatusReader>>,
    /// When objects count as ready.
    pub strategy: Strategy,
    /// Who lends the time.
    pub park: &'a dyn Park,
}

impl Waiting<'_> {
    /// Waits for the objects of a release. `live` are those that were seen just now.
    pub async fn ready(
        &self,
        targets: &[Target],
        live: &[Object],
        jobs: bool,
        timeout: Duration,
    ) -> Result<(), Failure> {
        let mut readers = self.readers.clone();
        match self.strategy {
            Strategy::HooksOnly => return Ok(()),
            Strategy::Conventions if jobs => readers.push(Arc::new(JobReader)),
            Strategy::Conventions => {}
            Strategy::HelmThree => readers.push(Arc::new(HelmThreeReader { jobs })),
        }
        self.wait(targets, live, readers, timeout, true).await
    }

    /// Waits until hooks are done: Jobs and Pods have to end, all else is done when it is there. `live` are those that
    /// were seen just now.
    pub async fn done(&self, targets: &[Target], live: &[Object], timeout: Duration) -> Result<(), Failure> {
        let mut readers = self.readers.clone();
        readers.extend([
            Arc::new(JobReader) as Arc<dyn StatusReader>,
            Arc::new(PodReader),
            Arc::new(AnyReader),
        ]);
        self.wait(targets, live, readers, timeout, false).await
    }

    /// Waits until objects are gone.
    pub async fn gone(&self, targets: &[Target], timeout: Duration) -> Result<(), Failure> {
        let change = |target: &Target| Change {
            id: target.id(),
            version: target.object.gvk().version,
            action: Action::Deleted,
            applied: None,
        };
        let changes = ChangeSet { entries: targets.iter().map(change).collect() };
        let mut outcome = Ok(());
        self.park
            .park(Box::pin(async {
                outcome = prune::wait_for_termination(&self.cluster, &changes, timeout).await;
            }))
            .await;
        outcome.map_err(|error| Failure::new(error.to_string()).with_detail(error.detail))
    }

    async fn wait(
        &self,
        targets: &[Target],
        live: &[Object],
        readers: Vec<Arc<dyn StatusReader>>,
        timeout: Duration,
        interruptible: bool,
    ) -> Result<(), Failure> {
        let is_paused = |object: &Object| {
            object.kind() == "Deployment"
                && object.api_version() == "apps/v1"
                && object.as_value()["spec"]["paused"] == true
        };
        let awaited: Vec<&Object> =
            targets.iter().map(|target| &target.object).filter(|o| !is_paused(o)).collect();
        let ids: Vec<ObjectId> = awaited.iter().map(|object| object.id()).collect();
        let waiter = Waiter::new(self.cluster.clone(), readers).having_read(live);
        if waiter.has_seen_all_ready(&ids) {
            return Ok(());
        }
        let jobs: Vec<Object> =
            awaited.into_iter().filter(|object| object.kind() == "Job").cloned().collect();
        let options = WaitOptions { timeout, fail_fast: true, jobs_with_ttl: jobs_with_ttl(&jobs) };
        let told = |error: WaitError| {
            let failure = match &error {
                // Helm 3 says no more of releases than that time was up.
                WaitError::Timeout(_) if interruptible && self.strategy == Strategy::HelmThree => {
                    Failure::new("context deadline exceeded").with_detail(Some(error.to_string()))
                }
                _ => Failure::new(error.to_string()),
            };
            failure.with_detail(error.detail())
        };
        let mut outcome = Ok(());
        self.park
            .park(Box::pin(async {
                let wait = Box::pin(waiter.wait(&ids, &options));
                outcome = if interruptible {
                    tokio::select! {
                        result = wait => result.map_err(told),
                        reason = self.park.interrupted() => Err(Failure::new(reason)),
                    }
                } else {
                    wait.await.map_err(told)
                };
            }))
            .await;
        outcome
    }
}

/// A Pod that runs to its end.
struct PodReader;

impl StatusReader for PodReader {
    fn supports(&self, group: &str, kind: &str) -> bool {
        group.is_empty() && kind == "Pod"
    }

    fn status(&self, object: &Object) -> Result<Status, String> {
        let name = object.name();
        Ok(match object.as_value()["status"]["phase"].as_str() {
            Some("Succeeded") => Status::current(format!("pod {name} succeeded")),
            Some("Failed") => Status::failed(format!("pod {name} failed")),
            _ => Status::in_progress("the pod has not ended"),
        })
    }
}

/// Whatever is there is ready.
struct AnyReader;

impl StatusReader for AnyReader {
    fn supports(&self, _: &str, _: &str) -> bool {
        true
    }

    fn status(&self, _: &Object) -> Result<Status, String> {
        Ok(Status::new(State::Current, "it is there"))
    }
}
