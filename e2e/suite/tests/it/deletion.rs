//! What becomes of the applied objects when their Kustomization is deleted.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use sluice_testkit::{wait_for, wait_gone};

use crate::support::{AT_ONCE, PATIENCE, World, config_map};

/// Name, what is special about the spec, and whether the objects stay.
fn policies() -> Vec<(&'static str, Value, bool)> {
    vec![
        ("mirror-prune", json!({}), false),
        ("mirror-keep", json!({"prune": false}), true),
        ("delete", json!({"prune": false, "deletionPolicy": "Delete"}), false),
        ("orphan", json!({"deletionPolicy": "Orphan"}), true),
        ("wait", json!({"deletionPolicy": "WaitForTermination"}), false),
        ("no-account", json!({"deletionPolicy": "Delete"}), true),
        ("suspended", json!({}), true),
    ]
}

#[tokio::test]
async fn the_policy_decides() -> Result<()> {
    let world = World::start("policies").await?;
    let repository = world.git.repository("apps")?;
    let files: Vec<_> =
        policies().iter().map(|(name, ..)| (format!("{name}/app.yaml"), config_map(name, "1"))).collect();
    let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), Some(text.as_str()))).collect();
    let commit = repository.commit("Install", &files)?;
    world.create_source("apps").await?;
    let api = world.kustomizations();
    for (name, spec, _) in policies() {
        world.create(world.kustomization(name, "apps", &format!("./{name}"), &spec)).await?;
        world.applied(name, &format!("main@sha1:{commit}")).await?;
    }
    world.patch(&api, "suspended", &json!({"spec": {"suspend": true}})).await?;
    // The account that may delete them is gone.
    world.patch(&api, "no-account", &json!({"spec": {"serviceAccountName": "gone"}})).await?;

    for (name, ..) in policies() {
        world.delete(&api, name).await?;
    }
    for (name, _, stays) in policies() {
        wait_gone(&api, name, PATIENCE).await?;
        let there = world.config_maps().get_opt(name).await?.is_some();
        ensure!(there == stays, "{name}: its object {}", if there { "stayed" } else { "was deleted" });
    }
    let list = format!("unable to prune objects: \nConfigMap/{}/no-account", world.name());
    world.event("Kustomization", "no-account", "error", &list).await?;
    Ok(())
}

#[tokio::test]
async fn waiting_for_termination_waits() -> Result<()> {
    let world = World::start("termination").await?;
    let repository = world.git.repository("app")?;
    let held =
        config_map("held", "1").replace("name: held\n", "name: held\n  finalizers: [example.com/held]\n");
    let commit = repository.commit(
        "Install",
        &[("held/app.yaml", Some(&held)), ("free/app.yaml", Some(&config_map("free", "1")))],
    )?;
    world.create_source("app").await?;
    let api = world.kustomizations();
    for name in ["held", "free"] {
        let spec = json!({"deletionPolicy": "WaitForTermination", "timeout": "10m"});
        world.create(world.kustomization(name, "app", &format!("./{name}"), &spec)).await?;
        world.applied(name, &format!("main@sha1:{commit}")).await?;
    }
    world.delete(&api, "held").await?;
    let is_deleted = |object: Option<&kube::api::DynamicObject>| {
        object.is_some_and(|object| object.metadata.deletion_timestamp.is_some())
    };
    wait_for(&world.config_maps(), "held", PATIENCE, is_deleted).await?;
    world.event("Kustomization", "held", "info", &format!("ConfigMap/{}/held deleted", world.name())).await?;
    // One that is deleted later goes first: the wait holds nobody up.
    world.delete(&api, "free").await?;
    wait_gone(&api, "free", AT_ONCE).await?;
    ensure!(api.get_opt("held").await?.is_some(), "the Kustomization went before its object");

    world.patch(&world.config_maps(), "held", &json!({"metadata": {"finalizers": null}})).await?;
    wait_gone(&api, "held", AT_ONCE).await?;
    ensure!(world.config_maps().get_opt("held").await?.is_none(), "the object is left");
    Ok(())
}
