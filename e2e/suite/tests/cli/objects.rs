//! Commands on objects that no controller reconciles.

use anyhow::{Result, ensure};
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::json;
use sluice_apis::kustomize::v1::Kustomization;
use sluice_apis::source::v1::GitRepository;
use sluice_testkit::{ControlPlane, Namespace};

use crate::program::{Run, sluice};

const OBJECTS: &str = "
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata:
  name: repo
  labels: {team: a}
spec:
  url: https://example.com/repo
  interval: 1m
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata:
  name: one
spec:
  interval: 1m
  prune: true
  sourceRef: {kind: GitRepository, name: repo}
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata:
  name: two
spec:
  interval: 1m
  prune: true
  suspend: true
  sourceRef: {kind: GitRepository, name: repo}
";

async fn namespace(prefix: &str) -> Result<Namespace<'static>> {
    let cluster = ControlPlane::shared()?;
    cluster.install_crds().await?;
    let namespace = cluster.namespace(prefix).await?;
    namespace.apply(OBJECTS).await?;
    Ok(namespace)
}

async fn run(namespace: &Namespace<'_>, arguments: &str) -> Result<Run> {
    sluice(namespace.control_plane().kubeconfig(), namespace.name(), arguments).await
}

/// Gives an object a status as its controller would.
async fn report(namespace: &Namespace<'_>, name: &str, ready: &str, message: &str) -> Result<()> {
    let api: Api<Kustomization> = namespace.api();
    let status = json!({ "status": {
        "observedGeneration": 1,
        "lastAppliedRevision": "main@sha1:696f056df216eea4f9401adbee0ff744d4df390f",
        "conditions": [{
            "type": "Ready",
            "status": ready,
            "reason": "Tested",
            "message": message,
            "lastTransitionTime": "2024-01-01T00:00:00Z",
        }],
    } });
    api.patch_status(name, &PatchParams::default(), &Patch::Merge(status)).await?;
    Ok(())
}

#[tokio::test]
async fn tables_are_those_of_flux() -> Result<()> {
    let namespace = namespace("get").await?;
    report(&namespace, "one", "True", "Applied revision: main@sha1:696f056df216eea4f9401adbee0ff744d4df390f")
        .await?;
    let table = run(&namespace, "get kustomizations").await?.ok()?;
    let expected = "\
NAME\tREVISION          \tSUSPENDED\tREADY\tMESSAGE                             \t
one \tmain@sha1:696f056d\tFalse    \tTrue \tApplied revision: main@sha1:696f056d\t
two \t                  \tTrue     \tFalse\twaiting to be reconciled            \t
";
    ensure!(table.stdout == expected, "{}", table.stdout);
    let ready = run(&namespace, "get ks --status-selector ready=true --no-header").await?.ok()?;
    ensure!(ready.stdout.lines().count() == 1 && ready.stdout.starts_with("one"), "{}", ready.stdout);
    let others = run(&namespace, "get ks --status-selector ready!=true --no-header").await?.ok()?;
    ensure!(others.stdout.lines().count() == 1 && others.stdout.starts_with("two"), "{}", others.stdout);
    let labelled = run(&namespace, "get sources git -l team=a --no-header").await?.ok()?;
    ensure!(labelled.stdout.starts_with("repo\t"), "{}", labelled.stdout);

    let all = run(&namespace, "get all").await?.ok()?;
    ensure!(
        all.stdout.contains("gitrepository/repo") && all.stdout.contains("kustomization/one"),
        "{}",
        all.stdout
    );
    ensure!(all.stdout.contains("\n\nNAME"), "no blank line between tables: {}", all.stdout);
    let everywhere = run(&namespace, "get ks -A").await?.ok()?;
    ensure!(everywhere.stdout.starts_with("NAMESPACE"), "{}", everywhere.stdout);

    let none = run(&namespace, "get helmreleases").await?.failed()?;
    let expected = format!("✗ no HelmRelease objects found in \"{}\" namespace\n", namespace.name());
    ensure!(none.stderr == expected && none.stdout.is_empty(), "{none:?}");
    let missing = run(&namespace, "get ks three").await?.failed()?;
    let expected =
        format!("✗ Kustomization object 'three' not found in \"{}\" namespace\n", namespace.name());
    ensure!(missing.stderr == expected, "{missing:?}");
    let json = run(&namespace, "get ks one -o json").await?.ok()?;
    let object: serde_json::Value = serde_json::from_str(&json.stdout)?;
    ensure!(object["kind"] == "Kustomization" && object["metadata"]["name"] == "one", "{object}");
    Ok(())
}

#[tokio::test]
async fn suspending_and_resuming_say_what_they_do() -> Result<()> {
    let namespace = namespace("suspend").await?;
    let name = namespace.name();
    let api: Api<Kustomization> = namespace.api();
    let suspended = run(&namespace, "suspend ks one missing one").await?.ok()?;
    let expected = [
        format!("► suspending kustomization one in {name} namespace"),
        "✔ kustomization suspended".to_owned(),
        format!("✗ Kustomization missing not found in {name} namespace"),
    ];
    ensure!(suspended.messages() == expected, "{}", suspended.stderr);
    ensure!(api.get("one").await?.spec.suspend, "it is not suspended");
    let refused = run(&namespace, "reconcile ks one").await?.failed()?;
    ensure!(refused.stderr == "✗ resource is suspended\n", "{}", refused.stderr);

    run(&namespace, "resume ks --all").await?.ok()?;
    ensure!(
        !api.get("one").await?.spec.suspend && !api.get("two").await?.spec.suspend,
        "not all are resumed"
    );
    run(&namespace, "suspend source git --all").await?.ok()?;
    ensure!(namespace.api::<GitRepository>().get("repo").await?.spec.suspend, "it is not suspended");
    let none = run(&namespace, "suspend hr --all").await?.failed()?;
    ensure!(
        none.stderr == format!("✗ no HelmRelease objects found in {name} namespace\n"),
        "{}",
        none.stderr
    );
    let unnamed = run(&namespace, "suspend ks").await?.failed()?;
    ensure!(unnamed.stderr.contains("kustomization name is required"), "{}", unnamed.stderr);
    Ok(())
}

#[tokio::test]
async fn nobody_reconciles_and_time_runs_out() -> Result<()> {
    let namespace = namespace("timeout").await?;
    report(&namespace, "one", "False", "waiting for the source").await?;
    let late = run(&namespace, "reconcile ks one --timeout 2s").await?.failed()?;
    ensure!(late.stderr.contains("✗ context deadline exceeded: waiting for the source"), "{}", late.stderr);
    let api: Api<Kustomization> = namespace.api();
    let annotations = api.get("one").await?.metadata.annotations.unwrap_or_default();
    ensure!(annotations.contains_key("reconcile.fluxcd.io/requestedAt"), "{annotations:?}");
    let missing = run(&namespace, "reconcile ks three").await?.failed()?;
    ensure!(missing.stderr.contains("\"three\" not found"), "{}", missing.stderr);
    Ok(())
}

#[tokio::test]
async fn exports_can_be_applied_again() -> Result<()> {
    let namespace = namespace("export").await?;
    let exported = run(&namespace, "export ks --all").await?.ok()?;
    ensure!(exported.stdout.matches("---\n").count() == 2, "{}", exported.stdout);
    ensure!(!exported.stdout.contains("status:") && !exported.stdout.contains("uid:"), "{}", exported.stdout);
    run(&namespace, "delete ks one -s").await?.ok()?;
    ensure!(namespace.api::<Kustomization>().get_opt("one").await?.is_none(), "it is still there");
    namespace.apply(&exported.stdout).await?;
    ensure!(namespace.api::<Kustomization>().get("one").await?.spec.prune, "it lost its spec");
    let refused = run(&namespace, "delete ks one").await?.failed()?;
    ensure!(refused.stderr.contains("aborting"), "{}", refused.stderr);
    let unnamed = run(&namespace, "export ks").await?.failed()?;
    ensure!(unnamed.stderr == "✗ name is required\n", "{}", unnamed.stderr);
    Ok(())
}

#[tokio::test]
async fn created_objects_are_what_the_flags_say() -> Result<()> {
    let namespace = namespace("create").await?;
    let git = "create source git app --url https://example.com/app --branch main --interval 2m --label team=a --export";
    let exported = run(&namespace, git).await?.ok()?;
    namespace.apply(&exported.stdout).await?;
    let created = namespace.api::<GitRepository>().get("app").await?;
    ensure!(created.spec.interval.to_string() == "2m0s" && created.metadata.labels.is_some(), "{created:?}");
    let ks =
        "create ks app --source app.infra --path ./deploy --prune --depends-on infra/base --wait --export";
    let exported = run(&namespace, ks).await?.ok()?;
    namespace.apply(&exported.stdout).await?;
    let created = namespace.api::<Kustomization>().get("app").await?;
    ensure!(created.spec.source_ref.namespace.as_deref() == Some("infra"), "{created:?}");
    ensure!(created.spec.depends_on[0].name == "base" && created.spec.wait, "{created:?}");
    let reference = run(&namespace, "create source git app --url https://example.com/app").await?.failed()?;
    ensure!(reference.stderr.contains("a Git ref is required"), "{}", reference.stderr);
    Ok(())
}
