//! Whoever may write a Provider must not reach what answers with credentials.

use axum::http::StatusCode;
use serde_json::json;

use crate::support::{Stub, World};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metadata_services_are_out_of_reach() {
    let world = World::start("reach").await;
    let target = "http://169.254.169.254/latest/meta-data/";
    let redirect = Stub::answering(StatusCode::TEMPORARY_REDIRECT, Some(target), "").await;
    world.alert("direct", "Kustomization", json!({"type": "generic", "address": target})).await;
    world
        .alert("number", "Kustomization", json!({"type": "generic", "address": "http://2852039166/x"}))
        .await;
    world.alert("redirected", "Kustomization", json!({"type": "slack", "address": redirect.url})).await;
    world
        .alert(
            "nats",
            "Kustomization",
            json!({"type": "nats", "address": "nats://169.254.169.254", "channel": "c"}),
        )
        .await;
    world.post(&world.event("Kustomization", "error", "failed")).await;
    for name in ["direct", "number", "redirected", "nats"] {
        world.until_told(name, "refusing to connect to the link-local address 169.254.169.254").await;
    }
}
