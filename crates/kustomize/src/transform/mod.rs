//! What changes resources.

mod images;
mod json_patch;
mod metadata;
mod namespace;
mod patches;
mod prefix;
mod references;
mod replacement;
mod replicas;
mod strategic;
mod value_add;
mod vars;

use std::sync::Arc;

use crate::config::TransformerConfig;
use crate::error::Error;
use crate::fieldspec::{FieldSpec, merge_all, merge_one};
use crate::kustomization::{Kustomization, Label};
use crate::loader::Loader;
use crate::origin::Origin;
use crate::resmap::ResMap;
use crate::settings::{self, refused};

pub(crate) use images::Images;
pub(crate) use json_patch::JsonPatch;
pub(crate) use metadata::{Annotations, Labels};
pub(crate) use namespace::{Namespace, Subjects};
pub(crate) use patches::Patches;
pub(crate) use prefix::{Affix, End};
pub(crate) use references::fix_references;
pub(crate) use replacement::Replacements;
pub(crate) use replicas::Replicas;
pub(crate) use strategic::StrategicPatches;
pub(crate) use value_add::{ValueAdd, ValueAddArgs};
pub(crate) use vars::resolve_vars;

/// Something that changes resources.
pub(crate) trait Transformer {
    /// Changes them.
    fn transform(&self, map: &mut ResMap) -> Result<(), Error>;
}

/// A transformer with its name.
pub(crate) struct Step {
    /// The name of the built-in plugin.
    pub(crate) kind: &'static str,
    pub(crate) transformer: Box<dyn Transformer>,
    /// Where it is configured, if that is to be noted.
    pub(crate) origin: Option<Arc<Origin>>,
}

impl Step {
    pub(crate) fn new(kind: &'static str, transformer: impl Transformer + 'static) -> Self {
        Self { kind, transformer: Box::new(transformer), origin: None }
    }
}

/// The transformers that a kustomization's fields ask for, in the order they run in.
pub(crate) fn builtin_steps(
    kustomization: &Kustomization,
    config: &TransformerConfig,
    loader: &Loader<'_>,
) -> Result<Vec<Step>, Error> {
    let mut steps = Vec::new();
    if !kustomization.patches_strategic_merge.is_empty() {
        let patches =
            StrategicPatches::new(&kustomization.patches_strategic_merge, "", loader)
                .map_err(refused("PatchStrategicMergeTransformer", || {
                    settings::strategic_patches(&kustomization.patches_strategic_merge)
                }))?;
        steps.push(Step::new("PatchStrategicMergeTransformer", patches));
    }
    for patch in &kustomization.patches {
        let patch = Patches::new(patch, || sluice_yaml::to_yaml(&settings::patch(patch)), loader)
            .map_err(refused("PatchTransformer", || settings::patch(patch)))?;
        steps.push(Step::new("PatchTransformer", patch));
    }
    if !kustomization.namespace.is_empty() {
        let namespace = Namespace {
            name: kustomization.namespace.clone(),
            specs: config.namespace.clone(),
            unset_only: false,
            subjects: Subjects::Default,
            dialect: loader.context.options.dialect,
        };
        steps.push(Step::new("NamespaceTransformer", namespace));
    }
    if !kustomization.name_prefix.is_empty() {
        let prefix = Affix::new(End::Prefix, &kustomization.name_prefix, config.name_prefix.clone());
        steps.push(Step::new("PrefixTransformer", prefix));
    }
    if !kustomization.name_suffix.is_empty() {
        let suffix = Affix::new(End::Suffix, &kustomization.name_suffix, config.name_suffix.clone());
        steps.push(Step::new("SuffixTransformer", suffix));
    }
    for label in &kustomization.labels {
        let specs = label_specs(label, config).map_err(|source| source.within("failed to merge labels"))?;
        steps.push(Step::new("LabelTransformer", Labels::new(label.pairs.clone(), specs)));
    }
    if !kustomization.labels.is_empty() || !kustomization.common_labels.is_empty() {
        let labels = Labels::new(kustomization.common_labels.clone(), config.common_labels.clone());
        steps.push(Step::new("LabelTransformer", labels));
    }
    if !kustomization.common_annotations.is_empty() {
        let annotations =
            Annotations::new(kustomization.common_annotations.clone(), config.common_annotations.clone());
        steps.push(Step::new("AnnotationsTransformer", annotations));
    }
    for patch in &kustomization.patches_json6902 {
        let patch = JsonPatch::new(patch.target.as_ref(), &patch.path, &patch.patch, loader)
            .map_err(refused("PatchJson6902Transformer", || settings::json_patch(patch)))?;
        steps.push(Step::new("PatchJson6902Transformer", patch));
    }
    for replica in &kustomization.replicas {
        let replicas = Replicas { replica: replica.clone(), specs: config.replicas.clone() };
        steps.push(Step::new("ReplicaCountTransformer", replicas));
    }
    for image in &kustomization.images {
        let images = Images::new(image.clone(), config.images.clone(), loader.context.options.dialect);
        steps.push(Step::new("ImageTagTransformer", images));
    }
    if !kustomization.replacements.is_empty() {
        let replacements = Replacements::new(&kustomization.replacements, loader)
            .map_err(refused("ReplacementTransformer", || {
                settings::replacements(&kustomization.replacements)
            }))?;
        steps.push(Step::new("ReplacementTransformer", replacements));
    }
    Ok(steps)
}

/// The fields for an entry of `labels`.
fn label_specs(label: &Label, config: &TransformerConfig) -> Result<Vec<FieldSpec>, Error> {
    let mut specs = label.fields.clone();
    merge_all(&mut specs, &config.labels)?;
    if label.include_selectors {
        merge_all(&mut specs, &config.common_labels)?;
        return Ok(specs);
    }
    if label.include_templates {
        merge_all(&mut specs, &config.template_labels)?;
    }
    if label.include_volume_claim_templates {
        merge_all(&mut specs, &config.volume_claim_template_labels)?;
    }
    let metadata = FieldSpec { path: "metadata/labels".to_owned(), create: true, ..FieldSpec::default() };
    merge_one(&mut specs, metadata)?;
    Ok(specs)
}
