//! From files to a chart.

use std::collections::BTreeMap;

use super::error::LoadError;
use super::{Budget, Limits, LoadOptions, Loaded, RawFile, archive, parse_values};
use crate::chart::{Chart, File};
use crate::metadata::{Lock, Metadata};

/// Makes a chart of its files, in any order.
pub fn assemble(files: Vec<RawFile>, limits: Limits) -> Result<Loaded, LoadError> {
    with_budget(files, &LoadOptions { limits, ..LoadOptions::default() }, &mut Budget::new(limits))
}

pub(super) fn with_budget(
    files: Vec<RawFile>,
    options: &LoadOptions,
    budget: &mut Budget,
) -> Result<Loaded, LoadError> {
    if !options.any_format {
        let file = files.iter().find(|file| file.name == "Chart.yaml").ok_or(LoadError::NoChartInArchive)?;
        let metadata = read_metadata(file)?;
        if !matches!(metadata.api_version.as_str(), "v1" | "v2") {
            return Err(LoadError::Version);
        }
    }
    let mut warnings = Vec::new();
    let chart = build(files, budget, &mut warnings)?;
    Ok(Loaded { chart, warnings })
}

fn read_metadata(file: &RawFile) -> Result<Metadata, LoadError> {
    let mut metadata = Metadata::default();
    metadata.read(&file.data).map_err(LoadError::decode("Chart.yaml"))?;
    if metadata.api_version.is_empty() {
        "v1".clone_into(&mut metadata.api_version);
    }
    Ok(metadata)
}

fn build(files: Vec<RawFile>, budget: &mut Budget, warnings: &mut Vec<String>) -> Result<Chart, LoadError> {
    let mut chart = Chart::default();
    let mut has_metadata = false;
    for file in files.iter().filter(|file| file.name == "Chart.yaml") {
        chart.metadata = read_metadata(file)?;
        has_metadata = true;
    }
    let mut subcharts: BTreeMap<String, Vec<RawFile>> = BTreeMap::new();
    for file in files {
        match file.name.as_str() {
            "Chart.yaml" => {}
            "Chart.lock" => {
                chart.lock = Some(Lock::read(&file.data).map_err(LoadError::decode("Chart.lock"))?);
            }
            "values.yaml" => {
                chart.values = parse_values(&file.data).map_err(LoadError::Values)?;
                chart.raw_values = Some(file.data.shared());
            }
            "values.schema.json" => chart.schema = Some(file.data.shared()),
            "requirements.yaml" => {
                let is_v1 = chart.metadata.api_version == "v1";
                if !is_v1 {
                    warnings.push(
                        "Warning: Dependencies are handled in Chart.yaml since apiVersion \"v2\". We recommend migrating \
                         dependencies to Chart.yaml."
                            .to_owned(),
                    );
                }
                chart.metadata.read(&file.data).map_err(LoadError::decode("requirements.yaml"))?;
                if is_v1 {
                    chart.files.push(kept(file));
                }
            }
            "requirements.lock" => {
                chart.lock = Some(Lock::read(&file.data).map_err(LoadError::decode("requirements.lock"))?);
                if chart.metadata.api_version == "v1" {
                    chart.files.push(kept(file));
                } else {
                    warnings.push(
                        "Warning: Dependency locking is handled in Chart.lock since apiVersion \"v2\". We recommend \
                         migrating to Chart.lock."
                            .to_owned(),
                    );
                }
            }
            name if name.starts_with("templates/") => chart.templates.push(kept(file)),
            name => match name.strip_prefix("charts/") {
                Some(rest) if !has_extension(name, ".prov") => {
                    let (subchart, rest) = (first_part(rest).to_owned(), rest.to_owned());
                    subcharts.entry(subchart).or_default().push(RawFile { name: rest, data: file.data });
                }
                _ => chart.files.push(kept(file)),
            },
        }
    }
    if !has_metadata {
        return Err(LoadError::NoMetadata);
    }
    chart.metadata.validate()?;
    for (name, files) in subcharts {
        if let Some(subchart) = load_subchart(&chart, &name, files, budget, warnings)? {
            chart.dependencies.push(subchart);
        }
    }
    Ok(chart)
}

fn load_subchart(
    parent: &Chart,
    name: &str,
    files: Vec<RawFile>,
    budget: &mut Budget,
    warnings: &mut Vec<String>,
) -> Result<Option<Chart>, LoadError> {
    if name.starts_with(['_', '.']) {
        return Ok(None);
    }
    budget.depth = budget.depth.checked_sub(1).ok_or(LoadError::TooDeep(budget.limits.depth))?;
    let files = if has_extension(name, ".tgz") {
        match files.first() {
            Some(file) if file.name == name => archive::files(&file.data, budget),
            found => {
                return Err(LoadError::SubchartArchive {
                    parent: parent.name().to_owned(),
                    name: name.to_owned(),
                    found: found.map(|file| file.name.clone()).unwrap_or_default(),
                });
            }
        }
    } else {
        // Files that lie directly in charts/ are no charts.
        Ok(files
            .into_iter()
            .filter_map(|file| {
                let (_, rest) = file.name.split_once('/')?;
                Some(RawFile { name: rest.to_owned(), data: file.data })
            })
            .collect())
    };
    let chart =
        files.and_then(|files| build(files, budget, warnings)).map_err(|source| LoadError::Subchart {
            name: name.to_owned(),
            parent: parent.name().to_owned(),
            source: Box::new(source),
        })?;
    budget.depth += 1;
    Ok(Some(chart))
}

fn kept(file: RawFile) -> File {
    File { name: file.name, data: file.data }
}

fn first_part(path: &str) -> &str {
    path.split('/').next().unwrap_or_default()
}

/// Go's `filepath.Ext`.
fn has_extension(path: &str, extension: &str) -> bool {
    let base = path.rsplit('/').next().unwrap_or_default();
    base.rfind('.').and_then(|dot| base.get(dot..)) == Some(extension)
}
