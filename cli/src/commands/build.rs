//! `build kustomization`: what the controller would apply, made by the controller's own functions.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Error, Result, bail};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use sluice_apis::kustomize::v1::Kustomization;
use sluice_apis::kustomize::{NAME_LABEL, NAMESPACE_LABEL};
use sluice_expr::envsubst::{Missing, Variables};
use sluice_kustomize::fs::Jail;
use sluice_kustomize::{Options, flux};
use sluice_manifests::{flux_spec, is_encrypted, substitute, variables};

use super::export::document;
use crate::cluster::explain;
use crate::context::Context;

/// Arguments of `build`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    target: Target,
}

#[derive(Debug, Subcommand)]
enum Target {
    /// Print what a Kustomization makes of a local directory
    #[command(visible_alias = "ks")]
    Kustomization(Source),
}

/// What to build.
#[derive(Args, Clone, Debug)]
struct Source {
    /// Name of the Kustomization
    name: String,
    /// Directory to build, in place of that in the source
    #[arg(long)]
    path: PathBuf,
    /// File with the Kustomization; that of the cluster when not given
    #[arg(long, value_name = "FILE")]
    kustomization_file: Option<PathBuf>,
    /// Don't ask the cluster; needs --kustomization-file
    #[arg(long)]
    dry_run: bool,
    /// Fail when a variable has neither value nor default, as the controller does
    #[arg(long)]
    strict_substitute: bool,
}

/// Runs the command.
pub(crate) async fn run(arguments: Arguments, context: &Context) -> Result<()> {
    let Target::Kustomization(source) = arguments.target;
    if source.dry_run && source.kustomization_file.is_none() {
        bail!("dry-run mode requires a kustomization file");
    }
    let mut kustomization = match &source.kustomization_file {
        Some(file) => from_file(file, &source.name)?,
        None => context.within(from_cluster(&source.name, context)).await?,
    };
    kustomization.metadata.namespace.get_or_insert_with(|| context.namespace().to_owned());
    let values = context.within(values(&kustomization, &source, context)).await?;
    context.output.data(&build(&kustomization, &values, &source)?)
}

async fn from_cluster(name: &str, context: &Context) -> Result<Kustomization> {
    let api = kube::Api::namespaced(context.client().await?, context.namespace());
    api.get(name).await.map_err(explain)
}

fn from_file(file: &Path, name: &str) -> Result<Kustomization> {
    let text = fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
    for parsed in sluice_yaml::parse(&text).with_context(|| format!("parse {}", file.display()))? {
        let value = parsed.root.to_json(sluice_yaml::Version::V2)?;
        let is_kustomization = value["kind"] == "Kustomization"
            && value["apiVersion"]
                .as_str()
                .is_some_and(|version| version.starts_with("kustomize.toolkit.fluxcd.io/"));
        if is_kustomization && value["metadata"]["name"] == name {
            return serde_json::from_value(value)
                .with_context(|| format!("Kustomization in {}", file.display()));
        }
    }
    bail!("failed find kustomization with name '{name}' in file '{}'", file.display())
}

/// The variables to substitute; without asking the cluster only those that stand in the Kustomization itself.
async fn values(kustomization: &Kustomization, source: &Source, context: &Context) -> Result<Variables> {
    let mut values = Variables::new();
    if let Some(post_build) = &kustomization.spec.post_build {
        if source.dry_run || post_build.substitute_from.is_empty() {
            variables::add_inline(&mut values, post_build)?;
        } else {
            values = variables::read(&context.client().await?, kustomization).await?.variables;
        }
    }
    Ok(values)
}

fn build(kustomization: &Kustomization, values: &Variables, source: &Source) -> Result<String> {
    let directory = std::path::absolute(&source.path)?;
    // Bases may stand beside the directory, as in the source.
    let files = Jail::new(Path::new("/"))?;
    let built = flux::build(&files, &directory, &flux_spec(&kustomization.spec), &Options::flux())?;
    let manifests =
        built.resources.iter().map(|resource| Ok(resource.to_json()?)).collect::<Result<Vec<_>>>()?;
    let is_due = kustomization
        .spec
        .post_build
        .as_ref()
        .is_some_and(|post_build| substitute::is_due(post_build, values));
    let missing = if source.strict_substitute { Missing::Error } else { Missing::Empty };
    let mut manifests =
        if is_due { substitute::all(manifests, values, missing).map_err(Error::msg)? } else { manifests };
    let mut text = String::new();
    for manifest in &mut manifests {
        decorate(manifest, kustomization);
        text.push_str(&document(manifest));
    }
    Ok(text)
}

/// Adds the labels of the owner and the common metadata, and masks what is encrypted.
fn decorate(object: &mut Value, kustomization: &Kustomization) {
    if let Some(common) = &kustomization.spec.common_metadata {
        for (field, entries) in [("labels", &common.labels), ("annotations", &common.annotations)] {
            for (key, value) in entries {
                object["metadata"][field][key] = json!(value);
            }
        }
    }
    object["metadata"]["labels"][NAME_LABEL] = json!(kustomization.metadata.name);
    object["metadata"]["labels"][NAMESPACE_LABEL] = json!(kustomization.metadata.namespace);
    if is_encrypted(object) {
        for field in ["data", "stringData"] {
            for value in object
                .get_mut(field)
                .and_then(Value::as_object_mut)
                .into_iter()
                .flat_map(|map| map.values_mut())
            {
                *value = json!(if field == "data" { "KipTT1BTKio=" } else { "**SOPS**" });
            }
        }
        if let Some(map) = object.as_object_mut() {
            map.remove("sops");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_built_as_the_controller_would() {
        let directory = tempfile::tempdir().unwrap();
        let manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: app\ndata:\n  region: ${region}\n  missing: ${none}\n";
        fs::write(directory.path().join("app.yaml"), manifest).unwrap();
        let kustomization: Kustomization = serde_json::from_value(json!({
            "metadata": { "name": "apps", "namespace": "flux-system" },
            "spec": {
                "interval": "1m",
                "prune": true,
                "targetNamespace": "web",
                "commonMetadata": { "labels": { "team": "a" } },
                "postBuild": { "substitute": { "region": "eu" } },
                "sourceRef": { "kind": "GitRepository", "name": "apps" },
            },
        }))
        .unwrap();
        let mut source = Source {
            name: "apps".to_owned(),
            path: directory.path().to_owned(),
            kustomization_file: None,
            dry_run: true,
            strict_substitute: false,
        };
        let mut values = Variables::new();
        variables::add_inline(&mut values, kustomization.spec.post_build.as_ref().unwrap()).unwrap();
        let expected = "---\napiVersion: v1\ndata:\n  missing: null\n  region: eu\nkind: ConfigMap\nmetadata:\n  labels:\n    \
                        kustomize.toolkit.fluxcd.io/name: apps\n    kustomize.toolkit.fluxcd.io/namespace: flux-system\n    \
                        team: a\n  name: app\n  namespace: web\n";
        assert_eq!(build(&kustomization, &values, &source).unwrap(), expected);
        source.strict_substitute = true;
        let error = build(&kustomization, &values, &source).unwrap_err().to_string();
        assert!(error.starts_with("post build failed for 'ConfigMap.v1.[noGrp]/app': "), "{error}");
    }

    #[test]
    fn encrypted_values_are_masked() {
        let mut secret = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "s" },
            "data": { "a": "RU5D" }, "stringData": { "b": "ENC[x]" }, "sops": { "version": "3" },
        });
        let kustomization: Kustomization = serde_json::from_value(json!({
            "metadata": { "name": "a", "namespace": "b" },
            "spec": { "interval": "1m", "prune": true, "sourceRef": { "kind": "Bucket", "name": "a" } },
        }))
        .unwrap();
        decorate(&mut secret, &kustomization);
        assert_eq!(secret["data"]["a"], "KipTT1BTKio=");
        assert_eq!(secret["stringData"]["b"], "**SOPS**");
        assert!(secret.get("sops").is_none());
    }
}
