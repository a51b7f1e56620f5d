//! What the tests of this suite share.

use std::{net::TcpListener, time::Duration};

use axum::{
    Router,
    http::{HeaderValue, StatusCode, header},
    response::IntoResponse,
};
use kube::api::{ListParams, PostParams};
use ring::hmac;
use serde_json::{Value, json};
use sluice_apis::k8s::Event;
use sluice_testkit::{ControlPlane, Controller, EventSink, Namespace, free_address, wait_for};
use tokio::task::JoinHandle;

/// Longer than anything here takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(90);
pub const NOTIFICATION: &str = "notification.toolkit.fluxcd.io";

/// A namespace, and the controller that serves it.
pub struct World {
    pub namespace: Namespace<'static>,
    pub controller: Controller,
    /// Where events are posted.
    pub events: String,
    /// Where webhooks are sent.
    pub hooks: String,
    pub http: reqwest::Client,
    _outbox: tempfile::TempDir,
}

impl World {
    pub async fn start(prefix: &str) -> Self {
        Self::with(prefix, &[]).await
    }

    pub async fn with(prefix: &str, flags: &[&str]) -> Self {
        Self::with_environment(prefix, flags, &[]).await
    }

    /// As [`with`](Self::with), with variables of the environment.
    pub async fn with_environment(prefix: &str, flags: &[&str], variables: &[(&str, &str)]) -> Self {
        let cluster = ControlPlane::shared().unwrap();
        cluster.install_crds().await.unwrap();
        let namespace = cluster.namespace(prefix).await.unwrap();
        let outbox = tempfile::TempDir::with_prefix("sluice-outbox-").unwrap();
        let (events, hooks) = (free_address().unwrap(), free_address().unwrap());
        let builder = Controller::of("notification-controller")
            .in_namespace(&namespace)
            .arg(format!("--events-addr={events}"))
            .arg(format!("--receiverAddr={hooks}"))
            .arg(format!("--outbox-path={}", outbox.path().display()));
        let builder = variables.iter().fold(builder, |builder, (name, value)| builder.env(name, value));
        let controller =
            flags.iter().fold(builder, |builder, flag| builder.arg(*flag)).start().await.unwrap();
        let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        let (events, hooks) = (format!("http://{events}/"), format!("http://{hooks}"));
        Self { namespace, controller, events, hooks, http, _outbox: outbox }
    }

    /// Creates an object.
    pub async fn create(&self, api_version: &str, kind: &str, name: &str, spec: Value) {
        let api = self.namespace.objects(api_version, kind);
        let object =
            json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, "spec": spec});
        api.create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await.unwrap();
    }

    pub async fn secret(&self, name: &str, data: Value) {
        let api = self.namespace.objects("v1", "Secret");
        let object =
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data});
        api.create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await.unwrap();
    }

    /// A Provider, and an Alert of the same name about a kind.
    pub async fn alert(&self, name: &str, kind: &str, provider: Value) {
        self.create(&format!("{NOTIFICATION}/v1beta3"), "Provider", name, provider).await;
        let spec = json!({"providerRef": {"name": name}, "eventSources": [{"kind": kind, "name": "*"}]});
        self.create(&format!("{NOTIFICATION}/v1beta3"), "Alert", name, spec).await;
        // The finalizer tells that the controller has seen the Provider; the Alert may come a little later.
        let api = self.namespace.objects(&format!("{NOTIFICATION}/v1beta3"), "Provider");
        let seen = |object: Option<&kube::api::DynamicObject>| {
            object.is_some_and(|object| object.metadata.finalizers.is_some())
        };
        wait_for(&api, name, PATIENCE, seen).await.unwrap();
    }

    /// Creates a Receiver and gives the URL of its webhook.
    pub async fn receiver(&self, name: &str, spec: Value) -> String {
        let version = format!("{NOTIFICATION}/v1");
        self.create(&version, "Receiver", name, spec).await;
        let api = self.namespace.objects(&version, "Receiver");
        let path = |object: &kube::api::DynamicObject| {
            object.data["status"]["webhookPath"].as_str().map(str::to_owned)
        };
        let ready =
            |object: Option<&kube::api::DynamicObject>| object.is_some_and(|object| path(object).is_some());
        let object = wait_for(&api, name, PATIENCE, ready).await.unwrap().unwrap();
        format!("{}{}", self.hooks, path(&object).unwrap())
    }

    /// An event about an object of this namespace.
    pub fn event(&self, kind: &str, severity: &str, message: &str) -> Value {
        json!({
            "involvedObject": {
                "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": kind, "namespace": self.namespace.name(),
                "name": "app", "uid": "8d1e4b6c-2f7a-4c8e-9b0d-1a2b3c4d5e6f",
            },
            "severity": severity, "timestamp": "2026-01-02T03:04:05Z", "message": message, "reason": "Test",
            "reportingController": "kustomize-controller",
            "metadata": {"event.toolkit.fluxcd.io/change_request": "1", "event.toolkit.fluxcd.io/commit": format!("sha1:{}", "a".repeat(40))},
        })
    }

    pub async fn post(&self, event: &Value) -> StatusCode {
        self.http.post(&self.events).json(event).send().await.unwrap().status()
    }

    /// Posts an event again and again, with another number, until an Alert has it: Alerts are known a moment after
    /// they were made.
    pub async fn until_heard(&self, kind: &str, sink: &EventSink) {
        let began = std::time::Instant::now();
        for number in 0.. {
            self.post(&self.event(kind, "info", &format!("are you there {number}"))).await;
            let heard = sink.wait_for(Duration::from_millis(500), |_| true).await;
            if heard.is_ok() {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "no alert arrives; log:\n{}", self.controller.log());
        }
    }

    /// The Kubernetes events about objects of this controller.
    pub async fn told(&self) -> Vec<Event> {
        self.namespace.api::<Event>().list(&ListParams::default()).await.unwrap().items
    }

    /// Waits until there is an event with this in its message.
    pub async fn until_told(&self, name: &str, text: &str) -> String {
        let began = std::time::Instant::now();
        loop {
            let told = self.told().await;
            let found = told.iter().find(|event| {
                event.involved_object.name.as_deref() == Some(name)
                    && event.message.as_deref().is_some_and(|message| message.contains(text))
            });
            if let Some(event) = found {
                return event.message.clone().unwrap();
            }
            let all: Vec<_> = told.iter().filter_map(|event| event.message.clone()).collect();
            assert!(began.elapsed() < PATIENCE, "no event about {name} says {text:?}: {all:#?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// A server that answers all requests in one way; it ends with the handle.
pub struct Stub {
    pub url: String,
    task: JoinHandle<()>,
}

impl Stub {
    pub async fn answering(status: StatusCode, location: Option<&str>, body: &str) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (location, body) = (location.map(|to| HeaderValue::from_str(to).unwrap()), body.to_owned());
        let answer = move || async move {
            let mut response = (status, body).into_response();
            if let Some(location) = location {
                response.headers_mut().insert(header::LOCATION, location);
            }
            response
        };
        let router = Router::new().fallback(answer);
        let task = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Self { url, task }
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A server that takes connections and never answers.
pub fn black_hole() -> (String, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    (format!("http://{}/", listener.local_addr().unwrap()), listener)
}

/// The value of `X-Hub-Signature-256`.
pub fn signed(key: &str, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    format!("sha256={}", hex::encode(hmac::sign(&key, body)))
}
