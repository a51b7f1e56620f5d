//! How changes are written back.

use std::{collections::BTreeMap, sync::Arc};

use futures::{StreamExt, pin_mut};
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
    runtime::watcher,
};
use serde_json::{Value, json};
use sluice_apis::{
    conditions::{self, ConditionedObject},
    source::v1::GitRepository,
};
use sluice_runtime::{Action, EventType, Pass, ReconcileError, Reconciler};
use tokio::sync::Notify;

use crate::support::{Env, Running, soon};

const FINALIZER: &str = "finalizers.fluxcd.io";
const OWNED: &[&str] = &["Ready", "Reconciling", "Stalled"];

/// Adds the finalizer, then says Ready; waits at a gate before it writes, where a test has one.
#[derive(Default)]
struct Simple {
    gate: Option<Gate>,
}

#[derive(Clone, Default)]
struct Gate {
    reached: Arc<Notify>,
    open: Arc<Notify>,
}

impl Reconciler for Simple {
    type Object = GitRepository;

    async fn reconcile(&self, pass: &mut Pass<GitRepository>) -> Result<Action, ReconcileError> {
        if pass.object.metadata.deletion_timestamp.is_some() {
            pass.object.finalizers_mut().retain(|name| name != FINALIZER);
            pass.event(EventType::Trace, "Gone", "finalized", &BTreeMap::new());
            pass.patch().await?;
            return Ok(Action::Done);
        }
        if pass.object.finalizers().is_empty() {
            pass.object.finalizers_mut().push(FINALIZER.to_owned());
            pass.patch().await?;
            return Ok(Action::Now);
        }
        if let Some(gate) = &self.gate {
            gate.reached.notify_one();
            gate.open.notified().await;
        }
        conditions::mark_true(&mut pass.object, "Ready", "Succeeded", "fine");
        let generation = pass.object.generation();
        pass.object.set_observed_generation(generation);
        pass.patch().await?;
        // Nothing changed since: must not send anything.
        pass.patch().await?;
        Ok(Action::Done)
    }
}

fn start(env: &Env, reconciler: Simple) -> Running {
    let manager = env.manager(&[]);
    let task = manager
        .controller::<GitRepository>()
        .field_manager("the-manager")
        .owned_conditions(OWNED)
        .reconcile_with(reconciler);
    Running::start(manager, task)
}

fn ready(object: &GitRepository) -> bool {
    conditions::is_ready(object) && object.observed_generation() == object.generation()
}

pub async fn patch_status(env: &Env, name: &str, patch: Value) {
    let api: Api<GitRepository> = env.repos();
    api.patch_status(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
}

#[tokio::test]
async fn writes_come_in_order_and_only_when_something_changed() {
    let env = Env::new().await;
    let seen = watcher(env.repos(), watcher::Config::default());
    pin_mut!(seen);
    while !matches!(soon("the list", seen.next()).await, Some(Ok(watcher::Event::InitDone))) {}
    let running = start(&env, Simple::default());
    env.create("a").await;
    let mut states = Vec::new();
    soon("the last state", async {
        while let Some(event) = seen.next().await {
            let watcher::Event::Apply(object) = event.unwrap() else { continue };
            states.push((
                !object.finalizers().is_empty(),
                conditions::is_ready(&object),
                object.observed_generation(),
            ));
            if ready(&object) {
                break;
            }
        }
    })
    .await;
    // Created, finalizer, conditions, other status: four versions.
    assert_eq!(states, [(false, false, -1), (true, false, -1), (true, true, -1), (true, true, 1)]);

    let object = env.until("a", "Ready", ready).await;
    let managers: Vec<_> = object
        .managed_fields()
        .iter()
        .filter(|entry| entry.manager.as_deref() == Some("the-manager"))
        .map(|entry| (entry.operation.clone().unwrap(), entry.subresource.clone()))
        .collect();
    assert!(managers.contains(&("Update".to_owned(), Some("status".to_owned()))), "{managers:?}");
    assert!(managers.contains(&("Update".to_owned(), None)), "{managers:?}");

    // Another turn that finds nothing to change leaves the object as it is.
    env.merge("a", json!({"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": "now"}}})).await;
    env.create("b").await;
    env.until("b", "Ready", ready).await;
    let later = env.repos().get("a").await.unwrap();
    let writes = |object: &GitRepository| {
        let entries = object.managed_fields().iter().filter(|e| e.manager.as_deref() == Some("the-manager"));
        entries.filter_map(|e| e.time.clone()).map(|t| t.0).max()
    };
    assert_eq!(writes(&later), writes(&object));
    running.stop().await;
}

#[tokio::test]
async fn conditions_of_others_survive_a_conflict_and_ours_win() {
    let env = Env::new().await;
    let gate = Gate::default();
    let running = start(&env, Simple { gate: Some(gate.clone()) });
    env.create("a").await;
    soon("the turn", gate.reached.notified()).await;
    // Behind the back of the turn: a foreign condition, and somebody who thinks Ready is theirs.
    let foreign = json!([
        {"type": "Audited", "status": "True", "reason": "Checked", "message": "by hand", "lastTransitionTime": "2026-01-01T00:00:00Z"},
        {"type": "Ready", "status": "False", "reason": "Meddled", "message": "no", "lastTransitionTime": "2026-01-01T00:00:00Z"},
    ]);
    patch_status(&env, "a", json!({"status": {"conditions": foreign}})).await;
    gate.open.notify_one();
    let object = env.until("a", "Ready", ready).await;
    let kinds: Vec<_> = object.conditions().iter().map(|c| (c.type_.as_str(), c.reason.as_str())).collect();
    assert_eq!(kinds, [("Ready", "Succeeded"), ("Audited", "Checked")]);
    running.stop().await;
}

#[tokio::test]
async fn a_finalizer_added_meanwhile_survives_and_deletion_waits_for_it() {
    let env = Env::new().await;
    let running = start(&env, Simple::default());
    env.create("a").await;
    env.until("a", "Ready", ready).await;
    env.merge("a", json!({"metadata": {"finalizers": [FINALIZER, "example.com/theirs"]}})).await;
    env.repos().delete("a", &kube::api::DeleteParams::default()).await.unwrap();
    let object = env.until("a", "our finalizer to go", |o| o.finalizers() == ["example.com/theirs"]).await;
    assert!(object.metadata.deletion_timestamp.is_some());
    env.merge("a", json!({"metadata": {"finalizers": null}})).await;
    let uid = object.uid().unwrap();
    let gone = kube::runtime::wait::conditions::is_deleted(&uid);
    soon("the end of the object", kube::runtime::wait::await_condition(env.repos(), "a", gone))
        .await
        .unwrap();
    running.stop().await;
}

#[tokio::test]
async fn a_turn_goes_by_one_spec_and_a_newer_one_gets_its_own() {
    let env = Env::new().await;
    let gate = Gate::default();
    let running = start(&env, Simple { gate: Some(gate.clone()) });
    env.create("a").await;
    soon("the turn", gate.reached.notified()).await;
    env.merge("a", json!({"spec": {"interval": "2h"}})).await;
    gate.open.notify_one();
    // The first turn observed generation 1, though generation 2 exists by now.
    let object = env.until("a", "the first turn's status", |o| o.observed_generation() == 1).await;
    assert_eq!(object.generation(), 2);
    soon("the second turn", gate.reached.notified()).await;
    gate.open.notify_one();
    env.until("a", "the second turn's status", |o| o.observed_generation() == 2).await;
    running.stop().await;
}
