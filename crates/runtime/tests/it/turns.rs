//! Turns at real objects: panics, waiting, pre-emption, sharding, series.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::json;
use sluice_apis::{conditions, source::v1::GitRepository};
use sluice_runtime::{Action, Cause, Metrics, Pass, ReconcileError, Reconciler, Trigger};
use tokio::sync::Semaphore;

use crate::support::{Env, Running, eventually};

/// What a test scripts by the object's name.
struct Scripted {
    log: Arc<Mutex<Vec<String>>>,
    waiting: Arc<AtomicUsize>,
    go_on: Arc<Semaphore>,
}

impl Scripted {
    fn new() -> Self {
        Self { log: Arc::default(), waiting: Arc::default(), go_on: Arc::new(Semaphore::new(0)) }
    }
}

impl Reconciler for Scripted {
    type Object = GitRepository;

    async fn reconcile(&self, pass: &mut Pass<GitRepository>) -> Result<Action, ReconcileError> {
        let name = pass.key().name.to_string();
        self.log.lock().unwrap().push(format!("{name} {:?}", pass.trigger.cause));
        assert!(!name.starts_with("panics"), "as told");
        if name.starts_with("waits") {
            let trigger = pass
                .park(async {
                    self.waiting.fetch_add(1, Ordering::SeqCst);
                    tokio::select! {
                        trigger = pass.preempted() => Some(trigger),
                        _ = self.go_on.acquire() => None,
                    }
                })
                .await;
            if let Some(Trigger { cause: Cause::Shutdown, .. }) = trigger {
                return Ok(Action::Now);
            }
            let text = trigger.map_or("waited".to_owned(), |trigger| format!("preempted by {trigger}"));
            conditions::mark_true(&mut pass.object, "Ready", "Succeeded", text);
        } else {
            conditions::mark_true(&mut pass.object, "Ready", "Succeeded", "at once");
        }
        pass.patch().await?;
        Ok(Action::Done)
    }
}

fn start(env: &Env, reconciler: Scripted, concurrency: usize, args: &[&str]) -> (Running, Metrics) {
    let manager = env.manager(args);
    let metrics = manager.metrics();
    let task = manager
        .controller::<GitRepository>()
        .owned_conditions(&["Ready"])
        .concurrency(concurrency)
        .reconcile_with(reconciler);
    (Running::start(manager, task), metrics)
}

fn message(object: &GitRepository) -> &str {
    conditions::message(object, "Ready").unwrap_or_default()
}

#[tokio::test]
async fn a_panic_stays_with_its_object_and_is_retried_with_backoff() {
    let env = Env::new().await;
    let reconciler = Scripted::new();
    let log = reconciler.log.clone();
    let (running, metrics) = start(&env, reconciler, 1, &["--min-retry-delay=100ms"]);
    env.create("panics").await;
    env.create("works").await;
    env.until("works", "the other object", |o| message(o) == "at once").await;
    eventually("three panics", async || {
        let panics = log.lock().unwrap().iter().filter(|line| line.starts_with("panics")).count();
        (panics >= 3).then_some(panics)
    })
    .await;
    let text = metrics.exposition().unwrap();
    let count = |name: &str| {
        let line = text.lines().find(|l| l.starts_with(name)).unwrap_or_else(|| panic!("{name} in\n{text}"));
        line.rsplit_once(' ').unwrap().1.parse::<u32>().unwrap()
    };
    assert!(count(r#"controller_runtime_reconcile_panics_total{controller="gitrepository"}"#) >= 2);
    assert!(count(r#"controller_runtime_reconcile_errors_total{controller="gitrepository"}"#) >= 2);
    running.stop().await;
}

#[tokio::test]
async fn waiting_objects_hold_no_worker_and_end_their_wait_on_request() {
    let env = Env::new().await;
    let reconciler = Scripted::new();
    let (waiting, go_on) = (reconciler.waiting.clone(), reconciler.go_on.clone());
    let (running, _) = start(&env, reconciler, 1, &[]);
    for n in 0..5 {
        env.create(&format!("waits-{n}")).await;
    }
    eventually("five waits", async || (waiting.load(Ordering::SeqCst) == 5).then_some(())).await;
    env.create("works").await;
    env.until("works", "the only worker to be free", |o| message(o) == "at once").await;

    env.merge("waits-0", json!({"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": "1"}}}))
        .await;
    let expected = format!("preempted by GitRepository/{}/waits-0", env.namespace);
    env.until("waits-0", "the wait to end", |o| message(o) == expected).await;
    eventually("its next turn", async || (waiting.load(Ordering::SeqCst) == 6).then_some(())).await;

    // Labels, other annotations and status are no reason.
    env.merge("waits-1", json!({"metadata": {"labels": {"x": "y"}, "annotations": {"x": "y"}}})).await;
    go_on.add_permits(5);
    for n in 0..5 {
        env.until(&format!("waits-{n}"), "the wait to end", |o| message(o) == "waited").await;
    }
    assert_eq!(waiting.load(Ordering::SeqCst), 6);
    running.stop().await;
}

#[tokio::test]
async fn waiting_turns_do_not_hold_up_the_end() {
    let env = Env::new().await;
    let reconciler = Scripted::new();
    let waiting = reconciler.waiting.clone();
    let (running, _) = start(&env, reconciler, 1, &[]);
    env.create("waits").await;
    eventually("the wait", async || (waiting.load(Ordering::SeqCst) == 1).then_some(())).await;
    let start = std::time::Instant::now();
    running.stop().await;
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
}

#[tokio::test]
async fn only_objects_of_the_shard_are_worked_on_and_series_of_deleted_ones_vanish() {
    let env = Env::new().await;
    let reconciler = Scripted::new();
    let log = reconciler.log.clone();
    let (running, metrics) = start(&env, reconciler, 2, &[]);
    env.create("other").await;
    env.until("other", "a turn", |o| message(o) == "at once").await;
    env.merge("other", json!({"metadata": {"labels": {"test": "another-shard"}}})).await;
    env.merge("other", json!({"spec": {"interval": "3h"}})).await;
    env.create("mine").await;
    env.until("mine", "a turn", |o| message(o) == "at once").await;
    assert_eq!(log.lock().unwrap().iter().filter(|line| line.starts_with("other")).count(), 1);

    let series = || metrics.exposition().unwrap().contains(r#"name="mine""#);
    eventually("the series", async || series().then_some(())).await;
    env.repos().delete("mine", &kube::api::DeleteParams::default()).await.unwrap();
    eventually("the series to vanish", async || (!series()).then_some(())).await;
    running.stop().await;
}
