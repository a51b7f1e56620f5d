//! Helm charts in kustomizations: where a chart is, with which values it is rendered, and what of it is taken.
//! Reading charts and rendering them is for others.

use std::path::{Path, PathBuf};

use serde_json::Value;
use sluice_yaml::{Node, Version};

use crate::error::Error;
use crate::kustomization::decode::{At, Decode, DecodeError, Fields, Raw};
use crate::loader::Loader;
use crate::parse;
use crate::resource::Resource;
use crate::{Dialect, FileSystem};

/// Marks what a chart made: the namespace of the kustomization does not reach it.
pub(crate) const GENERATED: &str = "config.kubernetes.io/helm-generated";
/// Where charts are if `chartHome` doesn't say.
const HOME: &str = "charts";

/// What finds charts and renders them as `helm template` does. Its errors are texts for people.
pub trait Charts {
    /// Reads a chart, and fetches it before if it is in a repository.
    fn load(&self, source: ChartSource<'_>) -> Result<Box<dyn Chart + '_>, String>;
}

/// Where a chart is.
pub enum ChartSource<'a> {
    /// A directory in the build's own files.
    Directory {
        /// The files.
        files: &'a dyn FileSystem,
        /// The chart's directory.
        path: &'a Path,
    },
    /// A repository, or a registry.
    Repository {
        /// What `repo` and `version` say.
        chart: &'a HelmChart,
        /// Where Helm's own configuration is.
        globals: &'a HelmGlobals,
    },
}

/// A chart that was read.
pub trait Chart {
    /// The content of its `values.yaml`, if it has one.
    fn values(&self) -> Option<&[u8]>;

    /// Its manifests, as YAML documents. `values` are the texts of files, of which a later one lies over an earlier
    /// one; below them are those of the chart itself.
    fn render(&self, chart: &HelmChart, values: &[Vec<u8>]) -> Result<Vec<u8>, String>;
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
    let Some(charts) = loader.context.environment.charts else {
        return Err(Error::Helm { chart: chart.name.clone() });
    };
    let failed = |reason: String| Error::Chart { chart: chart.name.clone(), reason };
    if chart.name.is_empty() {
        return Err(failed("chart name cannot be empty".to_owned()));
    }
    let merge = Merge::parse(&chart.values_merge).map_err(failed)?;
    if !chart.release_name.is_empty() && !chart.name_template.is_empty() {
        return Err(failed("cannot set nameTemplate and also specify a releaseName".to_owned()));
    }
    let mut chart = chart.clone();
    if chart.namespace.is_empty() {
        namespace.clone_into(&mut chart.namespace);
    }
    let additional = chart
        .additional_values_files
        .iter()
        .map(|path| loader.load(path).map_err(|source| source.within("could not load additionalValuesFile")))
        .collect::<Result<Vec<_>, _>>()?;
    let path = home(&chart, globals, loader.root()).join(&chart.name);
    let is_there = loader.files().is_directory(&path);
    let source = if is_there {
        ChartSource::Directory { files: loader.files(), path: &path }
    } else if chart.repo.is_empty() {
        return Err(failed(format!("no repo specified for pull, no chart found at '{}'", path.display())));
    } else {
        ChartSource::Repository { chart: &chart, globals }
    };
    let opened = charts.load(source).map_err(failed)?;
    let inline = chart.values_inline.as_object().filter(|inline| !inline.is_empty());
    let below = match (chart.values_file.as_str(), merge) {
        _ if inline.is_some() && merge == Merge::Replace => Vec::new(),
        ("", _) if is_there => loader.load(&path.join("values.yaml").to_string_lossy())?,
        ("", _) => opened.values().map(<[u8]>::to_vec).unwrap_or_default(),
        (file, _) => loader.load(file)?,
    };
    let mut values = vec![match inline {
        // JSON is YAML, too.
        Some(_) => merge.values(&below, &chart.values_inline)?.to_string().into_bytes(),
        None => below,
    }];
    values.extend(additional);
    let manifests = opened.render(&chart, &values).map_err(failed)?;
    let mut resources = parse::resources(&manifests, &format!("chart {}", chart.name))?;
    if loader.context.options.dialect == Dialect::Latest {
        for resource in &mut resources {
            let mut annotations = resource.annotations();
            annotations.insert(GENERATED.to_owned(), "true".to_owned());
            resource.set_annotations(&annotations);
        }
    }
    Ok(resources)
}

/// Where kustomize puts charts: by version, if they come from a repository.
fn home(chart: &HelmChart, globals: &HelmGlobals, root: &Path) -> PathBuf {
    let home = root.join(if globals.chart_home.is_empty() { HOME } else { &globals.chart_home });
    if chart.version.is_empty() || chart.repo.is_empty() {
        home
    } else {
        home.join(format!("{}-{}", chart.name, chart.version))
    }
}

/// What `valuesMerge` makes of inline values and those of a file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Merge {
    Override,
    Fill,
    Replace,
}

impl Merge {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "" | "override" => Ok(Self::Override),
            "merge" => Ok(Self::Fill),
            "replace" => Ok(Self::Replace),
            _ => Err("valuesMerge must be one of [merge override replace]".to_owned()),
        }
    }

    /// The values together. They are merged as manifests are: a null takes a value away.
    fn values(self, file: &[u8], inline: &Value) -> Result<Value, Error> {
        let read = || -> Result<Node, Error> {
            Ok(sluice_yaml::parse_first(&sluice_yaml::decode(file)?)?.unwrap_or_else(Node::mapping))
        };
        let inline_node = || Node::from_json(inline);
        let schema = sluice_patch::Schema::kustomize();
        let merged = match self {
            Self::Replace => return Ok(inline.clone()),
            Self::Override => sluice_patch::strategic::merge(&read()?, &inline_node(), schema)?,
            Self::Fill => sluice_patch::strategic::merge(&inline_node(), &read()?, schema)?,
        };
        Ok(merged.unwrap_or_else(Node::mapping).to_json(Version::V3)?)
    }
}
