//! `layers`: the rules of docs/architecture.md on who may use whom, checked on `cargo metadata`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// What a package of the workspace is, from the bottom up.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Layer {
    /// Pure: no runtime, no network, no cluster.
    Pure,
    /// The types of the API.
    Api,
    /// Adapters to the outside without a cluster client.
    Adapter,
    /// Libraries with a cluster client.
    Cluster,
    /// Programs: they use libraries, not each other.
    Program,
    /// Programs that put others together.
    Assembly,
    /// Test tools: nothing depends on them outside tests.
    Test,
}

/// Every package of the workspace has its place here.
const LAYERS: &[(&str, Layer)] = &[
    ("sluice-archive", Layer::Pure),
    ("sluice-chart", Layer::Pure),
    ("sluice-expr", Layer::Pure),
    ("sluice-goregex", Layer::Pure),
    ("sluice-gotmpl", Layer::Pure),
    ("sluice-image", Layer::Pure),
    ("sluice-kustomize", Layer::Pure),
    ("sluice-patch", Layer::Pure),
    ("sluice-semver", Layer::Pure),
    ("sluice-signature", Layer::Pure),
    ("sluice-sops", Layer::Pure),
    ("sluice-yaml", Layer::Pure),
    ("sluice-apis", Layer::Api),
    ("sluice-bases", Layer::Adapter),
    ("sluice-bucket", Layer::Adapter),
    ("sluice-chartrepo", Layer::Adapter),
    ("sluice-forge", Layer::Adapter),
    ("sluice-git", Layer::Adapter),
    ("sluice-http", Layer::Adapter),
    ("sluice-kms", Layer::Adapter),
    ("sluice-oci", Layer::Adapter),
    ("sluice-verify", Layer::Adapter),
    ("sluice-apply", Layer::Cluster),
    ("sluice-identity", Layer::Cluster),
    ("sluice-artifact", Layer::Cluster),
    ("sluice-auth", Layer::Cluster),
    ("sluice-manifests", Layer::Cluster),
    ("sluice-notify", Layer::Cluster),
    ("sluice-release", Layer::Cluster),
    ("sluice-runtime", Layer::Cluster),
    ("helm-controller", Layer::Program),
    ("image-controllers", Layer::Program),
    ("kustomize-controller", Layer::Program),
    ("notification-controller", Layer::Program),
    ("sluice-cli", Layer::Program),
    ("source-controller", Layer::Program),
    ("xtask", Layer::Program),
    ("sluice-multicall", Layer::Assembly),
    ("sluice-e2e", Layer::Test),
    ("sluice-testkit", Layer::Test),
];

/// What pure packages must not pull in, not even through others.
const IMPURE: &[&str] =
    &["hyper", "k8s-openapi", "kube", "kube-client", "kube-core", "reqwest", "rustls", "socket2", "tokio"];

/// Fails with every breach of the rules.
pub fn run(root: &Path) -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(root)
        .output()
        .context("run cargo metadata")?;
    if !output.status.success() {
        bail!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    }
    let graph = Graph::from_metadata(&serde_json::from_slice(&output.stdout)?)?;
    let breaches = graph.breaches(LAYERS);
    if !breaches.is_empty() {
        bail!("{} breaches of the layers:\n  {}", breaches.len(), breaches.join("\n  "));
    }
    Ok(())
}

/// The packages that a build for users consists of; dependencies of tests and build scripts don't count.
#[derive(Debug, Default)]
struct Graph {
    /// Package name to the names of its normal dependencies.
    dependencies: BTreeMap<String, BTreeSet<String>>,
    /// Names of the packages of the workspace.
    members: BTreeSet<String>,
}

impl Graph {
    fn from_metadata(metadata: &Value) -> Result<Self> {
        let packages = metadata["packages"].as_array().context("no packages")?;
        let names: BTreeMap<&str, &str> = packages
            .iter()
            .filter_map(|package| Some((package["id"].as_str()?, package["name"].as_str()?)))
            .collect();
        let name = |id: &Value| id.as_str().and_then(|id| names.get(id)).map(|name| (*name).to_owned());
        let mut graph = Self::default();
        for node in metadata["resolve"]["nodes"].as_array().context("no resolved graph")? {
            let dependencies = node["deps"]
                .as_array()
                .into_iter()
                .flatten()
                .filter(|dependency| is_normal(dependency))
                .filter_map(|dependency| name(&dependency["pkg"]))
                .collect::<BTreeSet<_>>();
            // Several versions of one package count as one.
            graph
                .dependencies
                .entry(name(&node["id"]).context("unknown package")?)
                .or_default()
                .extend(dependencies);
        }
        graph.members =
            metadata["workspace_members"].as_array().context("no members")?.iter().filter_map(name).collect();
        Ok(graph)
    }

    fn breaches(&self, layers: &[(&str, Layer)]) -> Vec<String> {
        let layers: BTreeMap<&str, Layer> = layers.iter().copied().collect();
        let mut breaches = Vec::new();
        for member in &self.members {
            let Some(&layer) = layers.get(member.as_str()) else {
                breaches.push(format!("{member} has no layer: add it to the table in xtask/src/layers.rs"));
                continue;
            };
            for dependency in self.dependencies.get(member).into_iter().flatten() {
                if let Some(&other) = layers.get(dependency.as_str())
                    && !may_use(layer, other)
                {
                    breaches.push(format!("{member} ({layer:?}) uses {dependency} ({other:?})"));
                }
                if dependency == "k8s-openapi" && member != "sluice-apis" {
                    breaches.push(format!("{member} names k8s-openapi: use sluice_apis::k8s"));
                }
                if dependency == "kube" && layer == Layer::Adapter {
                    breaches.push(format!("{member} ({layer:?}) uses kube"));
                }
            }
            if layer == Layer::Pure {
                let reachable = self.reachable(member);
                breaches.extend(
                    IMPURE
                        .iter()
                        .filter(|name| reachable.contains(**name))
                        .map(|name| format!("{member} is not pure: it pulls in {name}")),
                );
            }
        }
        breaches
    }

    /// Everything that a package depends on.
    fn reachable<'a>(&'a self, package: &'a str) -> BTreeSet<&'a str> {
        let mut seen = BTreeSet::new();
        let mut open = vec![package];
        while let Some(package) = open.pop() {
            for dependency in self.dependencies.get(package).into_iter().flatten() {
                if seen.insert(dependency.as_str()) {
                    open.push(dependency);
                }
            }
        }
        seen
    }
}

/// Libraries use their own layer and those below, programs only libraries, an assembly programs too, tests everything.
fn may_use(user: Layer, library: Layer) -> bool {
    match user {
        Layer::Test => true,
        Layer::Program | Layer::Assembly => library < user,
        _ => library <= user,
    }
}

fn is_normal(dependency: &Value) -> bool {
    dependency["dep_kinds"].as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind["kind"].is_null()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(edges: &[(&str, &str)], members: &[&str]) -> Graph {
        let mut graph =
            Graph { members: members.iter().map(|name| (*name).to_owned()).collect(), ..Graph::default() };
        for (user, used) in edges {
            graph.dependencies.entry((*user).to_owned()).or_default().insert((*used).to_owned());
        }
        graph
    }

    const TABLE: &[(&str, Layer)] = &[
        ("yaml", Layer::Pure),
        ("apis", Layer::Api),
        ("git", Layer::Adapter),
        ("a-controller", Layer::Program),
        ("b-controller", Layer::Program),
        ("multicall", Layer::Assembly),
        ("testkit", Layer::Test),
    ];

    #[test]
    fn the_workspace_keeps_the_rules() {
        run(&crate::repository_root().unwrap()).unwrap();
    }

    #[test]
    fn impurity_is_found_behind_others() {
        let graph = graph(&[("yaml", "helper"), ("helper", "tokio")], &["yaml"]);
        assert_eq!(graph.breaches(TABLE), ["yaml is not pure: it pulls in tokio"]);
    }

    #[test]
    fn programs_use_no_programs_but_assemblies_do() {
        let edges =
            [("a-controller", "b-controller"), ("multicall", "a-controller"), ("a-controller", "testkit")];
        let graph = graph(&edges, &["a-controller", "b-controller", "multicall"]);
        assert_eq!(
            graph.breaches(TABLE),
            [
                "a-controller (Program) uses b-controller (Program)",
                "a-controller (Program) uses testkit (Test)",
            ]
        );
    }

    #[test]
    fn lower_layers_use_no_higher_ones() {
        let graph = graph(&[("yaml", "apis"), ("git", "kube")], &["yaml", "git", "apis", "new"]);
        assert_eq!(
            graph.breaches(TABLE),
            [
                "git (Adapter) uses kube",
                "new has no layer: add it to the table in xtask/src/layers.rs",
                "yaml (Pure) uses apis (Api)",
            ]
        );
    }
}
