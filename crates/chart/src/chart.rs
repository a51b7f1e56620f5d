//! A chart in memory.

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use crate::content::Content;
use crate::metadata::{Lock, Metadata};

/// A chart with all it contains.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chart {
    /// `Chart.yaml`
    pub metadata: Metadata,
    /// `Chart.lock`
    pub lock: Option<Lock>,
    /// `values.yaml`: numbers are floats, as everywhere in values that come from YAML.
    pub values: Map<String, Json>,
    /// `values.schema.json`
    pub schema: Option<Arc<[u8]>>,
    /// The files in `templates/`.
    pub templates: Vec<File>,
    /// All other files, except those of dependencies.
    pub files: Vec<File>,
    /// `values.yaml` as it was written.
    pub raw_values: Option<Arc<[u8]>>,
    /// The charts in `charts/`.
    pub dependencies: Vec<Chart>,
}

/// A file of a chart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Path from the chart's root, parts divided by `/`.
    pub name: String,
    /// Content, without a byte order mark.
    pub data: Content,
}

/// A file with custom resource definitions, from `crds/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crd {
    /// Path from the outermost chart: `app/charts/db/crds/a.yaml`.
    pub path: String,
    /// The file.
    pub file: File,
}

impl Chart {
    /// The chart's name; the alias, once the dependencies were processed.
    pub fn name(&self) -> &str {
        &self.metadata.name
    }

    /// The custom resource definitions of the chart and of those below it.
    pub fn crds(&self) -> Vec<Crd> {
        let mut crds = Vec::new();
        self.collect_crds(self.name(), &mut crds);
        crds
    }

    fn collect_crds(&self, path: &str, crds: &mut Vec<Crd>) {
        let files = self.files.iter().filter(|file| is_crd(&file.name));
        crds.extend(files.map(|file| Crd { path: format!("{path}/{}", file.name), file: file.clone() }));
        for dependency in &self.dependencies {
            dependency.collect_crds(&format!("{path}/charts/{}", dependency.name()), crds);
        }
    }

    /// Checks that the chart can be installed, and that what it needs is there.
    pub fn check_installable(&self) -> Result<(), NotInstallable> {
        if !matches!(self.metadata.kind.as_str(), "" | "application") {
            return Err(NotInstallable::Kind(self.metadata.kind.clone()));
        }
        let is_missing = |name: &str| !self.dependencies.iter().any(|dependency| dependency.name() == name);
        let missing: Vec<_> = self
            .metadata
            .dependencies
            .iter()
            .map(|dependency| dependency.name.clone())
            .filter(|name| is_missing(name))
            .collect();
        if missing.is_empty() { Ok(()) } else { Err(NotInstallable::Missing(missing)) }
    }
}

fn is_crd(name: &str) -> bool {
    let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    name.starts_with("crds/") && matches!(extension.as_deref(), Some("yaml" | "yml" | "json"))
}

/// Why a chart can't be installed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotInstallable {
    /// It is a library.
    #[error("{0} charts are not installable")]
    Kind(String),
    /// `charts/` lacks what `Chart.yaml` names.
    #[error(
        "an error occurred while checking for chart dependencies. You may need to run 'helm dependency build' to fetch \
         missing dependencies: found in Chart.yaml, but missing in charts/ directory: {}", .0.join(", ")
    )]
    Missing(Vec<String>),
}
