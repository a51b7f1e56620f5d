//! Waiting until objects are ready.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use sluice_apply::{
    Object, ObjectId,
    status::{State, Status, StatusReader},
    wait::{WaitError, WaitOptions, Waiter},
};

use crate::support::{Fixture, id};

fn options(seconds: u64) -> WaitOptions {
    WaitOptions { timeout: Duration::from_secs(seconds), fail_fast: true, jobs_with_ttl: HashSet::new() }
}

fn waiter(test: &Fixture) -> Waiter {
    Waiter::new(test.cluster.clone(), Vec::new())
}

fn with_pods(mut rollout: Value, behaviour: &str) -> Value {
    rollout["spec"]["template"]["metadata"]["labels"]["sluice.dev/e2e-pod"] = behaviour.into();
    rollout
}

#[tokio::test(flavor = "multi_thread")]
async fn rollouts_become_ready() {
    let test = Fixture::new("rollout").await;
    let web = test.deployment("web", 2, "registry.example/app:1");
    let config = test.config_map("a", json!({}));
    let changes = test.apply(&[web, config]).await.unwrap();
    let ids: Vec<ObjectId> = changes.entries.iter().map(|change| change.id.clone()).collect();
    waiter(&test).wait(&ids, &options(30)).await.unwrap();
    waiter(&test).wait(&[], &options(1)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stuck_rollout_is_reported_with_its_pods_reason() {
    let test = Fixture::new("stuck").await;
    let ns = &test.namespace;
    let web = with_pods(test.deployment("web", 1, "registry.example/app:1"), "image-pull-backoff");
    test.applied(std::slice::from_ref(&web)).await;
    let error = waiter(&test).wait(&[id(&web)], &options(4)).await.unwrap_err();
    assert_eq!(error.to_string(), format!("timeout waiting for: [Deployment/{ns}/web status: 'InProgress']"));
    let detail = error.detail().unwrap();
    assert!(detail.starts_with(&format!("Deployment/{ns}/web: ")), "{detail}");
    assert!(detail.contains("pod web-") && detail.contains("ImagePullBackOff"), "{detail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stateful_set_whose_pods_crash_fails_early() {
    let test = Fixture::new("crash").await;
    let mut set = with_pods(test.deployment("set", 1, "registry.example/app:1"), "crash-loop");
    set["kind"] = "StatefulSet".into();
    set["spec"]["serviceName"] = "set".into();
    test.applied(std::slice::from_ref(&set)).await;
    let error = waiter(&test).wait(&[id(&set)], &options(60)).await.unwrap_err();
    let ns = &test.namespace;
    assert_eq!(
        error.to_string(),
        format!("failed early due to stalled resources: [StatefulSet/{ns}/set status: 'Failed']")
    );
    let detail = error.detail().unwrap();
    assert!(detail.contains("pod set-0: container app: CrashLoopBackOff"), "{detail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_whose_new_pods_crash_fails_early() {
    let test = Fixture::new("crashing").await;
    let ns = &test.namespace;
    let web = with_pods(test.deployment("web", 1, "registry.example/app:1"), "crash-loop");
    test.applied(std::slice::from_ref(&web)).await;
    let error = waiter(&test).wait(&[id(&web)], &options(60)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("failed early due to stalled resources: [Deployment/{ns}/web status: 'Failed']")
    );
    let detail = error.detail().unwrap();
    assert!(detail.contains("container app: CrashLoopBackOff"), "{detail}");

    // A rollout that mends it is not held up by what it replaces.
    test.applied(&[test.deployment("web", 1, "registry.example/app:2")]).await;
    waiter(&test).wait(&[id(&web)], &options(60)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_object_and_an_unknown_kind_are_named() {
    let test = Fixture::new("missing").await;
    let ns = &test.namespace;
    let (config, widget) = (test.config_map("a", json!({})), test.widget("w", json!({})));
    let text = waiter(&test).wait(&[id(&config), id(&widget)], &options(1)).await.unwrap_err().to_string();
    assert_eq!(
        text,
        format!(
            "timeout waiting for: [ConfigMap/{ns}/a status: 'NotFound', Widget/{ns}/w status: 'Unknown': no matches for kind \"Widget\" in group \"{}\"]",
            test.widget_group()
        )
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_is_noticed_within_a_second() {
    let test = Fixture::new("notice").await;
    let widget = test.widget("w", json!({"size": 1}));
    test.applied(&[test.widgets(), widget.clone()]).await;
    let report = |status: &'static str| {
        test.patch_as("operator", &widget, "status", json!({"status": {"conditions": [{"type": "Ready", "status": status, "reason": "R", "message": "m"}]}}))
    };
    report("False").await;
    let ids = [id(&widget)];
    let waiter = waiter(&test);
    let options = options(60);
    let waiting = async {
        waiter.wait(&ids, &options).await.unwrap();
        Instant::now()
    };
    let working = async {
        // Long enough for polls to have become rare.
        tokio::time::sleep(Duration::from_secs(8)).await;
        report("True").await;
        Instant::now()
    };
    let (noticed, reported) = tokio::join!(waiting, working);
    assert!(
        noticed.duration_since(reported) < Duration::from_secs(1),
        "{:?}",
        noticed.duration_since(reported)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_that_vanish_when_done_are_done() {
    let test = Fixture::new("ttl").await;
    let job = id(&test.job("j", "one"));
    let options = WaitOptions { jobs_with_ttl: HashSet::from([job.clone()]), ..options(5) };
    waiter(&test).wait(&[job], &options).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_must_complete() {
    let test = Fixture::new("jobs").await;
    let mut job = test.job("j", "one");
    job["spec"]["suspend"] = false.into();
    let failing = with_pods(
        {
            let mut job = job.clone();
            job["metadata"]["name"] = "f".into();
            job["spec"]["backoffLimit"] = 0.into();
            job
        },
        "failed",
    );
    test.applied(&[job.clone(), failing.clone()]).await;
    waiter(&test).wait(&[id(&job)], &options(30)).await.unwrap();
    let error = waiter(&test).wait(&[id(&failing)], &options(30)).await.unwrap_err();
    assert!(matches!(error, WaitError::Failed(_)), "{error}");
    assert!(error.to_string().starts_with(&format!(
        "failed early due to stalled resources: [Job/{}/f status: 'Failed']",
        test.namespace
    )));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_found_without_a_namespace_is_not_waited_for() {
    let test = Fixture::new("nowhere").await;
    let config = test.config_map("a", json!({}));
    test.applied(std::slice::from_ref(&config)).await;
    let mut nowhere = id(&config);
    nowhere.namespace.clear();
    let begun = Instant::now();
    let error = waiter(&test).wait(&[id(&config), nowhere], &options(30)).await.unwrap_err();
    assert_eq!(error.to_string(), "resource ConfigMap a is namespace scoped, but namespace is not set");
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

/// Reads `spec.size`.
struct SizeReader;

impl StatusReader for SizeReader {
    fn supports(&self, _: &str, kind: &str) -> bool {
        kind == "Widget"
    }

    fn status(&self, object: &Object) -> Result<Status, String> {
        match object.as_value()["spec"]["size"].as_i64() {
            None => Err("no such key: size".into()),
            Some(0) => Ok(Status::failed("")),
            Some(_) => Ok(Status::new(State::Current, "")),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_of_the_caller_come_first() {
    let test = Fixture::new("reader").await;
    let ns = &test.namespace;
    let (good, bad, odd) = (
        test.widget("good", json!({"size": 1})),
        test.widget("bad", json!({"size": 0})),
        test.widget("odd", json!({})),
    );
    test.applied(&[test.widgets(), good.clone(), bad.clone(), odd.clone()]).await;
    let waiter = Waiter::new(test.cluster.clone(), vec![Arc::new(SizeReader)]);
    waiter.wait(&[id(&good)], &options(5)).await.unwrap();
    assert_eq!(
        waiter.wait(&[id(&good), id(&bad), id(&odd)], &options(5)).await.unwrap_err().to_string(),
        format!("failed early due to stalled resources: [Widget/{ns}/bad status: 'Failed']")
    );
    assert_eq!(
        waiter.wait(&[id(&odd)], &options(1)).await.unwrap_err().to_string(),
        format!("timeout waiting for: [Widget/{ns}/odd status: 'Unknown': no such key: size]")
    );
}
