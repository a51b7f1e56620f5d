//! OpenTelemetry: a span per event, in the trace of the Alert and the revision, by OTLP over HTTP.

mod protobuf;

use futures::future::BoxFuture;
use jiff::Timestamp;
use rand::RngCore;
use reqwest::Method;
use sha2::{Digest, Sha256};
use url::Url;

use self::protobuf::{Span, Status};
use super::Provider;
use crate::{
    error::{ConfigError, PostError},
    event::Event,
    http::{Net, Request},
    settings::{AlertIdentity, Settings},
};

/// Where collectors listen when the address has no path.
const DEFAULT_PATH: &str = "/v1/traces";

pub(super) struct Otel {
    endpoint: String,
    headers: Vec<(String, String)>,
    alert: AlertIdentity,
}

impl Otel {
    pub(super) fn new(settings: &Settings) -> Result<Self, ConfigError> {
        let address = &settings.address;
        let refuse = |reason: String| {
            ConfigError::provider(format!("invalid OTLP endpoint URL {address:?}: {reason}"))
        };
        let url = Url::parse(address).map_err(|error| refuse(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refuse(format!("unsupported scheme {:?}", url.scheme())));
        }
        // A bare host is parsed with the path `/`.
        let bare = address.trim_end_matches(['?', '#']).matches('/').count() == 2;
        let path = if bare { DEFAULT_PATH } else { url.path() };
        Ok(Self {
            endpoint: format!("{}{path}", url.origin().ascii_serialization()),
            headers: headers(settings),
            alert: settings.alert.clone(),
        })
    }

    fn request(&self, event: &Event) -> Request {
        let alert = &self.alert;
        let resource = [
            ("service.name", format!("{}/{}", alert.namespace, alert.name)),
            ("service.namespace", alert.namespace.clone()),
            ("service.instance.id", alert.uid.clone()),
        ];
        let object = &event.involved_object;
        let mut attributes = vec![
            ("object.uid", object.uid.as_str()),
            ("object.kind", &object.kind),
            ("object.name", &object.name),
            ("object.namespace", &object.namespace),
        ];
        // Metadata of the same name replaces what comes before it.
        attributes.retain(|(key, _)| !event.metadata.contains_key(*key));
        attributes.extend(event.metadata.iter().map(|(key, value)| (key.as_str(), value.as_str())));
        let now = nanoseconds(Timestamp::now());
        let mut span_id = [0; 8];
        rand::rng().fill_bytes(&mut span_id);
        let body = protobuf::export(
            &resource,
            &Span {
                trace_id: self.trace_id(event),
                span_id,
                name: format!("{}: {}/{}", object.kind, object.namespace, object.name),
                start: event.timestamp.map_or(now, nanoseconds),
                end: now,
                attributes,
                status: if event.severity.is_error() { Status::Error(&event.message) } else { Status::Ok },
            },
        );
        let mut request = Request::new(Method::POST, &self.endpoint).body("application/x-protobuf", body);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        request
    }

    /// All events of one revision are one trace, whichever controller sends them.
    fn trace_id(&self, event: &Event) -> [u8; 16] {
        let digest = Sha256::digest(format!("{}:{}", self.alert.uid, revision(event)));
        let mut id = [0; 16];
        id.copy_from_slice(&digest[..16]);
        id
    }
}

/// Charts from registries are named by version and digest: as others name them.
fn revision(event: &Event) -> String {
    let get = |key: &str| event.metadata.get(key);
    match (get("app-version"), get("oci-digest")) {
        (Some(version), Some(digest)) => format!("{version}@{digest}"),
        _ => get("revision").map_or("unknown", String::as_str).to_owned(),
    }
}

/// The Secret's headers; only with these credentials are sent, too.
fn headers(settings: &Settings) -> Vec<(String, String)> {
    let mut headers: Vec<_> = settings.headers.clone().into_iter().collect();
    let authorized =
        headers.iter().any(|(name, value)| name.eq_ignore_ascii_case("Authorization") && !value.is_empty());
    if headers.is_empty() || authorized {
        return headers;
    }
    let (username, token) = (&settings.username, settings.token_or_password());
    let value = if username.is_empty() {
        format!("Bearer {token}")
    } else if token.is_empty() {
        return headers;
    } else {
        super::basic(username, token)
    };
    headers.push(("Authorization".to_owned(), value));
    headers
}

fn nanoseconds(time: Timestamp) -> u64 {
    u64::try_from(time.as_nanosecond()).unwrap_or_default()
}

impl Provider for Otel {
    fn post<'a>(&'a self, event: &'a Event, net: &'a Net) -> BoxFuture<'a, Result<(), PostError>> {
        Box::pin(async move {
            // Its revision is that of an index, which no other object follows.
            if event.involved_object.kind == "HelmRepository" {
                return Ok(());
            }
            net.deliver(&self.request(event)).await
        })
    }
}
