//! Other clusters: reached by a kubeconfig or by a service account's tokens, and what happens when they don't answer.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use kube::api::DynamicObject;
use serde_json::{Value, json};
use sluice_testkit::wait_for;

use crate::support::{AT_ONCE, PATIENCE, World, config_map, message};

/// The API server of the suite, as if it were another one: its address, its authority in PEM.
fn api_server(world: &World) -> Result<(String, String)> {
    let text = std::fs::read_to_string(world.kubeconfig())?;
    let config: Value = serde_json::to_value(kube::config::Kubeconfig::from_yaml(&text)?)?;
    let cluster = &config["clusters"][0]["cluster"];
    let address = cluster["server"].as_str().context("no server")?.to_owned();
    let ca = cluster["certificate-authority-data"].as_str().map(ToOwned::to_owned);
    let ca = match ca {
        Some(ca) => {
            use base64::Engine;
            String::from_utf8(base64::engine::general_purpose::STANDARD.decode(ca)?)?
        }
        None => std::fs::read_to_string(
            cluster["certificate-authority"].as_str().context("no authority in the kubeconfig")?,
        )?,
    };
    Ok((address, ca))
}

async fn commit(world: &World) -> Result<()> {
    let git = world.git.repository("app")?;
    git.commit("Initial", &[("app/app.yaml", Some(config_map("remote", "x").as_str()))])?;
    world.create_source("app").await?;
    world.ready(&world.sources(), "app").await?;
    Ok(())
}

#[tokio::test]
async fn a_cluster_can_trust_a_service_account() -> Result<()> {
    let world = World::with_flags("trust", &["--feature-gates=ObjectLevelWorkloadIdentity=true"]).await?;
    commit(&world).await?;
    let (address, ca) = api_server(&world)?;
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "deployer"}});
    world.create(account).await?;
    world
        .create(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "cluster"}, "data": {
            "provider": "generic", "address": address, "ca.crt": ca, "serviceAccountName": "deployer",
            "audiences": "https://kubernetes.default.svc.cluster.local",
        }}))
        .await?;
    let spec = json!({"kubeConfig": {"configMapRef": {"name": "cluster"}}, "retryInterval": "2s"});
    world.create(world.kustomization("app", "app", "./app", &spec)).await?;
    // The account is known there, and may do nothing yet.
    let object = world.failed(&world.kustomizations(), "app", "ReconciliationFailed").await?;
    let user = format!("system:serviceaccount:{}:deployer", world.name());
    ensure!(message(&object, "Ready").contains(&user), "{}", message(&object, "Ready"));
    world
        .create(json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": {"name": "deployer"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "admin"},
            "subjects": [{"kind": "ServiceAccount", "name": "deployer", "namespace": world.name()}]}))
        .await?;
    world.ready(&world.kustomizations(), "app").await?;
    world.value("remote", "x").await?;

    // What can't be used is told.
    for (name, data, wanted) in [
        ("provider", json!({"provider": "nobody"}), "provider 'nobody' not implemented"),
        (
            "address",
            json!({"provider": "generic", "serviceAccountName": "deployer"}),
            "cluster address is required to create a REST config",
        ),
        (
            "account",
            json!({"provider": "generic", "address": "https://127.0.0.1:1", "serviceAccountName": "nobody"}),
            "failed to get service account",
        ),
    ] {
        let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data});
        world.create(map).await?;
        let spec = json!({"kubeConfig": {"configMapRef": {"name": name}}});
        world.create(world.kustomization(name, "app", "./app", &spec)).await?;
        let object = world.failed(&world.kustomizations(), name, "ReconciliationFailed").await?;
        ensure!(message(&object, "Ready").contains(wanted), "{}", message(&object, "Ready"));
    }
    let spec = json!({"kubeConfig": {"configMapRef": {"name": "absent"}}});
    world.create(world.kustomization("absent", "app", "./app", &spec)).await?;
    let object = world.failed(&world.kustomizations(), "absent", "ReconciliationFailed").await?;
    let wanted = format!("failed to get configmap {}/absent: configmaps \"absent\" not found", world.name());
    ensure!(message(&object, "Ready") == wanted, "{}", message(&object, "Ready"));
    Ok(())
}

#[tokio::test]
async fn a_service_account_for_clouds_needs_the_gate() -> Result<()> {
    let world = World::start("gate").await?;
    commit(&world).await?;
    world
        .create(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "cluster"},
            "data": {"provider": "generic", "address": "https://127.0.0.1:1", "serviceAccountName": "deployer"}}))
        .await?;
    let spec = json!({"kubeConfig": {"configMapRef": {"name": "cluster"}}});
    world.create(world.kustomization("app", "app", "./app", &spec)).await?;
    let object = world.failed(&world.kustomizations(), "app", "ReconciliationFailed").await?;
    ensure!(
        message(&object, "Ready")
            == "failed to get access token for cluster: ObjectLevelWorkloadIdentity feature gate is not enabled",
        "{}",
        message(&object, "Ready")
    );
    Ok(())
}

/// What nobody listens at is told as Flux tells it, with the build's digest in the history.
#[tokio::test]
async fn a_cluster_that_is_not_there_is_told_when_objects_are_applied() -> Result<()> {
    let world = World::start("absent").await?;
    commit(&world).await?;
    let kubeconfig = "apiVersion: v1\nkind: Config\ncurrent-context: a\nclusters: [{name: a, cluster: {server: 'https://127.0.0.1:1'}}]\nusers: [{name: a, user: {}}]\ncontexts: [{name: a, context: {cluster: a, user: a}}]\n";
    world
        .create(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "absent"},
                       "stringData": {"value": kubeconfig}}))
        .await?;
    let spec = json!({"kubeConfig": {"secretRef": {"name": "absent"}}, "timeout": "40s"});
    world.create(world.kustomization("app", "app", "./app", &spec)).await?;
    let object = world.failed(&world.kustomizations(), "app", "ReconciliationFailed").await?;
    let text = message(&object, "Ready");
    ensure!(
        text.ends_with(
            " dry-run failed: failed to get server groups: Get \"https://127.0.0.1:1/api?timeout=40s\": dial tcp 127.0.0.1:1: connect: connection refused\n"
        ),
        "{text}"
    );
    let is_remembered = |object: Option<&DynamicObject>| {
        object.is_some_and(|object| {
            object.data["status"]["history"][0]["lastReconciledStatus"] == "ReconciliationFailed"
        })
    };
    wait_for(&world.kustomizations(), "app", PATIENCE, is_remembered).await?;
    Ok(())
}

#[tokio::test]
async fn a_dead_cluster_delays_nobody() -> Result<()> {
    let world = World::alone("dead", &["--concurrent=1"]).await?;
    commit(&world).await?;
    // A server that takes connections and never says a word.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let kubeconfig = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: a\nclusters: [{{name: a, cluster: {{server: 'http://{}'}}}}]\nusers: [{{name: a, user: {{}}}}]\ncontexts: [{{name: a, context: {{cluster: a, user: a}}}}]\n",
        silent.local_addr()?
    );
    world
        .create(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "dead"},
                       "stringData": {"value": kubeconfig}}))
        .await?;
    let spec = json!({"kubeConfig": {"secretRef": {"name": "dead"}}, "retryInterval": "1s"});
    for number in 0..3 {
        world.create(world.kustomization(&format!("dead-{number}"), "app", "./app", &spec)).await?;
    }
    let began = Instant::now();
    world.create(world.kustomization("alive", "app", "./app", &json!({}))).await?;
    world.ready(&world.kustomizations(), "alive").await?;
    ensure!(began.elapsed() < AT_ONCE, "took {:?}", began.elapsed());
    let object = world.failed(&world.kustomizations(), "dead-0", "ReconciliationFailed").await?;
    let text = message(&object, "Ready").to_owned();
    ensure!(text.contains("no answer within") || text.contains("did not answer the last"), "{text}");
    // After that it is left alone for a while: failing costs no time any more.
    let is_left_alone = |object: Option<&DynamicObject>| {
        object.is_some_and(|object| message(object, "Ready").contains("did not answer the last"))
    };
    wait_for(&world.kustomizations(), "dead-1", PATIENCE, is_left_alone).await?;
    let asked = format!("failed to get server groups: Get \"http://{}/api?timeout=", silent.local_addr()?);
    let event = world.event("Kustomization", "dead-1", "error", &asked).await?;
    ensure!(event["message"].as_str().is_some_and(|text| text.starts_with("ConfigMap/")), "{event}");
    drop(silent);
    Ok(())
}
