//! Events about objects: recorded in the cluster, and posted to the events address.
//!
//! Recording returns at once. Two background tasks deliver in order, one to each receiver, so that a dead receiver
//! neither slows a reconciliation nor holds up the other one.

mod backlog;
mod correlate;
mod deliver;
mod post;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use kube::{Client, Resource};
use serde::Serialize;
use sluice_apis::k8s::{ObjectMeta, ObjectReference, Time};
use tokio::task::JoinHandle;
use url::Url;

use self::{backlog::Backlog, deliver::deliver_to_cluster, post::Poster};
use crate::{RuntimeError, sync::lock};

/// Annotations of an object with this prefix become metadata of its events.
const OBJECT_METADATA_PREFIX: &str = "event.toolkit.fluxcd.io/";
/// Events that wait for one receiver; beyond it the oldest are dropped.
const BACKLOG: usize = 1024;

/// How much an event matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub enum EventType {
    /// Something went as it should.
    Normal,
    /// Something failed.
    Warning,
    /// A detail: recorded in the cluster as `Normal`, not posted.
    Trace,
}

impl EventType {
    /// The type in the cluster.
    fn in_cluster(self) -> &'static str {
        match self {
            Self::Normal | Self::Trace => "Normal",
            Self::Warning => "Warning",
        }
    }

    /// The severity for notifications.
    fn severity(self) -> &'static str {
        match self {
            Self::Normal => "info",
            Self::Warning => "error",
            Self::Trace => "trace",
        }
    }
}

/// An event as it was recorded.
#[derive(Clone, Debug)]
pub(crate) struct Recorded {
    pub object: ObjectReference,
    pub kind: EventType,
    pub reason: String,
    pub message: String,
    pub metadata: BTreeMap<String, String>,
    pub at: Time,
}

/// Records events. Cheap to clone.
#[derive(Clone)]
pub struct EventRecorder {
    inner: Arc<Inner>,
}

struct Inner {
    cluster: Arc<Backlog<Recorded>>,
    posts: Option<Arc<Backlog<Recorded>>>,
    workers: std::sync::Mutex<Vec<JoinHandle<()>>>,
}

impl EventRecorder {
    /// Starts delivery to the cluster and, if there is an address, to it. `reporter` is the controller's name.
    ///
    /// Must be called within a Tokio runtime.
    pub fn start(
        client: Client,
        reporter: &str,
        instance: &str,
        post_to: Option<Url>,
    ) -> Result<Self, RuntimeError> {
        let cluster = Arc::new(Backlog::new(BACKLOG, "the cluster"));
        let mut workers =
            vec![tokio::spawn(deliver_to_cluster(client, reporter.to_owned(), Arc::clone(&cluster)))];
        let mut posts = None;
        if let Some(url) = post_to {
            let backlog = Arc::new(Backlog::new(BACKLOG, "the events address"));
            let poster = Poster::new(url, reporter, instance)?;
            workers.push(tokio::spawn(poster.run(Arc::clone(&backlog))));
            posts = Some(backlog);
        }
        Ok(Self { inner: Arc::new(Inner { cluster, posts, workers: workers.into() }) })
    }

    /// Records an event. `metadata` goes along with it, as do the object's annotations under
    /// `event.toolkit.fluxcd.io/`.
    pub fn record<K: Resource<DynamicType = ()>>(
        &self,
        object: &K,
        kind: EventType,
        reason: &str,
        message: &str,
        metadata: &BTreeMap<String, String>,
    ) {
        self.record_for::<K>(object.meta(), kind, reason, message, metadata);
    }

    /// As [`record`](Self::record), with an explanation that only goes along with what is posted: events in the
    /// cluster are grouped by their text.
    pub fn record_explained<K: Resource<DynamicType = ()>>(
        &self,
        object: &K,
        kind: EventType,
        reason: &str,
        (message, explanation): (&str, &str),
        metadata: &BTreeMap<String, String>,
    ) {
        self.record_both::<K>(object.meta(), kind, reason, (message, explanation), metadata);
    }

    /// As [`record`](Self::record), about an object of which only the metadata is known.
    pub(crate) fn record_for<K: Resource<DynamicType = ()>>(
        &self,
        object: &ObjectMeta,
        kind: EventType,
        reason: &str,
        message: &str,
        metadata: &BTreeMap<String, String>,
    ) {
        self.record_both::<K>(object, kind, reason, (message, ""), metadata);
    }

    fn record_both<K: Resource<DynamicType = ()>>(
        &self,
        object: &ObjectMeta,
        kind: EventType,
        reason: &str,
        (message, explanation): (&str, &str),
        metadata: &BTreeMap<String, String>,
    ) {
        let event = Recorded {
            object: reference::<K>(object),
            kind,
            reason: reason.to_owned(),
            message: message.to_owned(),
            metadata: with_object_metadata(metadata, object),
            at: sluice_apis::meta::now(),
        };
        if let Some(posts) = &self.inner.posts
            && kind != EventType::Trace
        {
            let mut event = event.clone();
            if !explanation.is_empty() {
                event.message = format!("{}\n\n{explanation}", event.message);
            }
            posts.push(event);
        }
        self.inner.cluster.push(event);
    }

    /// Delivers what is waiting, for at most `limit`. Later events are dropped.
    pub async fn flush(&self, limit: Duration) {
        self.inner.cluster.close();
        if let Some(posts) = &self.inner.posts {
            posts.close();
        }
        let workers = std::mem::take(&mut *lock(&self.inner.workers));
        let aborts: Vec<_> = workers.iter().map(JoinHandle::abort_handle).collect();
        if tokio::time::timeout(limit, futures::future::join_all(workers)).await.is_err() {
            tracing::warn!("some events could not be delivered before the end");
            for worker in aborts {
                worker.abort();
            }
        }
    }
}

fn reference<K: Resource<DynamicType = ()>>(meta: &ObjectMeta) -> ObjectReference {
    ObjectReference {
        api_version: Some(K::api_version(&()).into_owned()),
        kind: Some(K::kind(&()).into_owned()),
        namespace: meta.namespace.clone(),
        name: meta.name.clone(),
        uid: meta.uid.clone(),
        resource_version: meta.resource_version.clone(),
        field_path: None,
    }
}

fn with_object_metadata(
    metadata: &BTreeMap<String, String>,
    object: &ObjectMeta,
) -> BTreeMap<String, String> {
    let mut all = metadata.clone();
    let annotations = object.annotations.iter().flatten();
    all.extend(
        annotations
            .filter(|(key, _)| key.starts_with(OBJECT_METADATA_PREFIX))
            .map(|(key, value)| (key.clone(), value.clone())),
    );
    all
}

#[cfg(test)]
mod tests {
    use sluice_apis::k8s::ConfigMap;

    use super::*;

    #[test]
    fn object_annotations_under_the_prefix_are_copied() {
        let mut object = ConfigMap::default();
        object.metadata.annotations = Some(BTreeMap::from([
            ("event.toolkit.fluxcd.io/cluster".to_owned(), "a".to_owned()),
            ("other".to_owned(), "b".to_owned()),
        ]));
        let given = BTreeMap::from([("g/revision".to_owned(), "1".to_owned())]);
        let all = with_object_metadata(&given, &object.metadata);
        assert_eq!(all.into_keys().collect::<Vec<_>>(), ["event.toolkit.fluxcd.io/cluster", "g/revision"]);
    }
}
