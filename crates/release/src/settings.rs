//! What of the spec changes the rendered manifests.

use sluice_apis::helm::v2::{HelmRelease, PostRenderStrategy};
use sluice_apis::kustomize::v1 as apis;
use sluice_chart::postrender::{Common, Kustomize, Origin, Settings, Strategy};
use sluice_kustomize::ResId;
use sluice_kustomize::kustomization::{Image, Patch, Selector};

/// The settings of a `HelmRelease`. `helm_3_defaults` leaves hooks out where the spec does not say.
pub fn of(object: &HelmRelease, helm_3_defaults: bool) -> Settings {
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    let spec = &object.spec;
    let renderer = |renderer: &sluice_apis::helm::v2::PostRenderer| {
        let kustomize = renderer.kustomize.clone().unwrap_or_default();
        let patch = |patch: &apis::Patch| Patch {
            patch: patch.patch.clone(),
            target: patch.target.as_ref().map(selector),
            ..Patch::default()
        };
        let image = |image: &apis::Image| Image {
            name: image.name.clone(),
            new_name: text(&image.new_name),
            new_tag: text(&image.new_tag),
            digest: text(&image.digest),
            ..Image::default()
        };
        Kustomize {
            patches: kustomize.patches.iter().map(patch).collect(),
            images: kustomize.images.iter().map(image).collect(),
        }
    };
    let common = spec
        .common_metadata
        .as_ref()
        .map(|common| Common { labels: common.labels.clone(), annotations: common.annotations.clone() });
    Settings {
        renderers: spec.post_renderers.iter().flatten().map(renderer).collect(),
        common: common.unwrap_or_default(),
        origin: Some(Origin {
            name: object.metadata.name.clone().unwrap_or_default(),
            namespace: object.metadata.namespace.clone().unwrap_or_default(),
        }),
        strategy: match &spec.post_render_strategy {
            Some(PostRenderStrategy::NoHooks) => Strategy::NoHooks,
            Some(PostRenderStrategy::Separate) => Strategy::Separate,
            None if helm_3_defaults => Strategy::NoHooks,
            Some(_) | None => Strategy::Combined,
        },
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
