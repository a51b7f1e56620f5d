//! The part of a Kustomization's spec that changes the build.

use sluice_apis::kustomize::v1 as apis;
use sluice_kustomize::kustomization::{Image, Patch, Selector};
use sluice_kustomize::{ResId, flux};

/// The part of the spec that changes the build.
pub fn flux_spec(spec: &apis::KustomizationSpec) -> flux::Spec {
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
                target: patch.target.as_ref().map(selector),
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

fn selector(target: &apis::Selector) -> Selector {
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    let mut id = ResId { name: text(&target.name), namespace: text(&target.namespace), ..ResId::default() };
    id.gvk.group = text(&target.group);
    id.gvk.version = text(&target.version);
    id.gvk.kind = text(&target.kind);
    Selector {
        id,
        annotation_selector: text(&target.annotation_selector),
        label_selector: text(&target.label_selector),
    }
}
