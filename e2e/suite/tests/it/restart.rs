//! A restart changes nothing.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use kube::ResourceExt;
use serde_json::json;

use crate::support::{PATIENCE, World, config_map, deployment, field, is_ready, wait_all};

const APPS: usize = 12;

#[tokio::test]
async fn after_a_restart_everything_is_looked_at_and_nothing_written() -> Result<()> {
    let mut world = World::start("restart").await?;
    let repository = world.git.repository("apps")?;
    let names: Vec<String> = (0..APPS).map(|index| format!("app-{index:02}")).collect();
    for name in &names {
        let folder = repository.path().join(name);
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join("config.yaml"), config_map(name, "first"))?;
        std::fs::write(folder.join("deployment.yaml"), deployment(name, 1, "ready"))?;
    }
    repository.commit_all("All apps")?;
    world.create_source("apps").await?;
    let spec = json!({"wait": true, "timeout": "2m"});
    world
        .create_all(names.iter().map(|name| world.kustomization(name, "apps", &format!("./{name}"), &spec)))
        .await?;
    passes(&world, 1).await?;
    let before = versions(&world).await?;
    ensure!(before.len() == 2 * APPS, "applied objects: {before:?}");

    let mark = world.mark().await?;
    world.kustomize.restart().await?;
    passes(&world, 2).await?;
    ensure!(world.counter("sluice_kustomization_builds_total").await? == APPS as u64, "each was built once");
    let writes = world.writes_since(mark).await?;
    let tried = writes.iter().filter(|write| write.is_apply() && write.is_dry_run()).count();
    ensure!(tried == 2 * APPS, "{tried} objects were compared");
    // The deployment controller writes to `deployments/status`.
    let written: Vec<String> = writes
        .iter()
        .filter(|write| matches!(write.object_ref.resource.as_str(), "configmaps" | "deployments"))
        .filter(|write| write.object_ref.subresource.is_empty() && !write.is_dry_run())
        .map(|write| format!("{} {}", write.verb, write.uri))
        .collect();
    ensure!(written.is_empty(), "written after a restart: {written:#?}");
    ensure!(versions(&world).await? == before, "objects changed");
    Ok(())
}

/// Waits until each Kustomization has been through its pass so many times, and went well.
async fn passes(world: &World, count: u64) -> Result<()> {
    wait_all(&world.kustomizations(), PATIENCE, &format!("{count} passes each"), |all| {
        all.len() == APPS
            && all.values().all(|object| {
                is_ready(object) && *field(object, "/status/history/0/totalReconciliations") == count
            })
    })
    .await?;
    Ok(())
}

/// The version of each applied object. That of a Deployment changes with its status: its generation doesn't.
async fn versions(world: &World) -> Result<BTreeMap<String, String>> {
    let mut versions = BTreeMap::new();
    let label = "kustomize.toolkit.fluxcd.io/name";
    for (name, object) in world.list(&world.config_maps(), label).await? {
        versions.insert(format!("ConfigMap/{name}"), object.resource_version().unwrap_or_default());
    }
    for (name, object) in world.list(&world.namespace.objects("apps/v1", "Deployment"), label).await? {
        versions.insert(format!("Deployment/{name}"), format!("{:?}", object.metadata.generation));
    }
    Ok(versions)
}
