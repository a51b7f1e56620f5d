//! The settings of built-in generators and transformers as kustomize quotes them when it can't use them.

use serde_json::{Map, Value, json};

use crate::charts::{HelmChart, HelmGlobals};
use crate::error::Error;
use crate::kustomization::{FieldOptions, Patch, Replacement, Selector, SourceSelector, TargetSelector};

/// Says whose settings can't be used, and quotes them.
pub(crate) fn refused(kind: &'static str, settings: impl Fn() -> Value) -> impl Fn(Error) -> Error {
    move |source| Error::Configuring {
        kind,
        config: sluice_yaml::to_yaml(&settings()),
        source: Box::new(source),
    }
}

/// A map of the fields that are set.
fn fields<const N: usize>(fields: [(&str, Value); N]) -> Value {
    let is_set = |value: &Value| match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        _ => true,
    };
    let set = fields.into_iter().filter(|(_, value)| is_set(value));
    Value::Object(set.map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>())
}

fn selector(selector: &Selector) -> Value {
    let id = &selector.id;
    fields([
        ("group", json!(id.gvk.group)),
        ("version", json!(id.gvk.version)),
        ("kind", json!(id.gvk.kind)),
        ("name", json!(id.name)),
        ("namespace", json!(id.namespace)),
        ("annotationSelector", json!(selector.annotation_selector)),
        ("labelSelector", json!(selector.label_selector)),
    ])
}

/// An entry of `patches`.
pub(crate) fn patch(patch: &Patch) -> Value {
    let options = patch.options.as_ref().map(|options| {
        fields([
            ("allowNameChange", json!(options.allow_name_change)),
            ("allowKindChange", json!(options.allow_kind_change)),
        ])
    });
    fields([
        ("path", json!(patch.path)),
        ("patch", json!(patch.patch)),
        ("target", patch.target.as_ref().map(selector).unwrap_or_default()),
        ("options", options.unwrap_or_default()),
    ])
}

/// An entry of `patchesJson6902`.
pub(crate) fn json_patch(patch: &Patch) -> Value {
    fields([
        ("target", patch.target.as_ref().map(selector).unwrap_or_default()),
        ("path", json!(patch.path)),
        ("jsonOp", json!(patch.patch)),
    ])
}

/// All of `patchesStrategicMerge`.
pub(crate) fn strategic_patches(paths: &[String]) -> Value {
    fields([("paths", json!(paths))])
}

/// All of `replacements`.
pub(crate) fn replacements(entries: &[Replacement]) -> Value {
    let options = |options: Option<&FieldOptions>| match options {
        Some(options) => fields([
            ("delimiter", json!(options.delimiter)),
            ("index", Some(options.index).filter(|index| *index != 0).map(Value::from).unwrap_or_default()),
            ("encoding", json!(options.encoding)),
            ("create", json!(options.create)),
        ]),
        None => Value::Null,
    };
    let source = |source: &SourceSelector| {
        fields([
            ("group", json!(source.id.gvk.group)),
            ("version", json!(source.id.gvk.version)),
            ("kind", json!(source.id.gvk.kind)),
            ("name", json!(source.id.name)),
            ("namespace", json!(source.id.namespace)),
            ("fieldPath", json!(source.field_path)),
            ("options", options(source.options.as_ref())),
        ])
    };
    let target = |target: &TargetSelector| {
        let mut value = fields([
            ("reject", target.reject.iter().map(selector).collect()),
            ("fieldPaths", json!(target.field_paths)),
            ("options", options(target.options.as_ref())),
        ]);
        value["select"] = target.select.as_ref().map(selector).unwrap_or_default();
        value
    };
    let entry = |entry: &Replacement| {
        fields([
            ("path", json!(entry.path)),
            ("source", entry.source.as_ref().map(source).unwrap_or_default()),
            ("targets", entry.targets.iter().flatten().map(target).collect()),
            ("sourceValue", json!(entry.source_value)),
        ])
    };
    json!({"Replacements": entries.iter().map(entry).collect::<Vec<_>>()})
}

/// An entry of `helmCharts`, which takes the namespace of its kustomization if it has none of its own.
pub(crate) fn chart(chart: &HelmChart, globals: &HelmGlobals, namespace: &str) -> Value {
    let namespace = if chart.namespace.is_empty() { namespace } else { &chart.namespace };
    fields([
        ("chartHome", json!(globals.chart_home)),
        ("configHome", json!(globals.config_home)),
        ("name", json!(chart.name)),
        ("version", json!(chart.version)),
        ("repo", json!(chart.repo)),
        ("releaseName", json!(chart.release_name)),
        ("namespace", json!(namespace)),
        ("additionalValuesFiles", json!(chart.additional_values_files)),
        ("valuesFile", json!(chart.values_file)),
        ("valuesInline", chart.values_inline.clone()),
        ("valuesMerge", json!(chart.values_merge)),
        ("includeCRDs", json!(chart.include_crds)),
        ("skipHooks", json!(chart.skip_hooks)),
        ("apiVersions", json!(chart.api_versions)),
        ("kubeVersion", json!(chart.kube_version)),
        ("nameTemplate", json!(chart.name_template)),
        ("skipTests", json!(chart.skip_tests)),
        ("debug", json!(chart.debug)),
        ("devel", json!(chart.devel)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As kustomize-controller 1.9.4 told it.
    #[test]
    fn settings_are_quoted_as_kustomize_quotes_them() {
        let entry = HelmChart {
            name: "x".to_owned(),
            include_crds: true,
            values_inline: json!({"b": ["c"], "a": 1}),
            ..HelmChart::default()
        };
        let globals = HelmGlobals { chart_home: "charts".to_owned(), ..HelmGlobals::default() };
        let refuse = refused("HelmChartInflationGenerator", || chart(&entry, &globals, "y"));
        assert_eq!(
            refuse(Error::Helm { chart: "x".to_owned() }).to_string(),
            "trouble configuring builtin HelmChartInflationGenerator with config: `\nchartHome: charts\nincludeCRDs: true\n\
             name: x\nnamespace: \"y\"\nvaluesInline:\n  a: 1\n  b:\n  - c\n`: must specify --enable-helm"
        );
    }
}
