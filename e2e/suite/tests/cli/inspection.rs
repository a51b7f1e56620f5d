//! `stats`, `debug` and `envsubst`.

use std::path::Path;

use anyhow::{Result, ensure};
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use sluice_testkit::{ControlPlane, Namespace};

use crate::program::{Run, sluice, sluice_with};

const OBJECTS: &str = "
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data:
  values.yaml: |
    image: {tag: 1.0.0}
    from: map
  REGION: eu
  BOTH: map
---
apiVersion: v1
kind: Secret
metadata: {name: login}
stringData:
  values.yaml: 'from: secret'
  password: hunter22
  BOTH: secret
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: app}
spec:
  interval: 1m
  suspend: true
  chartRef: {kind: OCIRepository, name: app}
  valuesFrom:
  - {kind: ConfigMap, name: settings}
  - {kind: Secret, name: login}
  - {kind: Secret, name: login, valuesKey: password, targetPath: login.password}
  - {kind: Secret, name: missing, optional: true}
  values:
    image: {tag: 2.0.0, repository: example.com/app}
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: app}
spec:
  interval: 1m
  prune: true
  sourceRef: {kind: GitRepository, name: one}
  postBuild:
    substitute: {INLINE: \"a\\nb\"}
    substituteFrom:
    - {kind: ConfigMap, name: variables}
    - {kind: Secret, name: variables}
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: plain}
spec: {interval: 1m, prune: true, sourceRef: {kind: GitRepository, name: one}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: variables}
data: {REGION: eu, BOTH: map}
---
apiVersion: v1
kind: Secret
metadata: {name: variables}
stringData: {BOTH: secret}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: one}
spec: {url: https://example.com/one, interval: 1m}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: two}
spec: {url: https://example.com/two, interval: 1m}
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

async fn report(
    namespace: &Namespace<'_>,
    api_version: &str,
    kind: &str,
    name: &str,
    status: Value,
) -> Result<()> {
    let api = namespace.objects(api_version, kind);
    let patch = Patch::Merge(json!({ "status": status }));
    api.patch_status(name, &PatchParams::default(), &patch).await?;
    Ok(())
}

fn ready(status: &str) -> Value {
    json!([{
        "type": "Ready", "status": status, "reason": "Tested", "message": "m",
        "lastTransitionTime": "2024-01-01T00:00:00Z",
    }])
}

#[tokio::test]
async fn objects_and_their_storage_are_counted() -> Result<()> {
    let namespace = namespace("stats").await?;
    let source = "source.toolkit.fluxcd.io/v1";
    let artifact = |size: u64| {
        json!({
            "conditions": ready("True"),
            "artifact": {
                "size": size, "revision": "main@sha1:a", "path": "a", "url": "http://a/a",
                "digest": "sha256:0", "lastUpdateTime": "2024-01-01T00:00:00Z",
            },
        })
    };
    report(&namespace, source, "GitRepository", "one", artifact(1024)).await?;
    report(&namespace, source, "GitRepository", "two", artifact(512)).await?;
    let failing = json!({ "conditions": ready("False") });
    report(&namespace, "kustomize.toolkit.fluxcd.io/v1", "Kustomization", "app", failing).await?;
    let stats = run(&namespace, "stats").await?.ok()?;
    let expected = "\
RECONCILERS          \tRUNNING\tFAILING\tSUSPENDED\tSTORAGE\t
GitRepository        \t2      \t0      \t0        \t1.5 KiB\t
OCIRepository        \t0      \t0      \t0        \t-      \t
HelmRepository       \t0      \t0      \t0        \t-      \t
HelmChart            \t0      \t0      \t0        \t-      \t
Bucket               \t0      \t0      \t0        \t-      \t
Kustomization        \t2      \t1      \t0        \t-      \t
HelmRelease          \t0      \t0      \t1        \t-      \t
Alert                \t0      \t0      \t0        \t-      \t
Provider             \t0      \t0      \t0        \t-      \t
Receiver             \t0      \t0      \t0        \t-      \t
ImageUpdateAutomation\t0      \t0      \t0        \t-      \t
ImagePolicy          \t0      \t0      \t0        \t-      \t
ImageRepository      \t0      \t0      \t0        \t-      \t
";
    ensure!(stats.stdout == expected, "{}", stats.stdout);
    let all = run(&namespace, "stats -A").await?.ok()?;
    let sources = all.stdout.lines().nth(1).and_then(|line| line.split('\t').nth(1));
    let sources: u32 = sources.unwrap_or_default().trim().parse()?;
    ensure!(sources >= 2, "{}", all.stdout);
    Ok(())
}

#[tokio::test]
async fn what_a_release_works_with_is_shown() -> Result<()> {
    let namespace = namespace("debug-hr").await?;
    let values = run(&namespace, "debug helmrelease app --show-values").await?.ok()?;
    let expected =
        "from: secret\nimage:\n  repository: example.com/app\n  tag: 2.0.0\nlogin:\n  password: hunter22\n";
    ensure!(values.stdout == expected, "{}", values.stdout);

    let fresh = run(&namespace, "debug hr app --show-status --show-values=false").await?.ok()?;
    let title =
        "# Status documentation: https://fluxcd.io/flux/components/helm/helmreleases/#helmrelease-status";
    ensure!(fresh.stdout == format!("{title}\nobservedGeneration: -1\n"), "{}", fresh.stdout);
    let title = "# History documentation: https://fluxcd.io/flux/components/helm/helmreleases/#history";
    let empty = run(&namespace, "debug hr app --show-history").await?.ok()?;
    ensure!(empty.stdout == format!("{title}\n[]\n"), "{}", empty.stdout);

    let history = json!([{
        "digest": "sha256:a", "name": "app", "namespace": "apps", "version": 1, "status": "deployed",
        "chartName": "app", "chartVersion": "1.0.0", "configDigest": "sha256:b",
        "firstDeployed": "2024-01-01T00:00:00Z", "lastDeployed": "2024-01-01T00:00:00Z",
    }]);
    report(&namespace, "helm.toolkit.fluxcd.io/v2", "HelmRelease", "app", json!({"history": history}))
        .await?;
    let history = run(&namespace, "debug hr app --show-history").await?.ok()?;
    let expected = "\
- chartName: app
  chartVersion: 1.0.0
  configDigest: sha256:b
  deleted: null
  digest: sha256:a
  firstDeployed: \"2024-01-01T00:00:00Z\"
  lastDeployed: \"2024-01-01T00:00:00Z\"
  name: app
  namespace: apps
  status: deployed
  version: 1
";
    ensure!(history.stdout == format!("{title}\n{expected}"), "{}", history.stdout);

    for flags in ["", "--show-status --show-values", "--show-values=false"] {
        let refused = run(&namespace, &format!("debug hr app {flags}")).await?.failed()?;
        let expected = "✗ exactly one of --show-status, --show-values, or --show-history must be set\n";
        ensure!(refused.stderr == expected, "{}", refused.stderr);
    }
    let missing = run(&namespace, "debug hr none --show-values").await?.failed()?;
    let expected = "✗ helmreleases.helm.toolkit.fluxcd.io \"none\" not found\n";
    ensure!(missing.stderr == expected, "{}", missing.stderr);
    Ok(())
}

#[tokio::test]
async fn what_a_kustomization_works_with_is_shown() -> Result<()> {
    let namespace = namespace("debug-ks").await?;
    let variables = run(&namespace, "debug kustomization app --show-vars").await?.ok()?;
    ensure!(variables.stdout == "BOTH=secret\nINLINE=ab\nREGION=eu\n", "{}", variables.stdout);
    let none = run(&namespace, "debug ks plain --show-vars").await?.failed()?;
    ensure!(none.stderr == "✗ no post build substitutions found\n", "{}", none.stderr);
    let base = "documentation: https://fluxcd.io/flux/components/kustomize/kustomizations/";
    let status = run(&namespace, "debug ks app --show-status").await?.ok()?;
    let expected = format!("# Status {base}#kustomization-status\nobservedGeneration: -1\n");
    ensure!(status.stdout == expected, "{}", status.stdout);
    let history = run(&namespace, "debug ks app --show-history").await?.ok()?;
    ensure!(history.stdout == format!("# History {base}#history\n[]\n"), "{}", history.stdout);
    let refused = run(&namespace, "debug ks app").await?.failed()?;
    let expected = "✗ exactly one of --show-status, --show-vars, or --show-history must be set\n";
    ensure!(refused.stderr == expected, "{}", refused.stderr);
    Ok(())
}

#[tokio::test]
async fn the_environment_is_substituted() -> Result<()> {
    let run = async |arguments: &str, input: &str| {
        let variables = [("REGION", "eu"), ("EMPTY", "")];
        sluice_with(Path::new("/nonexistent"), "ns", arguments, input, &variables).await
    };
    let text =
        "region: ${REGION}-1\nzone: ${SLUICE_NONE:=a}\nkept: $${REGION} $REGION\nnone: '${SLUICE_NONE}'";
    let done = run("envsubst", text).await?.ok()?;
    ensure!(done.stdout == "region: eu-1\nzone: a\nkept: ${REGION} $REGION\nnone: ''\n", "{}", done.stdout);
    let strict = run("envsubst --strict", text).await?.failed()?;
    ensure!(strict.stdout == "region: eu-1\nzone: a\nkept: ${REGION} $REGION\n", "{}", strict.stdout);
    let expected = "✗ variable not set (strict mode): \"SLUICE_NONE\"; line 4\n";
    ensure!(strict.stderr == expected, "{}", strict.stderr);
    run("envsubst --strict", "a: '${EMPTY}'").await?.ok()?;
    Ok(())
}
