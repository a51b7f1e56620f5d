//! Receives events from controllers and hands them to the outbox for every Alert that they match.

mod limit;
mod matching;
mod metadata;
mod routing;

pub use self::routing::sets_commit_status;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::body::Body;
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use kube::Client;
use sluice_apis::notification::v1beta3::{Alert, Provider};
use sluice_notify::{Event, ObjectReference};
use sluice_runtime::{EventRecorder, EventType, Store};

use self::{
    limit::{Limiter, Taken},
    matching::Matcher,
};
use crate::{
    outbox::{Letter, Outbox},
    server::{Handler, Received, empty, text},
};

/// How long matching an event may take; the sender waits for the answer.
const TIME: Duration = Duration::from_secs(15);

/// What the server needs.
pub struct Setup {
    /// To read labels of the objects that events are about.
    pub client: Client,
    /// All Alerts.
    pub alerts: Store<Alert>,
    /// All Providers.
    pub providers: Store<Provider>,
    /// Tells of Alerts that are wrong.
    pub recorder: EventRecorder,
    /// Takes what is to be sent.
    pub outbox: Arc<Outbox>,
    /// Whether events of other namespaces are refused.
    pub same_namespace_only: bool,
    /// Whether Providers may name service accounts.
    pub object_level_identity: bool,
    /// For how long an event that repeats is turned away.
    pub rate_limit_interval: Duration,
}

/// Answers whoever posts events.
pub struct EventServer {
    setup: Setup,
    limiter: Limiter,
    matcher: Matcher,
}

impl EventServer {
    /// A server that has seen no event.
    pub fn new(setup: Setup) -> Self {
        let limiter = Limiter::new(setup.rate_limit_interval);
        let matcher = Matcher::new(setup.client.clone(), setup.recorder.clone());
        Self { setup, limiter, matcher }
    }
}

impl Handler for EventServer {
    fn serves(&self, _path: &str) -> bool {
        true
    }

    async fn knows(&self, _target: &str) -> bool {
        true
    }

    async fn handle(&self, request: Received) -> Response<Body> {
        let mut event = match Event::from_json(&request.body) {
            Ok(event) => event,
            Err(error) => {
                tracing::error!(%error, "decoding the request body failed");
                return empty(StatusCode::BAD_REQUEST);
            }
        };
        let synced = async {
            self.setup.alerts.wait_until_ready().await;
            self.setup.providers.wait_until_ready().await;
        };
        // Before the limit: who is asked to come again must not be turned away then.
        if tokio::time::timeout(TIME, synced).await.is_err() {
            tracing::warn!("an event is refused: Alerts and Providers could not be listed yet");
            return empty(StatusCode::SERVICE_UNAVAILABLE);
        }
        metadata::reduce(&mut event);
        let taken = self.limiter.take(limit::key(&event));
        if !taken.allowed {
            tracing::debug!(object = %event.involved_object, "discarding event, rate limiting duplicate events");
            return with_limits(text(StatusCode::TOO_MANY_REQUESTS, "Too Many Requests\n"), &taken);
        }
        metadata::drop_internal(&mut event);
        if tokio::time::timeout(TIME, self.dispatch(&event)).await.is_err() {
            tracing::error!(object = %event.involved_object, "matching an event took too long");
        }
        with_limits(empty(StatusCode::ACCEPTED), &taken)
    }
}

impl EventServer {
    /// Puts the event into the outbox for each Alert that wants it.
    async fn dispatch(&self, event: &Event) {
        let mut alerts = self.setup.alerts.list();
        alerts.retain(|alert| !alert.spec.suspend);
        alerts.sort_by(|a, b| {
            (&a.metadata.namespace, &a.metadata.name).cmp(&(&b.metadata.namespace, &b.metadata.name))
        });
        let matching = self.matcher.matching(alerts, event).await;
        if matching.is_empty() {
            tracing::debug!(object = %event.involved_object, "discarding event, no alerts found for the involved object");
            return;
        }
        for alert in matching {
            match self.route(&alert, event) {
                Ok(routing::Verdict::Send(provider)) => {
                    let event = self.with_metadata(&alert, event);
                    self.setup.outbox.put(Letter::new(&alert, &provider, event)).await;
                }
                Ok(routing::Verdict::Skip(why)) => {
                    tracing::info!(alert = %name(&alert), object = %event.involved_object, "event dropped: {why}");
                }
                Err(refusal) => self.complain(&alert, &event.involved_object, &refusal),
            }
        }
    }

    fn route(&self, alert: &Alert, event: &Event) -> Result<routing::Verdict, routing::Refusal> {
        let find = |key: &sluice_runtime::ObjectKey| self.setup.providers.get(key);
        routing::route(alert, event, find, self.setup.same_namespace_only, self.setup.object_level_identity)
    }

    /// The event as the Alert's receivers are to see it.
    fn with_metadata(&self, alert: &Alert, event: &Event) -> Event {
        let mut event = event.clone();
        let conflicts = metadata::combine(&mut event, &alert.spec);
        if !conflicts.is_empty() {
            let message = "metadata key conflicts detected (please refer to the Alert API docs and Flux RFC 0008 for more information)";
            tracing::info!(alert = %name(alert), ?conflicts, "warning: {message}");
            self.setup.recorder.record(
                alert,
                EventType::Warning,
                "MetadataAppendFailed",
                message,
                &conflicts,
            );
        }
        event
    }

    fn complain(&self, alert: &Alert, object: &ObjectReference, refusal: &routing::Refusal) {
        tracing::error!(alert = %name(alert), error = %refusal, "failed to dispatch notification");
        let message = format!("failed to dispatch notification for {object}: {refusal}");
        self.setup.recorder.record(
            alert,
            EventType::Warning,
            "NotificationDispatchFailed",
            &message,
            &BTreeMap::new(),
        );
    }
}

fn name(alert: &Alert) -> sluice_runtime::ObjectKey {
    sluice_runtime::ObjectKey::of(alert)
}

/// Says how often the same event may come.
fn with_limits(mut response: Response<Body>, taken: &Taken) -> Response<Body> {
    let headers: &mut HeaderMap = response.headers_mut();
    headers.insert("X-RateLimit-Limit", HeaderValue::from_static("1"));
    headers.insert("X-RateLimit-Remaining", HeaderValue::from_static("0"));
    if let Ok(reset) = HeaderValue::from_str(&taken.reset_http_date()) {
        if !taken.allowed {
            headers.insert("Retry-After", reset.clone());
        }
        headers.insert("X-RateLimit-Reset", reset);
    }
    response
}
