//! Pruning deletes what is its own and nothing else.

use anyhow::{Context, Result, ensure};
use kube::ResourceExt;
use serde_json::json;
use sluice_testkit::wait_gone;

use crate::support::{PATIENCE, World, config_map, entries};

#[tokio::test]
async fn what_leaves_the_repository_is_pruned_unless_it_is_to_be_kept() -> Result<()> {
    let kept = config_map("kept", "1").replace(
        "name: kept\n",
        "name: kept\n  annotations: {kustomize.toolkit.fluxcd.io/prune: disabled}\n",
    );
    let world = World::start("prune").await?;
    let repository = world.git.repository("app")?;
    let files = [
        ("app.yaml", Some(&*config_map("app", "1"))),
        ("gone.yaml", Some(&*config_map("gone", "1"))),
        ("kept.yaml", Some(&*kept)),
        ("foreign.yaml", Some(&*config_map("foreign", "1"))),
    ];
    let commit = repository.commit("Install", &files)?;
    world.create_source("app").await?;
    world.create(world.kustomization("app", "app", "./", &json!({}))).await?;
    world.applied("app", &format!("main@sha1:{commit}")).await?;
    // Somebody else adopts one.
    let adopted = json!({"metadata": {"labels": {"kustomize.toolkit.fluxcd.io/name": "other"}}});
    world.patch(&world.config_maps(), "foreign", &adopted).await?;

    let files = [("gone.yaml", None), ("kept.yaml", None), ("foreign.yaml", None)];
    let commit = repository.commit("Remove", &files)?;
    let revision = world.sync("app", &commit).await?;
    let object = world.applied("app", &revision).await?;
    wait_gone(&world.config_maps(), "gone", PATIENCE).await?;
    for name in ["app", "kept", "foreign"] {
        ensure!(world.config_maps().get_opt(name).await?.is_some(), "{name} was deleted");
    }
    let inventory = entries(&object);
    ensure!(inventory.iter().eq([&format!("{}_app__ConfigMap", world.name())]), "{inventory:?}");
    world.event("Kustomization", "app", "info", &format!("ConfigMap/{}/gone deleted", world.name())).await?;
    Ok(())
}

#[tokio::test]
async fn without_prune_nothing_is_deleted() -> Result<()> {
    let world = World::start("no-prune").await?;
    let repository = world.git.repository("app")?;
    let files =
        [("app.yaml", Some(&*config_map("app", "1"))), ("left.yaml", Some(&*config_map("left", "1")))];
    let commit = repository.commit("Install", &files)?;
    world.create_source("app").await?;
    world.create(world.kustomization("app", "app", "./", &json!({"prune": false}))).await?;
    world.applied("app", &format!("main@sha1:{commit}")).await?;
    let commit = repository.commit("Remove", &[("left.yaml", None)])?;
    let revision = world.sync("app", &commit).await?;
    world.applied("app", &revision).await?;
    ensure!(world.config_maps().get_opt("left").await?.is_some(), "it was deleted");
    Ok(())
}

/// One commit moves an object from one Kustomization to another that applies first: it changes hands alive.
#[tokio::test]
async fn an_object_that_moves_to_another_kustomization_is_not_deleted() -> Result<()> {
    let world = World::start("moves").await?;
    let repository = world.git.repository("apps")?;
    let files = [
        ("old/app.yaml", Some(&*config_map("old", "1"))),
        ("old/moves.yaml", Some(&*config_map("moves", "1"))),
        ("new/app.yaml", Some(&*config_map("new", "1"))),
    ];
    let commit = repository.commit("Install", &files)?;
    world.create_source("apps").await?;
    world.create(world.kustomization("new", "apps", "./new", &json!({}))).await?;
    let spec = json!({"dependsOn": [{"name": "new"}]});
    world.create(world.kustomization("old", "apps", "./old", &spec)).await?;
    world.applied("old", &format!("main@sha1:{commit}")).await?;
    let before = world.config_maps().get("moves").await?;

    let mark = world.mark().await?;
    let files = [("old/moves.yaml", None), ("new/moves.yaml", Some(&*config_map("moves", "2")))];
    let commit = repository.commit("Move", &files)?;
    let revision = world.sync("apps", &commit).await?;
    let new = world.applied("new", &revision).await?;
    let old = world.applied("old", &revision).await?;
    let writes = world.writes_since(mark).await?;
    let deletions: Vec<_> =
        writes.iter().filter(|write| write.verb == "delete").map(|write| &write.uri).collect();
    ensure!(deletions.is_empty(), "deleted: {deletions:?}");
    let after = world.config_maps().get("moves").await?;
    ensure!(after.uid() == before.uid(), "it was deleted and created again");
    ensure!(after.labels()["kustomize.toolkit.fluxcd.io/name"] == "new", "{:?}", after.labels());
    let id = format!("{}_moves__ConfigMap", world.name());
    ensure!(entries(&new).contains(&id) && !entries(&old).contains(&id), "the inventories were not updated");
    Ok(())
}

/// A pass that fails behind its first stage has applied something. When the commit is taken back, that goes too.
#[tokio::test]
async fn what_a_failed_pass_applied_is_not_forgotten() -> Result<()> {
    let world = World::start("half").await?;
    let name = format!("half-{}", world.name());
    let role = format!(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata:\n  name: {name}\nrules: []\n"
    );
    let broken =
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: broken\nspec:\n  ports: [{port: 99999}]\n";
    let repository = world.git.repository("app")?;
    let commit = repository.commit("Install", &[("app.yaml", Some(&config_map("app", "1")))])?;
    world.create_source("app").await?;
    world.create(world.kustomization("app", "app", "./", &json!({}))).await?;
    world.applied("app", &format!("main@sha1:{commit}")).await?;

    let commit = repository.commit("Break", &[("role.yaml", Some(&role)), ("service.yaml", Some(broken))])?;
    world.sync("app", &commit).await?;
    world.failed(&world.kustomizations(), "app", "ReconciliationFailed").await?;
    let get = ["get", "clusterrole", &name, "--ignore-not-found", "--output=name"];
    ensure!(!world.namespace.kubectl(&get).await?.is_empty(), "the first stage was not applied");

    let commit = repository.commit("Revert", &[("role.yaml", None), ("service.yaml", None)])?;
    let revision = world.sync("app", &commit).await?;
    world.applied("app", &revision).await?;
    let left = world.namespace.kubectl(&get).await?;
    world
        .namespace
        .kubectl(&["delete", "clusterrole", &name, "--ignore-not-found"])
        .await
        .context("clean up")?;
    ensure!(left.is_empty(), "orphaned: {left}");
    Ok(())
}
