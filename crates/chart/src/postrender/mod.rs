//! Flux's post-renderer: what a HelmRelease says beyond its values is applied to what its chart rendered.
//!
//! Every manifest goes through kustomize, also when there is nothing to change: keys come sorted, comments are gone,
//! lists are taken apart, two objects with the same id are an error. Then come the common metadata and the labels that
//! tell where a release comes from.

mod documents;
mod error;
mod metadata;
mod pipeline;

use std::collections::BTreeMap;

use sluice_kustomize::kustomization::{Image, Patch};

pub use error::PostRenderError;
pub use metadata::{NAME_LABEL, NAMESPACE_LABEL};

use crate::chart::Crd;
use crate::release::{Sorted, is_partial, sort_documents, split};

/// What to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// `spec.postRenderers`, in order.
    pub renderers: Vec<Kustomize>,
    /// `spec.commonMetadata`.
    pub common: Common,
    /// Name and namespace of the HelmRelease.
    pub origin: Option<Origin>,
    /// `spec.postRenderStrategy`.
    pub strategy: Strategy,
}

/// `spec.postRenderers[].kustomize`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kustomize {
    /// Patches with their targets.
    pub patches: Vec<Patch>,
    /// Images to change.
    pub images: Vec<Image>,
}

/// `spec.commonMetadata`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Common {
    /// Set on every object.
    pub labels: BTreeMap<String, String>,
    /// Set on every object.
    pub annotations: BTreeMap<String, String>,
}

/// Where a release comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Name of the HelmRelease.
    pub name: String,
    /// Namespace of the HelmRelease.
    pub namespace: String,
}

/// What becomes of hooks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strategy {
    /// Hooks and all other manifests go through kustomize together.
    #[default]
    Combined,
    /// Hooks stay as they are.
    NoHooks,
    /// Hooks and all other manifests go through kustomize, each on their own.
    Separate,
}

/// Documents by path, in the order in which they stand there.
type Documents = BTreeMap<String, Vec<String>>;

/// Applies the settings to what templates gave, by path, and sorts the result.
pub fn run(files: &BTreeMap<String, String>, settings: &Settings) -> Result<Sorted, PostRenderError> {
    let files: Documents = files
        .iter()
        .filter(|(path, _)| !is_partial(path))
        .map(|(path, text)| (path.clone(), split(text).into_iter().map(str::to_owned).collect()))
        .collect();
    let result = match settings.strategy {
        Strategy::Combined => pipeline::run(&files, settings, "")?,
        Strategy::NoHooks | Strategy::Separate => {
            let parts = sorted(&files)?;
            let mut hooks = Documents::new();
            for hook in parts.hooks {
                hooks.entry(hook.path).or_default().push(hook.manifest);
            }
            let mut rest = Documents::new();
            for manifest in parts.manifests {
                rest.entry(manifest.path).or_default().push(manifest.content);
            }
            if settings.strategy == Strategy::Separate {
                hooks = pipeline::run(&hooks, settings, "hooks")?;
            }
            for (path, mut documents) in pipeline::run(&rest, settings, "manifests")? {
                hooks.entry(path).or_default().append(&mut documents);
            }
            hooks
        }
    };
    sorted(&result)
}

fn sorted(files: &Documents) -> Result<Sorted, PostRenderError> {
    let documents = files.iter().flat_map(|(path, documents)| {
        documents.iter().map(move |document| (path.as_str(), document.as_str()))
    });
    sort_documents(documents).map_err(|error| PostRenderError::Sort(error.into()))
}

/// Adds the common metadata and the labels of the origin to definitions from `crds/`, and gives them as JSON.
pub fn crds(crds: &[Crd], settings: &Settings) -> Result<Vec<serde_json::Value>, PostRenderError> {
    let text = |crd: &Crd| String::from_utf8_lossy(&crd.file.data).into_owned();
    let files: Documents = crds
        .iter()
        .map(|crd| (crd.path.clone(), split(&text(crd)).into_iter().map(str::to_owned).collect()))
        .collect();
    let mut objects = pipeline::objects(&files, "")?;
    for object in &mut objects {
        metadata::without_file(object);
        metadata::decorate(object, &Common::default(), settings.origin.as_ref());
    }
    Ok(objects)
}
