//! `PagerDuty`'s events API v2: failures trigger an incident, all else resolves it; successes are changes too.

use futures::future::BoxFuture;
use serde_json::{Map, Value, json};
use url::Url;

use super::{Provider, format, is_progressing};
use crate::{
    address,
    error::{ConfigError, PostError},
    event::{Event, rfc3339},
    http::{Net, Request},
    settings::Settings,
};

pub(super) struct PagerDuty {
    endpoint: String,
    routing_key: String,
}

impl PagerDuty {
    pub(super) fn new(settings: &Settings) -> Result<Self, ConfigError> {
        let refuse = |reason: String| {
            ConfigError::provider(format!(
                "invalid PagerDuty endpoint URL {:?}: '{reason}'",
                settings.address
            ))
        };
        address::check(&settings.address).map_err(refuse)?;
        let url = Url::parse(&settings.address).map_err(|error| refuse(error.to_string()))?;
        Ok(Self { endpoint: url.origin().ascii_serialization(), routing_key: settings.channel.clone() })
    }

    fn incident(&self, event: &Event) -> Value {
        let mut incident = Map::new();
        incident.insert("routing_key".to_owned(), json!(self.routing_key));
        if !event.involved_object.uid.is_empty() {
            incident.insert("dedup_key".to_owned(), json!(event.involved_object.uid));
        }
        if !event.severity.is_error() {
            incident.insert("event_action".to_owned(), json!("resolve"));
            return incident.into();
        }
        incident.insert("event_action".to_owned(), json!("trigger"));
        let mut payload = payload(event);
        payload.insert("severity".to_owned(), json!("error"));
        for (key, value) in
            [("component", &event.involved_object.name), ("group", &event.involved_object.kind)]
        {
            if !value.is_empty() {
                payload.insert(key.to_owned(), json!(value));
            }
        }
        incident.insert("payload".to_owned(), payload.into());
        incident.into()
    }

    fn change(&self, event: &Event) -> Value {
        json!({ "routing_key": self.routing_key, "payload": payload(event) })
    }
}

/// What incidents and changes have in common.
fn payload(event: &Event) -> Map<String, Value> {
    let time = event.timestamp.map_or("0001-01-01T00:00:00Z".to_owned(), rfc3339);
    Map::from_iter([
        ("summary".to_owned(), json!(format!("{}: {}", format::description(event), format::name(event)))),
        ("source".to_owned(), json!(format!("Flux {}", event.reporting_controller))),
        ("timestamp".to_owned(), json!(time)),
        ("custom_details".to_owned(), json!({ "message": event.message, "metadata": event.metadata })),
    ])
}

impl Provider for PagerDuty {
    fn post<'a>(&'a self, event: &'a Event, net: &'a Net) -> BoxFuture<'a, Result<(), PostError>> {
        Box::pin(async move {
            if is_progressing(event) {
                return Ok(());
            }
            let incident =
                Request::post_json(format!("{}/v2/enqueue", self.endpoint), &self.incident(event))?;
            net.deliver(&incident).await.map_err(|error| error.context("failed sending event"))?;
            if event.severity.is_info() {
                let url = format!("{}/v2/change/enqueue", self.endpoint);
                let change = Request::post_json(url, &self.change(event))?;
                net.deliver(&change).await.map_err(|error| error.context("failed sending change event"))?;
            }
            Ok(())
        })
    }
}
