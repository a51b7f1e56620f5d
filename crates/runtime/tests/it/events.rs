//! Events in the cluster and at the events address.

use std::{collections::BTreeMap, time::Instant};

use kube::{Api, api::ListParams};
use serde_json::{Value, json};
use sluice_apis::{conditions, k8s::Event, source::v1::GitRepository};
use sluice_runtime::{Action, EventType, Pass, ReconcileError, Reconciler};

use crate::{
    receiver::Receiver,
    support::{Env, Running, eventually},
};

/// Says three things, one of them twice, and is Ready.
struct Talker;

impl Reconciler for Talker {
    type Object = GitRepository;

    async fn reconcile(&self, pass: &mut Pass<GitRepository>) -> Result<Action, ReconcileError> {
        let metadata =
            BTreeMap::from([("source.toolkit.fluxcd.io/revision".to_owned(), "main@sha1:1".to_owned())]);
        pass.event(EventType::Normal, "NewArtifact", "stored", &metadata);
        pass.event(EventType::Warning, "Failed", "broken", &BTreeMap::new());
        pass.event(EventType::Trace, "ArtifactUpToDate", "nothing new", &BTreeMap::new());
        pass.event(EventType::Normal, "NewArtifact", "stored", &metadata);
        conditions::mark_true(&mut pass.object, "Ready", "Succeeded", "talked");
        pass.patch().await?;
        Ok(Action::Done)
    }
}

fn start(env: &Env, receiver: &Receiver) -> Running {
    let manager = env.manager(&[&receiver.flag()]);
    let task = manager.controller::<GitRepository>().owned_conditions(&["Ready"]).reconcile_with(Talker);
    Running::start(manager, task)
}

async fn in_cluster(env: &Env) -> Vec<Event> {
    let api: Api<Event> = Api::namespaced(env.client.clone(), &env.namespace);
    api.list(&ListParams::default()).await.unwrap().items
}

fn reasons(bodies: &[Value]) -> Vec<&str> {
    bodies.iter().map(|body| body["reason"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn events_are_recorded_and_posted_in_flux_s_form() {
    let env = Env::new().await;
    let receiver = Receiver::start(&[Some(202)]).await;
    let running = start(&env, &receiver);
    let annotations = json!({"event.toolkit.fluxcd.io/cluster": "blue", "other": "x"});
    let object = env.create_with("a", annotations).await;
    env.until("a", "the turn", conditions::is_ready).await;
    running.stop().await; // The end delivers what is waiting.

    let bodies = receiver.bodies();
    assert_eq!(reasons(&bodies), ["NewArtifact", "Failed", "NewArtifact"], "a trace is not posted");
    let first = &bodies[0];
    assert_eq!(first["severity"], "info");
    assert_eq!(first["message"], "stored");
    assert_eq!(first["reportingController"], "test-controller");
    assert!(first["reportingInstance"].as_str().is_some_and(|name| !name.is_empty()));
    assert!(first["timestamp"].as_str().is_some_and(|at| at.ends_with('Z') && at.len() == 20), "{first}");
    assert_eq!(
        first["metadata"],
        json!({"event.toolkit.fluxcd.io/cluster": "blue", "source.toolkit.fluxcd.io/revision": "main@sha1:1"})
    );
    let involved = &first["involvedObject"];
    assert_eq!(involved["kind"], "GitRepository");
    assert_eq!(involved["apiVersion"], "source.toolkit.fluxcd.io/v1");
    assert_eq!(involved["name"], "a");
    assert_eq!(involved["namespace"], env.namespace);
    assert_eq!(involved["uid"], json!(object.metadata.uid));
    assert!(involved["resourceVersion"].is_string());
    assert_eq!(bodies[1]["severity"], "error");

    let mut events = in_cluster(&env).await;
    events.sort_by(|a, b| a.reason.cmp(&b.reason));
    let seen: Vec<_> = events
        .iter()
        .map(|e| (e.reason.as_deref().unwrap(), e.type_.as_deref().unwrap(), e.count.unwrap()))
        .collect();
    assert_eq!(
        seen,
        [("ArtifactUpToDate", "Normal", 1), ("Failed", "Warning", 1), ("NewArtifact", "Normal", 2)]
    );
    let stored = &events[2];
    assert_eq!(stored.source.as_ref().unwrap().component.as_deref(), Some("test-controller"));
    assert_eq!(stored.reporting_component.as_deref(), Some("test-controller"));
    assert_eq!(stored.involved_object.uid, object.metadata.uid);
    let kept = stored.metadata.annotations.as_ref().unwrap();
    assert_eq!(kept["source.toolkit.fluxcd.io/revision"], "main@sha1:1");
    assert_eq!(kept["event.toolkit.fluxcd.io/cluster"], "blue");
}

#[tokio::test]
async fn a_receiver_that_hangs_slows_nobody() {
    let env = Env::new().await;
    let receiver = Receiver::start(&[None]).await;
    let running = start(&env, &receiver);
    let start = Instant::now();
    for n in 0..5 {
        env.create(&n.to_string()).await;
    }
    for n in 0..5 {
        env.until(&n.to_string(), "the turn", conditions::is_ready).await;
    }
    eventually("all events in the cluster", async || {
        let events = in_cluster(&env).await;
        (events.len() == 15).then_some(())
    })
    .await;
    assert!(start.elapsed().as_secs() < 5, "{:?}", start.elapsed());
    running.stop().await;
}

#[tokio::test]
async fn a_failing_receiver_is_asked_again_and_order_is_kept() {
    let env = Env::new().await;
    let receiver = Receiver::start(&[Some(500), Some(503), Some(200)]).await;
    let running = start(&env, &receiver);
    env.create("a").await;
    let bodies = eventually("all posts", async || {
        let bodies = receiver.bodies();
        (bodies.len() == 5).then_some(bodies)
    })
    .await;
    assert_eq!(reasons(&bodies), ["NewArtifact", "NewArtifact", "NewArtifact", "Failed", "NewArtifact"]);
    running.stop().await;
}

#[tokio::test]
async fn too_many_requests_and_refusals_are_not_asked_again() {
    let env = Env::new().await;
    let receiver = Receiver::start(&[Some(429), Some(400), Some(200)]).await;
    let running = start(&env, &receiver);
    env.create("a").await;
    env.until("a", "the turn", conditions::is_ready).await;
    running.stop().await;
    assert_eq!(reasons(&receiver.bodies()), ["NewArtifact", "Failed", "NewArtifact"]);
}
