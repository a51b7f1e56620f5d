//! Charts of kustomizations, rendered as `helm template` renders them.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use sluice_chart::release::{Event, document_text};
use sluice_chart::{
    Capabilities, KubeVersion, LoadOptions, ReleaseInfo, RenderOptions, Rendered, check_release_name, load,
    render, render_name,
};
use sluice_kustomize::charts::{ChartRequest, Charts, HelmChart};
use sluice_kustomize::cli::Arguments;
use sluice_kustomize::fs::{FileKind, FileSystem};

/// Renders charts that lie in the directory `chartHome`.
pub(super) struct Renderer {
    api_versions: Vec<String>,
    kube_version: String,
    warnings: RefCell<Vec<String>>,
}

impl Renderer {
    /// With what the flags say of the cluster.
    pub(super) fn new(arguments: &Arguments) -> Self {
        Self {
            api_versions: arguments.helm_api_versions.clone(),
            kube_version: arguments.helm_kube_version.clone(),
            warnings: RefCell::default(),
        }
    }

    pub(super) fn into_warnings(self) -> Vec<String> {
        self.warnings.into_inner()
    }

    fn capabilities(&self, chart: &HelmChart) -> Result<Capabilities, String> {
        let mut capabilities = Capabilities::default();
        let version =
            [&self.kube_version, &chart.kube_version].into_iter().find(|version| !version.is_empty());
        if let Some(version) = version {
            let parsed = KubeVersion::parse(version);
            capabilities.kube_version =
                parsed.map_err(|error| format!("invalid kube version '{version}': {error}"))?;
        }
        let wanted = if self.api_versions.is_empty() { &chart.api_versions } else { &self.api_versions };
        capabilities.api_versions.extend(wanted.iter().cloned());
        Ok(capabilities)
    }
}

impl Charts for Renderer {
    fn render(&self, request: &ChartRequest<'_>) -> Result<Vec<u8>, String> {
        let chart = request.chart;
        let home = home(request);
        let source = home.join(&chart.name);
        if !request.files.is_directory(&source) {
            return Err(missing(chart, &source));
        }
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let copy = folder.path().join("chart");
        let mut left = MAX_FILES;
        copy_tree(request.files, &source, &copy, &mut left)?;
        let own_values = fs::read(copy.join("values.yaml")).ok();
        let loaded = load(&copy, &LoadOptions::default()).map_err(|error| error.to_string())?;
        loaded.chart.check_installable().map_err(|error| error.to_string())?;
        let name = release_name(chart)?;
        let release = ReleaseInfo {
            name,
            namespace: if chart.namespace.is_empty() {
                "default".to_owned()
            } else {
                chart.namespace.clone()
            },
            revision: 1,
            is_upgrade: false,
        };
        let mut options = RenderOptions::new(release);
        options.capabilities = self.capabilities(chart)?;
        let values = values(request, own_values)?;
        let rendered = render(loaded.chart, &values, &options).map_err(|error| error.to_string())?;
        self.warnings.borrow_mut().extend(loaded.warnings.iter().chain(&rendered.warnings).cloned());
        Ok(text(&rendered, chart).into_bytes())
    }
}

/// Where kustomize puts charts: by version, if they come from a repository.
fn home(request: &ChartRequest<'_>) -> PathBuf {
    let (chart, globals) = (request.chart, request.globals);
    let home = if globals.chart_home.is_empty() { "charts" } else { &globals.chart_home };
    let home = request.directory.join(home);
    if chart.version.is_empty() || chart.repo.is_empty() {
        home
    } else {
        home.join(format!("{}-{}", chart.name, chart.version))
    }
}

fn missing(chart: &HelmChart, path: &Path) -> String {
    if chart.repo.is_empty() {
        return format!("no repo specified for pull, no chart found at '{}'", path.display());
    }
    format!(
        "there is no chart at '{}', and charts are not pulled by a build: run `helm pull {} --repo {} --version '{}' --untar` there",
        path.display(),
        chart.name,
        chart.repo,
        chart.version
    )
}

fn release_name(chart: &HelmChart) -> Result<String, String> {
    let name = match (chart.release_name.as_str(), chart.name_template.as_str()) {
        ("", "") => "release-name".to_owned(),
        ("", template) => render_name(template).map_err(|error| error.to_string())?,
        (name, _) => name.to_owned(),
    };
    check_release_name(&name).map_err(|error| format!("release name {name:?}: {error}"))?;
    Ok(name)
}

/// The values that kustomize passes: a file's and those of the kustomization, of which one lies over the other.
fn values(request: &ChartRequest<'_>, own: Option<Vec<u8>>) -> Result<Map<String, Value>, String> {
    let parse = |yaml: &[u8]| load::parse_values(yaml).map_err(|error| error.to_string());
    let below = request.values.clone().or(own).unwrap_or_default();
    let mut values = match load::with_float_numbers(request.chart.values_inline.clone()) {
        Value::Object(inline) if !inline.is_empty() => match request.chart.values_merge.as_str() {
            "replace" => inline,
            "merge" => load::merge_maps(inline, parse(&below)?),
            _ => load::merge_maps(parse(&below)?, inline),
        },
        _ => parse(&below)?,
    };
    for yaml in &request.additional_values {
        values = load::merge_maps(values, parse(yaml)?);
    }
    Ok(values)
}

/// The documents in `helm template`'s order.
fn text(rendered: &Rendered, chart: &HelmChart) -> String {
    let mut text = String::new();
    for crd in rendered.crds.iter().filter(|_| chart.include_crds) {
        text.push_str(&document_text(&crd.path, &String::from_utf8_lossy(&crd.file.data)));
    }
    for manifest in &rendered.sorted.manifests {
        text.push_str(&document_text(&manifest.path, &manifest.content));
    }
    for hook in &rendered.sorted.hooks {
        if !chart.skip_hooks && !(chart.skip_tests && hook.events.contains(&Event::Test)) {
            text.push_str(&document_text(&hook.path, &hook.manifest));
        }
    }
    text
}

/// The most files of a chart.
const MAX_FILES: usize = 10_000;

/// Copies a chart out of the kustomization's files, so that nothing outside of them can be reached.
fn copy_tree(files: &dyn FileSystem, from: &Path, to: &Path, left: &mut usize) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("copy {}: {error}", from.display());
    fs::create_dir(to).map_err(failed)?;
    for entry in files.list(from).map_err(|error| error.to_string())? {
        *left = left.checked_sub(1).ok_or_else(|| format!("a chart has more than {MAX_FILES} files"))?;
        let (source, target) = (from.join(&entry.name), to.join(&entry.name));
        match files.kind(&source).map_err(|error| error.to_string())? {
            // A link to a directory may lead in a circle.
            FileKind::Directory if entry.kind == FileKind::Symlink => {
                return Err(format!("{} is a symbolic link to a directory", source.display()));
            }
            FileKind::Directory => copy_tree(files, &source, &target, left)?,
            _ => {
                let content = files.read(&source).map_err(|error| error.to_string())?;
                fs::write(&target, content).map_err(failed)?;
            }
        }
    }
    Ok(())
}
