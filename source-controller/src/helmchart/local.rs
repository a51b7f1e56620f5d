//! Phase: a chart from the archive of another source.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sluice_apis::source::v1::{Artifact, ChartReconcileStrategy, ChartSourceKind, HelmChart};
use sluice_archive::{Limits, Symlinks, extract};
use sluice_chart::load::{LoadError, LoadOptions, load_archive, load_archive_file, load_directory};
use sluice_chart::{Chart, Metadata};
use sluice_runtime::Pass;
use tempfile::TempDir;

use super::HelmChartReconciler;
use super::build::{Build, Options};
use super::error::{BuildError, Step, Trouble};
use super::values;
use crate::conditions::reasons::DIRECTORY_CREATION_FAILED;
use crate::failure::Failure;

/// What the content of a source may take.
const LIMITS: Limits = Limits { bytes: Some(4 << 30), entries: 1_000_000, depth: 255 };
/// How much of a hash goes into a version: labels with it have to stay short.
const SHORT: usize = 12;

/// The chart in the unpacked source.
struct Local {
    /// The unpacked source.
    dir: Arc<TempDir>,
    /// The chart's directory or archive.
    path: PathBuf,
    is_dir: bool,
    metadata: Metadata,
}

/// A chart that is ready but for its dependencies.
struct Loaded {
    chart: Chart,
    values_files: Vec<String>,
}

impl HelmChartReconciler {
    /// Packs the chart in the archive.
    pub(super) async fn build_local(
        &self,
        pass: &Pass<HelmChart>,
        artifact: &Artifact,
        file: PathBuf,
    ) -> Result<Build, Trouble> {
        let dir = TempDir::new_in(self.workspace.path()).map_err(|error| {
            let message = format!("failed to create temporary working directory: {error}");
            Failure::retry(DIRECTORY_CREATION_FAILED, message)
        })?;
        let options = Options::of(&pass.object, &short_revision(&pass.object, &artifact.revision));
        let chart = pass.object.spec.chart.clone();
        let load = LoadOptions { root: Some(dir.path().to_owned()), ..self.load.clone() };
        let limits = load.clone();
        // What messages show does not change from one attempt to the next.
        let shown = self.workspace.path().join("source");
        let local = blocking(move || unpack(dir, &file, &chart, &shown, &limits)).await?;
        let packaged = local.is_dir || options.needs_packaging();
        let version = options.version(&local.metadata.version)?;
        let name = local.metadata.name.clone();
        if let Some(build) = options.stored(&name, &version, packaged) {
            return Ok(build);
        }
        let build = |values_files, dependencies, archive| Build {
            name,
            version: version.clone(),
            packaged,
            values_files,
            dependencies,
            verified: false,
            archive: Some(archive),
        };
        if !packaged {
            let path = local.path.clone();
            let archive = blocking(move || {
                let read = fs::read(path);
                read.map_err(|error| BuildError::new(Step::Pull, error).into())
            });
            return Ok(build(Vec::new(), 0, archive.await?));
        }
        let (is_dir, dir, path) = (local.is_dir, Arc::clone(&local.dir), local.path.clone());
        let limits = load.clone();
        let Loaded { mut chart, values_files } = blocking(move || prepare(&local, &options, &limits)).await?;
        chart.metadata.version.clone_from(&version);
        let dependencies =
            if is_dir { self.add_dependencies(pass, &mut chart, dir.path(), &path).await? } else { 0 };
        let archive = blocking(move || {
            let packed = chart.save(Vec::new());
            packed.map_err(|error| {
                BuildError::new(Step::Package, format!("failed to package chart: {error}")).into()
            })
        });
        Ok(build(values_files, dependencies, archive.await?))
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Trouble> + Send + 'static,
) -> Result<T, Trouble> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(BuildError::new(Step::Package, error).into()))
}

/// What of the source's revision goes into the chart's version.
fn short_revision(object: &HelmChart, revision: &str) -> String {
    if object.spec.reconcile_strategy != ChartReconcileStrategy::Revision {
        return String::new();
    }
    // `main@sha1:<hash>`, `sha1:<hash>`, or a bucket's `sha256:<hash>`.
    let hash = match object.spec.source_ref.kind {
        ChartSourceKind::GitRepository | ChartSourceKind::Bucket => {
            revision.rsplit_once(':').map_or(revision, |(_, hash)| hash)
        }
        _ => return revision.to_owned(),
    };
    hash.get(..SHORT).unwrap_or(hash).to_owned()
}

/// Unpacks the source and looks at its chart.
fn unpack(
    dir: TempDir,
    file: &Path,
    chart: &str,
    shown: &Path,
    load: &LoadOptions,
) -> Result<Local, Trouble> {
    let refused = |why: &str| Err(BuildError::new(Step::Reference, why.to_owned()).into());
    if chart.is_empty() {
        return refused("no path set for local chart reference");
    }
    if chart.starts_with('/') {
        return refused("local chart reference path is expected to be relative");
    }
    let failed = |what: &str, error: &dyn std::fmt::Display| {
        Failure::retry(sluice_apis::meta::reasons::FAILED, format!("{what}: {error}"))
    };
    let archive = File::open(file).map_err(|error| {
        Failure::retry(
            crate::conditions::reasons::READ_OPERATION_FAILED,
            format!("failed to open source artifact: {error}"),
        )
    })?;
    let root = dir.path();
    extract(BufReader::new(archive), root, &LIMITS, Symlinks::Reject)
        .map_err(|error| failed("artifact untar error", &error))?;
    let path = values::below(root, chart);
    let kind = fs::metadata(&path).map_err(|error| {
        let text = match error.kind() {
            std::io::ErrorKind::NotFound => "no such file or directory".to_owned(),
            _ => error.to_string(),
        };
        BuildError::new(Step::Reference, format!("stat {}: {text}", values::below(shown, chart).display()))
    })?;
    let shown = values::below(shown, chart);
    let metadata =
        if kind.is_dir() { of_directory(&path, &shown, load)? } else { of_archive(&path, &shown, load)? };
    Ok(Local { dir: Arc::new(dir), is_dir: kind.is_dir(), path, metadata })
}

/// The metadata of a chart in a directory; whatever else is wrong with it shows later.
fn of_directory(path: &Path, shown: &Path, load: &LoadOptions) -> Result<Metadata, BuildError> {
    let mut metadata = Metadata::default();
    for (name, required) in [("Chart.yaml", true), ("requirements.yaml", false)] {
        let file = path.join(name);
        let size = match fs::metadata(&file) {
            Ok(kind) => kind.len(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !required => continue,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let message = format!("open {}: no such file or directory", shown.join(name).display());
                return Err(BuildError::new(Step::Reference, message));
            }
            Err(error) => return Err(BuildError::new(Step::Reference, error)),
        };
        if size > load.limits.file {
            let message = format!("size of '{name}' exceeds '{}' bytes limit", load.limits.file);
            return Err(BuildError::new(Step::Reference, message));
        }
        let yaml = fs::read(&file).map_err(BuildError::at(Step::Reference))?;
        metadata.read(&yaml).map_err(|error| {
            let message = format!("cannot load '{name}': {}", error.go_text());
            BuildError::new(Step::Reference, message).with_detail(&error)
        })?;
    }
    if metadata.api_version.is_empty() {
        "v1".clone_into(&mut metadata.api_version);
    }
    metadata.validate().map_err(BuildError::at(Step::Reference))?;
    Ok(metadata)
}

fn of_archive(path: &Path, shown: &Path, load: &LoadOptions) -> Result<Metadata, BuildError> {
    let loaded = load_archive_file(path, load).map_err(|error| match error {
        // In Go's words, then in ours, which name the file.
        LoadError::NoArchive { found, .. } => {
            let detail = LoadError::NoArchive { path: shown.to_owned(), found };
            BuildError::new(Step::Reference, "gzip: invalid header").with_detail(&detail)
        }
        LoadError::YamlForArchive(_) => {
            let detail = LoadError::YamlForArchive(shown.to_owned());
            BuildError::new(Step::Reference, "gzip: invalid header").with_detail(&detail)
        }
        error => BuildError::new(Step::Reference, error.go_text()).with_detail(&error),
    })?;
    Ok(loaded.chart.metadata)
}

/// Loads the chart and gives it its values.
fn prepare(local: &Local, options: &Options, load: &LoadOptions) -> Result<Loaded, Trouble> {
    let merged = if options.values_files.is_empty() {
        None
    } else {
        // These are paths in the source, not in the chart.
        Some(values::of_directory(local.dir.path(), &options.values_files, options.ignore_missing)?)
    };
    let loaded =
        if local.is_dir { load_directory(&local.path, load) } else { load_archive_file(&local.path, load) };
    let unloadable = |error: LoadError| BuildError::new(Step::Package, error.go_text()).with_detail(&error);
    let mut chart = loaded.map_err(unloadable)?.chart;
    let mut values_files = Vec::new();
    if let Some(merged) = merged
        && merged.overwrite(&mut chart)?
    {
        values_files = merged.files;
    }
    Ok(Loaded { chart, values_files })
}

/// Loads a chart that another one needs: a directory or an archive.
pub(super) fn load_any(path: &Path, load: &LoadOptions) -> Result<Chart, String> {
    let loaded = if path.is_dir() { load_directory(path, load) } else { load_archive_file(path, load) };
    loaded.map(|loaded| loaded.chart).map_err(|error| error.to_string())
}

/// Loads a chart that another one needs from its bytes.
pub(super) fn load_bytes(archive: &[u8], load: &LoadOptions) -> Result<Chart, String> {
    load_archive(archive, load).map(|loaded| loaded.chart).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Go's parser names the line above the fault, and none on the first line.
    #[test]
    fn yaml_errors_are_told_in_the_words_of_go_before_our_own() {
        let told = |text: &str| {
            let dir = tempfile::tempdir().unwrap();
            fs::write(dir.path().join("Chart.yaml"), text).unwrap();
            let error = of_directory(dir.path(), Path::new("/shown"), &LoadOptions::default()).unwrap_err();
            let failure = Trouble::from(error).into_failure();
            (failure.event_message().to_owned(), failure.message)
        };
        let prefix = "invalid chart reference: cannot load 'Chart.yaml':";
        let converting = format!("{prefix} error converting YAML to JSON: yaml:");
        let (event, condition) = told("name: a: b\n");
        assert_eq!(event, format!("{converting} mapping values are not allowed in this context"));
        assert!(condition.starts_with(&format!("{event}: ")) && condition.contains("line 1"), "{condition}");
        let (event, condition) = told("name: a\nkeywords: [a\nversion: 1.0.0\n");
        assert_eq!(event, format!("{converting} line 2: did not find expected ',' or ']'"));
        assert!(condition.starts_with(&event), "{condition}");
        let (event, condition) = told("[]");
        let unmarshaling = "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal";
        assert_eq!(event, format!("{prefix} {unmarshaling} array into Go value of type v2.Metadata"));
        assert_eq!(condition, event);
    }

    #[test]
    fn a_file_that_is_no_archive_is_told_in_the_words_of_go_and_named() {
        let dir = tempfile::tempdir().unwrap();
        for (name, content) in [("values.yaml", "a: 1\n"), ("app.tgz", "nonsense")] {
            let path = dir.path().join(name);
            fs::write(&path, content).unwrap();
            let shown = Path::new("/shown").join(name);
            let error = of_archive(&path, &shown, &LoadOptions::default()).unwrap_err();
            let failure = Trouble::from(error).into_failure();
            assert_eq!(failure.event_message(), "invalid chart reference: gzip: invalid header");
            assert!(failure.message.contains(&format!("/shown/{name}")), "{}", failure.message);
        }
    }

    #[test]
    fn revisions_are_shortened() {
        let object = |kind: &str, strategy: &str| {
            let spec = serde_json::json!({
                "chart": "app", "interval": "1m", "sourceRef": {"kind": kind, "name": "x"},
                "reconcileStrategy": strategy,
            });
            HelmChart::new("app", serde_json::from_value(spec).unwrap())
        };
        let hash = "5394cb7f48332b2de7c17dd8b8384bbc84b7e738";
        let git = |revision: String| short_revision(&object("GitRepository", "Revision"), &revision);
        assert_eq!(git(format!("main@sha1:{hash}")), "5394cb7f4833");
        assert_eq!(git(format!("sha1:{hash}")), "5394cb7f4833");
        assert_eq!(short_revision(&object("Bucket", "Revision"), &format!("sha256:{hash}")), "5394cb7f4833");
        assert_eq!(short_revision(&object("GitRepository", "ChartVersion"), &format!("sha1:{hash}")), "");
    }
}
