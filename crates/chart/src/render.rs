//! From a chart and values to the parts of a release.

use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::{Map, Value as Json};
use sluice_gotmpl::Limits;
use sluice_gotmpl::value::Scope;
use thiserror::Error;

use crate::chart::{Chart, Crd};
use crate::engine::{self, Capabilities, Lookup, NoCluster, ReleaseInfo, Settings, TemplateError};
use crate::release::{SortError, Sorted, sort};
use crate::schema::{self, FetchSchema, SchemaError};
use crate::values::coalesce::Merger;
use crate::values::{ValuesError, is_compatible, process_dependencies, tables};

/// How to render.
#[derive(Clone)]
pub struct RenderOptions {
    /// What it is rendered for.
    pub release: ReleaseInfo,
    /// What the cluster can do.
    pub capabilities: Capabilities,
    /// Finds objects in the cluster.
    pub lookup: Rc<dyn Lookup>,
    /// Gives schemas that other schemas refer to.
    pub fetch_schema: FetchSchema,
    /// Whether to check values against schemas.
    pub check_schema: bool,
    /// Whether the notes of dependencies belong to the notes.
    pub sub_notes: bool,
    /// Bounds on what templates may use.
    pub limits: Limits,
    /// Whether the chart comes back with its values. Without them there is more room for the templates' work.
    pub keep_values: bool,
}

impl RenderOptions {
    /// Without a cluster, as `helm template` renders.
    pub fn new(release: ReleaseInfo) -> Self {
        Self {
            release,
            capabilities: Capabilities::default(),
            lookup: Rc::new(NoCluster),
            fetch_schema: schema::refuse_remote(),
            check_schema: true,
            sub_notes: false,
            limits: Limits::default(),
            keep_values: true,
        }
    }
}

/// Why a chart can't be rendered, in Helm's words.
#[derive(Debug, Error)]
pub enum RenderError {
    /// The dependencies and the values contradict each other.
    #[error("chart dependencies processing failed: {0}")]
    Dependencies(#[source] ValuesError),
    /// The values of charts contradict each other.
    #[error(transparent)]
    Values(ValuesError),
    /// The values don't meet a schema.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// The cluster is too old or too new.
    #[error("chart requires kubeVersion: {wanted} which is incompatible with Kubernetes {version}")]
    KubeVersion {
        /// The chart's constraint.
        wanted: String,
        /// The cluster's version.
        version: String,
    },
    /// A template failed.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The output of a template is no text.
    #[error(
        "YAML parse error on {0}: error converting YAML to JSON: yaml: invalid UTF-8: encode binary content, with b64enc or toJson"
    )]
    Encoding(String),
    /// The output of a template is no manifest.
    #[error("{source}")]
    Sort {
        /// Which one, and why.
        source: Box<SortError>,
        /// What all templates gave, by path.
        files: BTreeMap<String, String>,
    },
}

impl RenderError {
    /// Whether templates ran: what they gave, or where they failed, is at fault.
    pub fn is_of_templates(&self) -> bool {
        matches!(self, Self::KubeVersion { .. } | Self::Template(_) | Self::Encoding(_) | Self::Sort { .. })
    }
}

/// The output of templates.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Templates {
    /// The chart as it was rendered: with the dependencies that are in use, under the names they are used with.
    pub chart: Chart,
    /// The output of every template but partials and notes, by path.
    pub files: BTreeMap<String, String>,
    /// The chart's notes.
    pub notes: String,
    /// Warnings, one line each.
    pub warnings: Vec<String>,
}

/// The parts of a release.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rendered {
    /// The chart as it was rendered.
    pub chart: Chart,
    /// Definitions from `crds/`.
    pub crds: Vec<Crd>,
    /// Hooks and manifests.
    pub sorted: Sorted,
    /// The chart's notes.
    pub notes: String,
    /// Warnings, one line each.
    pub warnings: Vec<String>,
}

/// Runs a chart's templates with a user's values.
pub fn templates(
    mut chart: Chart,
    values: &Map<String, Json>,
    options: &RenderOptions,
) -> Result<Templates, RenderError> {
    let mut warnings = process_dependencies(&mut chart, values).map_err(RenderError::Dependencies)?;
    let _scope = Scope::enter();
    let mut merger = Merger::coalescing();
    let values = merger.chart(&chart, &tables::from_json(values)).map_err(RenderError::Values)?;
    warnings.append(&mut merger.warnings);
    if options.check_schema && has_schema(&chart) {
        schema::validate(&chart, &tables::to_json(&values), &options.fetch_schema)?;
    }
    let (wanted, cluster) = (&chart.metadata.kube_version, &options.capabilities.kube_version);
    if !wanted.is_empty() && !is_compatible(wanted, &cluster.normalized) {
        let (wanted, version) = (wanted.clone(), cluster.version.clone());
        return Err(RenderError::KubeVersion { wanted, version });
    }
    if !options.keep_values {
        forget_values(&mut chart);
    }
    let settings = Settings {
        release: &options.release,
        capabilities: &options.capabilities,
        lookup: options.lookup.clone(),
        limits: options.limits,
    };
    let output = engine::render(&chart, &values, &settings)?;
    let own_notes = format!("{}/templates/{NOTES}", chart.name());
    let mut files = BTreeMap::new();
    let mut notes = Vec::new();
    for (path, bytes) in output {
        if path.ends_with(NOTES) {
            if options.sub_notes || path == own_notes {
                notes.push(String::from_utf8_lossy(&bytes).into_owned());
            }
            continue;
        }
        let text = String::from_utf8(bytes).map_err(|_| RenderError::Encoding(path.clone()))?;
        files.insert(path, text);
    }
    notes.retain(|note| !note.is_empty());
    Ok(Templates { chart, files, notes: notes.join("\n"), warnings })
}

const NOTES: &str = "NOTES.txt";

fn forget_values(chart: &mut Chart) {
    chart.values = Map::new();
    chart.raw_values = None;
    chart.dependencies.iter_mut().for_each(forget_values);
}

fn has_schema(chart: &Chart) -> bool {
    chart.schema.is_some() || chart.dependencies.iter().any(has_schema)
}

/// Renders a chart with a user's values, and sorts what comes out.
pub fn render(
    chart: Chart,
    values: &Map<String, Json>,
    options: &RenderOptions,
) -> Result<Rendered, RenderError> {
    let Templates { chart, files, notes, mut warnings } = templates(chart, values, options)?;
    let mut sorted = match sort(&files) {
        Ok(sorted) => sorted,
        Err(source) => return Err(RenderError::Sort { source: Box::new(source), files }),
    };
    warnings.append(&mut sorted.warnings);
    Ok(Rendered { crds: chart.crds(), chart, sorted, notes, warnings })
}
