//! Who waits for health is in nobody's way.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use kube::api::DynamicObject;
use serde_json::{Value, json};
use sluice_testkit::wait_for;

use crate::support::{AT_ONCE, PATIENCE, World, config_map, deployment, field, message, reason, wait_all};

const WAITING: usize = 50;

#[tokio::test]
async fn fifty_that_wait_delay_nobody_and_a_new_revision_ends_the_wait() -> Result<()> {
    let world = World::alone("waiting", &["--concurrent=2"]).await?;
    let stuck = world.git.repository("stuck")?;
    let names: Vec<String> = (0..WAITING).map(|index| format!("stuck-{index:02}")).collect();
    for name in &names {
        let folder = stuck.path().join(name);
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join("app.yaml"), deployment(name, 1, "pending"))?;
    }
    stuck.commit_all("Never ready")?;
    let other = world.git.repository("other")?;
    let commit = other.commit(
        "Two apps",
        &[
            ("fast/app.yaml", Some(&config_map("fast", "first"))),
            ("slow/app.yaml", Some(&deployment("slow", 1, "pending"))),
        ],
    )?;
    world.create_source("stuck").await?;
    let spec = json!({"wait": true, "timeout": "1h"});
    world
        .create_all(names.iter().map(|name| world.kustomization(name, "stuck", &format!("./{name}"), &spec)))
        .await?;
    let waits = |object: &DynamicObject| message(object, "Healthy").starts_with("Running health checks");
    wait_all(&world.kustomizations(), PATIENCE, "50 that wait", |all| {
        all.len() == WAITING && all.values().all(waits)
    })
    .await?;

    // The 51st.
    let began = Instant::now();
    world.create_source("other").await?;
    world.create(world.kustomization("fast", "other", "./fast", &json!({"wait": true}))).await?;
    world.applied("fast", &format!("main@sha1:{commit}")).await?;
    let took = began.elapsed();
    println!("beside {WAITING} that wait, a 51st was fetched, applied and ready in {took:?}");
    ensure!(took < AT_ONCE, "the 51st took {took:?}");
    let all = world.list(&world.kustomizations(), "").await?;
    ensure!(names.iter().all(|name| all.get(name).is_some_and(waits)), "all 50 still wait");

    // A new revision ends a wait.
    world.create(world.kustomization("slow", "other", "./slow", &spec)).await?;
    let waiting = |object: Option<&DynamicObject>| object.is_some_and(waits);
    wait_for(&world.kustomizations(), "slow", AT_ONCE, waiting).await?;
    let commit = other.commit("Repair", &[("slow/app.yaml", Some(&deployment("slow", 1, "ready")))])?;
    let revision = world.sync("other", &commit).await?;
    let began = Instant::now();
    let attempted = |object: Option<&DynamicObject>| {
        object.is_some_and(|object| *field(object, "/status/lastAttemptedRevision") == *revision)
    };
    wait_for(&world.kustomizations(), "slow", AT_ONCE, attempted).await?;
    let took = began.elapsed();
    println!("a new revision ended the wait for the old one in {took:?}");
    ensure!(took < Duration::from_secs(2), "the wait for the old revision ended only after {took:?}");
    world.applied("slow", &revision).await?;
    let canceled = "Health checks canceled due to new reconciliation triggered by GitRepository/";
    world.event("Kustomization", "slow", "info", canceled).await?;
    // The others never heard of it.
    let all = world.list(&world.kustomizations(), "").await?;
    ensure!(names.iter().all(|name| all.get(name).is_some_and(waits)), "all 50 still wait");
    Ok(())
}

/// An object is made anew because an immutable field changes, and somebody's finalizer holds the old one.
#[tokio::test]
async fn what_is_made_anew_holds_no_worker_meanwhile() -> Result<()> {
    let world = World::alone("anew", &["--concurrent=1"]).await?;
    let repository = world.git.repository("apps")?;
    let held = |value: &str| config_map("held", value) + "immutable: true\n";
    let (first, other) = (held("1"), config_map("other", "1"));
    let files = [("held/a.yaml", Some(first.as_str())), ("other/a.yaml", Some(other.as_str()))];
    let commit = repository.commit("Install", &files)?;
    world.create_source("apps").await?;
    let spec = json!({"force": true, "timeout": "1h"});
    world.create(world.kustomization("held", "apps", "./held", &spec)).await?;
    world.applied("held", &format!("main@sha1:{commit}")).await?;
    let finalizers = |list: Value| json!({"metadata": {"finalizers": list}});
    world.patch(&world.config_maps(), "held", &finalizers(json!(["example.com/held"]))).await?;

    let commit = repository.commit("Change", &[("held/a.yaml", Some(&held("2")))])?;
    let revision = world.sync("apps", &commit).await?;
    let detects = |object: Option<&DynamicObject>| {
        object.is_some_and(|object| {
            *field(object, "/status/lastAttemptedRevision") == *revision
                && message(object, "Reconciling").starts_with("Detecting drift")
        })
    };
    wait_for(&world.kustomizations(), "held", PATIENCE, detects).await?;
    let began = Instant::now();
    world.create(world.kustomization("other", "apps", "./other", &json!({}))).await?;
    world.applied("other", &revision).await?;
    ensure!(began.elapsed() < AT_ONCE, "took {:?}", began.elapsed());
    ensure!(
        detects(world.kustomizations().get_opt("held").await?.as_ref()),
        "the old object holds the first one"
    );

    world.patch(&world.config_maps(), "held", &finalizers(Value::Null)).await?;
    world.applied("held", &revision).await?;
    world.value("held", "2").await?;
    Ok(())
}

#[tokio::test]
async fn a_changed_spec_or_a_deletion_ends_the_wait_too() -> Result<()> {
    let world = World::start("pre-empt").await?;
    let repository = world.git.repository("apps")?;
    let commit = repository.commit("Never ready", &[("app.yaml", Some(&deployment("app", 1, "pending")))])?;
    world.create_source("apps").await?;
    world.create(world.kustomization("app", "apps", "./", &json!({"wait": true, "timeout": "1h"}))).await?;
    let waits = |object: Option<&DynamicObject>| {
        object.is_some_and(|object| reason(object, "Healthy") == "Progressing")
    };
    wait_for(&world.kustomizations(), "app", AT_ONCE * 3, waits).await?;
    world.patch(&world.kustomizations(), "app", &json!({"spec": {"wait": false}})).await?;
    world.applied("app", &format!("main@sha1:{commit}")).await?;

    world.patch(&world.kustomizations(), "app", &json!({"spec": {"wait": true}})).await?;
    wait_for(&world.kustomizations(), "app", AT_ONCE, waits).await?;
    let began = Instant::now();
    world.delete(&world.kustomizations(), "app").await?;
    wait_for(&world.kustomizations(), "app", AT_ONCE, |object| object.is_none()).await?;
    println!("a deletion ended the wait in {:?}", began.elapsed());
    Ok(())
}

#[tokio::test]
async fn a_failed_rollout_is_told_with_the_pods_reason() -> Result<()> {
    let world = World::start("failed-pods").await?;
    let repository = world.git.repository("apps")?;
    repository.commit("No such image", &[("app.yaml", Some(&deployment("app", 1, "image-pull-backoff")))])?;
    world.create_source("apps").await?;
    let spec: Value = json!({"wait": true, "timeout": "30s", "retryInterval": "1h"});
    world.create(world.kustomization("app", "apps", "./", &spec)).await?;
    let failed = world.failed(&world.kustomizations(), "app", "HealthCheckFailed").await?;
    let text = message(&failed, "Ready");
    let deployment = format!("Deployment/{}/app", world.name());
    ensure!(text.contains(&deployment) && text.contains("ImagePullBackOff"), "{text}");
    let text = failed.data["status"]["inventory"]["entries"][0]["id"].as_str().context("no inventory")?;
    ensure!(text == format!("{}_app_apps_Deployment", world.name()), "{text}");
    Ok(())
}

#[tokio::test]
async fn what_the_apply_has_shown_is_not_read_again() -> Result<()> {
    let world = World::start("shown").await?;
    let repository = world.git.repository("app")?;
    let maps = ["map-0", "map-1", "map-2"].map(|name| (format!("{name}.yaml"), config_map(name, "1")));
    let mut files: Vec<_> = maps.iter().map(|(path, text)| (path.as_str(), Some(text.as_str()))).collect();
    let app = deployment("app", 1, "ready");
    files.push(("app.yaml", Some(&app)));
    let commit = repository.commit("Install", &files)?;
    world.create_source("app").await?;
    let mark = world.mark().await?;
    world.create(world.kustomization("app", "app", "./", &json!({"wait": true}))).await?;
    world.applied("app", &format!("main@sha1:{commit}")).await?;
    // The Deployment had no pods when it was applied: it is asked until it has. A ConfigMap is ready by being there.
    let (maps, deployments) =
        (world.reads_since(mark, "configmaps").await?, world.reads_since(mark, "deployments").await?);
    ensure!(maps == 0 && deployments > 0, "{maps} reads of ConfigMaps, {deployments} of Deployments");

    // The dry-run of the next revision tells by its version that an object is as the last pass left it: one was changed.
    world.patch(&world.config_maps(), "map-1", &json!({"data": {"theirs": "kept"}})).await?;
    let maps = ["map-0", "map-1", "map-2"].map(|name| (format!("{name}.yaml"), config_map(name, "2")));
    let files: Vec<_> = maps.iter().map(|(path, text)| (path.as_str(), Some(text.as_str()))).collect();
    let mark = world.mark().await?;
    let commit = repository.commit("Upgrade", &files)?;
    world.request(&world.sources(), "app").await?;
    world.applied("app", &format!("main@sha1:{commit}")).await?;
    let reads = world.reads_since(mark, "configmaps").await?;
    ensure!(reads == 1, "{reads} reads of ConfigMaps");
    let data = world.value("map-1", "2").await?.data["data"].clone();
    ensure!(data == json!({"value": "2", "theirs": "kept"}), "{data}");
    Ok(())
}
