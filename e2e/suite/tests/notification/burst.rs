//! A dead provider costs nobody anything but its own alerts' time, and a crash costs none of them.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use futures::{StreamExt, stream};
use serde_json::json;
use sluice_testkit::EventSink;

use crate::support::{NOTIFICATION, PATIENCE, World, black_hole};

const EVENTS: usize = 10_000;
/// How soon an alert to another provider arrives meanwhile.
const ON_TIME: Duration = Duration::from_secs(2);
/// What the controller may take at most, in bytes.
const MEMORY: u64 = 192 << 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_for_a_dead_provider_delays_nobody_and_survives_a_crash() {
    let mut world = World::start("burst").await;
    let (address, _hole) = black_hole();
    let live = EventSink::start().await.unwrap();
    world.alert("dead", "Kustomization", json!({"type": "generic", "address": address})).await;
    world.alert("live", "HelmRelease", json!({"type": "generic", "address": live.url()})).await;
    world.until_heard("HelmRelease", &live).await;
    // The other Alert is known, too, when an event for it waits.
    let began = Instant::now();
    let mut number = 0;
    while waiting(&world).await == 0.0 {
        world.post(&world.event("Kustomization", "error", &format!("warm up {number}"))).await;
        number += 1;
        assert!(began.elapsed() < PATIENCE, "no alert waits; log:\n{}", world.controller.log());
    }

    let post = |number: usize| {
        let (world, live) = (&world, &live);
        async move {
            let message = format!("burst {number}");
            let mut event = world.event("Kustomization", "error", &message);
            event["involvedObject"]["name"] = format!("app-{}", number % 100).into();
            let status = world.post(&event).await;
            assert_eq!(status, 202);
            // Now and then somebody else has something to say.
            if number % 1000 == 500 {
                let began = Instant::now();
                let message = format!("meanwhile {number}");
                world.post(&world.event("HelmRelease", "info", &message)).await;
                live.wait_for(PATIENCE, |body| body["message"] == message.as_str()).await.unwrap();
                assert!(began.elapsed() < ON_TIME, "another alert took {:?}", began.elapsed());
            }
        }
    };
    stream::iter(0..EVENTS).for_each_concurrent(16, post).await;
    let (_, peak) = world.controller.memory().unwrap();
    assert!(peak < MEMORY, "the controller took {} MiB", peak >> 20);
    let waiting = waiting(&world).await;
    assert!(waiting as usize >= EVENTS, "{waiting} wait");

    // It crashes; the provider comes back.
    world.controller.kill().unwrap();
    let revived = EventSink::start().await.unwrap();
    let api = world.namespace.objects(&format!("{NOTIFICATION}/v1beta3"), "Provider");
    let patch = json!({"spec": {"address": revived.url()}});
    world.namespace.patch(&api, "dead", &patch).await.unwrap();
    world.controller.restart().await.unwrap();
    let began = Instant::now();
    let mut arrived = BTreeSet::new();
    while arrived.len() < EVENTS {
        let told = began.elapsed() < PATIENCE;
        assert!(told, "{} of {EVENTS} arrived", arrived.len());
        // Looking costs a copy of all that arrived.
        tokio::time::sleep(Duration::from_secs(1)).await;
        let messages = revived.received().into_iter().map(|request| request.body["message"].to_string());
        arrived = messages.filter(|message| message.contains("burst")).collect();
    }
    let (_, peak) = world.controller.memory().unwrap();
    assert!(peak < MEMORY, "the controller took {} MiB after the restart", peak >> 20);
}

async fn waiting(world: &World) -> f64 {
    world.controller.metrics().await.unwrap().sum("sluice_outbox_waiting", &[]).unwrap_or_default()
}
