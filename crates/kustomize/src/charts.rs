//! Helm charts in kustomizations: what is asked of a renderer, if there is one.

use std::path::Path;

use serde_json::Value;

use crate::FileSystem;
use crate::error::Error;
use crate::kustomization::decode::{At, Decode, DecodeError, Fields, Raw};
use crate::loader::Loader;
use crate::parse;
use crate::resource::Resource;

/// Marks what a chart made.
const GENERATED: &str = "config.kubernetes.io/helm-generated";

/// Renders charts as `helm template` does.
pub trait Charts {
    /// The manifests of a chart, as YAML documents. The error is a text for people.
    fn render(&self, request: &ChartRequest<'_>) -> Result<Vec<u8>, String>;
}

/// What a kustomization asks for.
pub struct ChartRequest<'a> {
    /// The entry of `helmCharts`, its namespace filled in from the kustomization.
    pub chart: &'a HelmChart,
    /// `helmGlobals`.
    pub globals: &'a HelmGlobals,
    /// The content of `valuesFile`, if it is given; else that of the chart itself counts.
    pub values: Option<Vec<u8>>,
    /// The contents of `additionalValuesFiles`, in order.
    pub additional_values: Vec<Vec<u8>>,
    /// The kustomization's files, where `chartHome` may be.
    pub files: &'a dyn FileSystem,
    /// Where the kustomization is.
    pub directory: &'a Path,
}

/// `helmGlobals`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HelmGlobals {
    /// Where charts are looked for; `charts` if empty.
    pub chart_home: String,
    /// Helm's own configuration.
    pub config_home: String,
}

impl Fields for HelmGlobals {
    const TYPE: &'static str = "HelmGlobals";
    const FIELDS: &'static [&'static str] = &["chartHome", "configHome"];
    fn set(&mut self, field: &str, value: &Value, at: &At) -> Result<(), DecodeError> {
        match field {
            "chartHome" => self.chart_home = Decode::decode(value, at)?,
            _ => self.config_home = Decode::decode(value, at)?,
        }
        Ok(())
    }
}

/// An entry of `helmCharts`.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs, reason = "the fields are those of the file, documented at kubectl.docs.kubernetes.io")]
pub struct HelmChart {
    pub name: String,
    pub version: String,
    pub repo: String,
    pub release_name: String,
    pub namespace: String,
    pub values_file: String,
    pub additional_values_files: Vec<String>,
    pub values_inline: Value,
    pub values_merge: String,
    pub include_crds: bool,
    pub skip_hooks: bool,
    pub skip_tests: bool,
    pub api_versions: Vec<String>,
    pub kube_version: String,
    pub name_template: String,
    pub debug: bool,
    pub devel: bool,
}

impl Fields for HelmChart {
    const TYPE: &'static str = "HelmChart";
    const FIELDS: &'static [&'static str] = &[
        "name",
        "version",
        "repo",
        "releaseName",
        "namespace",
        "additionalValuesFiles",
        "valuesFile",
        "valuesInline",
        "valuesMerge",
        "includeCRDs",
        "skipHooks",
        "apiVersions",
        "kubeVersion",
        "nameTemplate",
        "skipTests",
        "debug",
        "devel",
    ];
    fn set(&mut self, field: &str, value: &Value, at: &At) -> Result<(), DecodeError> {
        match field {
            "name" => self.name = Decode::decode(value, at)?,
            "version" => self.version = Decode::decode(value, at)?,
            "repo" => self.repo = Decode::decode(value, at)?,
            "releaseName" => self.release_name = Decode::decode(value, at)?,
            "namespace" => self.namespace = Decode::decode(value, at)?,
            "additionalValuesFiles" => self.additional_values_files = Decode::decode(value, at)?,
            "valuesFile" => self.values_file = Decode::decode(value, at)?,
            "valuesInline" => self.values_inline = Raw::decode(value, at)?.0,
            "valuesMerge" => self.values_merge = Decode::decode(value, at)?,
            "includeCRDs" => self.include_crds = Decode::decode(value, at)?,
            "skipHooks" => self.skip_hooks = Decode::decode(value, at)?,
            "apiVersions" => self.api_versions = Decode::decode(value, at)?,
            "kubeVersion" => self.kube_version = Decode::decode(value, at)?,
            "nameTemplate" => self.name_template = Decode::decode(value, at)?,
            "skipTests" => self.skip_tests = Decode::decode(value, at)?,
            "debug" => self.debug = Decode::decode(value, at)?,
            _ => self.devel = Decode::decode(value, at)?,
        }
        Ok(())
    }
}

/// An entry of the deprecated `helmChartInflationGenerator`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct OldChart {
    pub(crate) chart: HelmChart,
    pub(crate) globals: HelmGlobals,
}

impl Fields for OldChart {
    const TYPE: &'static str = "HelmChartArgs";
    const FIELDS: &'static [&'static str] = &[
        "chartName",
        "chartVersion",
        "chartRepoUrl",
        "chartHome",
        "chartRepoName",
        "helmBin",
        "helmHome",
        "values",
        "valuesLocal",
        "valuesMerge",
        "releaseName",
        "releaseNamespace",
        "extraArgs",
    ];
    fn set(&mut self, field: &str, value: &Value, at: &At) -> Result<(), DecodeError> {
        match field {
            "chartName" => self.chart.name = Decode::decode(value, at)?,
            "chartVersion" => self.chart.version = Decode::decode(value, at)?,
            "chartRepoUrl" => self.chart.repo = Decode::decode(value, at)?,
            "chartHome" => self.globals.chart_home = Decode::decode(value, at)?,
            "helmHome" => self.globals.config_home = Decode::decode(value, at)?,
            "values" => self.chart.values_file = Decode::decode(value, at)?,
            "valuesLocal" => self.chart.values_inline = Raw::decode(value, at)?.0,
            "valuesMerge" => self.chart.values_merge = Decode::decode(value, at)?,
            "releaseName" => self.chart.release_name = Decode::decode(value, at)?,
            // kustomize takes the others and drops them.
            _ => {}
        }
        Ok(())
    }
}

/// The objects of a chart, or why there are none.
pub(crate) fn inflate(
    chart: &HelmChart,
    globals: &HelmGlobals,
    namespace: &str,
    loader: &Loader<'_>,
) -> Result<Vec<Resource>, Error> {
    let Some(renderer) = loader.context.environment.charts else {
        return Err(Error::Helm { chart: chart.name.clone() });
    };
    let failed = |reason: String| Error::Chart { chart: chart.name.clone(), reason };
    if chart.name.is_empty() {
        return Err(failed("chart name cannot be empty".to_owned()));
    }
    if !["", "override", "merge", "replace"].contains(&chart.values_merge.as_str()) {
        return Err(failed("valuesMerge must be one of [merge override replace]".to_owned()));
    }
    let mut chart = chart.clone();
    if chart.namespace.is_empty() {
        namespace.clone_into(&mut chart.namespace);
    }
    let values = match chart.values_file.as_str() {
        "" => None,
        path => Some(loader.load(path)?),
    };
    let additional_values = chart
        .additional_values_files
        .iter()
        .map(|path| loader.load(path).map_err(|source| source.within("could not load additionalValuesFile")));
    let additional_values = additional_values.collect::<Result<_, _>>()?;
    let (files, directory) = (loader.files(), loader.root());
    let request = ChartRequest { chart: &chart, globals, values, additional_values, files, directory };
    let manifests = renderer.render(&request).map_err(failed)?;
    let mut resources = parse::resources(&manifests, &format!("chart {}", chart.name))?;
    for resource in &mut resources {
        let mut annotations = resource.annotations();
        annotations.insert(GENERATED.to_owned(), "true".to_owned());
        resource.set_annotations(&annotations);
    }
    Ok(resources)
}
