//! A controller: one kind, its watches, its queue and its reconciler.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    future::Future,
    hash::Hash,
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::{FutureExt, future::BoxFuture};
use kube::{Api, Client, Resource, runtime::watcher};
use sluice_apis::k8s::ObjectMeta;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::{
    Backoff, BoxError, Cause, Change, EventRecorder, EventType, Index, Jitter, Metrics, ObjectKey, Pass,
    ReconcileError, Store, Task, Trigger, dispatch,
    metrics::Outcome,
    pass::Object,
    patch::Patcher,
    predicate::cause_of_change,
    queue::{Next, Queue, Turn},
    reflector::{self, WatchError, Watched},
    slot::{Slot, Slots},
};

/// How long turns may go on after the process was asked to end. Pods are given ten seconds in all.
const GRACE: Duration = Duration::from_secs(5);

/// Brings objects of one kind to the state that they describe.
pub trait Reconciler: Send + Sync + 'static {
    /// The kind.
    type Object: Object;

    /// One turn at one object. An error makes it retry with backoff.
    fn reconcile(
        &self,
        pass: &mut Pass<Self::Object>,
    ) -> impl Future<Output = Result<Action, ReconcileError>> + Send;
}

/// When to run again after a turn. Triggers make the object due earlier in every case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Not before something happens.
    Done,
    /// After exactly this time.
    After(Duration),
    /// After this time, moved by the interval jitter.
    AfterJittered(Duration),
    /// At once; repeated without pause, with backoff.
    Now,
    /// With backoff, for a reason that is no error.
    Backoff(Cow<'static, str>),
}

/// What the turns of a controller share.
pub(crate) struct Shared<K> {
    pub client: Client,
    pub store: Store<K>,
    pub queue: Arc<Queue>,
    pub events: EventRecorder,
    pub metrics: Metrics,
    pub patcher: Patcher,
    pub jitter: Jitter,
    /// The controller's name in logs and metrics: the kind in lower case.
    pub name: String,
    pub kind: Cow<'static, str>,
    pub group: Cow<'static, str>,
}

/// What a manager gives to each of its controllers.
pub(crate) struct Parts {
    pub client: Client,
    pub events: EventRecorder,
    pub metrics: Metrics,
    pub backoff: Backoff,
    pub jitter: Jitter,
    pub field_manager: String,
}

type Watch = Box<dyn FnOnce(CancellationToken) -> BoxFuture<'static, Result<(), WatchError>> + Send>;

/// Builds a controller for one kind. Made by [`Manager::controller`](crate::Manager::controller).
pub struct Controller<K: Object> {
    shared: Shared<K>,
    concurrency: usize,
    watches: Vec<Watch>,
    synced: Vec<BoxFuture<'static, ()>>,
}

/// Makes objects of one kind due from elsewhere. Cheap to clone.
#[derive(Clone)]
pub struct Handle {
    queue: Arc<Queue>,
}

impl Handle {
    /// Makes an object due now. A turn at it that is going on is told.
    pub fn trigger(&self, key: &ObjectKey, trigger: Trigger) {
        self.queue.add(key, trigger);
    }
}

impl<K: Object> Controller<K> {
    /// A controller that watches its kind.
    pub(crate) fn new(parts: Parts, api: Api<K>, watch: watcher::Config) -> Self {
        let mut controller = Self::on_store(parts, &Store::default());
        let events = controller.shared.events.clone();
        let complain = move |object: &ObjectMeta, error: &str| {
            let message = format!("the object cannot be read and is left alone until it is changed: {error}");
            tell_unreadable::<K>(object, error);
            events.record_for::<K>(object, EventType::Warning, "InvalidObject", &message, &BTreeMap::new());
        };
        let store = controller.store();
        controller.reflect(api, watch, store, complain);
        controller
    }

    /// A controller of a kind that something else watches.
    pub(crate) fn on_store(parts: Parts, store: &Store<K>) -> Self {
        let kind = K::kind(&());
        let name = kind.to_lowercase();
        let queue = Queue::new(kind.clone(), parts.backoff, parts.metrics.queue(&name));
        let patcher = Patcher { field_manager: parts.field_manager, owned_conditions: Vec::new() };
        let shared = Shared {
            client: parts.client,
            store: store.clone(),
            queue,
            events: parts.events,
            metrics: parts.metrics,
            patcher,
            jitter: parts.jitter,
            name,
            kind,
            group: K::group(&()),
        };
        enqueue_changes(&shared);
        let synced = store.clone();
        let synced = async move { synced.wait_until_ready().await }.boxed();
        Self { shared, concurrency: 4, watches: Vec::new(), synced: vec![synced] }
    }

    /// How many objects are worked on at once; 4 if not set.
    #[must_use]
    pub fn concurrency(mut self, count: usize) -> Self {
        self.concurrency = count;
        self
    }

    /// The name under which the API server records our writes; the manager's name if not set.
    #[must_use]
    pub fn field_manager(mut self, name: &str) -> Self {
        name.clone_into(&mut self.shared.patcher.field_manager);
        self
    }

    /// The types of conditions that only this controller writes: they win over what others write to them.
    #[must_use]
    pub fn owned_conditions(mut self, types: &[&'static str]) -> Self {
        self.shared.patcher.owned_conditions = types.to_vec();
        self
    }

    /// The objects of this kind. Use [`Store::on_change`] to follow them, for instance to trigger dependents.
    pub fn store(&self) -> Store<K> {
        self.shared.store.clone()
    }

    /// Makes objects of this kind due from elsewhere.
    pub fn handle(&self) -> Handle {
        Handle { queue: Arc::clone(&self.shared.queue) }
    }

    /// An index of what the objects of this kind refer to, kept up to date.
    pub fn index<R: Clone + Eq + Hash + Send + Sync + 'static>(
        &self,
        references: impl Fn(&K) -> Vec<R> + Send + Sync + 'static,
    ) -> Arc<Index<R>> {
        let index = Arc::new(Index::new());
        self.shared.store.on_change({
            let index = Arc::clone(&index);
            move |change| {
                let key = ObjectKey::of(&**change.latest());
                match change.new() {
                    Some(object) => index.set(&key, references(object)),
                    None => index.remove(&key),
                }
            }
        });
        index
    }

    /// Watches another kind and makes the objects due that `map` derives from each change.
    ///
    /// Runs as long as this controller. `S` may be a lean struct with only the fields that are read, or
    /// [`PartialObjectMeta`](kube::core::PartialObjectMeta) for metadata alone. Objects are kept in the returned
    /// store. Reconciliation starts when all watched kinds are listed.
    pub fn watch<S: Watched>(
        &mut self,
        api: Api<S>,
        config: watcher::Config,
        map: impl Fn(&Change<S>) -> Vec<(ObjectKey, Trigger)> + Send + Sync + 'static,
    ) -> Store<S> {
        let store = Store::default();
        self.watch_store(&store, map);
        self.reflect(api, config, store.clone(), tell_unreadable::<S>);
        store
    }

    /// As [`watch`](Self::watch), from a store that another controller of this process keeps.
    pub fn watch_store<S: Send + Sync + 'static>(
        &mut self,
        store: &Store<S>,
        map: impl Fn(&Change<S>) -> Vec<(ObjectKey, Trigger)> + Send + Sync + 'static,
    ) {
        let queue = Arc::clone(&self.shared.queue);
        store.on_change(move |change| {
            for (key, trigger) in map(change) {
                queue.add(&key, trigger);
            }
        });
        let store = store.clone();
        self.synced.push(async move { store.wait_until_ready().await }.boxed());
    }

    fn reflect<S: Watched>(
        &mut self,
        api: Api<S>,
        config: watcher::Config,
        store: Store<S>,
        unreadable: impl Fn(&ObjectMeta, &str) + Send + Sync + 'static,
    ) {
        let synced = store.clone();
        self.synced.push(async move { synced.wait_until_ready().await }.boxed());
        self.watches
            .push(Box::new(move |cancel| reflector::run(api, config, store, unreadable, cancel).boxed()));
    }

    /// The running part, to be given to [`Manager::run`](crate::Manager::run).
    pub fn reconcile_with<R: Reconciler<Object = K>>(self, reconciler: R) -> Task {
        let name = format!("{} controller", self.shared.name);
        Task::new(name, move |cancel| self.run(Arc::new(reconciler), cancel))
    }

    /// Runs until cancelled. A watch that fails for good, or panics, ends it: what it missed would stay missed.
    async fn run<R: Reconciler<Object = K>>(
        self,
        reconciler: Arc<R>,
        cancel: CancellationToken,
    ) -> Result<(), BoxError> {
        let mut watches = JoinSet::new();
        for watch in self.watches {
            watches.spawn(watch(cancel.clone()));
        }
        let synced = futures::future::join_all(self.synced);
        let work = async {
            if cancel.run_until_cancelled(synced).await.is_some() {
                work(Arc::new(self.shared), reconciler, self.concurrency, cancel.clone()).await;
            }
        };
        tokio::pin!(work);
        loop {
            tokio::select! {
                () = &mut work => return Ok(()),
                Some(ended) = watches.join_next() => ended??,
            }
        }
    }
}

/// Gives due objects to the reconciler until cancelled.
async fn work<R: Reconciler>(
    shared: Arc<Shared<R::Object>>,
    reconciler: Arc<R>,
    concurrency: usize,
    cancel: CancellationToken,
) {
    tracing::info!(
        controller = shared.name,
        "controllerGroup" = &*shared.group,
        "controllerKind" = &*shared.kind,
        "worker count" = concurrency,
        "Starting workers"
    );
    let slots = Slots::new(concurrency, shared.metrics.workers(&shared.name, concurrency));
    let queue = Arc::clone(&shared.queue);
    let turn = move |turn, slot| one_turn(Arc::clone(&shared), Arc::clone(&reconciler), turn, slot);
    dispatch::run(queue, slots, turn, cancel, GRACE).await;
}

pub(crate) fn tell_unreadable<S>(object: &ObjectMeta, error: &str) {
    tracing::error!(
        "controllerKind" = reflector::kind_name::<S>(),
        namespace = object.namespace,
        name = object.name,
        error,
        "the object cannot be read and is left alone until it is changed"
    );
}

/// Makes objects due when they change, and forgets those that are gone.
fn enqueue_changes<K: Object>(shared: &Shared<K>) {
    let (queue, metrics, kind) = (Arc::clone(&shared.queue), shared.metrics.clone(), shared.kind.clone());
    shared.store.on_change(move |change| {
        let key = ObjectKey::of(&**change.latest());
        let cause = match change {
            Change::Added(_) => Some(Cause::Created),
            Change::Updated { old, new } => cause_of_change(old.meta(), new.meta()),
            Change::Deleted(_) => {
                queue.forget(&key);
                metrics.forget_object(&kind, &key);
                None
            }
        };
        if let Some(cause) = cause {
            queue.add(&key, Trigger::new(cause, kind.clone(), key.clone()));
        }
    });
}

async fn one_turn<R: Reconciler>(
    shared: Arc<Shared<R::Object>>,
    reconciler: Arc<R>,
    turn: Turn,
    slot: Slot,
) -> Next {
    let Turn { key, trigger, preempted } = turn;
    let Some(object) = shared.store.get(&key) else { return Next::Gone };
    let meta = object.meta();
    if meta.deletion_timestamp.is_some() && meta.finalizers.as_ref().is_none_or(Vec::is_empty) {
        return Next::Idle; // The watch will soon tell that it is gone.
    }
    let uid = meta.uid.clone();
    // As important as the most important line inside: a span that is filtered out takes its fields along.
    let span = tracing::error_span!(
        "reconcile",
        controller = shared.name,
        "controllerGroup" = &*shared.group,
        "controllerKind" = &*shared.kind,
        namespace = &*key.namespace,
        name = &*key.name,
        "reconcileID" = reconcile_id(),
    );
    let turn = async {
        tracing::debug!(cause = ?trigger.cause, %trigger, "reconciling");
        let start = Instant::now();
        let mut pass = Pass::new(object, key.clone(), trigger, Arc::clone(&shared), slot, preempted);
        let result = AssertUnwindSafe(reconciler.reconcile(&mut pass)).catch_unwind().await;
        drop(pass);
        let result = result.unwrap_or_else(|panic| {
            shared.metrics.count_panic(&shared.name);
            Err(ReconcileError::message(format!("panic: {}", panic_text(&*panic))))
        });
        let gone = shared.store.get(&key).is_none_or(|latest| latest.meta().uid != uid);
        let (next, outcome) = match result {
            Err(error) if gone || error.is_gone() => {
                tracing::debug!(%error, "the object went away during the reconciliation");
                (Next::Idle, Outcome::Success)
            }
            result => conclude(result, shared.jitter),
        };
        shared.metrics.observe_pass(&shared.name, &shared.kind, &key, outcome, start.elapsed());
        if gone {
            shared.metrics.forget_object(&shared.kind, &key);
        }
        next
    };
    turn.instrument(span).await
}

fn conclude(result: Result<Action, ReconcileError>, jitter: Jitter) -> (Next, Outcome) {
    match result {
        Ok(Action::Done) => (Next::Idle, Outcome::Success),
        Ok(Action::After(delay)) => (Next::After(delay), Outcome::RequeueAfter),
        Ok(Action::AfterJittered(delay)) => (Next::After(jitter.apply(delay)), Outcome::RequeueAfter),
        Ok(Action::Now) => (Next::Now, Outcome::Requeue),
        Ok(Action::Backoff(reason)) => {
            tracing::info!(%reason, "retrying with backoff");
            (Next::Backoff, Outcome::Requeue)
        }
        Err(error) => {
            tracing::error!(%error, "Reconciler error");
            (Next::Backoff, Outcome::Error)
        }
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

/// A random UUID (RFC 9562, version 4).
pub(crate) fn reconcile_id() -> String {
    let bits: u128 = rand::random();
    let bits = bits & !(0xf000 << 64) & !(0xc000 << 48) | (0x4000 << 64) | (0x8000 << 48);
    let hex = format!("{bits:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reconcile_ids_are_version_4_uuids() {
        let id = reconcile_id();
        assert_eq!(id.len(), 36);
        assert_eq!(id.as_bytes()[14], b'4');
        assert!(matches!(id.as_bytes()[19], b'8' | b'9' | b'a' | b'b'), "{id}");
        assert_ne!(id, reconcile_id());
    }

    #[test]
    fn outcomes_are_counted_as_controller_runtime_does() {
        let jitter = Jitter::from_percent(0).unwrap();
        let minute = Duration::from_mins(1);
        let outcome = |result| conclude(result, jitter);
        assert_eq!(outcome(Ok(Action::Done)), (Next::Idle, Outcome::Success));
        assert_eq!(outcome(Ok(Action::AfterJittered(minute))), (Next::After(minute), Outcome::RequeueAfter));
        assert_eq!(outcome(Ok(Action::Now)), (Next::Now, Outcome::Requeue));
        assert_eq!(outcome(Err(ReconcileError::message("x"))), (Next::Backoff, Outcome::Error));
    }
}
