//! Single requests about single objects.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::Request as HttpRequest;
use kube::core::Request;
use kube::core::params::{
    DeleteParams, GetParams, ListParams, Patch, PatchParams, PostParams, PropagationPolicy,
    ValidationDirective,
};
use serde_json::Value as Json;
use sluice_apply::cluster::Resource;
use sluice_apply::{Cluster, ClusterError, Object};

use super::{Answers, FIELD_MANAGER, Target};
use crate::journal;

/// How many requests of one release run at once.
pub const CONCURRENT: usize = 8;
/// How long one request may take. The server gives up after a minute itself.
const TIMEOUT: Duration = Duration::from_secs(65);
/// How often a request is tried that a quota's own conflict fails.
const ATTEMPTS: u32 = 5;
/// How long to wait before the second attempt.
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// What happens to the dependents of deleted objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Propagation {
    /// They are deleted afterwards.
    Background,
    /// They are deleted first.
    Foreground,
    /// They stay.
    Orphan,
}

/// Makes requests to one cluster, with one identity.
#[derive(Clone)]
pub struct Requests {
    cluster: Cluster,
    answers: Arc<Mutex<Answers>>,
}

impl Requests {
    /// Requests to this cluster.
    pub fn new(cluster: Cluster) -> Self {
        Self { cluster, answers: Arc::default() }
    }

    /// The cluster.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// What was answered to the applies so far.
    pub fn answers(&self) -> Answers {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the object as it is; nothing if it isn't there.
    pub async fn get(&self, target: &Target) -> Result<Option<Object>, ClusterError> {
        let request = Request::new(target.resource.path(target.object.namespace())?)
            .get(target.object.name(), &GetParams::default());
        match self.send(request).await {
            Ok(value) => Ok(Some(object(value)?)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Applies the object server-side.
    pub async fn apply(&self, target: &Target, force: bool) -> Result<Object, ClusterError> {
        let params = PatchParams {
            dry_run: false,
            force,
            field_manager: Some(FIELD_MANAGER.to_owned()),
            field_validation: Some(ValidationDirective::Strict),
        };
        let collection = Request::new(target.resource.path(target.object.namespace())?);
        let patch = Patch::Apply(target.object.as_value());
        let mut pause = FIRST_PAUSE;
        let mut attempt = 1;
        loop {
            journal::before_write("apply object");
            match self.send(collection.patch(target.object.name(), &params, &patch)).await {
                Err(error) if attempt < ATTEMPTS && is_quota_conflict(&error) => {
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                    attempt += 1;
                }
                result => {
                    let answer = object(result?)?;
                    self.answers.lock().unwrap_or_else(PoisonError::into_inner).note(&answer);
                    return Ok(answer);
                }
            }
        }
    }

    /// Creates the object.
    pub async fn create(&self, target: &Target) -> Result<Object, ClusterError> {
        let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
        let body = bytes(target.object.as_value())?;
        let collection = Request::new(target.resource.path(target.object.namespace())?);
        journal::before_write("create object");
        object(self.send(collection.create(&params, body)).await?)
    }

    /// Puts the object in place of the one that is there.
    pub async fn replace(&self, target: &Target, object_: &Object) -> Result<Object, ClusterError> {
        let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
        let body = bytes(object_.as_value())?;
        let collection = Request::new(target.resource.path(target.object.namespace())?);
        journal::before_write("replace object");
        object(self.send(collection.replace(target.object.name(), &params, body)).await?)
    }

    /// Applies a JSON merge patch (RFC 7386).
    pub async fn merge(&self, target: &Target, patch: &Json) -> Result<Object, ClusterError> {
        self.patch(target, &Patch::Merge(patch)).await
    }

    /// Applies a JSON patch (RFC 6902).
    pub async fn json_patch(
        &self,
        target: &Target,
        patch: json_patch::Patch,
    ) -> Result<Object, ClusterError> {
        self.patch(target, &Patch::Json::<()>(patch)).await
    }

    async fn patch<P: serde::Serialize + std::fmt::Debug>(
        &self,
        target: &Target,
        patch: &Patch<P>,
    ) -> Result<Object, ClusterError> {
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        let collection = Request::new(target.resource.path(target.object.namespace())?);
        journal::before_write("patch object");
        object(self.send(collection.patch(target.object.name(), &params, patch)).await?)
    }

    /// Deletes the object. One that isn't there is an error: see [`ClusterError::is_not_found`].
    pub async fn delete(&self, target: &Target, propagation: Propagation) -> Result<(), ClusterError> {
        let policy = match propagation {
            Propagation::Background => PropagationPolicy::Background,
            Propagation::Foreground => PropagationPolicy::Foreground,
            Propagation::Orphan => PropagationPolicy::Orphan,
        };
        let params = DeleteParams { propagation_policy: Some(policy), ..DeleteParams::default() };
        let collection = Request::new(target.resource.path(target.object.namespace())?);
        journal::before_write("delete object");
        self.send(collection.delete(target.object.name(), &params)).await.map(drop)
    }

    /// Lists objects of a kind, in a namespace or in all; an error if there are more than the limit.
    pub async fn list(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Json>, ClusterError> {
        let path = match namespace {
            Some(_) => resource.path(namespace)?,
            None => resource.path_everywhere(),
        };
        let params = ListParams::default().limit(limit);
        let mut list = self.send(Request::new(path).list(&params)).await?;
        if list["metadata"]["continue"].as_str().is_some_and(|token| !token.is_empty()) {
            let kind = &resource.gvk.kind;
            return Err(ClusterError::Timeout(format!("there are more than {limit} objects of kind {kind}")));
        }
        Ok(list.get_mut("items").and_then(Json::as_array_mut).map(std::mem::take).unwrap_or_default())
    }

    async fn send(
        &self,
        request: Result<HttpRequest<Vec<u8>>, kube::core::request::Error>,
    ) -> Result<Json, ClusterError> {
        let request = request.map_err(|error| ClusterError::from(kube::Error::BuildRequest(error)))?;
        timed(self.cluster.client().request::<Json>(request)).await
    }
}

/// Whether a quota was changed by somebody else at the same time, which the API server tells as a conflict.
fn is_quota_conflict(error: &ClusterError) -> bool {
    let text = error.to_string();
    error.is_conflict()
        && text.contains("Operation cannot be fulfilled on resourcequotas")
        && text.contains("the object has been modified")
}

fn bytes(value: &Json) -> Result<Vec<u8>, ClusterError> {
    serde_json::to_vec(value).map_err(|error| ClusterError::from(kube::Error::SerdeError(error)))
}

/// An answer that isn't an object comes from something else than an API server.
fn object(value: Json) -> Result<Object, ClusterError> {
    Object::new(value).map_err(|error| {
        let error = <serde_json::Error as serde::de::Error>::custom(error);
        ClusterError::from(kube::Error::SerdeError(error))
    })
}

async fn timed<T>(request: impl Future<Output = Result<T, kube::Error>>) -> Result<T, ClusterError> {
    match tokio::time::timeout(TIMEOUT, request).await {
        Ok(result) => result.map_err(ClusterError::from),
        Err(_) => {
            Err(ClusterError::Timeout(format!("the server did not answer within {} s", TIMEOUT.as_secs())))
        }
    }
}
