//! What others change in the cluster is put right at the interval.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use kube::{
    Api, ResourceExt,
    api::{DynamicObject, Patch, PatchParams},
};
use serde_json::{Value, json};
use sluice_testkit::{GitRepository, wait_for};

use crate::support::{AT_ONCE, PATIENCE, World, config_map, deployment, field};

/// Two intervals of two seconds, their jitter, and a pass of an unoptimised build.
const CORRECTION: Duration = AT_ONCE;

/// A world whose Kustomization `app` looks every two seconds.
async fn drifting(prefix: &str, files: &[(&str, Option<&str>)]) -> Result<(World, GitRepository)> {
    let world = World::start(prefix).await?;
    let repository = world.git.repository("app")?;
    let commit = repository.commit("Install", files)?;
    world.create_source("app").await?;
    world.create(world.kustomization("app", "app", "./", &json!({"interval": "2s"}))).await?;
    world.applied("app", &format!("main@sha1:{commit}")).await?;
    Ok((world, repository))
}

fn deployments(world: &World) -> Api<DynamicObject> {
    world.namespace.objects("apps/v1", "Deployment")
}

async fn until(api: &Api<DynamicObject>, name: &str, pointer: &str, wanted: &Value) -> Result<DynamicObject> {
    let is = |object: Option<&DynamicObject>| object.is_some_and(|object| field(object, pointer) == wanted);
    wait_for(api, name, CORRECTION, is).await?.context("the object exists")
}

#[tokio::test]
async fn scaling_and_editing_by_hand_is_put_right() -> Result<()> {
    let (world, _repository) =
        drifting("drift", &[("app.yaml", Some(&deployment("app", 1, "ready")))]).await?;
    let api = deployments(&world);
    let before = api.get("app").await?;
    // What kubectl says shows that the change was made, however soon it is undone.
    let output = world.namespace.kubectl(&["scale", "deployment/app", "--replicas=3"]).await?;
    ensure!(output.contains("scaled"), "{output}");
    let scaled = before.metadata.generation.map(|generation| generation + 1);
    let corrected = |object: Option<&DynamicObject>| {
        object.is_some_and(|object| {
            object.metadata.generation > scaled && *field(object, "/spec/replicas") == 1
        })
    };
    wait_for(&api, "app", CORRECTION, corrected).await?;
    let text = format!("Deployment/{}/app configured", world.name());
    world.event("Kustomization", "app", "info", &text).await?;

    // As `kubectl edit` does.
    let edit = json!({"spec": {"template": {"spec": {
        "containers": [{"name": "main", "image": "example.com/app:hacked"}],
        "hostAliases": [{"ip": "10.0.0.1", "hostnames": ["added"]}],
    }}}});
    let manager = PatchParams { field_manager: Some("kubectl-edit".into()), ..PatchParams::default() };
    api.patch("app", &manager, &Patch::Strategic(&edit)).await?;
    let object = until(&api, "app", "/spec/template/spec/hostAliases", &Value::Null).await?;
    let image = field(&object, "/spec/template/spec/containers/0/image");
    ensure!(*image == "example.com/app:1", "{image}");
    ensure!(object.uid() == before.uid(), "it was recreated");
    Ok(())
}

#[tokio::test]
async fn what_kubectl_applied_is_removed_and_what_others_own_stays() -> Result<()> {
    let (world, _repository) =
        drifting("kubectl", &[("app.yaml", Some(&config_map("app", "from git")))]).await?;
    let api = world.config_maps();
    // Another manager's field.
    let theirs = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"theirs": "kept"}});
    api.patch("app", &PatchParams::apply("another-controller"), &Patch::Apply(&theirs)).await?;
    let manifest = config_map("app", "from kubectl") + "  added: by kubectl\n";
    world
        .namespace
        .control_plane()
        .kubectl_with(&["-n", world.name(), "apply", "-f", "-"], &manifest)
        .await?;
    let wanted = json!({"value": "from git", "theirs": "kept"});
    let object = until(&api, "app", "/data", &wanted).await?;
    let annotations = object.annotations();
    ensure!(annotations.is_empty(), "left behind: {annotations:?}");
    let managers: Vec<_> =
        object.managed_fields().iter().filter_map(|entry| entry.manager.as_deref()).collect();
    ensure!(!managers.iter().any(|manager| manager.starts_with("kubectl")), "field managers: {managers:?}");
    Ok(())
}

#[tokio::test]
async fn a_deleted_object_comes_back_and_an_undrifted_one_is_left_alone() -> Result<()> {
    let files = [("gone.yaml", config_map("gone", "1")), ("there.yaml", config_map("there", "1"))];
    let files: Vec<_> = files.iter().map(|(path, text)| (*path, Some(text.as_str()))).collect();
    let (world, _repository) = drifting("deleted", &files).await?;
    let api = world.config_maps();
    let (gone, there) = (api.get("gone").await?, api.get("there").await?);
    world.delete(&api, "gone").await?;
    let is_new = |object: Option<&DynamicObject>| object.is_some_and(|object| object.uid() != gone.uid());
    wait_for(&api, "gone", CORRECTION, is_new).await?;
    ensure!(api.get("there").await?.resource_version() == there.resource_version(), "the other was written");
    Ok(())
}

#[tokio::test]
async fn annotations_leave_objects_to_others() -> Result<()> {
    let disabled = "apiVersion: v1
kind: ConfigMap
metadata:
  name: disabled
  annotations: {kustomize.toolkit.fluxcd.io/reconcile: disabled}
data: {value: from git}
";
    let once = "apiVersion: v1
kind: ConfigMap
metadata:
  name: once
  labels: {kustomize.toolkit.fluxcd.io/ssa: IfNotPresent}
data: {value: from git}
";
    let world = World::start("annotations").await?;
    let repository = world.git.repository("app")?;
    let files = [
        ("disabled.yaml", Some(disabled)),
        ("once.yaml", Some(once)),
        ("app.yaml", Some(&*config_map("app", "1"))),
    ];
    let commit = repository.commit("Install", &files)?;
    world.create_source("app").await?;
    world.create(world.kustomization("app", "app", "./", &json!({}))).await?;
    world.applied("app", &format!("main@sha1:{commit}")).await?;
    let api = world.config_maps();
    ensure!(api.get_opt("disabled").await?.is_none(), "an object that is not to be reconciled was created");
    for name in ["once", "app"] {
        world.patch(&api, name, &json!({"data": {"value": "by hand"}})).await?;
    }
    world.request(&world.kustomizations(), "app").await?;
    world.value("app", "1").await?;
    let once = api.get("once").await?;
    ensure!(once.data["data"]["value"] == "by hand", "{:?}", once.data);
    Ok(())
}

#[tokio::test]
async fn ignored_fields_are_no_drift() -> Result<()> {
    let world = World::start("ignored").await?;
    let repository = world.git.repository("app")?;
    let files =
        [("app.yaml", Some(&*deployment("app", 1, "ready"))), ("mark.yaml", Some(&*config_map("mark", "1")))];
    let commit = repository.commit("Install", &files)?;
    world.create_source("app").await?;
    let spec = json!({"interval": "2s", "ignore": [{"paths": ["/spec/replicas"], "target": {"kind": "Deployment"}}]});
    world.create(world.kustomization("app", "app", "./", &spec)).await?;
    world.applied("app", &format!("main@sha1:{commit}")).await?;
    world.namespace.kubectl(&["scale", "deployment/app", "--replicas=2"]).await?;
    // The same pass that puts this right looks at the Deployment too.
    world.patch(&world.config_maps(), "mark", &json!({"data": {"value": "2"}})).await?;
    world.value("mark", "1").await?;
    let replicas = deployments(&world).get("app").await?.data["spec"]["replicas"].take();
    ensure!(replicas == 2, "{replicas}");
    // A change of something else keeps it as well.
    let text = deployment("app", 1, "ready").replace("app:1", "app:2");
    let commit = repository.commit("Upgrade", &[("app.yaml", Some(&text))])?;
    world.sync("app", &commit).await?;
    let image = |object: Option<&DynamicObject>| {
        object.is_some_and(|object| {
            *field(object, "/spec/template/spec/containers/0/image") == "example.com/app:2"
        })
    };
    let object = wait_for(&deployments(&world), "app", PATIENCE, image).await?.context("it exists")?;
    ensure!(*field(&object, "/spec/replicas") == 2, "{:?}", object.data["spec"]);
    Ok(())
}
