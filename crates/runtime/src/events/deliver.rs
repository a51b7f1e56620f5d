//! Writes events to the cluster, as core/v1 Events.

use std::sync::Arc;

use kube::{
    Api, Client,
    api::{Patch, PatchParams, PostParams},
    core::{ObjectMeta, Request},
};
use serde::de::IgnoredAny;
use serde_json::json;
use sluice_apis::k8s::{Event, EventSource};

use super::{
    Recorded,
    backlog::Backlog,
    correlate::{Correlator, EventId, Verdict},
};

/// Longer messages are cut. The API server bounds only the messages of events with an `eventTime`, which these have
/// not; this keeps what a controller writes small.
const MAX_MESSAGE: usize = 30 * 1024;

/// Delivers until the backlog is closed and empty.
pub(super) async fn deliver_to_cluster(client: Client, reporter: String, backlog: Arc<Backlog<Recorded>>) {
    let mut correlator = Correlator::default();
    while let Some(event) = backlog.pop().await {
        if let Err(error) = deliver(&client, &reporter, &mut correlator, &event).await {
            tracing::warn!(%error, reason = event.reason, "event could not be recorded in the cluster");
        }
    }
}

async fn deliver(
    client: &Client,
    reporter: &str,
    correlator: &mut Correlator,
    event: &Recorded,
) -> Result<(), kube::Error> {
    let namespace = event.object.namespace.as_deref().filter(|name| !name.is_empty()).unwrap_or("default");
    let api: Api<Event> = Api::namespaced(client.clone(), namespace);
    let (id, message) = match correlator.judge(event) {
        Verdict::Drop => return Ok(()),
        Verdict::Create { id, message } => (id, message),
        Verdict::Repeat { id, message, name, count } => {
            if repeat(&api, &name, count, &message, event).await? {
                return Ok(());
            }
            correlator.expired(id);
            (id, message)
        }
    };
    create(&api, reporter, correlator, id, message, event).await
}

/// Raises the count of an event. False if the cluster no longer has it.
async fn repeat(
    api: &Api<Event>,
    name: &str,
    count: i32,
    message: &str,
    event: &Recorded,
) -> Result<bool, kube::Error> {
    let patch = json!({
        "count": count,
        "lastTimestamp": event.at,
        "message": clip(message),
        "metadata": { "annotations": event.metadata },
    });
    match api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(false),
        Err(error) => Err(error),
    }
}

async fn create(
    api: &Api<Event>,
    reporter: &str,
    correlator: &mut Correlator,
    id: EventId,
    message: String,
    event: &Recorded,
) -> Result<(), kube::Error> {
    let object_name = event.object.name.as_deref().unwrap_or_default();
    let stamp =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_nanos();
    let name = format!("{object_name}.{stamp:x}");
    let body = Event {
        metadata: ObjectMeta {
            name: Some(name.clone()),
            namespace: api.namespace().map(str::to_owned),
            annotations: (!event.metadata.is_empty()).then(|| event.metadata.clone()),
            ..ObjectMeta::default()
        },
        involved_object: event.object.clone(),
        reason: Some(event.reason.clone()),
        message: Some(clip(&message).to_owned()),
        type_: Some(event.kind.in_cluster().to_owned()),
        source: Some(EventSource { component: Some(reporter.to_owned()), host: None }),
        reporting_component: Some(reporter.to_owned()),
        first_timestamp: Some(event.at.clone()),
        last_timestamp: Some(event.at.clone()),
        count: Some(1),
        ..Event::default()
    };
    match post(api, &body).await {
        Ok(()) => {
            correlator.created(id, name);
            Ok(())
        }
        // The namespace is being deleted: there is nobody left to tell.
        Err(kube::Error::Api(status))
            if status.code == 403 && status.message.contains("being terminated") =>
        {
            Ok(())
        }
        Err(error) => Err(error),
    }
}

/// Creates an event; what the API server makes of it is not looked at.
async fn post(api: &Api<Event>, event: &Event) -> Result<(), kube::Error> {
    let body = serde_json::to_vec(event).map_err(kube::Error::SerdeError)?;
    let request = Request::new(api.resource_url()).create(&PostParams::default(), body);
    let request = request.map_err(kube::Error::BuildRequest)?;
    api.clone().into_client().request::<IgnoredAny>(request).await.map(drop)
}

/// The first bytes of a message, up to the bound.
fn clip(message: &str) -> &str {
    &message[..message.floor_char_boundary(MAX_MESSAGE)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_messages_are_cut_between_characters() {
        assert_eq!(clip("short"), "short");
        let long = "é".repeat(MAX_MESSAGE);
        assert_eq!(clip(&long).len(), MAX_MESSAGE);
        let odd = format!("x{long}");
        assert_eq!(clip(&odd).len(), MAX_MESSAGE - 1);
    }
}
