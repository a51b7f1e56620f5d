//! `build kustomization`: what the controller would apply.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use sluice_apis::kustomize::v1::{Kustomization, KustomizationSpec};
use sluice_apis::kustomize::{self, NAME_LABEL, NAMESPACE_LABEL};
use sluice_kustomize::fs::Jail;
use sluice_kustomize::kustomization::{Image, Patch, Selector};
use sluice_kustomize::{Gvk, Options, ResId, flux};

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
}

/// Runs the command.
pub(crate) async fn run(arguments: Arguments, context: &Context) -> Result<()> {
    let Target::Kustomization(source) = arguments.target;
    if source.dry_run && source.kustomization_file.is_none() {
        bail!("dry-run mode requires a kustomization file");
    }
    let kustomization = match &source.kustomization_file {
        Some(file) => from_file(file, &source.name)?,
        None => context.within(from_cluster(&source.name, context)).await?,
    };
    context.output.data(&build(&kustomization, &source, context.namespace())?)
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

fn build(kustomization: &Kustomization, source: &Source, namespace: &str) -> Result<String> {
    let spec = &kustomization.spec;
    if spec.post_build.is_some() {
        bail!(
            "spec.postBuild is not supported yet by this command: the controller would substitute variables"
        );
    }
    let directory = std::path::absolute(&source.path)?;
    // Bases may stand beside the directory, as in the source.
    let files = Jail::new(Path::new("/"))?;
    let built = flux::build(&files, &directory, &flux_spec(spec), &Options::flux())?;
    let namespace = kustomization.metadata.namespace.as_deref().unwrap_or(namespace);
    let mut text = String::new();
    for resource in &built.resources {
        let mut object = resource.to_json()?;
        decorate(&mut object, kustomization, &source.name, namespace);
        text.push_str(&document(&object));
    }
    Ok(text)
}

/// Adds the labels of the owner and the common metadata, and masks what is encrypted.
fn decorate(object: &mut Value, kustomization: &Kustomization, name: &str, namespace: &str) {
    if let Some(common) = &kustomization.spec.common_metadata {
        for (field, entries) in [("labels", &common.labels), ("annotations", &common.annotations)] {
            for (key, value) in entries {
                object["metadata"][field][key] = json!(value);
            }
        }
    }
    object["metadata"]["labels"][NAME_LABEL] = json!(name);
    object["metadata"]["labels"][NAMESPACE_LABEL] = json!(namespace);
    if object.get("sops").is_some() {
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

fn gvk(target: &kustomize::v1::Selector) -> Gvk {
    let mut gvk = Gvk::of_kind(target.kind.as_deref().unwrap_or_default());
    gvk.group = target.group.clone().unwrap_or_default();
    gvk.version = target.version.clone().unwrap_or_default();
    gvk
}

/// The part of the spec that changes the build.
fn flux_spec(spec: &KustomizationSpec) -> flux::Spec {
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    flux::Spec {
        target_namespace: text(&spec.target_namespace),
        name_prefix: text(&spec.name_prefix),
        name_suffix: text(&spec.name_suffix),
        patches: spec
            .patches
            .iter()
            .map(|patch| Patch {
                patch: patch.patch.clone(),
                target: patch.target.as_ref().map(|target| Selector {
                    id: ResId {
                        gvk: gvk(target),
                        name: text(&target.name),
                        namespace: text(&target.namespace),
                    },
                    label_selector: text(&target.label_selector),
                    annotation_selector: text(&target.annotation_selector),
                }),
                ..Patch::default()
            })
            .collect(),
        images: spec
            .images
            .iter()
            .map(|image| Image {
                name: image.name.clone(),
                new_name: text(&image.new_name),
                new_tag: text(&image.new_tag),
                digest: text(&image.digest),
                ..Image::default()
            })
            .collect(),
        components: spec.components.clone(),
        ignore_missing_components: spec.ignore_missing_components,
        build_metadata: spec.build_metadata.iter().map(|option| option.as_str().to_owned()).collect(),
    }
}
