//! `migrate`, of files and of a cluster.

use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};
use kube::api::{Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::json;
use sluice_apis::image::v1::ImageRepository;
use sluice_apis::k8s::CustomResourceDefinition;
use sluice_testkit::{ControlPlane, Options};

use crate::program::sluice;

#[tokio::test]
async fn versions_in_files_are_replaced() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let root = folder.path();
    let run = async |arguments: &str| {
        let arguments = format!("migrate -f {} {arguments}", root.display());
        sluice(Path::new("/nonexistent"), "ns", &arguments).await
    };
    let old = "# apiVersion: helm.toolkit.fluxcd.io/v2beta2\n# kind: HelmRelease\n\
               apiVersion: image.toolkit.fluxcd.io/v1beta1\nkind: ImagePolicy\n---\n\
               kind: ImagePolicy\napiVersion: image.toolkit.fluxcd.io/v1beta1\n";
    let template =
        "apiVersion: source.toolkit.fluxcd.io/v1beta2 # {{ .x }}\nkind: GitRepository # {{ .y }}\n";
    fs::create_dir(root.join("b"))?;
    fs::write(root.join("a.yaml"), old)?;
    fs::write(root.join("b/c.tpl"), template)?;
    std::os::unix::fs::symlink(root.join("a.yaml"), root.join("link.yml"))?;

    let shown = root.display();
    let planned = run("--dry-run").await?.ok()?;
    let expected = [
        "► starting migration of custom resources".to_owned(),
        format!("⚠️ skipping irregular file {shown}/link.yml"),
        format!("✚ {shown}/a.yaml:1: HelmRelease v2beta2 -> v2"),
        format!("✚ {shown}/a.yaml:3: ImagePolicy v1beta1 -> v1"),
        "✔ dry-run mode enabled, no changes will be made".to_owned(),
    ];
    ensure!(planned.messages() == expected, "{}", planned.stderr);
    let unsure = run("").await?.failed()?;
    ensure!(unsure.stderr.contains("give --yes"), "{}", unsure.stderr);
    ensure!(fs::read_to_string(root.join("a.yaml"))? == old, "it was changed without consent");

    let done = run("--version 2.6 --extensions .yaml,.tpl -y").await?.ok()?;
    let expected = [
        "► starting migration of custom resources".to_owned(),
        format!("✚ {shown}/a.yaml:1: HelmRelease v2beta2 -> v2"),
        format!("✚ {shown}/a.yaml:3: ImagePolicy v1beta1 -> v1beta2"),
        format!("✚ {shown}/b/c.tpl:1: GitRepository v1beta2 -> v1"),
        format!("✔ file {shown}/a.yaml migrated successfully"),
        format!("✔ file {shown}/b/c.tpl migrated successfully"),
        "✔ custom resources migrated successfully".to_owned(),
    ];
    ensure!(done.messages() == expected, "{}", done.stderr);
    let new = old.replace("v2beta2", "v2").replacen("v1beta1", "v1beta2", 1);
    ensure!(fs::read_to_string(root.join("a.yaml"))? == new, "the text is another");
    ensure!(
        fs::read_to_string(root.join("b/c.tpl"))? == template.replace("v1beta2", "v1"),
        "the text is another"
    );
    let again = run("--version 2.6").await?.ok()?;
    ensure!(
        again.stderr.ends_with("✔ no custom resources found that require migration\n"),
        "{}",
        again.stderr
    );
    let unknown = run("--version 2.1").await?.failed()?;
    ensure!(unknown.stderr.contains("version 2.1 is not supported"), "{}", unknown.stderr);
    Ok(())
}

/// On a control plane of its own: definitions are of all.
#[tokio::test]
async fn objects_are_stored_in_the_latest_version() -> Result<()> {
    let cluster = ControlPlane::start(Options::default())?;
    cluster.install_crds().await?;
    let client = cluster.client().await?;
    let definitions: Api<CustomResourceDefinition> = Api::all(client);
    let name = "imagerepositories.image.toolkit.fluxcd.io";
    let label = json!({"metadata": {"labels": {"app.kubernetes.io/part-of": "flux"}}});
    definitions.patch(name, &PatchParams::default(), &Patch::Merge(label)).await?;
    let stored = json!({"status": {"storedVersions": ["v1beta2", "v1"]}});
    definitions.patch_status(name, &PatchParams::default(), &Patch::Merge(stored)).await?;
    let namespace = cluster.namespace("migrate").await?;
    let object = |name: &str, version: &str| {
        format!(
            "apiVersion: image.toolkit.fluxcd.io/{version}\nkind: ImageRepository\nmetadata: {{name: {name}}}\n\
             spec: {{image: example.com/app, interval: 1m}}\n"
        )
    };
    namespace.apply(&object("old", "v1beta2")).await?;
    namespace.apply(&object("new", "v1")).await?;

    let migrated = sluice(cluster.kubeconfig(), "flux-system", "migrate").await?.ok()?;
    let target = namespace.name();
    let expected = [
        "► starting migration of custom resources".to_owned(),
        format!("✔ ImageRepository/{target}/new migrated to version v1"),
        format!("✔ ImageRepository/{target}/old migrated to version v1"),
        format!("✔ {name} migrated to storage version v1"),
        "✔ custom resources migrated successfully".to_owned(),
    ];
    ensure!(migrated.messages() == expected, "{}", migrated.stderr);
    let repositories = namespace.api::<ImageRepository>();
    for name in ["old", "new"] {
        let fields = repositories.get(name).await?.managed_fields().to_vec();
        let versions: Vec<_> = fields.iter().filter_map(|entry| entry.api_version.as_deref()).collect();
        ensure!(versions == ["image.toolkit.fluxcd.io/v1"], "{name}: {versions:?}");
    }
    let status = definitions.get(name).await?.status;
    ensure!(
        status.and_then(|status| status.stored_versions) == Some(vec!["v1".to_owned()]),
        "others are stored"
    );
    Ok(())
}
