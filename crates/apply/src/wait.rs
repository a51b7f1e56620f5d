//! Waits until objects are ready, without holding anything but a place in a watch.

mod report;
mod tracker;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use futures::{StreamExt, stream};
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout, timeout_at};

pub use self::report::{Pending, TerminationTimeout, WaitError};
use self::tracker::{Reading, Tracker, Verdict};
use crate::{
    cluster::{Cluster, Listener, Mailbox, Names, Resource, Subscription},
    error::ClusterError,
    object::{Object, ObjectId},
    status::{self, PodFailure, State, Status, StatusReader},
};

/// How many objects are read at once.
const CONCURRENT_READS: usize = 8;
/// The first pause between two looks.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// How much longer each pause is than the one before.
const PAUSE_GROWTH: u32 = 3;
/// From this pause on, watches are worth their start.
const WATCH_FROM: Duration = Duration::from_millis(400);
/// The longest pause where no watch tells of changes.
const LONGEST_BLIND_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause where watches do. Pods tell of their failures to no watch of ours.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Changes come in bursts: one look for each. Who has looked in vain waits longer for the end of the next.
const FIRST_BURST: Duration = Duration::from_millis(20);
const LONGEST_BURST: Duration = Duration::from_millis(320);
/// How many pods are looked at for the reason of a failed rollout.
const PODS: u32 = 50;
/// How long explaining a failure may take on top of the wait.
const EXPLAIN_TIMEOUT: Duration = Duration::from_secs(5);
/// How many objects a failure is explained for.
const EXPLAINED: usize = 5;

/// How to wait.
#[derive(Clone, Debug)]
pub struct WaitOptions {
    /// How long at most.
    pub timeout: Duration,
    /// Give up as soon as one object has failed.
    pub fail_fast: bool,
    /// Jobs that are deleted some time after they finish: not found means done.
    pub jobs_with_ttl: HashSet<ObjectId>,
}

/// The jobs among the objects that are deleted some time after they finish.
pub fn jobs_with_ttl(objects: &[Object]) -> HashSet<ObjectId> {
    let has_ttl = |object: &&Object| {
        object.kind() == "Job"
            && object.group() == "batch"
            && object.as_value()["spec"]["ttlSecondsAfterFinished"].is_i64()
    };
    objects.iter().filter(has_ttl).map(Object::id).collect()
}

/// Waits for objects of a cluster. Dropping a future of it stops that wait.
#[derive(Clone)]
pub struct Waiter {
    cluster: Cluster,
    readers: Vec<Arc<dyn StatusReader>>,
    knows_projects: bool,
    /// Objects that were seen just now, and whether they were ready.
    seen: Arc<HashMap<ObjectId, bool>>,
    witness: Option<Witness>,
}

/// Is shown each object that was read and found ready.
pub type Witness = Arc<dyn Fn(&Object) + Send + Sync>;

impl Waiter {
    /// A waiter that asks these readers before the built-in rules.
    pub fn new(cluster: Cluster, readers: Vec<Arc<dyn StatusReader>>) -> Self {
        Self { cluster, readers, knows_projects: false, seen: Arc::default(), witness: None }
    }

    /// Also judges kinds of well-known projects that keep to no convention.
    #[must_use]
    pub fn knowing_projects(self) -> Self {
        Self { knows_projects: true, ..self }
    }

    /// Knows objects that were seen just now, and whether they were ready then: those that were are not read until they
    /// change, the others not at once.
    #[must_use]
    pub fn having_seen(self, seen: HashMap<ObjectId, bool>) -> Self {
        Self { seen: Arc::new(seen), ..self }
    }

    /// Shows each object that was read and found ready to a witness.
    #[must_use]
    pub fn showing(self, witness: Witness) -> Self {
        Self { witness: Some(witness), ..self }
    }

    /// As [`having_seen`](Self::having_seen), with the objects as they were seen.
    #[must_use]
    pub fn having_read<'a>(self, objects: impl IntoIterator<Item = &'a Object>) -> Self {
        let is_ready =
            |object: &Object| self.judge(object).is_ok_and(|status| status.state == State::Current);
        let seen = objects.into_iter().map(|object| (object.id(), is_ready(object))).collect();
        self.having_seen(seen)
    }

    /// Whether all of these were seen to be ready just now: there is nothing to wait for.
    pub fn has_seen_all_ready(&self, ids: &[ObjectId]) -> bool {
        ids.iter().all(|id| self.seen.get(id) == Some(&true))
    }

    /// Waits until all objects are ready.
    pub async fn wait(&self, ids: &[ObjectId], options: &WaitOptions) -> Result<(), WaitError> {
        if let Some(id) = self.without_namespace(ids).await {
            return Err(WaitError::NoNamespace(id.clone()));
        }
        let mut tracker = Tracker::new(ids, options);
        let deadline = Instant::now() + options.timeout;
        // The tracker keeps what was read when time is up.
        let verdict = timeout_at(deadline, self.follow(&mut tracker)).await;
        let is_timeout = match verdict {
            Ok(Verdict::Ready) => return Ok(()),
            Ok(Verdict::Failed) => false,
            Err(_) => true,
        };
        let mut pending = tracker.pending(is_timeout);
        if pending.is_empty() {
            return Ok(());
        }
        // What can't be explained in time stays unexplained.
        let _ = timeout(EXPLAIN_TIMEOUT, self.explain(&mut pending)).await;
        Err(if is_timeout { WaitError::Timeout(pending) } else { WaitError::Failed(pending) })
    }

    /// The first object of a namespaced kind that names no namespace.
    async fn without_namespace<'a>(&self, ids: &'a [ObjectId]) -> Option<&'a ObjectId> {
        for id in ids.iter().filter(|id| id.namespace.is_empty()) {
            if self.resolve(id).await.is_ok_and(|resource| resource.namespaced) {
                return Some(id);
            }
        }
        None
    }

    /// Reads the objects, and again whenever they change, until there is a verdict.
    async fn follow(&self, tracker: &mut Tracker) -> Verdict {
        let mailbox = Arc::new(Mailbox::default());
        let mut subscriptions: Vec<Subscription> = Vec::new();
        let (mut pause, mut burst) = (FIRST_PAUSE, FIRST_BURST);
        let mut due = tracker.record_seen(&self.seen);
        loop {
            self.read(tracker, &due).await;
            if let Some(verdict) = tracker.verdict() {
                return verdict;
            }
            if subscriptions.is_empty() {
                // A change between the last look and now is seen at the end of the pause.
                let is_watched = self.is_watched(tracker).await;
                if is_watched {
                    pause = pause.max(WATCH_FROM);
                }
                if is_watched || pause >= WATCH_FROM {
                    subscriptions = self.subscribe(tracker, &mailbox).await;
                }
            }
            let is_watched = !subscriptions.is_empty() && subscriptions.iter().all(Subscription::is_live);
            let longest = if is_watched { LONGEST_PAUSE } else { LONGEST_BLIND_PAUSE };
            due = tokio::select! {
                () = mailbox.changed() => {
                    sleep(burst).await;
                    burst = (burst * 2).min(LONGEST_BURST);
                    mailbox.take().into_iter().collect()
                }
                () = sleep(pause.min(longest)) => {
                    pause = (pause * PAUSE_GROWTH).min(LONGEST_PAUSE);
                    tracker.unready()
                }
            };
        }
    }

    /// Whether somebody already has the kinds watched whose objects aren't ready: joining them costs nothing.
    async fn is_watched(&self, tracker: &Tracker) -> bool {
        for tag in tracker.unready() {
            let Some(id) = tracker.ids().get(tag) else { continue };
            let Ok(resource) = self.resolve(id).await else { return false };
            if !self.cluster.cache().hub().is_live(&resource) {
                return false;
            }
        }
        true
    }

    async fn subscribe(&self, tracker: &Tracker, mailbox: &Arc<Mailbox>) -> Vec<Subscription> {
        let mut resources: HashMap<Resource, Vec<_>> = HashMap::new();
        for (tag, id) in tracker.ids().iter().enumerate() {
            // A kind that isn't served has no watch: it is polled.
            if let Ok(resource) = self.resolve(id).await {
                let namespace = if resource.namespaced { id.namespace.clone() } else { String::new() };
                resources.entry(resource).or_default().push(((namespace, id.name.clone()), tag));
            }
        }
        let hub = self.cluster.cache().hub();
        let listener: Arc<dyn Listener<Names>> = Arc::<Mailbox>::clone(mailbox);
        let listener = Arc::downgrade(&listener);
        resources
            .into_iter()
            .map(|(resource, objects)| hub.subscribe(&resource, objects, &listener))
            .collect()
    }

    async fn resolve(&self, id: &ObjectId) -> Result<Resource, ClusterError> {
        self.cluster.cache().discovery().resolve_preferred(&id.group, &id.kind).await
    }

    async fn read(&self, tracker: &mut Tracker, due: &[usize]) {
        let ids: Vec<(usize, ObjectId)> =
            due.iter().filter_map(|tag| Some((*tag, tracker.ids().get(*tag)?.clone()))).collect();
        let mut readings = stream::iter(ids)
            .map(|(tag, id)| async move { (tag, self.status_of(&id).await) })
            .buffer_unordered(CONCURRENT_READS);
        while let Some((tag, reading)) = readings.next().await {
            tracker.record(tag, reading);
        }
    }

    /// The status of one object.
    async fn status_of(&self, id: &ObjectId) -> Reading {
        let unknown = |error: String| Reading { status: Status::new(State::Unknown, ""), error: Some(error) };
        let resource = match self.resolve(id).await {
            Ok(resource) => resource,
            Err(error) => return unknown(error.to_string()),
        };
        let object = match self.cluster.get(&resource, Some(&id.namespace), &id.name).await {
            Ok(Some(object)) => object,
            Ok(None) => {
                return Reading {
                    status: Status::new(State::NotFound, "the resource does not exist"),
                    error: None,
                };
            }
            Err(error) => return unknown(error.to_string()),
        };
        let mut status = match self.judge(&object) {
            Ok(status) => status,
            Err(error) => return unknown(error),
        };
        if let (State::Current, Some(witness)) = (status.state, &self.witness) {
            witness(&object);
        }
        if status.state == State::InProgress
            && id.group == "apps"
            && matches!(id.kind.as_str(), "Deployment" | "StatefulSet" | "ReplicaSet")
            && report::is_observed(&object)
            && let Some(failure) = self.pod_failures(&object).await.into_iter().find(|pod| pod.is_final)
        {
            status = Status::failed(failure.message);
        }
        Reading { status, error: None }
    }

    /// The status of an object by the first reader that knows its kind; an error if it can't tell.
    pub(crate) fn judge(&self, object: &Object) -> Result<Status, String> {
        let reader = self.readers.iter().find(|reader| reader.supports(object.group(), object.kind()));
        match reader {
            Some(reader) => reader.status(object),
            None if self.knows_projects => Ok(status::compute_with_library(object)),
            None => Ok(status::compute(object)),
        }
    }

    /// Why the pods of an object that selects pods aren't ready.
    async fn pod_failures(&self, object: &Object) -> Vec<PodFailure> {
        let Some(mut selector) = report::pod_selector(object) else { return Vec::new() };
        if object.kind() == "Deployment" {
            // What the last rollout left behind says nothing about this one.
            let sets = self.selected("apps", "ReplicaSet", object, &selector).await;
            let Some(newest) = report::newest_template(object, &sets) else { return Vec::new() };
            selector = format!("{selector},{}={newest}", report::TEMPLATE_LABEL);
        }
        let pods = self.selected("", "Pod", object, &selector).await;
        pods.iter().filter_map(status::pod_failure).collect()
    }

    /// What an object selects in its namespace. Not being allowed to see it only costs the explanation.
    async fn selected(&self, group: &str, kind: &str, object: &Object, selector: &str) -> Vec<Value> {
        let found = async {
            let resource = self.cluster.cache().discovery().resolve_preferred(group, kind).await?;
            self.cluster.list(&resource, object.namespace(), selector, PODS).await
        };
        found.await.unwrap_or_default()
    }

    /// Adds the pods' own reasons to the details of rollouts.
    async fn explain(&self, pending: &mut [Pending]) {
        let rollouts = |pending: &&mut Pending| {
            matches!(
                pending.id.kind.as_str(),
                "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" | "Job"
            ) && matches!(pending.id.group.as_str(), "apps" | "batch")
                && !pending.detail.starts_with("pod ")
        };
        for pending in pending.iter_mut().filter(rollouts).take(EXPLAINED) {
            let Ok(resource) = self.resolve(&pending.id).await else { continue };
            let id = &pending.id;
            let Ok(Some(object)) = self.cluster.get(&resource, Some(&id.namespace), &id.name).await else {
                continue;
            };
            if let Some(failure) = self.pod_failures(&object).await.into_iter().next() {
                pending.add_detail(&failure.message);
            }
        }
    }
}
