//! Values from files of sources, and charts from `ExternalArtifact`s: what feature gates allow.

use serde_json::{Value, json};
use sluice_apis::helm::v2::HelmRelease;
use sluice_testkit::{ControlPlane, GitOptions, GitServer, Options, project_root};

use super::{message, not_ready, observed};
use crate::charts::tiny;
use crate::support::{World, history};

/// The definition of `HelmRelease` with what the component adds.
async fn extend(cluster: &ControlPlane) {
    let patch = project_root().join("config/components/artifact-values/patch.yaml");
    let patch = format!("--patch-file={}", patch.display());
    let definition = "customresourcedefinition/helmreleases.helm.toolkit.fluxcd.io";
    cluster.kubectl(&["patch", definition, "--type=json", &patch]).await.unwrap();
}

#[tokio::test]
async fn values_come_from_files_in_git() {
    // The definitions of the shared one are Flux's.
    let cluster: &'static ControlPlane =
        Box::leak(Box::new(ControlPlane::start(Options { nodes: 0, ..Options::default() }).unwrap()));
    cluster.install_crds().await.unwrap();
    extend(cluster).await;
    let world = World::on(cluster, "files").await;
    let _helm = world.controller(&["--feature-gates=ArtifactValues=true"]).await;
    world.publish("app", "1.0.0", &tiny()).await;
    let server = GitServer::start(&GitOptions::default()).unwrap();
    let repository = server.repository("values").unwrap();
    repository.commit("first", &[("prod/values.yaml", Some("value: from git\n"))]).unwrap();
    let reference = |path: &str| json!({"kind": "GitRepository", "name": "values", "path": path});
    let create = |name: &'static str, references: Value| {
        // Not through the type, which leaves out what it does not know.
        world.apply(world.release(name, "app", &json!({"valuesFrom": references})))
    };
    create("app", json!([reference("prod/values.yaml"), reference("./prod/values.yaml")])).await;
    let object = not_ready(&world, "app", "ValuesError").await;
    assert!(message(&object).contains("\"values\" not found"), "{}", message(&object));
    world
        .apply(json!({
            "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository", "metadata": {"name": "values"},
            "spec": {"interval": "1h", "url": server.http_url("values").unwrap(), "ref": {"branch": "main"}},
        }))
        .await;
    world.ready("app").await;
    assert_eq!(world.config_map("app").await.unwrap()["value"], "from git");

    create(
        "optional",
        json!([{"kind": "GitRepository", "name": "values", "path": "none.yaml", "optional": true}]),
    )
    .await;
    world.ready("optional").await;
    for (name, reference, reason) in [
        ("missing", reference("none.yaml"), "no such file"),
        ("outside", reference("../../etc/passwd"), "path leads out of the source"),
        ("no-path", json!({"kind": "GitRepository", "name": "values"}), "path is required"),
        ("mixed", json!({"kind": "ConfigMap", "name": "values", "path": "x"}), "path is for sources"),
    ] {
        create(name, json!([reference])).await;
        let object = not_ready(&world, name, "ValuesError").await;
        assert!(message(&object).contains(reason), "{}", message(&object));
    }

    // A commit is released without a request.
    repository.commit("second", &[("prod/values.yaml", Some("value: newer\n"))]).unwrap();
    let sources = world.objects("source.toolkit.fluxcd.io/v1", "GitRepository");
    let request = json!({"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": "now"}}});
    world.namespace.patch(&sources, "values", &request).await.unwrap();
    let upgraded =
        |object: &HelmRelease| history(object).first().is_some_and(|row| row.starts_with("2 deployed"));
    world.until("app", upgraded).await;
    assert_eq!(world.config_map("app").await.unwrap()["value"], "newer");
}

/// A chart in an artifact that somebody else made of a chart in Git.
#[tokio::test]
async fn a_chart_comes_from_an_external_artifact() {
    let world = World::new("external").await;
    world.publish("app", "1.0.0", &tiny()).await;
    let external = json!({"chartRef": {"kind": "ExternalArtifact", "name": "chart"}});
    {
        let _helm = world.controller(&[]).await;
        world.create(world.release("app", "app", &external)).await;
        let object = observed(&world, "app", "Stalled", "True", "AccessDenied").await;
        assert!(
            message(&object).contains("ExternalArtifact feature gate is disabled"),
            "{}",
            message(&object)
        );
    }
    let _helm = world.controller(&["--feature-gates=ExternalArtifact=true"]).await;
    // The artifact of the registry's chart, handed on under another name.
    let sources = world.objects("source.toolkit.fluxcd.io/v1", "OCIRepository");
    let source = sluice_testkit::wait_ready(&sources, "app", crate::support::PATIENCE).await.unwrap();
    let artifact = source.data["status"]["artifact"].clone();
    world
        .apply(json!({"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "ExternalArtifact", "metadata": {"name": "chart"}, "spec": {}}))
        .await;
    let artifacts = world.objects("source.toolkit.fluxcd.io/v1", "ExternalArtifact");
    let status = json!({"status": {"artifact": artifact}});
    let params = kube::api::PatchParams::default();
    artifacts.patch_status("chart", &params, &kube::api::Patch::Merge(&status)).await.unwrap();
    let object = world.ready("app").await;
    let snapshot = &object.status.as_ref().unwrap().history[0];
    assert!(snapshot.chart_version.starts_with("1.0.0+"), "{}", snapshot.chart_version);
    assert!(snapshot.oci_digest.is_some());
}
