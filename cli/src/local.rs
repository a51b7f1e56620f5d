//! What Kustomizations make of directories on this machine, by the controller's own functions.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Error, Result, anyhow, bail};
use kube::Api;
use serde_json::{Value, json};
use sluice_apis::kustomize::v1::Kustomization;
use sluice_apis::kustomize::{NAME_LABEL, NAMESPACE_LABEL};
use sluice_archive::ignore::{self, Matcher};
use sluice_expr::envsubst::{Missing, Variables};
use sluice_kustomize::fs::{DirEntry, FileKind, FileSystem, FsError, Jail};
use sluice_kustomize::{Options, flux};
use sluice_manifests::{flux_spec, substitute, variables};

use crate::cluster::explain;
use crate::context::Context;
use crate::mask;

/// How deep Kustomizations may apply Kustomizations.
const MAX_DEPTH: usize = 32;

/// Flags of commands that build Kustomizations.
#[derive(clap::Args, Clone, Debug, Default)]
pub(crate) struct Flags {
    /// Directory to build, in place of that in the source
    #[arg(long)]
    pub(crate) path: PathBuf,
    /// File with the Kustomization; that of the cluster when not given
    #[arg(long, value_name = "FILE")]
    pub(crate) kustomization_file: Option<PathBuf>,
    /// Paths to leave out where manifests are searched for, in .gitignore format
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    pub(crate) ignore_paths: Vec<String>,
    /// Fail when a variable has neither value nor default, as the controller does
    #[arg(long)]
    pub(crate) strict_substitute: bool,
    /// Also build the Kustomizations among the objects
    #[arg(short, long)]
    pub(crate) recursive: bool,
    /// Directories that stand for sources: Kind/namespace/name=path
    #[arg(long, value_name = "SOURCE=PATH", value_delimiter = ',', value_parser = local_source)]
    pub(crate) local_sources: Vec<(String, PathBuf)>,
    /// Build without writing to the directory, as is always done here
    #[arg(long, hide = true)]
    pub(crate) in_memory_build: bool,
}

fn local_source(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((source, path)) if source.split('/').count() == 3 && !path.is_empty() => {
            Ok((source.to_owned(), PathBuf::from(path)))
        }
        _ => Err("local sources are given as Kind/namespace/name=path".to_owned()),
    }
}

/// A Kustomization and what it makes of a directory.
#[derive(Debug)]
pub(crate) struct Built {
    pub(crate) kustomization: Kustomization,
    /// The objects as they would be applied; what is encrypted is masked.
    pub(crate) objects: Vec<Value>,
}

impl Built {
    /// The Kustomizations among the objects, but for the one that makes them.
    pub(crate) fn kustomizations(&self) -> Result<Vec<Kustomization>> {
        let own = (&self.kustomization.metadata.namespace, &self.kustomization.metadata.name);
        let mut found = Vec::new();
        for object in self.objects.iter().filter(|object| is_kustomization(object)) {
            let kustomization: Kustomization = serde_json::from_value(object.clone())
                .with_context(|| format!("Kustomization {}", object["metadata"]["name"]))?;
            if (&kustomization.metadata.namespace, &kustomization.metadata.name) != own {
                found.push(kustomization);
            }
        }
        Ok(found)
    }
}

/// Builds Kustomizations.
pub(crate) struct Builder<'c> {
    pub(crate) context: &'c Context,
    pub(crate) flags: Flags,
    /// Ask no cluster for anything.
    pub(crate) offline: bool,
    /// A Kustomization that stands in a file need not be in the cluster.
    pub(crate) may_be_missing: bool,
}

impl Builder<'_> {
    /// The Kustomization: that of the file, else that of the cluster. With a file, the cluster's status comes along.
    pub(crate) async fn kustomization(&self, name: &str) -> Result<Kustomization> {
        let namespace = self.context.namespace();
        let from_file = match &self.flags.kustomization_file {
            Some(file) => Some(read_file(file, name, namespace)?),
            None if self.offline => bail!("dry-run mode requires a kustomization file"),
            None => None,
        };
        let live = if self.offline { None } else { self.live(namespace, name).await? };
        let mut kustomization = match (from_file, live) {
            (Some(mut file), live) => {
                if live.is_none() && !self.offline && !self.may_be_missing {
                    bail!(
                        "failed to get kustomization object: kustomizations.kustomize.toolkit.fluxcd.io \"{name}\" not found"
                    );
                }
                file.status = live.and_then(|live| live.status);
                file
            }
            (None, Some(live)) => live,
            (None, None) => {
                bail!(
                    "failed to get kustomization object: kustomizations.kustomize.toolkit.fluxcd.io \"{name}\" not found"
                )
            }
        };
        kustomization.metadata.namespace.get_or_insert_with(|| namespace.to_owned());
        Ok(kustomization)
    }

    async fn live(&self, namespace: &str, name: &str) -> Result<Option<Kustomization>> {
        let api: Api<Kustomization> = Api::namespaced(self.context.client().await?, namespace);
        api.get_opt(name).await.map_err(explain)
    }

    /// The Kustomization as the cluster has it, or as it was built.
    pub(crate) async fn live_or(&self, built: Kustomization) -> Result<Kustomization> {
        if self.offline {
            return Ok(built);
        }
        let meta = &built.metadata;
        let (namespace, name) = (meta.namespace.as_deref(), meta.name.as_deref());
        let live = self.live(namespace.unwrap_or_default(), name.unwrap_or_default()).await?;
        Ok(live.unwrap_or(built))
    }

    /// Builds a directory.
    pub(crate) async fn build(&self, kustomization: Kustomization, directory: &Path) -> Result<Built> {
        let values = self.values(&kustomization).await?;
        let directory = std::path::absolute(directory)?;
        let files = Jail::new(Path::new("/"))?;
        let matcher = Matcher::new(ignore::parse(&self.flags.ignore_paths.join("\n"), &[]));
        let files = Without { files: &files, root: &directory, matcher };
        let built = flux::build(&files, &directory, &flux_spec(&kustomization.spec), &Options::flux())
            .map_err(|error| detailed(&error, error.detail()))?;
        let manifests =
            built.resources.iter().map(|resource| Ok(resource.to_json()?)).collect::<Result<Vec<_>>>()?;
        let post_build = kustomization.spec.post_build.as_ref();
        let is_due = post_build.is_some_and(|post_build| substitute::is_due(post_build, &values));
        let missing = if self.flags.strict_substitute { Missing::Error } else { Missing::Empty };
        let mut objects = if is_due {
            substitute::all(manifests, &values, missing).map_err(|error| detailed(&error, error.detail()))?
        } else {
            manifests
        };
        for object in &mut objects {
            mask::encrypted(object);
            decorate(object, &kustomization);
        }
        Ok(Built { kustomization, objects })
    }

    /// Builds a directory and, if that is asked for, what the Kustomizations among its objects make of theirs.
    pub(crate) async fn build_all(
        &self,
        kustomization: Kustomization,
        directory: &Path,
    ) -> Result<Vec<Value>> {
        let mut objects = Vec::new();
        let mut seen = BTreeSet::new();
        let mut level = vec![(kustomization, directory.to_owned())];
        for _ in 0..MAX_DEPTH {
            let mut next = Vec::new();
            for (kustomization, directory) in level {
                if !seen.insert(subject(&kustomization)) {
                    continue;
                }
                let built = self.build(kustomization, &directory).await?;
                if self.flags.recursive {
                    for child in built.kustomizations()? {
                        let directory = self.local_path(&child)?;
                        next.push((self.live_or(child).await?, directory));
                    }
                }
                objects.extend(built.objects);
            }
            if next.is_empty() {
                return Ok(objects);
            }
            level = next;
        }
        bail!("Kustomizations apply Kustomizations more than {MAX_DEPTH} deep")
    }

    /// Where the source of a Kustomization is on this machine.
    pub(crate) fn local_path(&self, kustomization: &Kustomization) -> Result<PathBuf> {
        let reference = &kustomization.spec.source_ref;
        let own = kustomization.metadata.namespace.as_deref().unwrap_or_default();
        let namespace = reference.namespace.as_deref().filter(|text| !text.is_empty()).unwrap_or(own);
        let key = format!("{}/{namespace}/{}", reference.kind.as_str(), reference.name);
        let sources: BTreeMap<&str, &Path> =
            self.flags.local_sources.iter().map(|(key, path)| (key.as_str(), path.as_path())).collect();
        let name = kustomization.metadata.name.as_deref().unwrap_or_default();
        let source = sources.get(key.as_str()).ok_or_else(|| {
            anyhow!(
                "cannot get local path for {key} of kustomization {name}: add --local-sources {key}=DIRECTORY"
            )
        })?;
        let path = kustomization.spec.path.as_deref().unwrap_or_default();
        Ok(source.join(path.trim_start_matches('/')))
    }

    /// The variables; offline only those that stand in the Kustomization itself.
    async fn values(&self, kustomization: &Kustomization) -> Result<Variables> {
        let mut values = Variables::new();
        if let Some(post_build) = &kustomization.spec.post_build {
            if self.offline || post_build.substitute_from.is_empty() {
                variables::add_inline(&mut values, post_build)
                    .map_err(|error| detailed(&error, error.detail()))?;
            } else {
                let client = self.context.client().await?;
                let found = variables::read(&client, kustomization).await;
                values = found.map_err(|error| detailed(&error, error.detail()))?.variables;
            }
        }
        Ok(values)
    }
}

/// `Kind/namespace/name`
pub(crate) fn subject(kustomization: &Kustomization) -> String {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    format!(
        "Kustomization/{}/{}",
        text(&kustomization.metadata.namespace),
        text(&kustomization.metadata.name)
    )
}

/// An error, and what is known beyond it.
fn detailed(error: &(impl std::error::Error + ?Sized), detail: Option<String>) -> Error {
    match detail {
        Some(detail) => anyhow!("{error}; {detail}"),
        None => anyhow!("{error}"),
    }
}

fn is_kustomization(object: &Value) -> bool {
    object["kind"] == "Kustomization"
        && object["apiVersion"]
            .as_str()
            .is_some_and(|version| version.starts_with("kustomize.toolkit.fluxcd.io/"))
}

fn read_file(file: &Path, name: &str, namespace: &str) -> Result<Kustomization> {
    let shown = file.display();
    let text =
        fs::read_to_string(file).with_context(|| format!("failed to read kustomization file {shown}"))?;
    let documents = sluice_yaml::parse(&text)
        .with_context(|| format!("failed to unmarshall kustomization file {shown}"))?;
    for document in documents {
        let value = document.root.to_json(sluice_yaml::Version::V2)?;
        let own = value["metadata"]["namespace"].as_str().unwrap_or_default();
        if is_kustomization(&value)
            && value["metadata"]["name"] == name
            && (own.is_empty() || own == namespace)
        {
            return serde_json::from_value(value)
                .with_context(|| format!("failed to unmarshall kustomization file {shown}"));
        }
    }
    bail!("failed find kustomization with name '{name}' and namespace '{namespace}' in file '{shown}'")
}

/// Adds the labels of the owner, then the common metadata, which win.
fn decorate(object: &mut Value, kustomization: &Kustomization) {
    let metadata = &kustomization.metadata;
    if !object["metadata"]["labels"].is_object() {
        object["metadata"]["labels"] = json!({});
    }
    object["metadata"]["labels"][NAME_LABEL] = json!(metadata.name);
    object["metadata"]["labels"][NAMESPACE_LABEL] = json!(metadata.namespace);
    if let Some(common) = &kustomization.spec.common_metadata {
        for (field, entries) in [("labels", &common.labels), ("annotations", &common.annotations)] {
            for (key, value) in entries {
                object["metadata"][field][key] = json!(value);
            }
        }
    }
}

/// Files without those that are to be left out when manifests are searched for.
struct Without<'a> {
    files: &'a dyn FileSystem,
    root: &'a Path,
    matcher: Matcher,
}

impl FileSystem for Without<'_> {
    fn canonical(&self, path: &Path) -> Result<PathBuf, FsError> {
        self.files.canonical(path)
    }

    fn kind(&self, path: &Path) -> Result<FileKind, FsError> {
        self.files.kind(path)
    }

    fn read(&self, path: &Path) -> Result<Vec<u8>, FsError> {
        self.files.read(path)
    }

    fn list(&self, directory: &Path) -> Result<Vec<DirEntry>, FsError> {
        let mut entries = self.files.list(directory)?;
        let Ok(below) = directory.strip_prefix(self.root) else { return Ok(entries) };
        entries.retain(|entry| {
            let path = below.join(&entry.name);
            let parts: Vec<&str> = path.iter().filter_map(|part| part.to_str()).collect();
            !self.matcher.excludes(&parts, entry.kind == FileKind::Directory)
        });
        Ok(entries)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::Cli;
    use crate::output::Output;

    const MANIFEST: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: NAME\ndata:\n  region: ${region}\n  missing: ${none}\n";

    fn kustomization(name: &str, spec: Value) -> Value {
        let mut spec = spec;
        spec["interval"] = json!("1m");
        spec["prune"] = json!(true);
        spec["sourceRef"] = json!({"kind": "GitRepository", "name": "repo"});
        json!({
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
            "metadata": {"name": name, "namespace": "flux-system"}, "spec": spec,
        })
    }

    fn context() -> Context {
        let global = Cli::try_parse_from(["sluice", "version"]).unwrap().global;
        Context::new(global, Output::of_process())
    }

    async fn build(flags: Flags, kustomization: Value) -> Result<String> {
        let context = context();
        let path = flags.path.clone();
        let builder = Builder { context: &context, flags, offline: true, may_be_missing: false };
        let kustomization = serde_json::from_value(kustomization).unwrap();
        let objects = builder.build_all(kustomization, &path).await?;
        Ok(objects.iter().map(crate::commands::export::document).collect())
    }

    #[tokio::test]
    async fn a_directory_is_built_as_the_controller_would() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("app.yaml"), MANIFEST.replace("NAME", "app")).unwrap();
        let spec = json!({
            "targetNamespace": "web",
            "commonMetadata": { "labels": { "team": "a" } },
            "postBuild": { "substitute": { "region": "eu" } },
        });
        let flags = Flags { path: directory.path().to_owned(), ..Flags::default() };
        let expected = "---\napiVersion: v1\ndata:\n  missing: null\n  region: eu\nkind: ConfigMap\nmetadata:\n  labels:\n    \
                        kustomize.toolkit.fluxcd.io/name: apps\n    kustomize.toolkit.fluxcd.io/namespace: flux-system\n    \
                        team: a\n  name: app\n  namespace: web\n";
        assert_eq!(build(flags.clone(), kustomization("apps", spec.clone())).await.unwrap(), expected);
        let strict = Flags { strict_substitute: true, ..flags };
        let error = build(strict, kustomization("apps", spec)).await.unwrap_err().to_string();
        assert!(error.starts_with("post build failed for 'ConfigMap.v1.[noGrp]/app': "), "{error}");
    }

    #[tokio::test]
    async fn kustomizations_of_kustomizations_are_followed_to_local_sources() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        fs::create_dir_all(root.join("clusters")).unwrap();
        fs::create_dir_all(root.join("apps/skipped")).unwrap();
        let child =
            kustomization("apps", json!({"path": "./apps", "postBuild": {"substitute": {"region": "eu"}}}));
        fs::write(root.join("clusters/apps.yaml"), child.to_string()).unwrap();
        fs::write(root.join("apps/app.yaml"), MANIFEST.replace("NAME", "app")).unwrap();
        fs::write(root.join("apps/skipped/values.yaml"), "no: manifest\n").unwrap();
        let flags = Flags {
            path: root.join("clusters"),
            recursive: true,
            local_sources: vec![
                local_source(&format!("GitRepository/flux-system/repo={}", root.display())).unwrap(),
            ],
            ignore_paths: vec!["skipped/".to_owned()],
            ..Flags::default()
        };
        let text = build(flags.clone(), kustomization("all", json!({}))).await.unwrap();
        assert!(text.contains("name: app\n") && text.contains("region: eu"), "{text}");
        assert_eq!(text.matches("---\n").count(), 2);
        let lost = Flags { local_sources: Vec::new(), ..flags };
        let error = build(lost, kustomization("all", json!({}))).await.unwrap_err().to_string();
        assert!(
            error.starts_with(
                "cannot get local path for GitRepository/flux-system/repo of kustomization apps"
            )
        );
    }

    #[test]
    fn files_hold_kustomizations_by_name_and_namespace() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("ks.yaml");
        fs::write(&file, kustomization("app", json!({})).to_string()).unwrap();
        assert!(read_file(&file, "app", "flux-system").is_ok());
        let error = read_file(&file, "app", "other").unwrap_err().to_string();
        assert!(
            error.starts_with("failed find kustomization with name 'app' and namespace 'other'"),
            "{error}"
        );
        assert!(local_source("GitRepository/a=b").is_err());
    }
}
