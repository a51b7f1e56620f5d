//! What is written of each step while many objects wait for their turns.

use std::{collections::BTreeMap, sync::Arc};

use futures::{StreamExt, pin_mut};
use kube::{ResourceExt, runtime::watcher};
use serde_json::json;
use sluice_apis::{
    conditions::{self, ConditionedObject},
    source::v1::GitRepository,
};
use sluice_runtime::{Action, Pass, ReconcileError, Reconciler};
use tokio::sync::Notify;

use crate::support::{Env, Running, soon};

/// Tells of a step, waits aside where a test wants that, and says Ready.
#[derive(Default)]
struct Steps {
    hold: Option<Arc<Notify>>,
    /// Whether it keeps its worker meanwhile.
    keeps_worker: bool,
}

impl Reconciler for Steps {
    type Object = GitRepository;

    async fn reconcile(&self, pass: &mut Pass<GitRepository>) -> Result<Action, ReconcileError> {
        conditions::mark_reconciling(&mut pass.object, "Progressing", "step");
        pass.progress().await?;
        if let Some(hold) = &self.hold {
            if self.keeps_worker {
                pass.telling(hold.notified()).await;
            } else {
                pass.park(hold.notified()).await;
            }
        }
        conditions::delete(&mut pass.object, "Reconciling");
        conditions::mark_true(&mut pass.object, "Ready", "Succeeded", "fine");
        let generation = pass.object.generation();
        pass.object.set_observed_generation(generation);
        pass.patch().await?;
        Ok(Action::Done)
    }
}

fn start(env: &Env, concurrency: usize, reconciler: Steps) -> Running {
    let manager = env.manager(&[]);
    let controller = manager.controller::<GitRepository>();
    let task = controller
        .concurrency(concurrency)
        .owned_conditions(&["Ready", "Reconciling"])
        .reconcile_with(reconciler);
    Running::start(manager, task)
}

fn is_told(object: &GitRepository) -> bool {
    conditions::message(object, "Reconciling") == Some("step")
}

/// How many writes each of so many objects saw until it was ready.
async fn writes(objects: usize, concurrency: usize) -> Vec<usize> {
    let env = Env::new().await;
    for number in 0..objects {
        env.create(&format!("app-{number}")).await;
    }
    let seen = watcher(env.repos(), watcher::Config::default());
    pin_mut!(seen);
    while !matches!(soon("the list", seen.next()).await, Some(Ok(watcher::Event::InitDone))) {}
    let running = start(&env, concurrency, Steps::default());
    let mut writes: BTreeMap<String, Vec<(bool, bool, i64)>> = BTreeMap::new();
    let is_over = |writes: &BTreeMap<String, Vec<_>>| {
        writes.len() == objects
            && writes.values().all(|states| states.last().is_some_and(|last| last == &(false, true, 1)))
    };
    while !is_over(&writes) {
        let event = soon("all to be ready", seen.next()).await.unwrap().unwrap();
        let watcher::Event::Apply(object) = event else { continue };
        let state = (is_told(&object), conditions::is_ready(&object), object.observed_generation());
        writes.entry(object.name_any()).or_default().push(state);
    }
    running.stop().await;
    let mut counts: Vec<_> = writes.values().map(Vec::len).collect();
    counts.sort_unstable();
    counts
}

#[tokio::test]
async fn steps_that_nobody_can_follow_are_left_out_and_the_end_is_one_write() {
    // The last one has nobody behind it: its step, its conditions, its other fields.
    assert_eq!(writes(3, 1).await, [1, 1, 3]);
}

#[tokio::test]
async fn steps_of_a_rush_are_left_out_though_nobody_waits() {
    // The last 25 have no other round of workers behind them: but for the rush, they would be told.
    let counts = writes(40, 25).await;
    assert!(counts.iter().filter(|count| **count == 1).count() >= 25, "{counts:?}");
}

#[tokio::test]
async fn a_step_that_was_left_out_is_told_when_it_lasts() {
    let env = Env::new().await;
    for name in ["a", "b"] {
        env.create(name).await;
    }
    let hold = Arc::new(Notify::new());
    let running = start(&env, 1, Steps { hold: Some(Arc::clone(&hold)), ..Steps::default() });
    // One of them told at once, the other one after a second, while both wait aside.
    for name in ["a", "b"] {
        env.until(name, "the step", is_told).await;
    }
    // What somebody else writes meanwhile survives the write at the end.
    let theirs = json!({"type": "Audited", "status": "True", "reason": "Checked", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"});
    for name in ["a", "b"] {
        let mut conditions = serde_json::to_value(env.repos().get(name).await.unwrap().conditions()).unwrap();
        conditions.as_array_mut().unwrap().push(theirs.clone());
        crate::status::patch_status(&env, name, json!({"status": {"conditions": conditions}})).await;
    }
    hold.notify_waiters();
    for name in ["a", "b"] {
        let object =
            env.until(name, "Ready", |o| conditions::is_ready(o) && o.observed_generation() == 1).await;
        assert!(!is_told(&object));
        assert_eq!(conditions::reason(&object, "Audited"), Some("Checked"));
    }
    running.stop().await;
}

#[tokio::test]
async fn a_step_that_was_left_out_is_told_by_what_keeps_its_worker() {
    let env = Env::new().await;
    for name in ["a", "b"] {
        env.create(name).await;
    }
    let hold = Arc::new(Notify::new());
    // The second one makes a crowd of the first, and gets no turn.
    let running = start(&env, 1, Steps { hold: Some(Arc::clone(&hold)), keeps_worker: true });
    let told = async || {
        let [a, b] = [env.repos().get("a").await.unwrap(), env.repos().get("b").await.unwrap()];
        [is_told(&a), is_told(&b)]
    };
    let begun = std::time::Instant::now();
    while told().await == [false, false] {
        assert!(begun.elapsed().as_secs() < 30, "nothing is told");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_ne!(told().await, [true, true]);
    running.stop().await;
}
