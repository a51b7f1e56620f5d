//! Receives webhooks at the paths of Receivers, verifies them, and triggers the objects that they name.

pub mod filter;
mod media_type;
mod numbers;
pub mod oidc;
mod trigger;
mod verify;

use std::{sync::Arc, time::Duration};

use axum::body::Body;
use futures::FutureExt;
use http::{Response, StatusCode};
use kube::Client;
use sluice_apis::{conditions, notification::v1::Receiver};
use sluice_runtime::{Index, ObjectKey, Store};

use self::{filter::Filters, trigger::Triggers, verify::Verifier};
use crate::server::{Handler, Received, empty};

/// What all paths begin with.
pub const PREFIX: &str = "/hook/";
/// How long a sender may have to wait until all Receivers are known.
const SYNC_TIME: Duration = Duration::from_secs(10);

/// Answers whoever sends webhooks.
pub struct WebhookServer {
    receivers: Store<Receiver>,
    by_path: Arc<Index<String>>,
    verifier: Verifier,
    triggers: Triggers,
}

impl WebhookServer {
    /// A server for the Receivers of the store.
    pub fn new(client: Client, receivers: &Store<Receiver>, same_namespace_only: bool) -> Self {
        let by_path = Arc::new(Index::new());
        let index = Arc::clone(&by_path);
        receivers.on_change(move |change| {
            let key = ObjectKey::of(&**change.latest());
            match change.new() {
                Some(receiver) => index.set(&key, path(receiver).into_iter().collect()),
                None => index.remove(&key),
            }
        });
        Self {
            receivers: receivers.clone(),
            by_path,
            verifier: Verifier::new(client.clone()),
            triggers: Triggers::new(client, same_namespace_only),
        }
    }

    /// The Receiver at a path, exactly as it was sent.
    fn find(&self, target: &str) -> Option<Arc<Receiver>> {
        let key = self.by_path.dependents(&target.to_owned()).into_iter().next()?;
        self.receivers.get(&key)
    }
}

impl Handler for WebhookServer {
    fn serves(&self, path: &str) -> bool {
        path.starts_with(PREFIX)
    }

    async fn knows(&self, target: &str) -> bool {
        // As long as not all are known, it may be there.
        tokio::time::timeout(SYNC_TIME, self.receivers.wait_until_ready()).await.is_err()
            || self.find(target).is_some()
    }

    async fn handle(&self, request: Received) -> Response<Body> {
        if self.receivers.wait_until_ready().now_or_never().is_none() {
            tracing::warn!("a webhook is refused: Receivers could not be listed yet");
            return empty(StatusCode::SERVICE_UNAVAILABLE);
        }
        let Some(receiver) = self.find(&request.target) else { return empty(StatusCode::NOT_FOUND) };
        let name = ObjectKey::of(&*receiver);
        if receiver.spec.suspend || !conditions::is_ready(&*receiver) {
            let why = if receiver.spec.suspend { "suspended" } else { "not ready" };
            tracing::error!(receiver = %name, "unable to process request: receiver is {why}");
            return empty(StatusCode::SERVICE_UNAVAILABLE);
        }
        let verified = match self.verifier.verify(&receiver, &request).await {
            Ok(verified) => verified,
            Err(refusal) => {
                tracing::error!(receiver = %name, error = %refusal, "unable to validate payload");
                return empty(StatusCode::BAD_REQUEST);
            }
        };
        let filters = match Filters::new(&receiver.spec, &request, &verified) {
            Ok(filters) => filters,
            Err(error) => {
                tracing::error!(receiver = %name, %error, "unable to create resource filters");
                return empty(StatusCode::INTERNAL_SERVER_ERROR);
            }
        };
        let mut status = StatusCode::OK;
        for (at, resource) in receiver.spec.resources.iter().enumerate() {
            let accepts = |object: &serde_json::Value| filters.accept(at, object);
            if let Err(error) = self.triggers.trigger(&resource.reference, &name, accepts).await {
                let (kind, object) = (&resource.reference.kind, &resource.reference.name);
                tracing::error!(receiver = %name, %kind, name = object, %error, "unable to request reconciliation");
                status = StatusCode::INTERNAL_SERVER_ERROR;
            }
        }
        empty(status)
    }
}

/// Where webhooks of a Receiver are sent; one that is being deleted receives none.
fn path(receiver: &Receiver) -> Option<String> {
    if receiver.metadata.deletion_timestamp.is_some() {
        return None;
    }
    receiver.status.as_ref()?.webhook_path.clone().filter(|path| !path.is_empty())
}
