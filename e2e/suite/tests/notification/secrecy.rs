//! What Secrets hold shows up nowhere, whatever goes wrong.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::support::{Stub, World};

/// Stands in every key of the Secrets.
const SECRET: &str = "s3cr3t-marker";

/// Types of Providers whose requests can be made to fail here, with what they need.
const TYPES: &[(&str, &str)] = &[
    ("generic", ""),
    ("generic-hmac", ""),
    ("slack", "room"),
    ("discord", ""),
    ("rocket", ""),
    ("msteams", ""),
    ("googlechat", ""),
    ("webex", "room"),
    ("lark", ""),
    ("matrix", "room"),
    ("opsgenie", ""),
    ("alertmanager", ""),
    ("grafana", ""),
    ("pagerduty", "key"),
    ("datadog", ""),
    ("zulip", "channel/topic"),
    ("otel", ""),
    ("github", ""),
    ("githubdispatch", ""),
    ("githubpullrequestcomment", ""),
    ("gitlab", ""),
    ("gitlabmergerequestcomment", ""),
    ("gitea", ""),
    ("giteapullrequestcomment", ""),
    ("azuredevops", ""),
    ("azureeventhub", "namespace"),
    ("googlepubsub", "topic"),
    ("nats", "subject"),
    ("sentry", ""),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_are_in_no_event_and_no_log() {
    let world = World::with("secrecy", &["--log-level=debug"]).await;
    // A service that repeats what it was sent.
    let body = format!("bad credentials {SECRET}-token, {SECRET}-password");
    let stub = Stub::answering(StatusCode::UNAUTHORIZED, None, &body).await;
    let (host, path) = (stub.url.trim_start_matches("http://").to_owned(), format!("{SECRET}-path"));
    for (kind, channel) in TYPES {
        let name = kind.replace('.', "-");
        let address = match *kind {
            "sentry" => format!("http://{SECRET}-key@{host}/1"),
            "nats" => format!("nats://{SECRET}-user:{SECRET}-password@{host}"),
            "github"
            | "githubdispatch"
            | "githubpullrequestcomment"
            | "gitlab"
            | "gitlabmergerequestcomment"
            | "gitea"
            | "giteapullrequestcomment" => format!("{}/org/repo", stub.url),
            "azuredevops" => format!("{}/org/project/_git/repo", stub.url),
            "azureeventhub" => {
                format!("Endpoint=sb://{host}/;SharedAccessKeyName=n;SharedAccessKey={SECRET}-sas")
            }
            "googlepubsub" => "project".to_owned(),
            _ => format!("{}/{path}", stub.url),
        };
        let mut data = json!({
            "address": address, "username": "user", "password": format!("{SECRET}-password"),
            "headers": format!("X-Key: {SECRET}-header\n"),
        });
        if *kind != "azureeventhub" {
            data["token"] = format!("{SECRET}-token").into();
        }
        world.secret(&name, data).await;
        let mut spec = json!({"type": kind, "secretRef": {"name": name}, "timeout": "5s"});
        if !channel.is_empty() {
            spec["channel"] = Value::from(*channel);
        }
        world.alert(&name, "Kustomization", spec).await;
    }
    for severity in ["error", "info"] {
        world.post(&world.event("Kustomization", severity, &format!("something {severity} happened"))).await;
    }
    for (kind, _) in TYPES {
        world.until_told(&kind.replace('.', "-"), "failed to ").await;
    }
    for event in world.told().await {
        let text = serde_json::to_string(&event).unwrap();
        assert!(!text.contains(SECRET), "{text}");
    }
    for line in world.controller.log().lines() {
        assert!(!line.contains(SECRET), "{line}");
    }
}
