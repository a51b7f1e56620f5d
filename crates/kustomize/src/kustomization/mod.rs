//! The kustomization file.

pub(crate) mod decode;
mod generators;
mod selector;
mod types;

pub use generators::{GeneratorArgs, GeneratorOptions, SecretArgs};
pub use types::{
    FieldOptions, Image, Label, LegacySortOptions, ObjectMeta, Patch, PatchOptions, Replacement, Replica,
    Selector, SortOptions, SourceSelector, TargetSelector, Var,
};

pub(crate) use selector::SelectorRegex;
pub(crate) use types::set_gvk;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::Dialect;
use crate::charts::{HelmChart, HelmGlobals, OldChart};
use decode::{At, Decode, DecodeError, Fields};

/// The names that a kustomization file may have.
pub const FILE_NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

const API_VERSION: &str = "kustomize.config.k8s.io/v1beta1";
const KIND: &str = "Kustomization";
const COMPONENT_API_VERSION: &str = "kustomize.config.k8s.io/v1alpha1";
/// The kind of a component.
pub const COMPONENT: &str = "Component";

/// The content of a kustomization file, deprecated fields moved to where they belong.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs, reason = "the fields are those of the file, documented at kubectl.docs.kubernetes.io")]
pub struct Kustomization {
    pub api_version: String,
    pub kind: String,
    pub metadata: Option<ObjectMeta>,
    pub openapi: BTreeMap<String, String>,
    pub name_prefix: String,
    pub name_suffix: String,
    pub namespace: String,
    pub common_labels: BTreeMap<String, String>,
    pub labels: Vec<Label>,
    pub common_annotations: BTreeMap<String, String>,
    pub patches_strategic_merge: Vec<String>,
    pub patches_json6902: Vec<Patch>,
    pub patches: Vec<Patch>,
    pub images: Vec<Image>,
    pub replacements: Vec<Replacement>,
    pub replicas: Vec<Replica>,
    pub vars: Vec<Var>,
    pub sort_options: Option<SortOptions>,
    pub resources: Vec<String>,
    pub components: Vec<String>,
    pub crds: Vec<String>,
    pub config_map_generator: Vec<GeneratorArgs>,
    pub secret_generator: Vec<SecretArgs>,
    pub generator_options: Option<GeneratorOptions>,
    pub configurations: Vec<String>,
    pub generators: Vec<String>,
    pub transformers: Vec<String>,
    pub validators: Vec<String>,
    pub build_metadata: Vec<String>,
    pub helm_charts: Vec<HelmChart>,
    pub helm_globals: Option<HelmGlobals>,
    /// Deprecated fields in use.
    pub deprecated: Vec<&'static str>,
    image_tags: Vec<Image>,
    old_charts: Vec<OldChart>,
    bases: Vec<String>,
    /// Whether any field but `apiVersion` and `kind` says something, if only an empty list.
    present: bool,
}

impl Fields for Kustomization {
    const TYPE: &'static str = "Kustomization";
    const FIELDS: &'static [&'static str] = &[
        "kind",
        "apiVersion",
        "metadata",
        "openapi",
        "namePrefix",
        "nameSuffix",
        "namespace",
        "commonLabels",
        "labels",
        "commonAnnotations",
        "patchesStrategicMerge",
        "patchesJson6902",
        "patches",
        "images",
        "imageTags",
        "replacements",
        "replicas",
        "vars",
        "sortOptions",
        "resources",
        "components",
        "crds",
        "bases",
        "configMapGenerator",
        "secretGenerator",
        "helmGlobals",
        "helmCharts",
        "helmChartInflationGenerator",
        "generatorOptions",
        "configurations",
        "generators",
        "transformers",
        "validators",
        "buildMetadata",
    ];

    fn set(&mut self, field: &str, value: &Value, at: &At) -> Result<(), DecodeError> {
        match field {
            "kind" => self.kind = Decode::decode(value, at)?,
            "apiVersion" => self.api_version = Decode::decode(value, at)?,
            "metadata" => self.metadata = Decode::decode(value, at)?,
            "openapi" => self.openapi = Decode::decode(value, at)?,
            "namePrefix" => self.name_prefix = Decode::decode(value, at)?,
            "nameSuffix" => self.name_suffix = Decode::decode(value, at)?,
            "namespace" => self.namespace = Decode::decode(value, at)?,
            "commonLabels" => self.common_labels = Decode::decode(value, at)?,
            "labels" => self.labels = Decode::decode(value, at)?,
            "commonAnnotations" => self.common_annotations = Decode::decode(value, at)?,
            "patchesStrategicMerge" => self.patches_strategic_merge = Decode::decode(value, at)?,
            "patchesJson6902" => self.patches_json6902 = Decode::decode(value, at)?,
            "patches" => self.patches = Decode::decode(value, at)?,
            "images" => self.images = Decode::decode(value, at)?,
            "imageTags" => self.image_tags = Decode::decode(value, at)?,
            "replacements" => self.replacements = Decode::decode(value, at)?,
            "replicas" => self.replicas = Decode::decode(value, at)?,
            "vars" => self.vars = Decode::decode(value, at)?,
            "sortOptions" => self.sort_options = Decode::decode(value, at)?,
            "resources" => self.resources = Decode::decode(value, at)?,
            "components" => self.components = Decode::decode(value, at)?,
            "crds" => self.crds = Decode::decode(value, at)?,
            "bases" => self.bases = Decode::decode(value, at)?,
            "configMapGenerator" => self.config_map_generator = Decode::decode(value, at)?,
            "secretGenerator" => self.secret_generator = Decode::decode(value, at)?,
            "helmGlobals" => self.helm_globals = Decode::decode(value, at)?,
            "helmCharts" => self.helm_charts = Decode::decode(value, at)?,
            "helmChartInflationGenerator" => self.old_charts = Decode::decode(value, at)?,
            "generatorOptions" => self.generator_options = Decode::decode(value, at)?,
            "configurations" => self.configurations = Decode::decode(value, at)?,
            "generators" => self.generators = Decode::decode(value, at)?,
            "transformers" => self.transformers = Decode::decode(value, at)?,
            "validators" => self.validators = Decode::decode(value, at)?,
            _ => self.build_metadata = Decode::decode(value, at)?,
        }
        if let Some(field) = DEPRECATED.iter().map(|(old, _)| *old).find(|old| *old == field) {
            self.deprecated.push(field);
        }
        // Lists that are moved into another one count only with what they hold.
        let moved = matches!(field, "bases" | "imageTags" | "helmChartInflationGenerator");
        let says_something = match value {
            Value::String(text) => !text.is_empty(),
            Value::Array(items) => !moved || !items.is_empty(),
            _ => true,
        };
        self.present |= says_something && !matches!(field, "kind" | "apiVersion");
        Ok(())
    }

    fn embedded(field: &str) -> &'static str {
        if matches!(field, "kind" | "apiVersion") { "TypeMeta" } else { "" }
    }
}

/// Fields that a newer one replaces. The order is that of the warnings.
const DEPRECATED: [(&str, &str); 6] = [
    ("bases", "resources"),
    ("commonLabels", "labels"),
    ("imageTags", "images"),
    ("patchesJson6902", "patches"),
    ("patchesStrategicMerge", "patches"),
    ("vars", "replacements"),
];

impl Kustomization {
    /// Decodes a file's content, already converted to JSON.
    pub(crate) fn decode(json: &Value, strict: bool, dialect: Dialect) -> Result<Self, DecodeError> {
        let at = if strict { At::exact(dialect) } else { At::top(false, dialect) };
        if json.is_null() { Ok(Self::default()) } else { <Self as Decode>::decode(json, &at) }
    }

    /// Fills in what may be left out, and moves deprecated lists behind those that replace them.
    pub(crate) fn fix(&mut self) {
        if self.kind.is_empty() {
            KIND.clone_into(&mut self.kind);
        }
        if self.api_version.is_empty() {
            self.required_api_version().clone_into(&mut self.api_version);
        }
        self.resources.append(&mut self.bases);
        self.images.append(&mut self.image_tags);
        self.move_charts();
        self.config_map_generator.iter_mut().for_each(GeneratorArgs::move_env);
        self.secret_generator.iter_mut().for_each(|secret| secret.args.move_env());
    }

    /// Moves deprecated charts; of several homes the last one counts, and none if there are globals.
    fn move_charts(&mut self) {
        let has_globals = self.helm_globals.is_some();
        for OldChart { chart, globals } in std::mem::take(&mut self.old_charts) {
            self.helm_charts.push(chart);
            if !has_globals && globals != HelmGlobals::default() {
                let merged = self.helm_globals.get_or_insert_default();
                if !globals.chart_home.is_empty() {
                    merged.chart_home = globals.chart_home;
                }
                if !globals.config_home.is_empty() {
                    merged.config_home = globals.config_home;
                }
            }
        }
    }

    fn required_api_version(&self) -> &'static str {
        if self.kind == COMPONENT { COMPONENT_API_VERSION } else { API_VERSION }
    }

    /// Whether the file says nothing.
    pub(crate) fn is_empty(&self) -> bool {
        !self.present
    }

    /// Says that something was put into it from outside.
    pub(crate) fn mark_present(&mut self) {
        self.present = true;
    }

    /// What is wrong with kind and API version.
    pub(crate) fn type_errors(&self) -> Vec<String> {
        let mut errors = Vec::new();
        if self.kind != KIND && self.kind != COMPONENT {
            errors.push(format!("kind should be {KIND} or {COMPONENT}"));
        }
        let required = self.required_api_version();
        if self.api_version != required {
            errors.push(format!("apiVersion for {} should be {required}", self.kind));
        }
        errors
    }

    /// One warning for each deprecated field in use.
    pub(crate) fn warnings(&self) -> impl Iterator<Item = String> {
        DEPRECATED
            .iter()
            .filter(|(old, _)| self.deprecated.contains(old))
            .map(|(old, new)| format!("'{old}' is deprecated. Please use '{new}' instead."))
    }
}
