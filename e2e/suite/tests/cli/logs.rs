//! `logs`, from pods whose node has them.

use anyhow::{Result, ensure};
use serde_json::json;
use sluice_testkit::{ControlPlane, Kubelet};

use crate::program::sluice;

fn line(second: u32, level: &str, kind: &str, name: &str, namespace: &str, error: &str) -> String {
    let mut line = json!({
        "ts": format!("2026-01-01T00:00:{second:02}.000Z"), "level": level, "msg": "done", "controllerKind": kind,
        "name": name, "namespace": namespace,
    });
    if !error.is_empty() {
        line["error"] = error.into();
    }
    line.to_string()
}

/// A controller that runs nowhere, and a pod that looks like one of its.
fn controller(name: &str, node: &str, containers: &[&str]) -> String {
    let containers: Vec<_> =
        containers.iter().map(|name| json!({"name": name, "image": "example.com/c"})).collect();
    let labels = json!({ "app": name });
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "labels": {"app.kubernetes.io/part-of": "flux"}},
        "spec": {
            "replicas": 0, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": containers}},
        },
    });
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": format!("{name}-1"), "labels": labels},
        "spec": {"nodeName": node, "containers": containers},
    });
    format!("{deployment}\n---\n{pod}\n")
}

#[tokio::test]
async fn lines_about_objects_are_shown() -> Result<()> {
    let cluster = ControlPlane::shared()?;
    let namespace = cluster.namespace("logs").await?;
    let flux = namespace.name();
    let run = async |arguments: &str| {
        sluice(cluster.kubeconfig(), "apps", &format!("logs --flux-namespace {flux} {arguments}")).await
    };
    let empty = run("").await?.failed()?;
    ensure!(empty.stderr == format!("✗ no Flux pods found in namespace \"{flux}\"\n"), "{}", empty.stderr);

    let source = [
        "starting".to_owned(),
        line(1, "info", "GitRepository", "app", "apps", ""),
        line(2, "error", "GitRepository", "app", "infra", "no route"),
    ];
    let kustomize = [
        line(3, "info", "Kustomization", "app", "apps", ""),
        line(4, "error", "Kustomization", "web", "apps", "no path"),
        json!({"ts": "t", "level": "info", "msg": "starting manager"}).to_string(),
    ];
    let node = format!("{flux}-node");
    let (source, kustomize) = (source.join("\n"), kustomize.join("\n"));
    let logs = [("source", source.as_str()), ("manager", kustomize.as_str()), ("sidecar", "{}")];
    let kubelet = Kubelet::start(cluster, &node, &logs).await?;
    namespace.apply(&controller("source-controller", kubelet.node(), &["source"])).await?;
    namespace.apply(&controller("kustomize-controller", kubelet.node(), &["sidecar", "manager"])).await?;

    let lines = [
        "2026-01-01T00:00:03.000Z info Kustomization/app.apps - done \n",
        "2026-01-01T00:00:04.000Z error Kustomization/web.apps - done no path\n",
        "2026-01-01T00:00:01.000Z info GitRepository/app.apps - done \n",
        "2026-01-01T00:00:02.000Z error GitRepository/app.infra - done no route\n",
    ];
    for (arguments, expected) in [
        ("", lines[..3].concat()),
        ("--level error", lines[1].to_owned()),
        ("--kind gitrepository --since 1h", lines[2].to_owned()),
        ("--name web --kind Kustomization", lines[1].to_owned()),
        ("-A --level error", [lines[1], lines[3]].concat()),
        ("-n infra", lines[3].to_owned()),
        // The last two of each controller, of which one is about no object.
        ("--tail 2", [lines[1], lines[2]].concat()),
    ] {
        let shown = run(arguments).await?.ok()?;
        ensure!(shown.stdout == expected, "{arguments}: {}", shown.stdout);
    }
    let all = run("-A").await?.ok()?;
    ensure!(all.stdout.contains("t info  - starting manager \n"), "{}", all.stdout);
    let followed = run("-A -f --level error").await?.ok()?;
    let mut found: Vec<_> = followed.stdout.lines().collect();
    found.sort_unstable();
    ensure!(found == [lines[3].trim_end(), lines[1].trim_end()], "{}", followed.stdout);

    let both = run("--since 1m --since-time 2026-01-01T00:00:00Z").await?.failed()?;
    ensure!(both.stderr.contains("at most one of"), "{}", both.stderr);
    // A pod whose logs can't be had hides none of the others.
    namespace.apply(&controller("helm-controller", kubelet.node(), &["unknown"])).await?;
    let partly = run("").await?.failed()?;
    ensure!(partly.stdout == lines[..3].concat(), "{}", partly.stdout);
    ensure!(partly.stderr.contains("✗ failed getting logs: "), "{}", partly.stderr);
    ensure!(partly.stderr.ends_with("✗ failed to collect logs from all Flux pods\n"), "{}", partly.stderr);

    drop(kubelet);
    cluster.kubectl(&["delete", "node", &node, "--wait=false"]).await?;
    Ok(())
}
