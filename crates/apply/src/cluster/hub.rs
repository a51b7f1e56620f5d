//! Watches that wake waiters: one for each kind that anyone waits for, of metadata only and shared
//! by all. A watch only says that an object has changed; who waits for it reads it.

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
use serde::Deserialize;
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

/// Who is told of an object's changes, and by which tag it knows the object.
type Subscriber = (Weak<Mailbox>, usize);

/// Namespace and name of an object.
type Key = (String, String);

/// The watches of one API server.
pub struct WatchHub {
    client: Client,
    watches: Mutex<HashMap<Resource, Weak<Watch>>>,
}

impl WatchHub {
    /// A hub without watches. The client must be allowed to watch what is waited for in all
    /// namespaces; where it isn't, nobody is woken.
    pub fn new(client: Client) -> Self {
        Self { client, watches: Mutex::default() }
    }

    /// Has the mailbox told whenever one of the objects changes, until the subscription is
    /// dropped. The watch ends with its last subscription.
    pub fn subscribe(
        &self,
        resource: &Resource,
        objects: impl IntoIterator<Item = (Key, usize)>,
        mailbox: &Arc<Mailbox>,
    ) -> Subscription {
        let watch = self.watch(resource);
        let keys: Vec<Key> = {
            let mut subscribers = lock(&watch.shared.subscribers);
            objects
                .into_iter()
                .map(|(key, tag)| {
                    subscribers.entry(key.clone()).or_default().push((Arc::downgrade(mailbox), tag));
                    key
                })
                .collect()
        };
        Subscription { watch, keys, mailbox: Arc::downgrade(mailbox) }
    }

    fn watch(&self, resource: &Resource) -> Arc<Watch> {
        let mut watches = lock(&self.watches);
        if let Some(watch) = watches.get(resource).and_then(Weak::upgrade) {
            return watch;
        }
        watches.retain(|_, watch| watch.strong_count() > 0);
        let shared = Arc::new(Shared::default());
        let task = tokio::spawn(run(self.client.clone(), resource.clone(), Arc::clone(&shared)));
        let watch = Arc::new(Watch { shared, task });
        watches.insert(resource.clone(), Arc::downgrade(&watch));
        watch
    }
}

/// A watch of one kind; it ends when it is dropped.
struct Watch {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Default)]
struct Shared {
    /// Whether changes are seen at present.
    is_live: AtomicBool,
    subscribers: Mutex<HashMap<Key, Vec<Subscriber>>>,
}

impl Shared {
    fn tell(&self, key: &Key) {
        for (mailbox, tag) in lock(&self.subscribers).get(key).into_iter().flatten() {
            if let Some(mailbox) = mailbox.upgrade() {
                mailbox.put(*tag);
            }
        }
    }

    /// After a gap anything may have changed.
    fn tell_all(&self) {
        for (mailbox, tag) in lock(&self.subscribers).values().flatten() {
            if let Some(mailbox) = mailbox.upgrade() {
                mailbox.put(*tag);
            }
        }
    }
}

/// A place in a watch, given up when dropped.
pub struct Subscription {
    watch: Arc<Watch>,
    keys: Vec<Key>,
    mailbox: Weak<Mailbox>,
}

impl Subscription {
    /// Whether changes are seen at present; if not, the objects must be polled.
    pub fn is_live(&self) -> bool {
        self.watch.shared.is_live.load(Ordering::Acquire)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut subscribers = lock(&self.watch.shared.subscribers);
        for key in &self.keys {
            if let Some(mailboxes) = subscribers.get_mut(key) {
                mailboxes.retain(|(mailbox, _)| !mailbox.ptr_eq(&self.mailbox));
                if mailboxes.is_empty() {
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

/// The part of an object (or list) that a watch of metadata is read for.
#[derive(Clone, Deserialize)]
struct Meta {
    metadata: Names,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Names {
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    resource_version: String,
}

/// Watches until it is aborted.
async fn run(client: Client, resource: Resource, shared: Arc<Shared>) {
    let path = Request::new(resource.path_everywhere());
    let mut version = None;
    loop {
        let result = follow(&client, &path, &mut version, &shared).await;
        shared.is_live.store(false, Ordering::Release);
        if let Err(error) = result {
            tracing::debug!(kind = resource.gvk.kind, %error, "the watch failed; waiters poll");
            version = None;
            sleep(RETRY).await;
        }
    }
}

/// Follows one watch from where the last one ended, or from now.
async fn follow(
    client: &Client,
    path: &Request,
    version: &mut Option<String>,
    shared: &Shared,
) -> Result<(), ClusterError> {
    let from = if let Some(version) = version.take() {
        version
    } else {
        // The shortest list there is: its version is where "now" begins.
        let request = path.list_metadata(&ListParams::default().limit(1)).map_err(build)?;
        timed(client.request::<Meta>(request)).await?.metadata.resource_version
    };
    let request = path.watch_metadata(&WatchParams::default(), &from).map_err(build)?;
    let events = timed(client.request_events::<Meta>(request)).await?;
    let mut events = std::pin::pin!(events);
    shared.is_live.store(true, Ordering::Release);
    shared.tell_all();
    let mut seen = from;
    // A connection that died without a word must not look like a quiet one for ever.
    while let Ok(Some(event)) = timeout(IDLE, events.next()).await {
        match event? {
            WatchEvent::Added(object) | WatchEvent::Modified(object) | WatchEvent::Deleted(object) => {
                let Names { namespace, name, resource_version } = object.metadata;
                seen = resource_version;
                shared.tell(&(namespace, name));
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
