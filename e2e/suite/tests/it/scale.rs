//! A commit costs what it touches.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use kube::ResourceExt;
use serde_json::json;

use crate::support::{World, config_map, is_ready, revision, wait_all};

const APPS: usize = 300;
const TOUCHED: &str = "app-150";
/// For programs without optimisation on a slow machine with two cores: only what never ends is caught.
const BOUND: Duration = Duration::from_mins(5);

fn name(index: usize) -> String {
    format!("app-{index:03}")
}

#[tokio::test]
async fn a_commit_that_touches_one_of_300_apps_costs_one_build_and_one_apply() -> Result<()> {
    let world = World::alone("scale", &[]).await?;
    let repository = world.git.repository("apps")?;
    let names: Vec<String> = (0..APPS).map(name).collect();
    let files: Vec<(String, String)> =
        names.iter().map(|name| (format!("{name}/app.yaml"), config_map(name, "first"))).collect();
    let files: Vec<(&str, Option<&str>)> =
        files.iter().map(|(path, text)| (path.as_str(), Some(text.as_str()))).collect();
    let first = repository.commit("All apps", &files)?;
    world.create_source("apps").await?;
    let began = Instant::now();
    world
        .create_all(
            names.iter().map(|name| world.kustomization(name, "apps", &format!("./{name}"), &json!({}))),
        )
        .await?;
    let first = format!("main@sha1:{first}");
    all_at(&world, &first).await?;
    let installed = began.elapsed();
    ensure!(
        world.counter("sluice_kustomization_builds_total").await? == APPS as u64,
        "more builds than apps"
    );
    let before = versions(&world).await?;
    ensure!(before.len() == APPS, "{} objects", before.len());

    let mark = world.mark().await?;
    let second = repository
        .commit("One app", &[(&format!("{TOUCHED}/app.yaml"), Some(&config_map(TOUCHED, "second")))])?;
    let began = Instant::now();
    let second = world.sync("apps", &second).await?;
    all_at(&world, &second).await?;
    let upgraded = began.elapsed();
    println!(
        "{APPS} apps: installed in {installed:?}, a commit to one of them recorded by all in {upgraded:?}"
    );

    let builds = world.counter("sluice_kustomization_builds_total").await?;
    ensure!(builds == APPS as u64 + 1, "{} builds for one changed app", builds - APPS as u64);
    let skipped = world.counter("sluice_kustomization_skipped_total").await?;
    ensure!(skipped == APPS as u64 - 1, "{skipped} apps were skipped");
    let writes = world.writes_since(mark).await?;
    let applies: Vec<_> = writes.iter().filter(|write| write.is_apply()).collect();
    let objects: BTreeSet<String> = applies.iter().map(|write| write.object()).collect();
    ensure!(objects == BTreeSet::from([format!("configmaps/{TOUCHED}")]), "applied or tried: {objects:?}");
    let (dry_runs, written): (Vec<_>, Vec<_>) = applies.into_iter().partition(|write| write.is_dry_run());
    ensure!(
        written.len() == 1 && dry_runs.is_empty(),
        "{} applies, {} dry-runs",
        written.len(),
        dry_runs.len()
    );
    ensure!(world.value(TOUCHED, "second").await.is_ok(), "the change arrived");

    let mut changed = versions(&world).await?;
    changed.retain(|name, version| before.get(name) != Some(version));
    ensure!(changed.keys().eq([TOUCHED]), "changed objects: {:?}", changed.keys());
    ensure!(upgraded < installed, "one changed app took {upgraded:?}, all of them {installed:?}");
    Ok(())
}

async fn all_at(world: &World, wanted: &str) -> Result<()> {
    let what = format!("all apps at {wanted}");
    wait_all(&world.kustomizations(), BOUND, &what, |all| {
        all.len() == APPS && all.values().all(|object| is_ready(object) && revision(object) == wanted)
    })
    .await?;
    Ok(())
}

/// The version of each applied object.
async fn versions(world: &World) -> Result<BTreeMap<String, String>> {
    let objects = world.list(&world.config_maps(), "kustomize.toolkit.fluxcd.io/name").await?;
    Ok(objects
        .into_iter()
        .map(|(name, object)| (name, object.resource_version().unwrap_or_default()))
        .collect())
}
