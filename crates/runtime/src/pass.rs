//! One turn of a reconciler at one object.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    future::{Future, pending},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use kube::{
    Api, Client, Resource,
    core::{NamespaceResourceScope, ObjectMeta},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::sync::watch;

use crate::{
    EventType, ObjectKey, PatchError, Trigger,
    controller::Shared,
    patch::{Sent, plan, status_at_once},
    reflector,
    slot::Slot,
    store::Origin,
    sync::lock,
};

/// How long a turn waits before it writes the progress that it had left out, and how often at most it does so anew
/// while the crowd is there.
const UNTOLD: Duration = Duration::from_secs(1);
const UNTOLD_IN_A_CROWD: usize = 3;

/// A kind that can be reconciled.
pub trait Object:
    Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + Serialize
    + DeserializeOwned
    + Clone
    + Debug
    + Send
    + Sync
    + 'static
{
}
impl<K> Object for K where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Serialize
        + DeserializeOwned
        + Clone
        + Debug
        + Send
        + Sync
        + 'static
{
}

/// One turn at an object: its state, and what a reconciler may do with it.
pub struct Pass<K: Object> {
    /// The object, never older than the last write of this process. Change finalizers and status in place and
    /// call [`patch`](Self::patch) to write them.
    pub object: K,
    /// Why this turn began.
    pub trigger: Trigger,
    key: ObjectKey,
    /// What the cluster has, as far as we know.
    baseline: Arc<K>,
    /// Whether `object` holds progress that was left out.
    untold: AtomicBool,
    /// The state that was written since.
    told: Mutex<Option<Arc<K>>>,
    shared: Arc<Shared<K>>,
    slot: Slot,
    preempted: watch::Receiver<Option<Trigger>>,
}

impl<K: Object> Pass<K> {
    pub(crate) fn new(
        baseline: Arc<K>,
        key: ObjectKey,
        trigger: Trigger,
        shared: Arc<Shared<K>>,
        slot: Slot,
        preempted: watch::Receiver<Option<Trigger>>,
    ) -> Self {
        let untold = AtomicBool::new(false);
        let object = (*baseline).clone();
        Self { object, trigger, key, baseline, untold, told: Mutex::default(), shared, slot, preempted }
    }

    /// Namespace and name.
    pub fn key(&self) -> &ObjectKey {
        &self.key
    }

    /// A client for the cluster.
    pub fn client(&self) -> &Client {
        &self.shared.client
    }

    /// The API of this kind in the object's namespace.
    pub fn api(&self) -> Api<K> {
        Api::namespaced(self.shared.client.clone(), &self.key.namespace)
    }

    /// The object as the cluster has it, as far as this turn knows: as it was at the start or after the last
    /// [`patch`](Self::patch).
    pub fn baseline(&self) -> &K {
        &self.baseline
    }

    /// Gives the worker slot back while `future` runs, and waits for one again afterwards.
    ///
    /// Waiting for health or for another object belongs here: any number of parked objects hold no worker.
    /// Put a `select!` inside of `future`, not around the call: a dropped call leaves this turn without a slot.
    pub async fn park<F: Future>(&self, future: F) -> F::Output {
        self.slot.park(self.telling(future)).await
    }

    /// Runs what may take long; then the [`progress`](Self::progress) that was left out is written meanwhile.
    pub async fn telling<F: Future>(&self, future: F) -> F::Output {
        // In a box, as this has it in two places: the stacks of workers are small.
        let mut future = Box::pin(future);
        if self.untold.load(Ordering::Relaxed) {
            let told = Box::pin(async {
                for _ in 0..UNTOLD_IN_A_CROWD {
                    tokio::time::sleep(UNTOLD).await;
                    if !self.is_crowded() {
                        break;
                    }
                }
                self.tell().await;
            });
            tokio::select! {
                biased;
                output = &mut future => return output,
                () = told => {}
            }
        }
        future.await
    }

    /// Counts as one that waits for other turns while `future` runs.
    pub(crate) async fn stand_in_line<F: Future>(&self, future: F) -> F::Output {
        self.slot.stand_in_line(future).await
    }

    /// Completes when something asks for this object while this turn goes on, or when the process ends.
    ///
    /// The object is reconciled again as soon as this turn ends, whatever the turn does about it.
    pub async fn preempted(&self) -> Trigger {
        let mut preempted = self.preempted.clone();
        let trigger = match preempted.wait_for(Option::is_some).await {
            Ok(trigger) => (*trigger).clone(),
            Err(_) => None,
        };
        match trigger {
            Some(trigger) => trigger,
            // The queue dropped its end: nobody can ask any more.
            None => pending().await,
        }
    }

    /// Whether something asked for this object since this turn began.
    pub fn is_preempted(&self) -> bool {
        self.preempted.borrow().is_some()
    }

    /// Writes what changed in [`object`](Self::object) since the last write; sends nothing if nothing did.
    ///
    /// Conditions first, then finalizers and other metadata, then the rest of the status. Conditions of types that
    /// the controller does not own survive, also when others write meanwhile. Afterwards `object` has the status
    /// and finalizers that the cluster has. Spec, generation, labels and annotations stay as they were at the
    /// start of this turn, so that one turn decides by one state: what changed there makes the object due again.
    ///
    /// An object that is gone is no error while it is being deleted.
    pub async fn patch(&mut self) -> Result<(), PatchError> {
        match self.try_patch().await {
            Err(PatchError::Gone) if self.object.meta().deletion_timestamp.is_some() => Ok(()),
            result => result,
        }
    }

    /// Writes a state that others may want to follow while this turn goes on.
    ///
    /// Left out in a crowd: while another round of turns waits behind those that go on, or turns begin by the dozen.
    /// Each is over in a moment, nobody could follow them, and such writes are most of what they would wait for. Then
    /// the next [`patch`](Self::patch) writes it, or what is [parked](Self::park) or [told of](Self::telling) and takes
    /// longer than a second, or three while the crowd lasts.
    pub async fn progress(&mut self) -> Result<(), PatchError> {
        if self.is_crowded() {
            self.untold.store(true, Ordering::Relaxed);
            return Ok(());
        }
        self.patch().await
    }

    fn is_crowded(&self) -> bool {
        self.slot.is_crowded(self.shared.queue.due())
    }

    /// Writes what was left out.
    async fn tell(&self) {
        if !self.untold.swap(false, Ordering::Relaxed) {
            return;
        }
        match Box::pin(self.write(&self.baseline)).await {
            Ok(Some(written)) => {
                // What somebody else wrote meanwhile is not in `object`: a write of an older version finds that out.
                let is_ours = same(&written, &self.object);
                *lock(&self.told) = Some(Arc::new(if is_ours { written } else { self.object.clone() }));
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "progress could not be written"),
        }
    }

    async fn try_patch(&mut self) -> Result<(), PatchError> {
        self.untold.store(false, Ordering::Relaxed);
        if let Some(told) = lock(&self.told).take() {
            self.baseline = told;
        }
        // In a box: a turn that waits for something has no room for what it has written.
        if let Some(written) = Box::pin(self.write(&self.baseline)).await? {
            self.object = written.clone();
            self.baseline = Arc::new(written);
        }
        Ok(())
    }

    /// Sends the difference between a state and `object`; the object as the cluster has it then, if there was any.
    async fn write(&self, baseline: &K) -> Result<Option<K>, PatchError> {
        let mut before = serde_json::to_value(baseline)?;
        let after = serde_json::to_value(&self.object)?;
        let steps = plan(&before, &after);
        if steps.is_empty() {
            return Ok(None);
        }
        let (api, name, patcher) = (self.api(), &self.key.name, &self.shared.patcher);
        if self.is_crowded()
            && let Some(body) = status_at_once(&steps)
            && let Some(latest) = patcher.send_at_once(&api, name, body, &before).await?
        {
            return self.take_in(latest, baseline).map(Some);
        }
        let mut written = None;
        for step in steps {
            if let Some(written) = &written {
                before = serde_json::to_value(written)?;
            }
            let sent = patcher.send(&api, name, &step, &before, &after).await?;
            let (Sent::Written(latest) | Sent::Unchanged(latest)) = sent;
            let is_gone = is_gone(latest.meta());
            written = Some(self.take_in(latest, baseline)?);
            if is_gone {
                break;
            }
        }
        Ok(written)
    }

    /// Keeps the newest state for all; gives it with what this turn decides by, which `baseline` has.
    fn take_in(&self, mut latest: K, baseline: &K) -> Result<K, PatchError> {
        reflector::strip(&mut latest);
        let pinned = if asks_the_same(latest.meta(), baseline.meta()) {
            latest.clone()
        } else {
            let pinned = pin(serde_json::to_value(&latest)?, &serde_json::to_value(baseline)?);
            serde_json::from_value(pinned)?
        };
        self.shared.store.apply(latest, Origin::Write);
        Ok(pinned)
    }

    /// Records an event about the object, in the cluster and at the events address, and logs it.
    ///
    /// `metadata` keys carry the group's prefix. Returns at once; delivery happens in the background, in order.
    pub fn event(&self, kind: EventType, reason: &str, message: &str, metadata: &BTreeMap<String, String>) {
        match kind {
            EventType::Warning => tracing::error!(reason, "{message}"),
            EventType::Normal => tracing::info!(reason, "{message}"),
            EventType::Trace => tracing::debug!(reason, "{message}"),
        }
        self.shared.events.record(&self.object, kind, reason, message, metadata);
    }

    /// As [`event`](Self::event) with [`EventType::Warning`], with an explanation that only goes along with what is
    /// posted and logged.
    pub fn failure_event(
        &self,
        reason: &str,
        message: &str,
        explanation: Option<&str>,
        metadata: &BTreeMap<String, String>,
    ) {
        let explanation = explanation.unwrap_or_default();
        tracing::error!(reason, explanation, "{message}");
        let text = (message, explanation);
        self.shared.events.record_explained(&self.object, EventType::Warning, reason, text, metadata);
    }
}

/// Whether nothing would have to be written to make one of the other.
fn same<K: Object>(one: &K, other: &K) -> bool {
    let values = (serde_json::to_value(one), serde_json::to_value(other));
    matches!(values, (Ok(one), Ok(other)) if plan(&one, &other).is_empty())
}

/// Whether nothing held the object any more when it was written: it has no status to be written then.
fn is_gone(meta: &ObjectMeta) -> bool {
    meta.deletion_timestamp.is_some() && meta.finalizers.as_ref().is_none_or(Vec::is_empty)
}

/// Whether two states of an object have the same spec, labels and annotations.
fn asks_the_same(one: &ObjectMeta, other: &ObjectMeta) -> bool {
    one.generation == other.generation && one.labels == other.labels && one.annotations == other.annotations
}

/// The newest state, with what this turn decides by kept from `current`.
fn pin(mut latest: Value, current: &Value) -> Value {
    for field in ["/spec", "/metadata/generation", "/metadata/labels", "/metadata/annotations"] {
        let (parent, name) = field.rsplit_once('/').unwrap_or_default();
        let Some(parent) = latest.pointer_mut(parent).and_then(Value::as_object_mut) else { continue };
        match current.pointer(field) {
            Some(value) => parent.insert(name.to_owned(), value.clone()),
            None => parent.remove(name),
        };
    }
    latest
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_turn_keeps_the_spec_it_began_with() {
        let current = json!({"metadata": {"generation": 1, "resourceVersion": "1", "labels": {"a": "1"}}, "spec": {"x": 1}});
        let latest = json!({
            "metadata": {"generation": 2, "resourceVersion": "5", "finalizers": ["f"], "annotations": {"b": "2"}},
            "spec": {"x": 2}, "status": {"y": 1},
        });
        assert_eq!(
            pin(latest, &current),
            json!({
                "metadata": {"generation": 1, "resourceVersion": "5", "finalizers": ["f"], "labels": {"a": "1"}},
                "spec": {"x": 1}, "status": {"y": 1},
            })
        );
    }
}
