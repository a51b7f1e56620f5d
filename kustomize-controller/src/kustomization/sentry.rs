//! Notices within seconds that somebody changed or deleted what was applied, and makes the Kustomization due.
//!
//! One watch of metadata for each kind in any inventory, of objects with the owner's label only. The API server keeps
//! account of who owns which field: when a field that was applied changes hands, or `kubectl` owns fields, the object
//! has drifted. What controllers add, and statuses, are no drift and cost nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use sluice_apis::kustomize::GROUP;
use sluice_apply::cluster::{Listener, Ownership, Resource, Subscription};
use sluice_apply::inventory::Entry;
use sluice_apply::managed_fields::{self, ManagerPattern};
use sluice_apply::{Cluster, ObjectId};
use sluice_runtime::{Cause, Handle, ObjectKey, Trigger};
use tokio::time::{Instant, sleep};

use super::apply::FIELD_MANAGER;
use super::memory::Memory;

/// How long changes are gathered before the first correction.
const FIRST_PAUSE: Duration = Duration::from_millis(300);
/// The longest pause before a correction: two who correct each other must not do so all the time.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);
/// After a quiet time of this many pauses the next correction is a first one again.
const QUIET: u32 = 4;
/// At least this long must it be quiet for that.
const SHORTEST_QUIET: Duration = Duration::from_secs(10);

/// Guards the objects of all Kustomizations.
pub struct Sentry {
    shared: Arc<Shared>,
    posts: Mutex<HashMap<String, Post>>,
}

/// What all posts need.
struct Shared {
    memory: Arc<Memory>,
    handle: Handle,
    takeover: Vec<ManagerPattern>,
    runtime: tokio::runtime::Handle,
}

/// The objects of one Kustomization, and the places in watches that tell of them.
struct Post {
    guard: Arc<Guard>,
    ids: Vec<ObjectId>,
    /// Where they are.
    cluster: Cluster,
    _subscriptions: Vec<Subscription<Ownership>>,
}

/// Is told of changes.
struct Guard {
    me: Weak<Guard>,
    shared: Arc<Shared>,
    uid: String,
    key: ObjectKey,
    ids: Vec<ObjectId>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What was seen last of objects that may have drifted.
    suspects: HashMap<usize, Sighting>,
    pause: Pause,
    /// Whether a look at the suspects is planned.
    is_planned: bool,
}

/// The last that was seen of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sighting {
    There { footprint: blake3::Hash },
    Gone,
}

impl Sentry {
    /// A sentry that makes Kustomizations due by `handle` and compares with what `memory` knows.
    ///
    /// Must be called within a Tokio runtime.
    pub fn new(memory: Arc<Memory>, handle: Handle, override_managers: &[String]) -> Self {
        let takeover = managed_fields::takeover_patterns(FIELD_MANAGER, override_managers);
        let runtime = tokio::runtime::Handle::current();
        Self { shared: Arc::new(Shared { memory, handle, takeover, runtime }), posts: Mutex::default() }
    }

    /// Listens to the objects that are about to be applied. What happens to them counts once the pass
    /// [went through](Self::settle).
    pub async fn prepare(&self, uid: &str, key: &ObjectKey, cluster: &Cluster, entries: &[Entry]) {
        let ids: Vec<ObjectId> = entries.iter().map(|entry| entry.id.clone()).collect();
        let before = lock(&self.posts).remove(uid);
        let pause = match before {
            Some(post) if post.ids == ids && std::ptr::eq(post.cluster.cache(), cluster.cache()) => {
                lock(&self.posts).insert(uid.to_owned(), post);
                return;
            }
            Some(post) => lock(&post.guard.state).pause,
            None => Pause::default(),
        };
        let guard = Arc::new_cyclic(|me| Guard {
            me: Weak::clone(me),
            shared: Arc::clone(&self.shared),
            uid: uid.to_owned(),
            key: key.clone(),
            ids: ids.clone(),
            state: Mutex::new(State { pause, ..State::default() }),
        });
        let listener: Arc<dyn Listener<Ownership>> = Arc::<Guard>::clone(&guard);
        let listener = Arc::downgrade(&listener);
        let mut by_resource: HashMap<Resource, Vec<_>> = HashMap::new();
        for (tag, entry) in entries.iter().enumerate() {
            if let Ok(resource) = cluster.resolve(&entry.gvk()).await {
                let place = (entry.id.namespace.clone(), entry.id.name.clone());
                by_resource.entry(resource).or_default().push((place, tag));
            }
        }
        let hub = cluster.cache().owners(&format!("{GROUP}/name"));
        let subscriptions = by_resource
            .into_iter()
            .map(|(resource, objects)| hub.subscribe(&resource, objects, &listener))
            .collect();
        let post = Post { guard, ids, cluster: cluster.clone(), _subscriptions: subscriptions };
        lock(&self.posts).insert(uid.to_owned(), post);
    }

    /// The pass went through: what was seen meanwhile is looked at, and from now on everything.
    pub fn settle(&self, uid: &str) {
        if let Some(post) = lock(&self.posts).get(uid) {
            post.guard.plan();
        }
    }

    /// The objects are nobody's business any more.
    pub fn stand_down(&self, uid: &str) {
        lock(&self.posts).remove(uid);
    }
}

impl Guard {
    /// Plans a look at the suspects, if there are any and none is planned.
    fn plan(&self) {
        let pause = {
            let mut state = lock(&self.state);
            if state.is_planned || state.suspects.is_empty() {
                return;
            }
            state.is_planned = true;
            state.pause.current(Instant::now())
        };
        let me = Weak::clone(&self.me);
        self.shared.runtime.spawn(async move {
            sleep(pause).await;
            if let Some(guard) = me.upgrade() {
                guard.look();
            }
        });
    }

    /// Makes the Kustomization due if something has drifted.
    fn look(&self) {
        let mut state = lock(&self.state);
        state.is_planned = false;
        // A pass that goes on may have made the change itself: the end of the pass plans another look.
        if self.shared.memory.passed(&self.uid).is_none() {
            return;
        }
        let suspects = std::mem::take(&mut state.suspects);
        let drifted = suspects.into_iter().find(|(tag, sighting)| self.has_drifted(*tag, *sighting));
        let Some(id) = drifted.and_then(|(tag, _)| self.ids.get(tag)) else { return };
        state.pause.grow(Instant::now());
        drop(state);
        tracing::info!(
            namespace = &*self.key.namespace,
            name = &*self.key.name,
            object = %id.subject(),
            "an applied object was changed or deleted by somebody else"
        );
        // The next pass must look, also if a new revision changes nothing.
        self.shared.memory.begin(&self.uid);
        let object = ObjectKey::new(id.namespace.as_str(), id.name.as_str());
        self.shared.handle.trigger(&self.key, Trigger::new(Cause::Related, id.kind.clone(), object));
    }

    fn has_drifted(&self, tag: usize, sighting: Sighting) -> bool {
        let applied = self.ids.get(tag).and_then(|id| self.shared.memory.seen(&self.uid, id));
        applied.is_some_and(|applied| sighting != Sighting::There { footprint: applied.footprint })
    }

    fn saw(&self, tag: usize, sighting: Sighting) {
        {
            let mut state = lock(&self.state);
            if self.shared.memory.passed(&self.uid).is_some() && !self.has_drifted(tag, sighting) {
                state.suspects.remove(&tag);
                return;
            }
            state.suspects.insert(tag, sighting);
        }
        self.plan();
    }
}

impl Listener<Ownership> for Guard {
    fn changed(&self, tag: usize, object: Option<&Ownership>) {
        let Some(Ownership { metadata }) = object else { return };
        // What is on its way out is missed when it is gone.
        if metadata["deletionTimestamp"].is_string() {
            return;
        }
        let footprint = managed_fields::footprint(metadata, FIELD_MANAGER, &self.shared.takeover);
        self.saw(tag, Sighting::There { footprint });
    }

    fn gone(&self, tag: usize) {
        self.saw(tag, Sighting::Gone);
    }
}

/// How long to wait before a correction: longer each time, until it has been quiet for a while.
#[derive(Clone, Copy, Debug, Default)]
struct Pause {
    last: Option<(Instant, Duration)>,
}

impl Pause {
    fn current(&self, now: Instant) -> Duration {
        match self.last {
            Some((at, pause)) if now - at < (pause * QUIET).max(SHORTEST_QUIET) => pause,
            _ => FIRST_PAUSE,
        }
    }

    fn grow(&mut self, now: Instant) {
        self.last = Some((now, (self.current(now) * 2).min(LONGEST_PAUSE)));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each change is a single insert, remove or assignment: a panic can't leave it half done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corrections_in_a_row_wait_longer_and_a_quiet_time_ends_that() {
        let mut pause = Pause::default();
        let mut now = Instant::now();
        let mut waits = Vec::new();
        for _ in 0..12 {
            let wait = pause.current(now);
            waits.push(wait.as_millis());
            now += wait;
            pause.grow(now);
        }
        assert_eq!(waits[..4], [300, 600, 1_200, 2_400]);
        assert_eq!(waits[11], 300_000);
        assert_eq!(pause.current(now + LONGEST_PAUSE * QUIET), FIRST_PAUSE);
        let mut pause = Pause::default();
        pause.grow(now);
        assert_eq!(pause.current(now + SHORTEST_QUIET), FIRST_PAUSE);
    }
}
