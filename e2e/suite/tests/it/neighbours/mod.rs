//! Neighbours: controllers that many clusters have, whose custom resources come from the same repository.
//!
//! Their definitions are one layer, what they define another. The test plays the neighbours with what shows of them:
//! defaults of definitions, a mutating admission policy in the place of a webhook, statuses, annotations and fields that
//! they write. Definitions here are our own, with the groups, kinds and traits of the real ones; with the environment
//! variable `SLUICE_NEIGHBOURS` those of that folder are taken.

mod definitions;
mod projects;

use anyhow::{Context, Result, ensure};
use kube::{
    ResourceExt,
    api::{DynamicObject, Patch},
};
use serde_json::json;
use sluice_testkit::wait_for;

use crate::support::{PATIENCE, World, Write, field, is_ready, message};

#[tokio::test]
async fn their_custom_resources_are_awaited_and_left_in_peace() -> Result<()> {
    let mut world = World::start("neighbours").await?;
    let repository = world.git.repository("app")?;
    let mut files = definitions::files()?;
    for it in projects::all() {
        let object = json!({"apiVersion": it.api_version, "kind": it.kind, "metadata": {"name": it.name()}, "spec": it.spec});
        files.push((format!("objects/{}.yaml", it.name()), object.to_string()));
    }
    // Flagger scales what it looks after: Git says nothing of its replicas.
    let target = crate::support::deployment("canary", 1, "ready").replace("  replicas: 1\n", "");
    files.push(("objects/target.yaml".to_owned(), target));
    let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), Some(text.as_str()))).collect();
    let commit = repository.commit("Install", &files)?;
    world.create_source("app").await?;
    let spec = json!({"wait": true, "targetNamespace": null});
    world.create(world.kustomization("definitions", "app", "./definitions", &spec)).await?;
    world.ready(&world.kustomizations(), "definitions").await?;
    world.namespace.control_plane().apply_yaml(&definitions::admission(world.name()).to_string()).await?;
    admitted(&world).await?;

    let spec = json!({"wait": true, "timeout": "10m", "dependsOn": [{"name": "definitions"}]});
    world.create(world.kustomization("objects", "app", "./objects", &spec)).await?;
    let api = world.kustomizations();
    waits(&world).await?;
    // At work, none of them is ready; the last one that gets done makes all ready.
    for it in projects::all() {
        if let Some(status) = &it.at_work {
            it.report(&world, status).await?;
        }
    }
    let all = projects::all();
    let (last, others) = all.split_last().context("there are neighbours")?;
    for it in others {
        it.done(&world).await?;
    }
    waits(&world).await?;
    last.done(&world).await?;
    world.applied("objects", &format!("main@sha1:{commit}")).await?;
    let certificate = all[2].objects(&world).get("certificate").await?;
    ensure!(*field(&certificate, "/spec/revisionHistoryLimit") == 1, "the policy did nothing");

    // They go on with their work: annotations, restarts, scaling.
    for it in &all {
        let note = json!({"metadata": {"annotations": {format!("{}/revision", it.name()): "1"}, "finalizers": [format!("example.com/{}", it.name())]}});
        it.objects(&world).patch(&it.name(), &it.manager(), &Patch::Merge(note)).await?;
        it.done(&world).await?;
    }
    let deployments = world.namespace.objects("apps/v1", "Deployment");
    let scale = Patch::Merge(json!({"spec": {"replicas": 0}}));
    deployments.patch("canary", &all[4].manager(), &scale).await?;
    let result = nothing_is_written(&mut world).await;
    // Whatever came out, the objects must be free to go.
    for it in &all {
        let free = Patch::Merge(json!({"metadata": {"finalizers": null}}));
        it.objects(&world).patch(&it.name(), &it.manager(), &free).await?;
    }
    result?;
    ensure!(*field(&deployments.get("canary").await?, "/spec/replicas") == 0, "it was scaled back");

    // What fails for good is told at once, in the project's own words.
    for it in &all {
        let Some((status, told)) = &it.failed else { continue };
        it.report(&world, status).await?;
        world.request(&api, "objects").await?;
        let failed = |object: Option<&DynamicObject>| {
            object.is_some_and(|object| {
                let text = message(object, "Ready");
                text.contains(&format!("{}/{}/{}", it.kind, world.name(), it.name())) && text.contains(told)
            })
        };
        wait_for(&api, "objects", PATIENCE, failed).await.with_context(|| it.name())?;
        it.done(&world).await?;
        world.request(&api, "objects").await?;
        world.ready(&api, "objects").await?;
    }
    Ok(())
}

/// Waits until the health of the custom resources is waited for.
async fn waits(world: &World) -> Result<()> {
    let waits = |object: Option<&DynamicObject>| {
        object.is_some_and(|object| message(object, "Healthy").starts_with("Running health checks"))
    };
    let object = wait_for(&world.kustomizations(), "objects", PATIENCE, waits).await?.context("it exists")?;
    ensure!(!is_ready(&object), "it is ready too early");
    Ok(())
}

/// Waits until the policy is in force, which the API server sees to in its own time.
async fn admitted(world: &World) -> Result<()> {
    let all = projects::all();
    let probe = json!({"apiVersion": all[2].api_version, "kind": all[2].kind, "metadata": {"name": "probe"}, "spec": all[2].spec});
    let dry_run = kube::api::PostParams { dry_run: true, ..kube::api::PostParams::default() };
    let began = std::time::Instant::now();
    loop {
        let object = all[2].objects(world).create(&dry_run, &serde_json::from_value(probe.clone())?).await?;
        if *field(&object, "/spec/revisionHistoryLimit") == 1 {
            return Ok(());
        }
        ensure!(began.elapsed() < PATIENCE, "the policy is not in force");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

/// A pass of a controller that remembers nothing compares all of them, and writes none.
async fn nothing_is_written(world: &mut World) -> Result<()> {
    let mark = world.mark().await?;
    world.kustomize.restart().await?;
    let api = world.kustomizations();
    for name in ["definitions", "objects"] {
        let again = |object: Option<&DynamicObject>| {
            object.is_some_and(|object| {
                is_ready(object) && *field(object, "/status/history/0/totalReconciliations") == 2
            })
        };
        wait_for(&api, name, PATIENCE, again).await.with_context(|| name.to_owned())?;
    }
    let writes = world.writes_since(mark).await?;
    let (compared, written): (Vec<_>, Vec<_>) =
        writes.iter().filter(|write| write.is_apply()).partition(|write| write.is_dry_run());
    let written: Vec<_> = written.into_iter().map(Write::object).collect();
    ensure!(compared.len() == projects::all().len() + 1, "{} objects were compared", compared.len());
    ensure!(written.is_empty(), "written: {written:?}");
    let labels = all_owned(world).await?;
    ensure!(labels == projects::all().len(), "{labels} custom resources are owned");
    Ok(())
}

/// How many custom resources have the label of their owner still.
async fn all_owned(world: &World) -> Result<usize> {
    let mut count = 0;
    for it in projects::all() {
        let object = it.objects(world).get(&it.name()).await?;
        count += usize::from(object.labels().contains_key("kustomize.toolkit.fluxcd.io/name"));
    }
    Ok(count)
}
