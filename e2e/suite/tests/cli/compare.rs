//! `diff kustomization` and `trace`, on what a controller has applied.

use std::fs;

use anyhow::{Result, ensure};
use sluice_testkit::{ControlPlane, Controller, GitOptions, GitServer};

use crate::program::sluice;

const SECRET: &str =
    "apiVersion: v1\nkind: Secret\nmetadata:\n  name: login\nstringData:\n  password: correct-horse\n";

fn config_map(name: &str, value: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n  key: {value}\n")
}

#[tokio::test]
async fn a_folder_is_compared_with_what_was_applied() -> Result<()> {
    let cluster = ControlPlane::shared()?;
    cluster.install_crds().await?;
    let namespace = cluster.namespace("compare").await?;
    let target = namespace.name();
    let run = async |arguments: &str| sluice(cluster.kubeconfig(), target, arguments).await;
    let git = GitServer::start(&GitOptions::default())?;
    let repository = git.repository("app")?;
    let files = [("app.yaml", config_map("app", "one")), ("old.yaml", config_map("old", "one"))];
    let mut commit: Vec<_> =
        files.iter().map(|(name, text)| (format!("deploy/{name}"), text.as_str())).collect();
    commit.push(("deploy/login.yaml".to_owned(), SECRET));
    let commit: Vec<_> = commit.iter().map(|(name, text)| (name.as_str(), Some(*text))).collect();
    let revision = repository.commit("first", &commit)?;
    let _source = Controller::of("source-controller").in_namespace(&namespace).start().await?;
    let _kustomize = Controller::of("kustomize-controller").in_namespace(&namespace).start().await?;
    let url = git.http_url("app")?;
    run(&format!("create source git app --url {url} --branch main --timeout 1m")).await?.ok()?;
    let create = format!(
        "create ks app --source app --path ./deploy --prune --target-namespace {target} --timeout 1m"
    );
    run(&create).await?.ok()?;

    let folder = tempfile::tempdir()?;
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text);
    for (name, text) in &files {
        write(name, text)?;
    }
    write("login.yaml", SECRET)?;
    let diff = format!("diff ks app --path {} --timeout 1m", folder.path().display());
    let same = run(&diff).await?.ok()?;
    ensure!(same.stdout.is_empty(), "{}", same.stdout);

    write("app.yaml", &config_map("app", "two"))?;
    write("login.yaml", &SECRET.replace("correct-horse", "battery-staple"))?;
    write("new.yaml", &config_map("new", "one"))?;
    fs::remove_file(folder.path().join("old.yaml"))?;
    let other = run(&diff).await?;
    ensure!(other.code == 1, "exit code {}\n{}{}", other.code, other.stdout, other.stderr);
    ensure!(
        other.stderr.contains("identified at least one change, exiting with non-zero exit code"),
        "{}",
        other.stderr
    );
    for line in [
        format!("► ConfigMap/{target}/app drifted"),
        format!("► ConfigMap/{target}/new created"),
        format!("► ConfigMap/{target}/old deleted"),
        format!("► Secret/{target}/login drifted"),
        "data.key".to_owned(),
    ] {
        ensure!(other.stdout.lines().any(|found| found == line), "no line {line:?}\n{}", other.stdout);
    }
    for (what, text) in
        [("before", "correct-horse"), ("before", "Y29ycmVjdC1ob3JzZQ=="), ("after", "battery")]
    {
        ensure!(!other.stdout.contains(text), "the value {what} is shown\n{}", other.stdout);
    }

    write("app.yaml", "kind: [")?;
    let broken = run(&diff).await?;
    ensure!(broken.code == 2, "exit code {}\n{}{}", broken.code, broken.stdout, broken.stderr);
    ensure!(broken.stderr.contains("app.yaml"), "the file is not named: {}", broken.stderr);

    let trace = run("trace configmap/app").await?.ok()?;
    for line in [
        "Object:          ConfigMap/app".to_owned(),
        format!("Namespace:       {target}"),
        "Status:          Managed by Flux".to_owned(),
        "Kustomization:   app".to_owned(),
        "Path:            ./deploy".to_owned(),
        format!("Revision:        main@sha1:{revision}"),
        "GitRepository:   app".to_owned(),
    ] {
        ensure!(trace.stdout.lines().any(|found| found == line), "no line {line:?}\n{}", trace.stdout);
    }
    let unmanaged = run("trace configmap/kube-root-ca.crt").await?;
    ensure!(!unmanaged.stdout.contains("Kustomization:"), "{}", unmanaged.stdout);
    Ok(())
}
