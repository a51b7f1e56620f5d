//! Somebody sets the clock, by days, while the controllers run.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use jiff::{SignedDuration, Timestamp};
use kube::api::DynamicObject;
use serde_json::{Value, json};
use sluice_testkit::{Controller, wait_for};

use crate::support::{AT_ONCE, Clock, PATIENCE, World, Write, config_map, field, revision};

const DAYS: SignedDuration = SignedDuration::from_hours(48);

/// Applies without dry-run: what was written for Git.
fn applied(writes: &[Write]) -> Vec<String> {
    writes.iter().filter(|write| write.is_apply() && !write.is_dry_run()).map(Write::object).collect()
}

/// By how much the controllers' clock differs from ours, by their latest event about the Kustomization.
fn offset(world: &World, revision: &str) -> Result<SignedDuration> {
    let events = world.sink.received();
    let of_revision = |event: &&Value| event.to_string().contains(revision);
    let event = events.iter().rev().map(|request| &request.body).find(of_revision).context("no event")?;
    let time: Timestamp = event["timestamp"].as_str().context("no time")?.parse()?;
    Ok(time.duration_since(Timestamp::now()))
}

/// Holder and number of changes of a controller's lease, and when it was renewed by the lease's own words.
async fn lease(world: &World, controller: &str) -> Result<(Value, Value, Value)> {
    let leases = world.namespace.objects("coordination.k8s.io/v1", "Lease");
    let lease = leases.get(&format!("{controller}-leader-election")).await?;
    let of = |name: &str| field(&lease, &format!("/spec/{name}")).clone();
    Ok((of("holderIdentity"), of("leaseTransitions"), of("renewTime")))
}

/// Waits until a lease has been renewed some times by the same holder.
async fn renewed(world: &World, controller: &str) -> Result<()> {
    let before = lease(world, controller).await?;
    let leases = world.namespace.objects("coordination.k8s.io/v1", "Lease");
    let later = |object: Option<&DynamicObject>| {
        object.is_some_and(|object| *field(object, "/spec/renewTime") != before.2)
    };
    wait_for(&leases, &format!("{controller}-leader-election"), AT_ONCE, later)
        .await
        .with_context(|| format!("{controller} does not renew its lease"))?;
    let after = lease(world, controller).await?;
    ensure!(
        (&after.0, &after.1) == (&before.0, &before.1),
        "{controller}: the lease went from {before:?} to {after:?}"
    );
    Ok(())
}

/// How often the Kustomization that is due every few seconds was reconciled.
async fn passes(world: &World) -> Result<u64> {
    let labels = [("kind", "Kustomization"), ("name", "often")];
    let metrics = world.kustomize.metrics().await?;
    Ok(metrics.sum("gotk_reconcile_duration_seconds_count", &labels).unwrap_or_default() as u64)
}

#[tokio::test]
async fn a_clock_that_is_set_by_days_stalls_and_doubles_nothing() -> Result<()> {
    let clock = Clock::new()?;
    let mut world = World::with_clock("clock", &clock).await?;
    let repository = world.git.repository("app")?;
    let (changing, same) = (config_map("changing", "0"), config_map("same", "0"));
    let often = config_map("often", "0");
    let commit = repository.commit(
        "Install",
        &[
            ("app/changing.yaml", Some(&changing)),
            ("app/same.yaml", Some(&same)),
            ("often/often.yaml", Some(&often)),
        ],
    )?;
    world.create_source("app").await?;
    world.create(world.kustomization("app", "app", "./app", &json!({"wait": true}))).await?;
    world.create(world.kustomization("often", "app", "./often", &json!({"interval": "3s"}))).await?;
    let first = format!("main@sha1:{commit}");
    world.applied("app", &first).await?;
    world.applied("often", &first).await?;
    ensure!(
        offset(&world, &first)?.abs() < SignedDuration::from_mins(5),
        "the clock is wrong at the beginning"
    );
    // A second replica whose clock is right waits for the lease.
    let standby = Controller::of("kustomize-controller").in_namespace(&world.namespace).with_election();
    let standby = standby.start().await?;

    for (value, set) in [("1", DAYS), ("2", -DAYS), ("3", DAYS), ("4", SignedDuration::ZERO)] {
        let mark = world.mark().await?;
        let before = passes(&world).await?;
        clock.set(set)?;
        // The leases go on, and the intervals.
        for controller in ["source-controller", "kustomize-controller"] {
            renewed(&world, controller).await.with_context(|| set.to_string())?;
        }
        due(&world, before + 2).await.with_context(|| format!("intervals stall at {set}"))?;
        // Nothing has changed, also for whoever asks: nothing is written.
        for name in ["app", "often"] {
            handled(&world, name).await?;
        }
        let writes = world.writes_since(mark).await?;
        ensure!(applied(&writes).is_empty(), "{set}: written although unchanged: {:?}", applied(&writes));

        // A commit is fetched and applied, and only what it changes.
        let mark = world.mark().await?;
        let text = config_map("changing", value);
        let commit = repository.commit(value, &[("app/changing.yaml", Some(&text))])?;
        let new = world.sync("app", &commit).await?;
        world.applied("app", &new).await?;
        world.applied("often", &new).await?;
        world.value("changing", value).await?;
        let writes = world.writes_since(mark).await?;
        ensure!(applied(&writes) == ["configmaps/changing"], "{set}: {:?}", applied(&writes));
        let is_change = |event: &Value| {
            let text = event.to_string();
            text.contains(&new) && text.contains("changing configured")
        };
        world.sink.wait_for(PATIENCE, is_change).await.context("the change is not told")?;
        let times = world.sink.received().iter().filter(|request| is_change(&request.body)).count();
        ensure!(times == 1, "{set}: the change was told {times} times");
        let off = offset(&world, &new)? - set;
        ensure!(off.abs() < SignedDuration::from_mins(5), "{set}: the controllers' clock is off by {off}");
        // What others change is put right.
        let edit = json!({"data": {"value": "edited"}});
        world.patch(&world.config_maps(), "same", &edit).await?;
        handled(&world, "app").await?;
        world.value("same", "0").await?;
    }

    // The artifact is there still: who has lost its copy gets it again.
    ensure!(world.source.ended()?.is_none() && world.kustomize.ended()?.is_none(), "a controller has ended");
    world.source.restart().await?;
    let source = world.ready(&world.sources(), "app").await?;
    let commit = repository.commit("Last", &[("app/changing.yaml", Some(&config_map("changing", "5")))])?;
    ensure!(!revision(&source).contains(&commit), "it is fetched already");
    // The leader ends without a word; the other takes over, by its own clock.
    clock.set(-DAYS)?;
    renewed(&world, "kustomize-controller").await?;
    world.kustomize.kill()?;
    let new = world.sync("app", &commit).await?;
    world.applied("app", &new).await?;
    drop(standby);
    Ok(())
}

/// Waits for a pass that was asked for.
async fn handled(world: &World, name: &str) -> Result<()> {
    let api = world.kustomizations();
    let token = world.request(&api, name).await?;
    let handled = |object: Option<&DynamicObject>| {
        object.is_some_and(|object| *field(object, "/status/lastHandledReconcileAt") == token.as_str())
    };
    wait_for(&api, name, PATIENCE, handled).await?;
    Ok(())
}

/// Waits until there were so many passes.
async fn due(world: &World, wanted: u64) -> Result<()> {
    let began = std::time::Instant::now();
    while passes(world).await? < wanted {
        ensure!(began.elapsed() < PATIENCE, "{} of {wanted} passes", passes(world).await?);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Ok(())
}
