//! `sluice kustomize build` with charts that a kustomization names.

use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};
use sluice_testkit::{PushedArtifact, Registry, RegistryOptions, project_root};

use crate::program::{Run, sluice};

async fn build(folder: &Path, chart: &str) -> Result<Run> {
    let text =
        format!("helmGlobals: {{configHome: {}}}\nhelmCharts:\n- {chart}\n", folder.join("helm").display());
    fs::write(folder.join("kustomization.yaml"), text)?;
    let arguments = format!("kustomize build --enable-helm {}", folder.display());
    sluice(Path::new("/nonexistent"), "ns", &arguments).await
}

/// From a registry that wants to know who asks: what `helm registry login` wrote is shown to it.
#[tokio::test(flavor = "multi_thread")]
async fn charts_are_pulled_from_registries() -> Result<()> {
    let registry = Registry::start_with(&RegistryOptions::default().basic("me", "secret"))?;
    for version in ["1.2.3", "1.3.0"] {
        let archive =
            fs::read(project_root().join(format!("crates/chartrepo/tests/fixtures/db-{version}.tgz")))?;
        let artifact = PushedArtifact {
            config: ("application/vnd.cncf.helm.config.v1+json".to_owned(), b"{}".to_vec()),
            layers: vec![("application/vnd.cncf.helm.chart.content.v1.tar+gzip".to_owned(), archive)],
            annotations: std::collections::BTreeMap::new(),
        };
        registry.push("charts/db", version, &artifact).await?;
    }
    let folder = tempfile::tempdir()?;
    let address = registry.address();
    let chart = |more: &str| format!("{{name: db, repo: 'oci://{address}/charts', releaseName: rel{more}}}");

    // Nobody has logged in.
    let run = build(folder.path(), &chart(", version: 1.2.3")).await?;
    ensure!(
        run.code != 0 && run.stderr.contains("UNAUTHORIZED") && run.stderr.contains(address),
        "{}",
        run.stderr
    );

    fs::create_dir_all(folder.path().join("helm/registry"))?;
    let login = format!("{{\"auths\": {{\"{address}\": {{\"auth\": \"bWU6c2VjcmV0\"}}}}}}");
    fs::write(folder.path().join("helm/registry/config.json"), login)?;
    for (more, name) in
        [(", version: 1.2.3", "rel-db-1.2.3"), (", version: ~1.2", "rel-db-1.2.3"), ("", "rel-db-1.3.0")]
    {
        let run = build(folder.path(), &chart(more)).await?.ok()?;
        ensure!(run.stdout.contains(&format!("  name: {name}\n")), "{more}: {}", run.stdout);
        // Nothing is left in the source tree.
        ensure!(!folder.path().join("charts").exists(), "the chart was unpacked");
    }
    let run = build(folder.path(), &chart(", version: 9.0.0")).await?;
    ensure!(run.code != 0 && run.stderr.contains("charts/db: not found"), "{}", run.stderr);
    Ok(())
}
