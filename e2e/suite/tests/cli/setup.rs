//! Installing, checking and uninstalling, on a control plane of its own: these commands change what all share.

use anyhow::{Result, ensure};
use kube::Api;
use kube::api::{ListParams, PostParams};
use serde_json::json;
use sluice_apis::k8s::{ConfigMap, CustomResourceDefinition, Deployment, Namespace};
use sluice_apis::kustomize::v1::Kustomization;
use sluice_testkit::{ControlPlane, Options};

use crate::program::sluice;

const FLUX: &str = "flux-system";

#[tokio::test]
async fn an_installation_comes_stays_and_goes() -> Result<()> {
    let cluster = ControlPlane::start(Options::default())?;
    let run = |arguments: &'static str| sluice(cluster.kubeconfig(), FLUX, arguments);
    let client = cluster.client().await?;

    run("check --pre").await?.ok()?;
    let missing = run("check").await?.failed()?;
    ensure!(missing.stderr.contains("no controllers found"), "{}", missing.stderr);
    let unknown = run("get kustomizations").await?.failed()?;
    ensure!(unknown.stderr.contains("sluice install"), "{}", unknown.stderr);
    ensure!(run("get all").await?.ok()?.stdout.is_empty(), "nothing is installed, and something is shown");

    // Nothing is changed by looking.
    let planned = run("install --dry-run").await?.ok()?;
    ensure!(planned.stdout.lines().all(|line| line.ends_with(" would be created")), "{}", planned.stdout);
    ensure!(
        Api::<Namespace>::all(client.clone()).get_opt(FLUX).await?.is_none(),
        "the dry run made a namespace"
    );

    let installed = run("install --timeout 2m").await?.ok()?;
    ensure!(installed.stderr.contains("✔ install finished"), "{}", installed.stderr);
    let again = run("install --dry-run").await?.ok()?;
    ensure!(again.stdout.lines().all(|line| line.ends_with(" unchanged")), "{}", again.stdout);
    let checked = run("check").await?.ok()?;
    ensure!(checked.stderr.contains("✔ source-controller: deployment ready"), "{}", checked.stderr);
    let versions = run("version").await?.ok()?;
    ensure!(versions.stdout.contains("kustomize-controller: v"), "{}", versions.stdout);

    // What is printed is what is installed.
    let exported = run("install --export").await?.ok()?;
    let difference =
        cluster.kubectl_with(&["diff", "--server-side", "--field-manager=flux", "-f", "-"], &exported.stdout);
    ensure!(difference.await?.is_empty(), "the exported manifests differ from what is installed");

    // What a Kustomization has applied stays, though the Kustomization and its finalizer go.
    let applied: Api<ConfigMap> = Api::namespaced(client.clone(), "default");
    let map = serde_json::from_value(json!({ "metadata": { "name": "kept", "namespace": "default" } }))?;
    applied.create(&PostParams::default(), &map).await?;
    let kustomization = serde_json::from_value(json!({
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": { "name": "app", "namespace": "default", "finalizers": ["finalizers.fluxcd.io"] },
        "spec": { "interval": "1m", "prune": true, "sourceRef": { "kind": "GitRepository", "name": "app" } },
    }))?;
    let kustomizations: Api<Kustomization> = Api::namespaced(client.clone(), "default");
    kustomizations.create(&PostParams::default(), &kustomization).await?;

    let refused = run("uninstall").await?.failed()?;
    ensure!(refused.stderr.contains("aborting"), "{}", refused.stderr);
    run("uninstall --dry-run").await?.ok()?;
    ensure!(
        Api::<Deployment>::namespaced(client.clone(), FLUX).get_opt("source-controller").await?.is_some()
    );
    let removed = run("uninstall --silent --keep-namespace").await?.ok()?;
    ensure!(removed.stderr.contains("✔ Kustomization/default/app finalizers deleted"), "{}", removed.stderr);
    ensure!(removed.stderr.contains("✔ uninstall finished"), "{}", removed.stderr);
    ensure!(applied.get_opt("kept").await?.is_some(), "what was applied is gone");
    ensure!(Api::<Namespace>::all(client.clone()).get_opt(FLUX).await?.is_some(), "the namespace is gone");
    let selector = ListParams::default().labels("app.kubernetes.io/part-of=flux");
    let definitions = Api::<CustomResourceDefinition>::all(client).list(&selector).await?;
    let left = definitions.items.iter().filter(|item| item.metadata.deletion_timestamp.is_none()).count();
    ensure!(left == 0, "{left} definitions are left");
    Ok(())
}
