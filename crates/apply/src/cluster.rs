//! A cluster as this crate uses it: objects as JSON, addressed by kind.

mod discovery;
mod hub;

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use http::Request as HttpRequest;
use kube::{
    Client,
    core::{
        Request,
        params::{DeleteParams, ListParams, Patch, PatchParams, Preconditions, PropagationPolicy},
    },
};
use serde::Deserialize;
use serde_json::Value;

pub use self::discovery::{Discovery, Resource};
pub use self::hub::{Listener, Mailbox, Names, Ownership, Seen, Subscription, WatchHub};
use crate::{
    error::ClusterError,
    object::{Gvk, Object, ObjectId},
};

/// How long one request may take. The server gives up after a minute itself.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(65);

/// What all clients of one API server share, whoever they impersonate: its discovery, and the
/// watches that wake waiters. Holds the client they are made with.
pub struct ClusterCache {
    client: Client,
    discovery: Discovery,
    hub: WatchHub,
    owners: OnceLock<WatchHub<Ownership>>,
    id: u64,
}

/// The id of the next cache.
static NEXT_ID: AtomicU64 = AtomicU64::new(0);

impl ClusterCache {
    /// A cache that asks with this client; it needs to read discovery, and to watch what is waited
    /// for (where it may not, waiters poll).
    pub fn new(client: Client) -> Arc<Self> {
        Arc::new(Self {
            discovery: Discovery::new(client.clone()),
            hub: WatchHub::new(client.clone(), ""),
            owners: OnceLock::new(),
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            client,
        })
    }

    /// What tells this cache from all others of the process.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The kinds that the API server serves.
    pub fn discovery(&self) -> &Discovery {
        &self.discovery
    }

    /// The watches that wake waiters.
    pub fn hub(&self) -> &WatchHub {
        &self.hub
    }

    /// The watches that tell who owns the fields of objects that carry this label; the first caller's label counts.
    pub fn owners(&self, label: &str) -> &WatchHub<Ownership> {
        self.owners.get_or_init(|| WatchHub::new(self.client.clone(), label))
    }
}

/// A client of an API server with the cache shared by all its clients. Cheap to clone.
#[derive(Clone)]
pub struct Cluster {
    client: Client,
    cache: Arc<ClusterCache>,
}

impl Cluster {
    /// A cluster reached by `client`, which may impersonate someone else than the cache's own.
    pub fn new(client: Client, cache: Arc<ClusterCache>) -> Self {
        Self { client, cache }
    }

    /// The client.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The shared cache.
    pub fn cache(&self) -> &ClusterCache {
        &self.cache
    }

    /// Finds the resource of a kind.
    pub async fn resolve(&self, gvk: &Gvk) -> Result<Resource, ClusterError> {
        self.cache.discovery.resolve(gvk).await
    }

    /// Reads an object; nothing if it doesn't exist.
    pub async fn get(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        name: &str,
    ) -> Result<Option<Object>, ClusterError> {
        let request = Request::new(resource.path(namespace)?).get(name, &kube::api::GetParams::default());
        match self.send(resource, request).await {
            Ok(value) => Ok(Some(object(value)?)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Applies an object server-side with force, for real or as a dry-run; returns what it
    /// becomes.
    pub async fn apply(
        &self,
        resource: &Resource,
        desired: &Object,
        field_manager: &str,
        dry_run: bool,
    ) -> Result<Object, ClusterError> {
        let params = PatchParams {
            dry_run,
            force: true,
            field_manager: Some(field_manager.to_owned()),
            field_validation: None,
        };
        let collection = Request::new(resource.path(desired.namespace())?);
        let request = collection.patch(desired.name(), &params, &Patch::Apply(desired.as_value()));
        object(self.send(resource, request).await?)
    }

    /// Applies a JSON patch (RFC 6902); returns what the object becomes.
    pub async fn json_patch(
        &self,
        resource: &Resource,
        id: &ObjectId,
        patch: json_patch::Patch,
        field_manager: &str,
    ) -> Result<Object, ClusterError> {
        let params = PatchParams { field_manager: Some(field_manager.to_owned()), ..PatchParams::default() };
        let collection = Request::new(resource.path(Some(&id.namespace))?);
        let request = collection.patch(&id.name, &params, &Patch::Json::<()>(patch));
        object(self.send(resource, request).await?)
    }

    /// Deletes an object in the background, if it still has this UID. An object that is gone, or
    /// was replaced by another of its name, counts as deleted.
    pub async fn delete(
        &self,
        resource: &Resource,
        id: &ObjectId,
        uid: Option<&str>,
    ) -> Result<(), ClusterError> {
        let params = DeleteParams {
            propagation_policy: Some(PropagationPolicy::Background),
            preconditions: uid.map(|uid| Preconditions { uid: Some(uid.to_owned()), resource_version: None }),
            ..DeleteParams::default()
        };
        let request = Request::new(resource.path(Some(&id.namespace))?).delete(&id.name, &params);
        match self.send(resource, request).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_not_found() => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Lists the objects of a kind that match a label selector, in a namespace or everywhere.
    pub async fn list(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        selector: &str,
        limit: u32,
    ) -> Result<Vec<Value>, ClusterError> {
        #[derive(Deserialize)]
        struct List {
            #[serde(default)]
            items: Vec<Value>,
        }
        let params = ListParams::default().labels(selector).limit(limit);
        let request = Request::new(resource.path(namespace)?).list(&params).map_err(build)?;
        let list: List = timed(self.client.request(request)).await?;
        Ok(list.items)
    }

    async fn send(
        &self,
        resource: &Resource,
        request: Result<HttpRequest<Vec<u8>>, kube::core::request::Error>,
    ) -> Result<Value, ClusterError> {
        let result = timed(self.client.request::<Value>(request.map_err(build)?)).await;
        if result.as_ref().is_err_and(ClusterError::is_missing_path) {
            self.cache.discovery.forget(&resource.gvk);
        }
        result
    }
}

fn build(error: kube::core::request::Error) -> ClusterError {
    ClusterError::from(kube::Error::BuildRequest(error))
}

/// An answer that isn't an object comes from something else than an API server.
fn object(value: Value) -> Result<Object, ClusterError> {
    Object::new(value).map_err(|error| {
        let error = <serde_json::Error as serde::de::Error>::custom(error);
        ClusterError::from(kube::Error::SerdeError(error))
    })
}

async fn timed<T>(request: impl Future<Output = Result<T, kube::Error>>) -> Result<T, ClusterError> {
    match tokio::time::timeout(REQUEST_TIMEOUT, request).await {
        Ok(result) => result.map_err(ClusterError::from),
        Err(_) => Err(ClusterError::Timeout(format!(
            "the server did not answer within {} s",
            REQUEST_TIMEOUT.as_secs()
        ))),
    }
}
