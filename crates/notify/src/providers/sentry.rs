//! Sentry: failures are events, ordinary reports are transactions, both in envelopes.

use futures::future::BoxFuture;
use jiff::Timestamp;
use rand::RngCore;
use reqwest::Method;
use serde_json::{Map, Value, json};
use url::Url;

use super::Provider;
use crate::{
    error::{ConfigError, PostError},
    event::Event,
    http::{Net, Request},
    settings::Settings,
};

/// What the protocol calls the client; also its version.
const CLIENT: &str = concat!("sluice/", env!("CARGO_PKG_VERSION"));

pub(super) struct Sentry {
    endpoint: String,
    key: String,
    secret: Option<String>,
    environment: String,
}

impl Sentry {
    pub(super) fn new(settings: &Settings) -> Result<Self, ConfigError> {
        if settings.address.is_empty() {
            return Err(ConfigError::provider("DSN cannot be empty"));
        }
        let refuse = |reason: String| ConfigError::provider(format!("[Sentry] DsnParseError: {reason}"));
        let dsn = Url::parse(&settings.address).map_err(|error| refuse(format!("invalid url: {error}")))?;
        if !matches!(dsn.scheme(), "http" | "https") {
            return Err(refuse("invalid scheme".to_owned()));
        }
        if dsn.username().is_empty() {
            return Err(refuse("empty username".to_owned()));
        }
        let (path, project) = dsn.path().rsplit_once('/').unwrap_or_default();
        if project.is_empty() {
            return Err(refuse("empty project id".to_owned()));
        }
        Ok(Self {
            endpoint: format!("{}{path}/api/{project}/envelope/", dsn.origin().ascii_serialization()),
            key: dsn.username().to_owned(),
            secret: dsn.password().map(str::to_owned),
            environment: environment(&settings.channel),
        })
    }

    fn request(&self, event: &Event) -> Result<Request, PostError> {
        let now = Timestamp::now();
        let id = random_hex(16);
        let (kind, mut payload) = match event.severity.as_str() {
            "info" => ("transaction", transaction(event, now)),
            "error" => ("event", failure(event, now)),
            // Flux hands its SDK nothing to send for other severities; what arrives is an error without content.
            _ => (
                "event",
                Map::from_iter([("level".to_owned(), json!("error")), ("timestamp".to_owned(), json!(now))]),
            ),
        };
        payload.insert("event_id".to_owned(), json!(id));
        payload.insert("platform".to_owned(), json!("other"));
        if !self.environment.is_empty() {
            payload.insert("environment".to_owned(), json!(self.environment));
        }
        payload.entry("server_name").or_insert_with(|| json!(hostname()));
        let payload = encode(&Value::Object(payload))?;
        let mut body = encode(&json!({ "event_id": id, "sent_at": now }))?;
        body.push(b'\n');
        body.extend(encode(&json!({ "type": kind, "length": payload.len() }))?);
        body.push(b'\n');
        body.extend(payload);
        body.push(b'\n');
        let mut auth = format!("Sentry sentry_version=7, sentry_client={CLIENT}, sentry_key={}", self.key);
        if let Some(secret) = &self.secret {
            auth.extend([", sentry_secret=", secret]);
        }
        Ok(Request::new(Method::POST, &self.endpoint)
            .body("application/x-sentry-envelope", body)
            .header("X-Sentry-Auth", auth))
    }
}

impl Provider for Sentry {
    fn post<'a>(&'a self, event: &'a Event, net: &'a Net) -> BoxFuture<'a, Result<(), PostError>> {
        Box::pin(async move {
            let sent = net.deliver(&self.request(event)?).await;
            sent.map_err(|error| error.context("sending to Sentry failed"))
        })
    }
}

fn transaction(event: &Event, now: Timestamp) -> Map<String, Value> {
    let object = &event.involved_object;
    let mut tags = std::collections::BTreeMap::from([
        ("flux_involved_object_kind", object.kind.as_str()),
        ("flux_involved_object_namespace", &object.namespace),
        ("flux_involved_object_name", &object.name),
        ("flux_reporting_controller", &event.reporting_controller),
        ("flux_reporting_instance", &event.reporting_instance),
        ("flux_reason", &event.reason),
    ]);
    tags.extend(event.metadata.iter().map(|(key, value)| (key.as_str(), value.as_str())));
    let time = event.timestamp.unwrap_or(now);
    let (trace, span) = (random_hex(16), random_hex(8));
    let Value::Object(fields) = json!({
        "type": "transaction",
        "level": "info",
        "transaction": summary(event),
        "message": event.message,
        "tags": tags,
        "start_timestamp": time,
        "timestamp": time,
        "contexts": { "trace": { "trace_id": trace, "span_id": span, "op": "event" } },
        "spans": [{
            "trace_id": trace,
            "span_id": span,
            "op": "event",
            "tags": tags,
            "start_timestamp": time,
            "timestamp": time,
        }],
    }) else {
        return Map::new();
    };
    fields
}

fn failure(event: &Event, now: Timestamp) -> Map<String, Value> {
    let Value::Object(fields) = json!({
        "level": event.severity,
        "server_name": event.reporting_controller,
        "transaction": summary(event),
        "message": event.message,
        "timestamp": event.timestamp.unwrap_or(now),
        "contexts": { "metadata": event.metadata },
    }) else {
        return Map::new();
    };
    fields
}

fn summary(event: &Event) -> String {
    let object = &event.involved_object;
    format!("{}: {}/{}", object.kind, object.namespace, object.name)
}

/// The channel names it; else the variable that Sentry's SDKs read.
fn environment(channel: &str) -> String {
    if !channel.is_empty() {
        return channel.to_owned();
    }
    std::env::var("SENTRY_ENVIRONMENT").unwrap_or_default()
}

/// The pod's name.
fn hostname() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map(|name| name.trim().to_owned())
        .unwrap_or_default()
}

fn random_hex(bytes: usize) -> String {
    let mut id = vec![0_u8; bytes];
    rand::rng().fill_bytes(&mut id);
    hex::encode(id)
}

fn encode(value: &Value) -> Result<Vec<u8>, PostError> {
    serde_json::to_vec(value).map_err(|error| PostError::permanent(error.to_string()))
}
