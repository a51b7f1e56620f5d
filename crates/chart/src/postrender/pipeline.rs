//! One run: trees through kustomize, then metadata, then texts by file.

use std::path::Path;

use serde_json::{Value as Json, json};
use sluice_kustomize::fs::Memory;
use sluice_kustomize::kustomization::{Image, Patch};
use sluice_kustomize::{Options, Resource};
use sluice_yaml::Node;

use super::error::PostRenderError;
use super::{Documents, Kustomize, Settings, documents, metadata};

/// Where the manifests stand for kustomize.
const INPUT: &str = "helm-output.yaml";

/// The documents by file after all steps. `group` is that of a run among several.
///
/// As in Helm 4.2.1, the last document of a file ends with a line break, the others don't.
pub(super) fn run(files: &Documents, settings: &Settings, group: &str) -> Result<Documents, PostRenderError> {
    let mut objects = objects(files, group)?;
    for renderer in &settings.renderers {
        objects = kustomize(&objects, renderer).map_err(|error| failed(group, error))?;
    }
    let mut out = Documents::new();
    for (index, mut object) in objects.into_iter().enumerate() {
        metadata::decorate(&mut object, &settings.common, settings.origin.as_ref());
        let infix = if group.is_empty() { String::new() } else { format!("{group}-") };
        let file = metadata::without_file(&mut object)
            .unwrap_or_else(|| format!("generated-by-postrender-{infix}{index}.yaml"));
        let documents = out.entry(file).or_default();
        if let Some(previous) = documents.last_mut() {
            previous.truncate(previous.trim_end().len());
        }
        documents.push(sluice_yaml::to_yaml_unfolded(&object));
    }
    Ok(out)
}

/// The objects of files as kustomize reads them.
pub(super) fn objects(files: &Documents, group: &str) -> Result<Vec<Json>, PostRenderError> {
    let what = if group.is_empty() { "files" } else { group };
    let objects = documents::read(files, what)?;
    let nodes = objects.iter().map(Node::from_json).collect();
    let resources = sluice_kustomize::resources_of(nodes).map_err(|error| failed(group, error))?;
    json(&resources).map_err(|error| failed(group, error))
}

fn failed(group: &str, error: sluice_kustomize::Error) -> PostRenderError {
    let what = if group.is_empty() { "files" } else { group }.to_owned();
    PostRenderError::Kustomize { what, source: Box::new(error) }
}

fn json(resources: &[Resource]) -> Result<Vec<Json>, sluice_kustomize::Error> {
    resources.iter().map(Resource::to_json).collect()
}

/// Builds a kustomization of the objects with patches and images.
fn kustomize(objects: &[Json], renderer: &Kustomize) -> Result<Vec<Json>, sluice_kustomize::Error> {
    let text = objects.iter().map(sluice_yaml::to_yaml).collect::<Vec<_>>().join("---\n");
    let kustomization = json!({
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [INPUT],
        "patches": renderer.patches.iter().map(patch).collect::<Vec<_>>(),
        "images": renderer.images.iter().map(image).collect::<Vec<_>>(),
    });
    let files = Memory::new()
        .with(Path::new("/").join(INPUT), text)
        .with("/kustomization.yaml", kustomization.to_string());
    json(&sluice_kustomize::build(&files, Path::new("/"), &Options::flux())?.resources)
}

fn patch(patch: &Patch) -> Json {
    let mut out = json!({ "patch": patch.patch });
    if let Some(target) = &patch.target {
        let id = &target.id;
        out["target"] = json!({
            "group": id.gvk.group, "version": id.gvk.version, "kind": id.gvk.kind,
            "name": id.name, "namespace": id.namespace,
            "annotationSelector": target.annotation_selector, "labelSelector": target.label_selector,
        });
    }
    out
}

fn image(image: &Image) -> Json {
    json!({ "name": image.name, "newName": image.new_name, "newTag": image.new_tag, "digest": image.digest })
}
