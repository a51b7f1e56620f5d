//! Requests of those who are not asked.

use futures::{StreamExt, stream};
use rand::{Rng, RngCore, SeedableRng, rngs::StdRng};
use serde_json::json;

use crate::support::{NOTIFICATION, World, signed};

/// What the controller may take at most, in bytes.
const MEMORY: u64 = 192 << 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn floods_of_large_bodies_take_no_memory() {
    let world = World::start("flood").await;
    let body = vec![b'['; 3 << 20];
    let url = format!("{}/hook/{}", world.hooks, "0".repeat(64));
    let send = |_| {
        let request = world.http.post(&url).body(body.clone());
        async move {
            // The answer may come before the body was read: the connection then ends.
            if let Ok(answer) = request.send().await {
                assert_eq!(answer.status(), 404);
            }
        }
    };
    stream::iter(0..300).for_each_concurrent(30, send).await;
    let events = |_| async {
        let answer = world.http.post(&world.events).body(body.clone()).send().await;
        assert!(answer.is_ok_and(|answer| answer.status() == 400));
    };
    stream::iter(0..100).for_each_concurrent(30, events).await;
    let (_, peak) = world.controller.memory().unwrap();
    assert!(peak < MEMORY, "the controller took {} MiB", peak >> 20);
}

/// Bodies that are nearly right, for all types of Receivers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crafted_webhooks_are_answered_and_trigger_nothing() {
    let world = World::start("crafted").await;
    let source = json!({"interval": "1h", "url": "https://example.com/x", "suspend": true});
    world.create("source.toolkit.fluxcd.io/v1", "GitRepository", "app", source).await;
    world.secret("hook", json!({"token": "key", "email": "e", "audience": "a"})).await;
    let resources = json!([{"kind": "GitRepository", "name": "app"}]);
    let mut hooks = Vec::new();
    for kind in [
        "generic-hmac",
        "github",
        "gitlab",
        "bitbucket",
        "harbor",
        "gcr",
        "nexus",
        "cdevents",
        "dockerhub",
        "quay",
        "acr",
    ] {
        let spec = json!({
            "type": kind, "secretRef": {"name": "hook"}, "resources": resources,
            // Only those that sign nothing get as far as this.
            "resourceFilter": "req.tag == 'x'",
        });
        hooks.push(world.receiver(kind, spec).await);
    }
    let mut random = StdRng::seed_from_u64(7);
    for round in 0..60 {
        let body: Vec<u8> = match round % 6 {
            0 => {
                let mut bytes = vec![0; random.random_range(0..2000)];
                random.fill_bytes(&mut bytes);
                bytes
            }
            1 => "[".repeat(100_000).into_bytes(),
            2 => format!("{{\"a\":{}1{}}}", "[".repeat(120), "]".repeat(120)).into_bytes(),
            3 => br#"{"context":{"type":"dev.cdevents.","links":[{"linkType":"END"}]},"subject":{"type":null}}"#.to_vec(),
            4 => br#"{"message":{"data":"////","publishTime":"9999-99-99T99:99:99Z"}}"#.to_vec(),
            _ => "{\"tag\":1e999,\"\\ud800\":0}".to_owned().into_bytes(),
        };
        for hook in &hooks {
            let mut request =
                world.http.post(hook).body(body.clone()).header("Content-Type", "application/json");
            for header in [
                "X-Signature",
                "X-Hub-Signature",
                "X-Nexus-Webhook-Signature",
                "X-Gitlab-Token",
                "Authorization",
            ] {
                let value = ["sha256=", "=", "sha1=zz", "Bearer a.b.c", "Bearer ", "sha512=00"]
                    [random.random_range(0..6)];
                request = request.header(header, value);
            }
            let status = request.send().await.unwrap().status().as_u16();
            assert!([200, 400, 500].contains(&status), "{hook}: {status}");
        }
    }
    let object =
        world.namespace.objects("source.toolkit.fluxcd.io/v1", "GitRepository").get("app").await.unwrap();
    assert_eq!(object.metadata.annotations, None, "{}", world.controller.log());
    // It still works.
    let body = br#"{"tag": "x"}"#;
    let request = world.http.post(&hooks[1]).body(&body[..]).header("Content-Type", "application/json");
    let answer = request.header("X-Hub-Signature-256", signed("key", body)).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let api = world.namespace.objects(&format!("{NOTIFICATION}/v1"), "Receiver");
    assert_eq!(api.list(&kube::api::ListParams::default()).await.unwrap().items.len(), hooks.len());
}
