//! Watches of metadata: one for each kind that anyone listens to, shared by all who do.
//!
//! A hub of [`Names`] wakes waiters: it says only that an object has changed, and who waits for it reads it. A hub of
//! [`Ownership`] also says who owns which fields, which is how drift is seen.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures::StreamExt;
use kube::{
    Client,
    core::{
        Request, WatchEvent,
        params::{ListParams, WatchParams},
    },
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::{
    sync::Notify,
    task::JoinHandle,
    time::{sleep, timeout},
};

use super::{Resource, build, timed};
use crate::error::ClusterError;

/// Pause before a watch that failed is tried again; meanwhile waiters poll.
const RETRY: Duration = Duration::from_secs(10);

/// Longer than a watch lasts that the server ends in time.
const IDLE: Duration = Duration::from_mins(5);

/// How many objects a page of a list has.
const PAGE: u32 = 500;

/// What is read of the objects of a watch.
pub trait Seen: Clone + DeserializeOwned + Send + Sync + 'static {
    /// Whether a watch begins with a list of what there is, or just with what changes from now on.
    const LISTS: bool;

    /// Namespace and name.
    fn key(&self) -> Key;

    /// The version; of a list, where a watch goes on from.
    fn resource_version(&self) -> String;
}

/// Is told what becomes of objects.
pub trait Listener<S>: Send + Sync {
    /// The object that the listener knows by this tag was changed, or may have been while nobody looked (`None`).
    fn changed(&self, tag: usize, object: Option<&S>);

    /// The object is gone, or no longer among those that are watched.
    fn gone(&self, tag: usize) {
        self.changed(tag, None);
    }
}

/// Who is told of an object's changes, and by which tag it knows the object.
type Subscriber<S> = (Weak<dyn Listener<S>>, usize);

/// Namespace and name of an object.
type Key = (String, String);

/// The watches of one API server.
pub struct WatchHub<S: Seen = Names> {
    client: Client,
    /// Which objects are watched; all if it is empty.
    selector: String,
    watches: Mutex<HashMap<Resource, Weak<Watch<S>>>>,
}

impl<S: Seen> WatchHub<S> {
    /// A hub without watches. The client must be allowed to watch what is listened to in all
    /// namespaces; where it isn't, nobody is told anything.
    pub fn new(client: Client, selector: impl Into<String>) -> Self {
        Self { client, selector: selector.into(), watches: Mutex::default() }
    }

    /// Has the listener told whenever one of the objects changes, until the subscription is
    /// dropped. The watch ends with its last subscription.
    pub fn subscribe(
        &self,
        resource: &Resource,
        objects: impl IntoIterator<Item = (Key, usize)>,
        listener: &Weak<dyn Listener<S>>,
    ) -> Subscription<S> {
        let watch = self.watch(resource);
        let keys: Vec<Key> = {
            let mut subscribers = lock(&watch.shared.subscribers);
            objects
                .into_iter()
                .map(|(key, tag)| {
                    subscribers.entry(key.clone()).or_default().push((Weak::clone(listener), tag));
                    key
                })
                .collect()
        };
        Subscription { watch, keys, listener: Weak::clone(listener) }
    }

    /// Whether changes of this kind are seen at present.
    pub fn is_live(&self, resource: &Resource) -> bool {
        let watch = lock(&self.watches).get(resource).and_then(Weak::upgrade);
        watch.is_some_and(|watch| watch.shared.is_live.load(Ordering::Acquire))
    }

    fn watch(&self, resource: &Resource) -> Arc<Watch<S>> {
        let mut watches = lock(&self.watches);
        if let Some(watch) = watches.get(resource).and_then(Weak::upgrade) {
            return watch;
        }
        watches.retain(|_, watch| watch.strong_count() > 0);
        let shared = Arc::new(Shared::default());
        let source = Source {
            client: self.client.clone(),
            path: Request::new(resource.path_everywhere()),
            selector: self.selector.clone(),
        };
        let task = tokio::spawn(run(source, resource.gvk.kind.clone(), Arc::clone(&shared)));
        let watch = Arc::new(Watch { shared, task });
        watches.insert(resource.clone(), Arc::downgrade(&watch));
        watch
    }
}

/// A watch of one kind; it ends when it is dropped.
struct Watch<S> {
    shared: Arc<Shared<S>>,
    task: JoinHandle<()>,
}

impl<S> Drop for Watch<S> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Shared<S> {
    /// Whether changes are seen at present.
    is_live: AtomicBool,
    subscribers: Mutex<HashMap<Key, Vec<Subscriber<S>>>>,
}

impl<S> Default for Shared<S> {
    fn default() -> Self {
        Self { is_live: AtomicBool::new(false), subscribers: Mutex::default() }
    }
}

impl<S: Seen> Shared<S> {
    fn tell(&self, key: &Key, tell: impl Fn(&dyn Listener<S>, usize)) {
        // Listeners may subscribe and unsubscribe: they are called without the lock.
        let listeners = lock(&self.subscribers).get(key).cloned().unwrap_or_default();
        for (listener, tag) in listeners {
            if let Some(listener) = listener.upgrade() {
                tell(&*listener, tag);
            }
        }
    }

    /// After a gap anything may have changed.
    fn tell_all(&self) {
        let listeners: Vec<_> = lock(&self.subscribers).values().flatten().cloned().collect();
        for (listener, tag) in listeners {
            if let Some(listener) = listener.upgrade() {
                listener.changed(tag, None);
            }
        }
    }

    /// What a list doesn't name is gone.
    fn tell_gone(&self, listed: &HashSet<Key>) {
        let gone: Vec<_> =
            lock(&self.subscribers).keys().filter(|key| !listed.contains(*key)).cloned().collect();
        for key in gone {
            self.tell(&key, |listener, tag| listener.gone(tag));
        }
    }
}

/// A place in a watch, given up when dropped.
pub struct Subscription<S: Seen = Names> {
    watch: Arc<Watch<S>>,
    keys: Vec<Key>,
    listener: Weak<dyn Listener<S>>,
}

impl<S: Seen> Subscription<S> {
    /// Whether changes are seen at present; if not, the objects must be polled.
    pub fn is_live(&self) -> bool {
        self.watch.shared.is_live.load(Ordering::Acquire)
    }
}

impl<S: Seen> Drop for Subscription<S> {
    fn drop(&mut self) {
        let mut subscribers = lock(&self.watch.shared.subscribers);
        for key in &self.keys {
            if let Some(listeners) = subscribers.get_mut(key) {
                listeners.retain(|(listener, _)| !listener.ptr_eq(&self.listener));
                if listeners.is_empty() {
                    subscribers.remove(key);
                }
            }
        }
    }
}

/// Where a waiter finds the tags of the objects that have changed.
#[derive(Default)]
pub struct Mailbox {
    changed: Mutex<HashSet<usize>>,
    notify: Notify,
}

impl Mailbox {
    fn put(&self, tag: usize) {
        lock(&self.changed).insert(tag);
        self.notify.notify_one();
    }

    /// Returns once something has changed since the last [`take`](Self::take). Cancel safe.
    pub async fn changed(&self) {
        self.notify.notified().await;
    }

    /// What has changed.
    pub fn take(&self) -> HashSet<usize> {
        std::mem::take(&mut lock(&self.changed))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<S> Listener<S> for Mailbox {
    fn changed(&self, tag: usize, _: Option<&S>) {
        self.put(tag);
    }
}

/// An object's names and version: all that waiters need.
#[derive(Clone, Deserialize)]
pub struct Names {
    metadata: NamesMeta,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct NamesMeta {
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    resource_version: String,
}

impl Seen for Names {
    const LISTS: bool = false;

    fn key(&self) -> Key {
        (self.metadata.namespace.clone(), self.metadata.name.clone())
    }

    fn resource_version(&self) -> String {
        self.metadata.resource_version.clone()
    }
}

/// An object's metadata as a whole, with the owners of its fields.
#[derive(Clone, Deserialize)]
pub struct Ownership {
    /// As the API server has it.
    pub metadata: Value,
}

impl Ownership {
    fn text(&self, field: &str) -> String {
        self.metadata[field].as_str().unwrap_or_default().to_owned()
    }
}

impl Seen for Ownership {
    const LISTS: bool = true;

    fn key(&self) -> Key {
        (self.text("namespace"), self.text("name"))
    }

    fn resource_version(&self) -> String {
        self.text("resourceVersion")
    }
}

/// A page of a list.
#[derive(Deserialize)]
struct Page<S> {
    metadata: PageMeta,
    /// An empty list may be `null`.
    items: Option<Vec<S>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageMeta {
    #[serde(default)]
    resource_version: String,
    #[serde(default, rename = "continue")]
    next: String,
}

/// What is watched.
struct Source {
    client: Client,
    path: Request,
    selector: String,
}

/// Watches until it is aborted.
async fn run<S: Seen>(source: Source, kind: String, shared: Arc<Shared<S>>) {
    let mut version = None;
    loop {
        let result = follow(&source, &mut version, &shared).await;
        shared.is_live.store(false, Ordering::Release);
        if let Err(error) = result {
            tracing::debug!(kind, %error, "the watch of metadata failed");
            version = None;
            sleep(RETRY).await;
        }
    }
}

/// Follows one watch from where the last one ended, or from now.
async fn follow<S: Seen>(
    source: &Source,
    version: &mut Option<String>,
    shared: &Shared<S>,
) -> Result<(), ClusterError> {
    let from = match version.take() {
        Some(version) => version,
        None => begin(source, shared).await?,
    };
    let params = WatchParams { label_selector: source.selector(), ..WatchParams::default() };
    let request = source.path.watch_metadata(&params, &from).map_err(build)?;
    let events = timed(source.client.request_events::<S>(request)).await?;
    let mut events = std::pin::pin!(events);
    shared.is_live.store(true, Ordering::Release);
    if !S::LISTS {
        shared.tell_all();
    }
    let mut seen = from;
    // A connection that died without a word must not look like a quiet one for ever.
    while let Ok(Some(event)) = timeout(IDLE, events.next()).await {
        match event? {
            WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                seen = object.resource_version();
                shared.tell(&object.key(), |listener, tag| listener.changed(tag, Some(&object)));
            }
            WatchEvent::Deleted(object) => {
                seen = object.resource_version();
                shared.tell(&object.key(), |listener, tag| listener.gone(tag));
            }
            WatchEvent::Bookmark(bookmark) => seen = bookmark.metadata.resource_version,
            // Too old a version: begin anew.
            WatchEvent::Error(status) if status.code == 410 => return Ok(()),
            WatchEvent::Error(status) => return Err(ClusterError::Api(status)),
        }
    }
    *version = Some(seen);
    Ok(())
}

impl Source {
    fn selector(&self) -> Option<String> {
        Some(self.selector.clone()).filter(|selector| !selector.is_empty())
    }
}

/// Where "now" begins; with what there is told to those who listen, if they want that.
async fn begin<S: Seen>(source: &Source, shared: &Shared<S>) -> Result<String, ClusterError> {
    let mut params = ListParams { label_selector: source.selector(), ..ListParams::default() };
    // The shortest list there is tells the version too.
    params = params.limit(if S::LISTS { PAGE } else { 1 });
    let mut listed = HashSet::new();
    loop {
        let request = source.path.list_metadata(&params).map_err(build)?;
        let page: Page<S> = timed(source.client.request(request)).await?;
        if !S::LISTS {
            return Ok(page.metadata.resource_version);
        }
        for object in page.items.into_iter().flatten() {
            let key = object.key();
            shared.tell(&key, |listener, tag| listener.changed(tag, Some(&object)));
            listed.insert(key);
        }
        if page.metadata.next.is_empty() {
            shared.tell_gone(&listed);
            return Ok(page.metadata.resource_version);
        }
        params.continue_token = Some(page.metadata.next);
    }
}
