//! Charts of kustomizations, rendered as `helm template` renders them.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Map, Value};
use sluice_chart::load::{self, load_archive};
use sluice_chart::release::{Event, document_text};
use sluice_chart::{
    Capabilities, KubeVersion, LoadOptions, Loaded, ReleaseInfo, RenderOptions, Rendered, check_release_name,
    render, render_name,
};
use sluice_chartrepo::{Access, Fetcher, Repositories, Wanted};
use sluice_kustomize::charts::{Chart, ChartSource, Charts, HelmChart, HelmGlobals};
use sluice_kustomize::cli::Arguments;
use sluice_kustomize::fs::{FileKind, FileSystem};
use sluice_oci::Keychain;
use tokio::runtime::Handle;

/// How long one request for a chart may take.
const TIMEOUT: Duration = Duration::from_mins(2);

/// Renders charts that lie in the directory `chartHome`, or fetches them for the one build.
pub(super) struct Renderer {
    runtime: Handle,
    api_versions: Vec<String>,
    kube_version: String,
    warnings: RefCell<Vec<String>>,
}

impl Renderer {
    /// With what the flags say of the cluster. Fetching is the runtime's work.
    pub(super) fn new(arguments: &Arguments, runtime: Handle) -> Self {
        Self {
            runtime,
            api_versions: arguments.helm_api_versions.clone(),
            kube_version: arguments.helm_kube_version.clone(),
            warnings: RefCell::default(),
        }
    }

    pub(super) fn into_warnings(self) -> Vec<String> {
        self.warnings.into_inner()
    }

    /// What charts are told of the cluster. What a kustomization says counts before the flags.
    fn capabilities(&self, chart: &HelmChart) -> Result<Capabilities, String> {
        let mut capabilities = Capabilities::default();
        let version =
            [&chart.kube_version, &self.kube_version].into_iter().find(|version| !version.is_empty());
        if let Some(version) = version {
            let parsed = KubeVersion::parse(version);
            capabilities.kube_version =
                parsed.map_err(|error| format!("invalid kube version '{version}': {error}"))?;
        }
        let wanted = if chart.api_versions.is_empty() { &self.api_versions } else { &chart.api_versions };
        capabilities.api_versions.extend(wanted.iter().cloned());
        Ok(capabilities)
    }

    /// Fetches a chart. Credentials are those that a URL brings, or that the user has for a registry.
    fn fetch(&self, chart: &HelmChart, globals: &HelmGlobals) -> Result<Vec<u8>, String> {
        let repositories = match globals.config_home.as_str() {
            "" => Repositories::default(),
            folder => Repositories::read(&Path::new(folder).join("repositories.yaml"))
                .map_err(|error| error.to_string())?,
        };
        let access = Access {
            credentials: None,
            pass_credentials: false,
            tls: sluice_http::Tls::default(),
            plain_http: false,
            keychain: keychain(&globals.config_home)?,
            repositories,
            timeout: TIMEOUT,
        };
        let fetcher = Fetcher::new(access);
        let version = match chart.version.as_str() {
            "" if chart.devel => ">0.0.0-0",
            version => version,
        };
        let registry = chart
            .repo
            .starts_with("oci://")
            .then(|| format!("{}/{}", chart.repo.trim_end_matches('/'), chart.name));
        let wanted = match &registry {
            Some(reference) => Wanted { chart: reference, repository: None, version, provenance: false },
            None => Wanted { chart: &chart.name, repository: Some(&chart.repo), version, provenance: false },
        };
        let found = self.runtime.block_on(fetcher.chart(wanted)).map_err(|error| error.to_string())?;
        Ok(found.archive)
    }
}

impl Charts for Renderer {
    fn load(&self, source: ChartSource<'_>) -> Result<Box<dyn Chart + '_>, String> {
        let loaded = match source {
            ChartSource::Directory { files, path } => {
                let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
                let copy = folder.path().join("chart");
                let mut left = MAX_FILES;
                copy_tree(files, path, &copy, &mut left)?;
                load::load(&copy, &LoadOptions::default())
            }
            ChartSource::Repository { chart, globals } => {
                load_archive(&self.fetch(chart, globals)?, &LoadOptions::default())
            }
        };
        let loaded = loaded.map_err(|error| error.to_string())?;
        Ok(Box::new(Read { renderer: self, loaded }))
    }
}

/// A chart that was read.
struct Read<'r> {
    renderer: &'r Renderer,
    loaded: Loaded,
}

impl Chart for Read<'_> {
    fn values(&self) -> Option<&[u8]> {
        self.loaded.chart.raw_values.as_deref()
    }

    fn render(&self, chart: &HelmChart, values: &[Vec<u8>]) -> Result<Vec<u8>, String> {
        self.loaded.chart.check_installable().map_err(|error| error.to_string())?;
        let namespace = if chart.namespace.is_empty() { "default" } else { &chart.namespace };
        let release = ReleaseInfo {
            name: release_name(chart)?,
            namespace: namespace.to_owned(),
            revision: 1,
            is_upgrade: false,
        };
        let mut options = RenderOptions::new(release);
        options.capabilities = self.renderer.capabilities(chart)?;
        let values = merged(values)?;
        let rendered =
            render(self.loaded.chart.clone(), &values, &options).map_err(|error| error.to_string())?;
        let warnings = self.loaded.warnings.iter().chain(&rendered.warnings).cloned();
        self.renderer.warnings.borrow_mut().extend(warnings);
        Ok(text(&rendered, chart).into_bytes())
    }
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

/// The files of values, one over the other.
fn merged(files: &[Vec<u8>]) -> Result<Map<String, Value>, String> {
    files.iter().try_fold(Map::new(), |below, file| {
        let above = load::parse_values(file).map_err(|error| error.to_string())?;
        Ok(load::merge_maps(below, above))
    })
}

/// What the user has logged in to: with Docker, or as the kustomization's `configHome` says.
fn keychain(config_home: &str) -> Result<Keychain, String> {
    let docker = std::env::var_os("DOCKER_CONFIG")
        .map(PathBuf::from)
        .or_else(|| Some(Path::new(&std::env::var_os("HOME")?).join(".docker")));
    let mut files: Vec<PathBuf> = docker.into_iter().map(|folder| folder.join("config.json")).collect();
    if !config_home.is_empty() {
        files.push(Path::new(config_home).join("registry/config.json"));
    }
    let mut keychain = Keychain::default();
    for file in files {
        if let Ok(json) = fs::read(&file) {
            keychain.add_config(&json).map_err(|error| format!("{}: {error}", file.display()))?;
        }
    }
    Ok(keychain)
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
        let is_test = hook.events.contains(&Event::Test);
        if !chart.skip_hooks && (!chart.skip_tests || !is_test) {
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

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = r#"apiVersion: v1
kind: ConfigMap
metadata: {name: "{{ .Release.Name }}"}
data:
  values: {{ .Values | toJson | quote }}
  namespace: "{{ .Release.Namespace }}"
  version: "{{ .Capabilities.KubeVersion }}"
---
apiVersion: v1
kind: Pod
metadata: {name: check, annotations: {helm.sh/hook: test}}
"#;
    const BASE: &str = "helmCharts:
- name: app
  releaseName: rel
  kubeVersion: '1.30'
  skipTests: true
  valuesInline: {list: [b], nested: {a: null, c: 3}}
  additionalValuesFiles: [more.yaml]
";
    /// What kustomize printed, with Helm 4.2.
    const PRINTED: &str = r#"apiVersion: v1
data:
  namespace: outer
  values: '{"list":["b"],"nested":{"a":1,"b":2,"c":3},"replicas":2}'
  version: v1.30
kind: ConfigMap
metadata:
  name: p-rel
"#;

    fn built(folder: &Path, flags: &[&str]) -> Result<String, String> {
        let flags = flags.iter().map(|flag| (*flag).to_owned());
        let arguments = Arguments::parse(flags.chain([folder.display().to_string()])).unwrap();
        let renderer = Renderer::new(&arguments, Handle::current());
        let build = arguments.build_with(None, Some(&renderer)).map_err(|error| error.to_string())?;
        build.to_yaml().map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn charts_beside_a_kustomization_are_rendered_as_kustomize_does() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("kustomization.yaml", "resources: [base]\nnamespace: outer\nnamePrefix: p-\n");
        write("base/kustomization.yaml", BASE);
        write("base/more.yaml", "replicas: 2\n");
        write("base/charts/app/Chart.yaml", "apiVersion: v2\nname: app\nversion: 1.0.0\n");
        write("base/charts/app/values.yaml", "replicas: 1\nlist: [a]\nnested: {a: 1, b: 2}\n");
        write("base/charts/app/templates/all.yaml", TEMPLATE);
        assert_eq!(built(folder.path(), &["--enable-helm"]).unwrap(), PRINTED);

        let error = built(folder.path(), &[]).unwrap_err();
        assert!(error.contains("must specify --enable-helm"), "{error}");
        write("base/kustomization.yaml", &BASE.replace("name: app\n", "name: other\n"));
        let error = built(folder.path(), &["--enable-helm"]).unwrap_err();
        assert!(error.contains("no repo specified for pull, no chart found at"), "{error}");
    }
}
