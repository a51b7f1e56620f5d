//! The objects of one kind as last seen, with writes of our own applied at once.

use std::{
    cmp::Ordering,
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, RwLock},
};

use kube::Resource;
use tokio::sync::watch;

use crate::{
    ObjectKey,
    sync::{lock, read, write},
};

/// A change of one object in a [`Store`].
#[derive(Clone, Debug)]
pub enum Change<K> {
    /// The object is new to the store.
    Added(Arc<K>),
    /// The object changed in some way.
    Updated {
        /// As it was.
        old: Arc<K>,
        /// As it is.
        new: Arc<K>,
    },
    /// The object is gone; this is its last known state.
    Deleted(Arc<K>),
}

impl<K> Change<K> {
    /// The state before, if there was one.
    pub fn old(&self) -> Option<&Arc<K>> {
        match self {
            Self::Added(_) => None,
            Self::Updated { old, .. } | Self::Deleted(old) => Some(old),
        }
    }

    /// The state after, if the object is still there.
    #[expect(clippy::new_ret_no_self)] // It stands beside `old`.
    pub fn new(&self) -> Option<&Arc<K>> {
        match self {
            Self::Added(new) | Self::Updated { new, .. } => Some(new),
            Self::Deleted(_) => None,
        }
    }

    /// The newest known state.
    pub fn latest(&self) -> &Arc<K> {
        match self {
            Self::Added(object) | Self::Updated { new: object, .. } | Self::Deleted(object) => object,
        }
    }
}

type Listener<K> = Box<dyn Fn(&Change<K>) + Send + Sync>;

/// The objects of one kind, kept by a watch. Cheap to clone; every clone is the same store.
pub struct Store<K> {
    inner: Arc<Inner<K>>,
}

struct Inner<K> {
    state: RwLock<State<K>>,
    /// Held from a change until its listeners are through, so that they see changes in order.
    notifying: Mutex<()>,
    listeners: RwLock<Vec<Listener<K>>>,
    ready: watch::Sender<bool>,
}

struct State<K> {
    objects: HashMap<ObjectKey, Entry<K>>,
    /// Counts the lists begun; tells what was written or listed since the last one began.
    list: u64,
}

struct Entry<K> {
    object: Arc<K>,
    list: u64,
}

impl<K> Clone for Store<K> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<K> Default for Store<K> {
    fn default() -> Self {
        Self {
            inner: Arc::new(Inner {
                state: RwLock::new(State { objects: HashMap::new(), list: 0 }),
                notifying: Mutex::new(()),
                listeners: RwLock::new(Vec::new()),
                ready: watch::Sender::new(false),
            }),
        }
    }
}

impl<K> fmt::Debug for Store<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("objects", &self.len()).finish_non_exhaustive()
    }
}

impl<K> Store<K> {
    /// The object, if it is known.
    pub fn get(&self, key: &ObjectKey) -> Option<Arc<K>> {
        read(&self.inner.state).objects.get(key).map(|entry| Arc::clone(&entry.object))
    }

    /// All objects, in no order.
    pub fn list(&self) -> Vec<Arc<K>> {
        read(&self.inner.state).objects.values().map(|entry| Arc::clone(&entry.object)).collect()
    }

    /// The number of objects.
    pub fn len(&self) -> usize {
        read(&self.inner.state).objects.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Waits until the first list is complete.
    pub async fn wait_until_ready(&self) {
        // The sender lives as long as this store: waiting cannot fail.
        let _ = self.inner.ready.subscribe().wait_for(|ready| *ready).await;
    }

    /// Calls `listener` for each change from now on, in order, on the task that brings it.
    ///
    /// It must be quick and may read any store, but not wait.
    pub fn on_change(&self, listener: impl Fn(&Change<K>) + Send + Sync + 'static) {
        write(&self.inner.listeners).push(Box::new(listener));
    }

    pub(crate) fn set_ready(&self) {
        self.inner.ready.send_replace(true);
    }

    fn notify(&self, change: &Change<K>) {
        for listener in read(&self.inner.listeners).iter() {
            listener(change);
        }
    }
}

/// Where a state of an object comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A watch event.
    Event,
    /// The answer to a write of our own. Of an object that is not known any more it comes too late.
    Write,
    /// A list, which is right about everything but what was written since it began.
    List,
}

impl<K: Resource> Store<K> {
    /// Takes over a state, unless a newer one is known already.
    pub(crate) fn apply(&self, object: K, origin: Origin) {
        let key = ObjectKey::of(&object);
        let _in_order = lock(&self.inner.notifying);
        let change = {
            let mut state = write(&self.inner.state);
            let list = state.list;
            let new = Arc::new(object);
            let old = state.objects.get(&key);
            if old.is_none() && origin == Origin::Write {
                return;
            }
            let fresh = old.is_none_or(|old| match origin {
                Origin::Event | Origin::Write => is_newer(&*new, &*old.object),
                // After the API server was restored from a backup, versions run backwards: the list wins.
                Origin::List => old.list < list || is_newer(&*new, &*old.object),
            });
            if !fresh {
                return;
            }
            // A list that repeats what is known is no change, but shows that the object is still there.
            let same = old.is_some_and(|old| {
                old.object.meta().resource_version.is_some()
                    && old.object.meta().resource_version == new.meta().resource_version
            });
            match state.objects.insert(key, Entry { object: Arc::clone(&new), list }) {
                _ if same => return,
                Some(old) => Change::Updated { old: old.object, new },
                None => Change::Added(new),
            }
        };
        self.notify(&change);
    }

    /// Drops an object that was deleted, unless a newer one of that name is known already.
    pub(crate) fn delete(&self, object: &impl Resource) {
        let key = ObjectKey::of(object);
        let _in_order = lock(&self.inner.notifying);
        let removed = {
            let mut state = write(&self.inner.state);
            match state.objects.get(&key) {
                Some(known) if !is_newer(&*known.object, object) => state.objects.remove(&key),
                _ => None,
            }
        };
        if let Some(entry) = removed {
            self.notify(&Change::Deleted(entry.object));
        }
    }

    /// A list begins.
    pub(crate) fn begin_list(&self) {
        write(&self.inner.state).list += 1;
    }

    /// The list is complete: what it did not name is gone.
    pub(crate) fn end_list(&self) {
        let _in_order = lock(&self.inner.notifying);
        let gone: Vec<_> = {
            let mut state = write(&self.inner.state);
            let list = state.list;
            state.objects.extract_if(|_, entry| entry.list < list).map(|(_, entry)| entry.object).collect()
        };
        for object in gone {
            self.notify(&Change::Deleted(object));
        }
        self.set_ready();
    }
}

/// Whether `new` has a higher resource version than `old`. Versions are decimal numbers of any length that
/// compare within a kind; without both, `new` wins.
fn is_newer(new: &impl Resource, old: &impl Resource) -> bool {
    match (&new.meta().resource_version, &old.meta().resource_version) {
        (Some(new), Some(old)) => compare_versions(new, old) == Ordering::Greater,
        _ => true,
    }
}

fn compare_versions(a: &str, b: &str) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use sluice_apis::k8s::ConfigMap;

    use super::*;

    fn object(name: &str, version: u32) -> ConfigMap {
        let mut object = ConfigMap::default();
        object.metadata.name = Some(name.to_owned());
        object.metadata.namespace = Some("ns".to_owned());
        object.metadata.resource_version = Some(version.to_string());
        object
    }

    fn recorded(store: &Store<ConfigMap>) -> Arc<Mutex<Vec<String>>> {
        let log = Arc::new(Mutex::new(Vec::new()));
        store.on_change({
            let log = Arc::clone(&log);
            move |change| {
                let kind = match change {
                    Change::Added(_) => "added",
                    Change::Updated { .. } => "updated",
                    Change::Deleted(_) => "deleted",
                };
                let meta = &change.latest().metadata;
                lock(&log).push(format!(
                    "{kind} {}@{}",
                    meta.name.as_deref().unwrap(),
                    meta.resource_version.as_deref().unwrap()
                ));
            }
        });
        log
    }

    #[test]
    fn an_older_state_never_replaces_our_own_write() {
        let store = Store::default();
        let log = recorded(&store);
        store.apply(object("a", 9), Origin::Event);
        store.apply(object("a", 10), Origin::Write);
        store.apply(object("a", 9), Origin::Event); // the watch is behind
        store.apply(object("a", 10), Origin::Event); // the watch catches up
        assert_eq!(*lock(&log), ["added a@9", "updated a@10"]);
        store.delete(&object("a", 9));
        assert_eq!(store.len(), 1);
        store.delete(&object("a", 11));
        assert!(store.is_empty());
    }

    #[test]
    fn the_answer_to_a_write_brings_nothing_back() {
        let store = Store::default();
        let log = recorded(&store);
        store.apply(object("a", 9), Origin::Event);
        store.delete(&object("a", 11));
        // The last finalizer was removed, and the watch was faster than the answer.
        store.apply(object("a", 10), Origin::Write);
        assert_eq!(*lock(&log), ["added a@9", "deleted a@9"]);
        store.apply(object("a", 12), Origin::Event);
        assert_eq!(store.len(), 1);
    }

    #[test]
    fn a_list_drops_what_it_does_not_name_but_not_what_was_written_meanwhile() {
        let store = Store::default();
        store.apply(object("gone", 1), Origin::Event);
        store.apply(object("kept", 2), Origin::Event);
        let log = recorded(&store);
        store.begin_list();
        store.apply(object("written", 7), Origin::Event);
        store.apply(object("kept", 2), Origin::List);
        store.apply(object("written", 5), Origin::List);
        store.end_list();
        assert_eq!(*lock(&log), ["added written@7", "deleted gone@1"]);
        assert_eq!(store.len(), 2);
    }

    #[test]
    fn a_list_wins_when_versions_run_backwards() {
        let store = Store::default();
        store.apply(object("a", 900), Origin::Event);
        let log = recorded(&store);
        store.begin_list();
        store.apply(object("a", 12), Origin::List);
        store.end_list();
        assert_eq!(*lock(&log), ["updated a@12"]);
    }

    #[tokio::test]
    async fn is_ready_after_the_first_list() {
        let store = Store::<ConfigMap>::default();
        store.begin_list();
        store.end_list();
        store.wait_until_ready().await;
    }
}
