//! With `--watch-inventory`, what others change in the cluster is put right at once.

use anyhow::{Context, Result, ensure};
use kube::{
    ResourceExt,
    api::{Api, DynamicObject, Patch, PatchParams},
};
use serde_json::json;
use sluice_testkit::wait_for;

use crate::support::{AT_ONCE, World, config_map, deployment, field, is_ready};

async fn corrected(
    api: &Api<DynamicObject>,
    name: &str,
    is: impl Fn(&DynamicObject) -> bool,
) -> Result<DynamicObject> {
    let object = wait_for(api, name, AT_ONCE, |object: Option<&DynamicObject>| object.is_some_and(&is));
    object.await?.context("the object exists")
}

async fn passes(world: &World) -> Result<u64> {
    let labels = [("kind", "Kustomization"), ("name", "app")];
    let metrics = world.kustomize.metrics().await?;
    Ok(metrics.sum("gotk_reconcile_duration_seconds_count", &labels).unwrap_or_default() as u64)
}

/// How many passes there were once no more end: one is counted after its last write.
async fn settled(world: &World) -> Result<u64> {
    let mut before = passes(world).await?;
    loop {
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        let now = passes(world).await?;
        if now > 0 && now == before {
            return Ok(now);
        }
        before = now;
    }
}

#[tokio::test]
async fn drift_is_corrected_long_before_the_interval() -> Result<()> {
    let world = World::with_flags("watched", &["--watch-inventory"]).await?;
    let repository = world.git.repository("app")?;
    let files = [
        ("app.yaml", deployment("app", 1, "ready")),
        ("mark.yaml", config_map("mark", "1")),
        ("gone.yaml", config_map("gone", "1")),
    ];
    let files: Vec<_> = files.iter().map(|(path, text)| (*path, Some(text.as_str()))).collect();
    let commit = repository.commit("Install", &files)?;
    world.create_source("app").await?;
    world.create(world.kustomization("app", "app", "./", &json!({"wait": true}))).await?;
    world.applied("app", &format!("main@sha1:{commit}")).await?;
    let (maps, deployments) = (world.config_maps(), world.namespace.objects("apps/v1", "Deployment"));

    // Fields that others add are theirs, and statuses are no drift: nothing is due, however long it takes until the
    // edit below is corrected.
    let before = settled(&world).await?;
    let theirs = PatchParams::apply("another-controller");
    let note =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"annotations": {"theirs": "kept"}}});
    maps.patch("mark", &theirs, &Patch::Apply(&note)).await?;
    let status = json!({"status": {"conditions": [{"type": "Odd", "status": "True"}]}});
    deployments.patch_status("app", &PatchParams::default(), &Patch::Merge(&status)).await?;

    world.patch(&maps, "mark", &json!({"data": {"value": "2"}})).await?;
    let mark = corrected(&maps, "mark", |object| object.data["data"]["value"] == "1").await?;
    ensure!(mark.annotations().contains_key("theirs"), "{:?}", mark.annotations());
    let drift = format!("ConfigMap/{}/mark configured", world.name());
    world.event("Kustomization", "app", "info", &drift).await?;
    world.ready(&world.kustomizations(), "app").await?;
    // A pass is counted when it ends, which is after its last write.
    let began = std::time::Instant::now();
    while passes(&world).await? == before {
        ensure!(began.elapsed() < AT_ONCE, "the pass does not end");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let made = passes(&world).await? - before;
    ensure!(made == 1, "{made} passes for one edit");

    world.namespace.kubectl(&["scale", "deployment/app", "--replicas=3"]).await?;
    corrected(&deployments, "app", |object| *field(object, "/spec/replicas") == 1).await?;

    let gone = maps.get("gone").await?;
    world.delete(&maps, "gone").await?;
    corrected(&maps, "gone", |object| object.uid() != gone.uid()).await?;

    // By kubectl, in a field that Git says nothing of.
    world.namespace.kubectl(&["annotate", "configmap/mark", "added=by-hand"]).await?;
    corrected(&maps, "mark", |object| !object.annotations().contains_key("added")).await?;

    // The label by which the object is known.
    world.namespace.kubectl(&["label", "configmap/mark", "kustomize.toolkit.fluxcd.io/name-"]).await?;
    corrected(&maps, "mark", |object| object.labels().contains_key("kustomize.toolkit.fluxcd.io/name"))
        .await?;
    Ok(())
}

#[tokio::test]
async fn a_suspended_kustomization_leaves_drift_alone_until_it_is_resumed() -> Result<()> {
    let world = World::with_flags("unwatched", &["--watch-inventory"]).await?;
    let repository = world.git.repository("app")?;
    for name in ["app", "other"] {
        repository.commit("Install", &[(&format!("{name}/app.yaml"), Some(&config_map(name, "1")))])?;
    }
    let commit = repository.head()?;
    world.create_source("app").await?;
    for name in ["app", "other"] {
        let path = format!("./{name}");
        world.create(world.kustomization(name, "app", &path, &json!({}))).await?;
        world.applied(name, &format!("main@sha1:{commit}")).await?;
    }
    let kustomizations = world.kustomizations();
    world.patch(&kustomizations, "app", &json!({"spec": {"suspend": true}})).await?;
    corrected(&kustomizations, "app", is_ready).await?;
    let maps = world.config_maps();
    for name in ["app", "other"] {
        world.patch(&maps, name, &json!({"data": {"value": "2"}})).await?;
    }
    world.value("other", "1").await?;
    ensure!(maps.get("app").await?.data["data"]["value"] == "2", "a suspended object was reconciled");
    world.patch(&kustomizations, "app", &json!({"spec": {"suspend": false}})).await?;
    world.value("app", "1").await?;
    Ok(())
}
