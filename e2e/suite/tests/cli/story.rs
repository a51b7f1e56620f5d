//! The commands as people use them: from a repository to the cluster and back.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use kube::Api;
use sluice_apis::k8s::ConfigMap;
use sluice_testkit::{ControlPlane, Controller, GitOptions, GitServer};

use crate::program::sluice;

fn config_map(value: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: app\ndata:\n  key: {value}\n")
}

#[tokio::test]
async fn a_commit_is_created_reconciled_broken_and_mended() -> Result<()> {
    let cluster = ControlPlane::shared()?;
    cluster.install_crds().await?;
    let namespace = cluster.namespace("story").await?;
    let run = async |arguments: &str| sluice(cluster.kubeconfig(), namespace.name(), arguments).await;
    let git = GitServer::start(&GitOptions::default())?;
    let repository = git.repository("app")?;
    let first = repository.commit("first", &[("deploy/app.yaml", Some(&config_map("one")))])?;
    let _source = Controller::of("source-controller").in_namespace(&namespace).start().await?;
    let _kustomize = Controller::of("kustomize-controller").in_namespace(&namespace).start().await?;

    let url = git.http_url("app")?;
    let created =
        run(&format!("create source git app --url {url} --branch main --timeout 1m")).await?.ok()?;
    ensure!(created.stderr.contains(&format!("✔ fetched revision: main@sha1:{first}")), "{}", created.stderr);
    let target = namespace.name();
    let create = format!(
        "create ks app --source app --path ./deploy --prune --target-namespace {target} --timeout 1m"
    );
    let created = run(&create).await?.ok()?;
    ensure!(created.stderr.contains(&format!("✔ applied revision main@sha1:{first}")), "{}", created.stderr);
    let maps: Api<ConfigMap> = namespace.api();
    ensure!(maps.get("app").await?.data.is_some_and(|data| data["key"] == "one"), "the ConfigMap is another");

    let second = repository.commit("second", &[("deploy/app.yaml", Some(&config_map("two")))])?;
    let reconciled = run("reconcile kustomization app --with-source --timeout 1m").await?.ok()?;
    let expected = [
        format!("► annotating GitRepository app in {target} namespace"),
        "✔ GitRepository annotated".to_owned(),
        "◎ waiting for GitRepository reconciliation".to_owned(),
        format!("✔ fetched revision main@sha1:{second}"),
        format!("► annotating Kustomization app in {target} namespace"),
        "✔ Kustomization annotated".to_owned(),
        "◎ waiting for Kustomization reconciliation".to_owned(),
        format!("✔ applied revision main@sha1:{second}"),
    ];
    ensure!(reconciled.messages() == expected, "{}", reconciled.stderr);
    ensure!(maps.get("app").await?.data.is_some_and(|data| data["key"] == "two"), "the ConfigMap is another");

    let tree = run("tree ks app").await?.ok()?;
    ensure!(
        tree.stdout == format!("Kustomization/{target}/app\n└── ConfigMap/{target}/app\n\n"),
        "{}",
        tree.stdout
    );
    let events = run("events --for Kustomization/app").await?.ok()?;
    ensure!(events.stdout.contains("GitRepository/app"), "no events of the source: {}", events.stdout);
    ensure!(events.stdout.contains("ReconciliationSucceeded"), "{}", events.stdout);

    // A failure is told when it happens, not when the time is over.
    repository.commit("broken", &[("deploy/app.yaml", Some("kind: ["))])?;
    let start = Instant::now();
    let broken = run("reconcile ks app --with-source --timeout 1m").await?.failed()?;
    ensure!(start.elapsed() < Duration::from_secs(30), "it took {:?}", start.elapsed());
    ensure!(broken.stderr.contains("✗ Kustomization reconciliation failed: '"), "{}", broken.stderr);
    ensure!(broken.stderr.contains("app.yaml"), "the file is not named: {}", broken.stderr);

    let third = repository.commit("mended", &[("deploy/app.yaml", Some(&config_map("three")))])?;
    run("suspend ks app").await?.ok()?;
    run("reconcile source git app --timeout 1m").await?.ok()?;
    ensure!(
        maps.get("app").await?.data.is_some_and(|data| data["key"] == "two"),
        "it was applied while suspended"
    );
    let resumed = run("resume ks app --timeout 1m").await?.ok()?;
    ensure!(resumed.stderr.contains("✔ Kustomization app reconciliation completed"), "{}", resumed.stderr);
    ensure!(resumed.stderr.contains(&format!("✔ applied revision main@sha1:{third}")), "{}", resumed.stderr);

    run("delete ks app --silent").await?.ok()?;
    sluice_testkit::wait_gone(&maps, "app", Duration::from_secs(30)).await?;
    Ok(())
}
