//! Keeps a [`Store`] by listing and watching one kind.

use std::{fmt, time::Duration};

use futures::{StreamExt, pin_mut};
use kube::{
    Api, Resource,
    runtime::{WatchStreamExt, watcher},
};
use serde::de::DeserializeOwned;
use sluice_apis::k8s::ObjectMeta;
use tokio_util::sync::CancellationToken;

use crate::{Store, guard::Guarded, store::Origin};

/// Dropped before objects are stored: large, and nothing here reads it.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// What a reflector needs of a kind. A lean struct with only the fields that are read will do.
pub trait Watched:
    Resource<DynamicType: Clone + Default> + Clone + fmt::Debug + DeserializeOwned + Send + Sync + 'static
{
}
impl<K> Watched for K where
    K: Resource<DynamicType: Clone + Default> + Clone + fmt::Debug + DeserializeOwned + Send + Sync + 'static
{
}

/// Why a kind cannot be watched, now or later.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WatchError {
    /// A label selector, most likely: nothing will make the API server accept it.
    #[error("the API server refuses to list {kind}: {message}")]
    Refused { kind: String, message: String },
}

/// Lists and watches until cancelled, keeping `store`.
pub(crate) async fn run<K: Watched>(
    api: Api<K>,
    config: watcher::Config,
    store: Store<K>,
    unreadable: impl Fn(&ObjectMeta, &str),
    cancel: CancellationToken,
) -> Result<(), WatchError> {
    let kind = kind_name::<K>();
    let api = guarded(api);
    let events = watcher(api, config).backoff(watcher::DefaultBackoff::default());
    pin_mut!(events);
    let mut complained = None;
    loop {
        let event = tokio::select! {
            () = cancel.cancelled() => return Ok(()),
            event = events.next() => event,
        };
        match event {
            Some(Ok(event)) => {
                complained = None;
                take(&store, event, &unreadable);
            }
            Some(Err(error)) => {
                match list_status(&error) {
                    // The kind may be installed later; nothing waits for it until then.
                    Some(status) if status.code == 404 => store.set_ready(),
                    Some(status) if status.code == 400 => {
                        return Err(WatchError::Refused { kind, message: status.message.clone() });
                    }
                    _ => {}
                }
                let text = error.to_string();
                if complained.as_deref() != Some(text.as_str()) {
                    tracing::warn!(kind, error = text, "watch failed, retrying");
                    complained = Some(text);
                }
            }
            // A watch ends only when its stream is dropped. Should that change, do not spin.
            None => tokio::time::sleep(Duration::from_secs(1)).await,
        }
    }
}

fn guarded<K: Watched>(api: Api<K>) -> Api<Guarded<K>> {
    let namespace = api.namespace().map(str::to_owned);
    let api = Api::all_with(api.into_client(), &K::DynamicType::default());
    match namespace {
        Some(namespace) => api.constrain(&namespace),
        None => api,
    }
}

fn take<K: Watched>(
    store: &Store<K>,
    event: watcher::Event<Guarded<K>>,
    unreadable: &impl Fn(&ObjectMeta, &str),
) {
    let apply = |object: Guarded<K>, origin| match object {
        Guarded::Readable(mut object) => {
            strip(&mut object);
            store.apply(object, origin);
        }
        // Going on with an older state would do what nobody asks for any more.
        Guarded::Unreadable { ref meta, ref error } => {
            unreadable(meta, error);
            store.delete(&object);
        }
    };
    match event {
        watcher::Event::Init => store.begin_list(),
        watcher::Event::InitApply(object) => apply(object, Origin::List),
        watcher::Event::InitDone => store.end_list(),
        watcher::Event::Apply(object) => apply(object, Origin::Event),
        watcher::Event::Delete(object) => store.delete(&object),
    }
}

/// Drops metadata that is large and unused.
pub(crate) fn strip<K: Resource>(object: &mut K) {
    let meta = object.meta_mut();
    meta.managed_fields = None;
    if let Some(annotations) = &mut meta.annotations {
        annotations.remove(LAST_APPLIED);
    }
}

/// The API server's answer to a list that failed.
fn list_status(error: &watcher::Error) -> Option<&kube::core::Status> {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status)) => Some(status),
        _ => None,
    }
}

/// The last part of the type's name: the kind, or that of the lean struct that stands in for it.
pub(crate) fn kind_name<K>() -> String {
    let name = std::any::type_name::<K>();
    let bare = name.split('<').next().unwrap_or(name);
    bare.rsplit("::").next().unwrap_or(bare).to_owned()
}
