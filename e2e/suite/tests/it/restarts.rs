//! The API server restarts and its store forgets the past, while commits are rolled out: as in every upgrade of a control
//! plane, and every five minutes.

use std::{collections::BTreeMap, sync::OnceLock, time::Instant};

use anyhow::{Context, Result, anyhow, ensure};
use kube::{ResourceExt, api::DynamicObject};
use serde_json::json;
use sluice_testkit::{ControlPlane, Options, wait_for};

use crate::support::{PATIENCE, World, Write, config_map, deployment, is_ready, revision, wait_all};

const APPS: usize = 24;
const ROLL_OUTS: usize = 2;

/// A control plane that no other test uses: it goes away for moments.
fn cluster() -> Result<&'static ControlPlane> {
    static OWN: OnceLock<Result<ControlPlane, String>> = OnceLock::new();
    let start = || ControlPlane::start(Options { audit: true, ..Options::default() });
    let own = OWN.get_or_init(|| start().map_err(|error| format!("{error:#}")));
    own.as_ref().map_err(|message| anyhow!("{message}"))
}

fn name(index: usize) -> String {
    format!("app-{index:02}")
}

/// Every second app gets a new value; the others stay as they are.
fn files(number: usize) -> Vec<(String, String)> {
    let value = |index: usize| if index.is_multiple_of(2) { number.to_string() } else { "first".to_owned() };
    let apps = (0..APPS).map(|index| {
        let name = name(index);
        (format!("{name}/app.yaml"), config_map(&name, &value(index)))
    });
    // One that waits for its pods.
    apps.chain([(format!("{}/deployment.yaml", name(0)), deployment("web", 1 + number as u32 % 2, "ready"))])
        .collect()
}

#[tokio::test]
async fn roll_outs_survive_restarts_of_the_api_server_and_compactions() -> Result<()> {
    let cluster = cluster()?;
    let world = World::on(cluster, "restarts").await?;
    let repository = world.git.repository("apps")?;
    let commit = |number: usize| -> Result<String> {
        let files = files(number);
        let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), Some(text.as_str()))).collect();
        Ok(format!("main@sha1:{}", repository.commit(&format!("Roll-out {number}"), &files)?))
    };
    let first = commit(0)?;
    world.create_source("apps").await?;
    let spec = json!({"wait": true, "retryInterval": "2s"});
    let all = (0..APPS)
        .map(|index| world.kustomization(&name(index), "apps", &format!("./{}", name(index)), &spec));
    world.create_all(all).await?;
    converged(&world, &first).await?;
    let untouched = versions(&world, 1).await?;
    let identities = identities(&world).await?;

    for number in 1..=ROLL_OUTS {
        let mark = world.mark().await?;
        let wanted = commit(number)?;
        world.request(&world.sources(), "apps").await?;
        // In the middle of it: when the first has been written, the server goes away. What watchers knew is forgotten by
        // the store, and the new server's memory starts with what is now: who asks for more is told 410.
        let value = number.to_string();
        let written = |object: Option<&DynamicObject>| {
            object.is_some_and(|object| object.data["data"]["value"] == value.as_str())
        };
        wait_for(&world.config_maps(), &name(0), PATIENCE, written).await?;
        cluster.compact_store().await?;
        cluster.restart_api_server().await?;
        cluster.compact_store().await?;
        let began = Instant::now();
        converged(&world, &wanted).await.with_context(|| format!("roll-out {number}"))?;
        println!("roll-out {number} went on, and was through {:?} after the restart", began.elapsed());
        check_writes(&world.writes_since(mark).await?).with_context(|| format!("roll-out {number}"))?;
    }
    ensure!(versions(&world, 1).await? == untouched, "what no commit touched was written");
    ensure!(self::identities(&world).await? == identities, "an object was created anew");

    // Everything is heard of as before: a change of a spec, and a deletion.
    let api = world.kustomizations();
    world.patch(&api, &name(1), &json!({"spec": {"commonMetadata": {"labels": {"heard": "yes"}}}})).await?;
    let heard =
        |object: Option<&DynamicObject>| object.is_some_and(|object| object.labels().contains_key("heard"));
    wait_for(&world.config_maps(), &name(1), PATIENCE, heard).await?;
    world.delete(&api, &name(3)).await?;
    sluice_testkit::wait_gone(&world.config_maps(), &name(3), PATIENCE).await?;
    Ok(())
}

async fn converged(world: &World, wanted: &str) -> Result<()> {
    wait_all(&world.kustomizations(), 2 * PATIENCE, &format!("all apps at {wanted}"), |all| {
        all.len() == APPS && all.values().all(|object| is_ready(object) && revision(object) == wanted)
    })
    .await?;
    Ok(())
}

/// The versions of every second object, from this one on.
async fn versions(world: &World, first: usize) -> Result<BTreeMap<String, Option<String>>> {
    let all = world.list(&world.config_maps(), "kustomize.toolkit.fluxcd.io/name").await?;
    let wanted: Vec<_> = (first..APPS).step_by(2).map(name).collect();
    Ok(all
        .into_iter()
        .filter(|(name, _)| wanted.contains(name))
        .map(|(name, object)| (name, object.resource_version()))
        .collect())
}

async fn identities(world: &World) -> Result<BTreeMap<String, Option<String>>> {
    let all = world.list(&world.config_maps(), "kustomize.toolkit.fluxcd.io/name").await?;
    Ok(all.into_iter().map(|(name, object)| (name, object.uid())).collect())
}

/// Nothing was written twice, and only what the commit touched.
fn check_writes(writes: &[Write]) -> Result<()> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let applies = writes.iter().filter(|write| write.is_apply() && !write.is_dry_run() && write.succeeded());
    for write in applies {
        *counts.entry(write.object()).or_default() += 1;
    }
    let is_touched = |object: &str| {
        object == "deployments/web"
            || (0..APPS).step_by(2).any(|index| object == format!("configmaps/{}", name(index)))
    };
    let odd: Vec<_> = counts.iter().filter(|(object, count)| **count > 1 || !is_touched(object)).collect();
    ensure!(odd.is_empty(), "written twice, or without need: {odd:?}");
    // Pods come and go with their Deployment.
    let deleted: Vec<_> = writes
        .iter()
        .filter(|write| write.verb == "delete" && write.object_ref.resource != "pods")
        .map(|write| &write.uri)
        .collect();
    ensure!(deleted.is_empty(), "deleted: {deleted:?}");
    Ok(())
}
