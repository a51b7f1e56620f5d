//! What commits and people change afterwards.

use anyhow::{Context, Result, ensure};
use kube::{ResourceExt, api::DynamicObject};
use serde_json::json;
use sluice_testkit::{wait_for, wait_gone};

use crate::fleet::{Fleet, PATIENCE, PLATFORM};

/// A commit costs what it touches: one Kustomization is built, one cluster is written to.
pub async fn a_change_for_staging_stays_there(fleet: &Fleet) -> Result<()> {
    let (builds, on_the_hub) = (fleet.builds().await?, fleet.hub.writes()?.len());
    let file = "apps/staging/kustomization.yaml";
    let text = std::fs::read_to_string(fleet.platform.path().join(file))?;
    let two = text.replace("replicas: 1", "replicas: 2");
    let revision = fleet.commit("Two replicas in staging", &[(file, Some(&two))]).await?;
    // All others record the revision.
    for name in ["staging-apps", "apps", "staging", "flux-system"] {
        fleet.applied(PLATFORM, name, &revision).await?;
    }
    let shop = fleet.spoke.deployments("shop").get("shop").await?;
    ensure!(shop.data["spec"]["replicas"] == 2 && shop.data["status"]["readyReplicas"] == 2, "{}", shop.data);
    let written = fleet.hub.writes()?.split_off(on_the_hub);
    ensure!(written.is_empty(), "written on the hub: {written:#?}");
    let built = fleet.builds().await? - builds;
    ensure!(built == 1, "{built} builds for one changed folder");
    Ok(())
}

/// The hub looks at the spoke's objects, not at its memory of them.
pub async fn what_people_change_on_the_spoke_is_put_right(fleet: &Fleet) -> Result<()> {
    fleet.spoke.kubectl(&["-n", "shop", "scale", "deployment/shop", "--replicas=5"]).await?;
    fleet.spoke.kubectl(&["-n", "shop", "delete", "service/shop"]).await?;
    fleet.reconcile(PLATFORM, "staging-apps", "put-right").await?;
    let shop = fleet.spoke.deployments("shop").get("shop").await?;
    ensure!(shop.data["spec"]["replicas"] == 2, "{}", shop.data["spec"]);
    fleet.spoke.objects("shop", "v1", "Service").get("shop").await?;
    Ok(())
}

/// Kustomizations are objects as any other: the root applies a new one, which applies its own, and prunes it, which
/// prunes its own.
pub async fn a_new_kustomization_brings_its_objects_and_takes_them_along(fleet: &Fleet) -> Result<()> {
    let layer = json!({
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
        "metadata": {"name": "reports", "namespace": PLATFORM},
        "spec": {
            "interval": "1h", "path": "./reports", "prune": true, "serviceAccountName": "kustomize-controller",
            "targetNamespace": "shop", "sourceRef": {"kind": "GitRepository", "name": "flux-system"},
        },
    });
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: reports\ndata:\n  at: noon\n";
    let (layer_file, map_file) = ("clusters/production/reports.yaml", "reports/reports.yaml");
    let files = [(layer_file, Some(&*layer.to_string())), (map_file, Some(map))];
    let revision = fleet.commit("Reports", &files).await?;
    fleet.applied(PLATFORM, "reports", &revision).await?;
    let maps = fleet.hub.objects("shop", "v1", "ConfigMap");
    let report = maps.get("reports").await?;
    ensure!(report.labels()["kustomize.toolkit.fluxcd.io/name"] == "reports", "{:?}", report.labels());

    let revision = fleet.commit("No reports", &[(layer_file, None), (map_file, None)]).await?;
    fleet.applied(PLATFORM, "flux-system", &revision).await?;
    wait_gone(&fleet.hub.kustomizations(PLATFORM), "reports", PATIENCE).await?;
    wait_gone(&maps, "reports", PATIENCE).await?;
    Ok(())
}

/// Whose account a Kustomization uses is asked on the cluster that it deploys to; whether it may clean up is asked on the
/// hub. So one that only the spoke knows deploys, and leaves its objects behind.
pub async fn an_account_that_only_the_spoke_knows_leaves_its_objects(fleet: &Fleet) -> Result<()> {
    let account = format!("--serviceaccount={PLATFORM}:spoke-only");
    let bind = ["create", "clusterrolebinding", "spoke-only", "--clusterrole=cluster-admin", &account];
    fleet.spoke.kubectl(&bind).await?;
    let layer = json!({
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
        "metadata": {"name": "spoke-only", "namespace": PLATFORM},
        "spec": {
            "interval": "1h", "path": "./spoke-only", "prune": true, "serviceAccountName": "spoke-only",
            "targetNamespace": "default", "kubeConfig": {"secretRef": {"name": "staging-kubeconfig"}},
            "sourceRef": {"kind": "GitRepository", "name": "flux-system"},
        },
    });
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: left\n";
    let (layer_file, map_file) = ("clusters/production/spoke-only.yaml", "spoke-only/map.yaml");
    let files = [(layer_file, Some(&*layer.to_string())), (map_file, Some(map))];
    let revision = fleet.commit("An account of the spoke", &files).await?;
    fleet.applied(PLATFORM, "spoke-only", &revision).await?;
    let revision = fleet.commit("No such account", &[(layer_file, None), (map_file, None)]).await?;
    fleet.applied(PLATFORM, "flux-system", &revision).await?;
    wait_gone(&fleet.hub.kustomizations(PLATFORM), "spoke-only", PATIENCE).await?;
    fleet.spoke.objects("default", "v1", "ConfigMap").get("left").await.context("what was left")?;
    Ok(())
}

/// Without its Kustomization a cluster loses what it was given, and nothing else; the hub stays as it is.
pub async fn a_cluster_that_leaves_the_repository_is_emptied(fleet: &Fleet) -> Result<()> {
    fleet.spoke.kubectl(&["create", "configmap", "foreign", "-n", "default"]).await?;
    let revision = fleet.commit("No staging", &[("clusters/production/staging.yaml", None)]).await?;
    fleet.applied(PLATFORM, "flux-system", &revision).await?;
    let api = fleet.hub.kustomizations(PLATFORM);
    for name in
        ["staging", "staging-apps", "staging-infrastructure-configs", "staging-infrastructure-controllers"]
    {
        wait_gone(&api, name, PATIENCE).await?;
    }
    wait_gone(&fleet.spoke.deployments("shop"), "shop", PATIENCE).await?;
    let definitions = fleet.spoke.kubectl(&["get", "customresourcedefinitions", "-o", "name"]);
    ensure!(!definitions.await?.contains("queues"), "the definition is still there");
    fleet.spoke.objects("default", "v1", "ConfigMap").get("foreign").await?;
    // Its settings were objects of the hub.
    let settings = fleet.hub.objects(PLATFORM, "v1", "ConfigMap");
    ensure!(settings.get_opt("staging-settings").await?.is_none(), "its settings are still there");
    let ready = |object: Option<&DynamicObject>| {
        object.is_some_and(|object| object.data["status"]["readyReplicas"] == 3)
    };
    let shop = wait_for(&fleet.hub.deployments("shop"), "shop", PATIENCE, ready).await?;
    shop.context("production is untouched")?;
    Ok(())
}
