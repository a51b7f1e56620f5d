//! From an artifact's files to the objects to apply.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use sha2::{Digest, Sha256};
use sluice_apis::kustomize::v1::Kustomization;
use sluice_apply::{Object, read};
use sluice_artifact::Unpacked;
use sluice_bases::{Network, Policy};
use sluice_expr::envsubst::Missing;
use sluice_kustomize::fs::{FileSystem, FsError, Jail, Overlay, Recorder, Trail, clean};
use sluice_kustomize::{Environment, Error, Options, Remote, flux};
use sluice_manifests::variables::{self, Found};
use sluice_manifests::{decrypt, describe, flux_spec, substitute};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::failure::{Failure, Then};
use super::{Kustomizer, memory};
use crate::metrics::Metrics;

/// What a build made.
pub struct Built {
    /// The objects, in the order of the build.
    pub objects: Vec<Object>,
    /// `sha256:` and the digest of all manifests as text.
    pub digest: String,
    /// What the build read.
    pub trail: Arc<Trail>,
    /// Hash of the variables that were substituted.
    pub variables: blake3::Hash,
    /// Values of Secrets that may have been substituted.
    pub secrets: Vec<String>,
}

/// How messages name the directory with the artifact: the same on every run of the controller, and as deep as Flux's.
const SHOWN: &str = "/tmp/artifact";

/// Builds that wait for other servers at once.
const FETCHING: usize = 16;

/// Builds on threads of its own, a bounded number at a time: a build is all CPU and memory.
pub struct Builder {
    slots: Arc<Semaphore>,
    fetching: Arc<Semaphore>,
    metrics: Metrics,
}

impl Builder {
    /// A builder that uses all processors.
    pub fn new(metrics: Metrics) -> Self {
        let processors = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        Self {
            slots: Arc::new(Semaphore::new(processors)),
            fetching: Arc::new(Semaphore::new(FETCHING)),
            metrics,
        }
    }

    /// Runs a build or a part of one.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        Self::work(&self.slots, work).await
    }

    /// Runs a build that waits for other servers.
    async fn fetch<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        Self::work(&self.fetching, work).await
    }

    async fn work<T: Send + 'static>(
        slots: &Semaphore,
        work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let interrupted = || Failure::build("the build was interrupted: the controller is stopping");
        let _slot = slots.acquire().await.map_err(|_| interrupted())?;
        match tokio::task::spawn_blocking(work).await {
            Ok(result) => result,
            Err(error) if error.is_panic() => {
                Err(Failure::build("kustomize build failed: recovered from kustomize build panic"))
            }
            Err(_) => Err(interrupted()),
        }
    }
}

/// The directory to build, which must be there. The path can't lead out of the artifact.
pub fn directory(object: &Kustomization, unpacked: &Unpacked) -> Result<PathBuf, Failure> {
    let path = object.spec.path.as_deref().unwrap_or_default();
    // Cleaning the path as an absolute one makes `..` stop at the artifact's root.
    let inside = clean(&Path::new("/").join(path));
    let directory = unpacked.path().join(inside.strip_prefix("/").unwrap_or(&inside));
    let cause = match directory.metadata() {
        Ok(_) => return Ok(directory),
        Err(error) if error.kind() == ErrorKind::NotADirectory => "not a directory",
        Err(_) => "no such file or directory",
    };
    let message = format!("kustomization path not found: stat {}: {cause}", directory.display());
    Err(Failure::source(shown(&message, unpacked.path()), Then::Retry))
}

/// Refuses a file, in Flux's words: it looks for a kustomization in it, and wants to clean up then.
fn refuse_file(tree: &Tree) -> Result<(), Failure> {
    if !tree.directory.is_file() {
        return Ok(());
    }
    let place = tree.directory.join("kustomization.yaml");
    let place = place.display();
    let failure = tree.fail(&format!("open {place}: not a directory remove {place}: not a directory"));
    Err(failure.with_detail(Some("spec.path names a file: give the directory that holds it".to_owned())))
}

impl Kustomizer {
    /// Builds the manifests, decrypts what is encrypted, and substitutes variables.
    pub(super) async fn build(
        &self,
        object: &Kustomization,
        unpacked: Arc<Unpacked>,
        directory: PathBuf,
    ) -> Result<Built, Failure> {
        let tree = Tree { unpacked, directory };
        refuse_file(&tree)?;
        let keys = self.keyring(object).await?;
        let spec = flux_spec(&object.spec);
        self.builder.metrics.count_build();

        let (mut trail, mut plain) = (Trail::default(), Vec::new());
        if let Some(keys) = &keys {
            let (search, components) = (tree.clone(), spec.components.clone());
            let (sources, read) = self.builder.run(move || encrypted_sources(&search, &components)).await?;
            trail = read;
            plain = decrypt::decrypt(sources, keys).await.map_err(|error| tree.decryption(&error))?;
        }
        let whole = tree.clone();
        let made = {
            let (spec, plain) = (spec.clone(), plain.clone());
            self.builder.run(move || manifests(&whole, &spec, plain, None)).await?
        };
        let mut manifests = match made {
            Made::Objects(objects, read) => {
                trail.join(read);
                objects
            }
            Made::Refused(failure) if !self.options.remote_bases => return Err(failure),
            Made::Refused(_) => {
                // What other servers answer may be different next time: no revision counts as unchanged.
                trail = Trail::default();
                self.with_network(object, tree.clone(), spec, plain).await?
            }
        };

        let mut secrets = Vec::new();
        if let Some(keys) = &keys {
            let decrypted =
                decrypt::objects(manifests, keys).await.map_err(|error| tree.decryption(&error))?;
            (manifests, secrets) = (decrypted.objects, decrypted.secrets);
        }
        let found = self.variables(object, &manifests).await.map_err(|failure| failure.hiding(&secrets))?;
        let Found { variables: values, secrets: substituted } = found;
        secrets.extend(substituted);
        let hash = memory::hash(&values);
        let due =
            object.spec.post_build.as_ref().is_some_and(|post_build| substitute::is_due(post_build, &values));
        let missing = if self.options.strict_substitution { Missing::Error } else { Missing::Empty };
        let substituted = self
            .builder
            .run(move || {
                let manifests = if due {
                    substitute::all(manifests, &values, missing)
                        .map_err(|error| Failure::build(error.to_string()).with_detail(error.detail()))?
                } else {
                    manifests
                };
                Ok(finished(manifests))
            })
            .await;
        let (objects, digest) = substituted.map_err(|failure| failure.hiding(&secrets))?;
        Ok(Built { objects, digest, trail: Arc::new(trail), variables: hash, secrets })
    }

    /// Builds with bases on other servers. A server that hangs must not hold up the builds of others.
    async fn with_network(
        &self,
        object: &Kustomization,
        tree: Tree,
        spec: flux::Spec,
        plain: Vec<(PathBuf, Vec<u8>)>,
    ) -> Result<Vec<Value>, Failure> {
        let deadline = Instant::now() + super::status::timeout(object);
        let network = Network::new(Handle::current(), Policy { deadline, ssh: None });
        match self.builder.fetch(move || manifests(&tree, &spec, plain, Some(&network))).await? {
            Made::Objects(objects, _) => Ok(objects),
            Made::Refused(failure) => Err(failure),
        }
    }

    async fn variables(&self, object: &Kustomization, manifests: &[Value]) -> Result<Found, Failure> {
        // Nothing to substitute into: a missing ConfigMap is no problem.
        let Some(first) = manifests.first() else { return Ok(Found::default()) };
        variables::read(&self.client, object).await.map_err(|cause| {
            Failure::build(format!("post build failed for '{}': {cause}", describe(first)))
                .with_detail(cause.detail())
        })
    }
}

/// What is built: a directory of an artifact.
#[derive(Clone)]
struct Tree {
    unpacked: Arc<Unpacked>,
    directory: PathBuf,
}

impl Tree {
    fn fail(&self, message: &str) -> Failure {
        Failure::build(shown(message, self.unpacked.path()))
    }

    fn decryption(&self, error: &decrypt::Error) -> Failure {
        self.fail(&error.to_string()).with_detail(error.detail())
    }
}

/// The encrypted files that the build will read, and what was read to find them.
fn encrypted_sources(tree: &Tree, components: &[String]) -> Result<(Vec<decrypt::Source>, Trail), Failure> {
    let fail = |error: FsError| tree.fail(&error.to_string());
    let files = Jail::new(tree.unpacked.path()).map_err(fail)?.shown_as(SHOWN);
    let recorder = Recorder::new(&files, files.root());
    let directory = files.canonical(&tree.directory).map_err(fail)?;
    let sources = decrypt::find(&recorder, files.root(), &directory, components)
        .map_err(|error| tree.decryption(&error))?;
    Ok((sources, recorder.into_trail()))
}

/// What became of a build.
enum Made {
    /// The objects, and what was read for them.
    Objects(Vec<Value>, Trail),
    /// It needs something from another server.
    Refused(Failure),
}

/// Builds the directory as kustomize does, the spec's own changes included. `plain` stands for encrypted files.
fn manifests(
    tree: &Tree,
    spec: &flux::Spec,
    plain: Vec<(PathBuf, Vec<u8>)>,
    remote: Option<&dyn Remote>,
) -> Result<Made, Failure> {
    let fail = |error: FsError| tree.fail(&error.to_string());
    let files = Jail::new(tree.unpacked.path()).map_err(fail)?.shown_as(SHOWN);
    let recorder = Recorder::new(&files, files.root());
    let mut overlay = Overlay::new(&recorder);
    for (path, content) in plain {
        overlay.replace(&path, content).map_err(fail)?;
    }
    let directory = files.canonical(&tree.directory).map_err(fail)?;
    let environment = Environment { remote, ..Environment::of(&overlay) };
    let build = match flux::build_in(environment, &directory, spec, &Options::flux()) {
        Ok(build) => build,
        Err(error) => {
            let detail = error.detail().map(|detail| shown(&detail, tree.unpacked.path()));
            let failure = tree.fail(&error.to_string()).with_detail(detail);
            let (flux::BuildError::Generate(cause) | flux::BuildError::Build(cause)) = &error;
            return if matches!(cause.root(), Error::RemoteRefused { .. }) {
                Ok(Made::Refused(failure))
            } else {
                Err(failure)
            };
        }
    };
    let mut manifests = Vec::with_capacity(build.resources.len());
    for resource in &build.resources {
        let value = resource
            .to_json()
            .map_err(|error| tree.fail(&format!("kustomize build failed: {}", unmarshal_text(&error))))?;
        if resource.name().is_empty() || resource.kind().is_empty() || resource.api_version().is_empty() {
            let text = resource_text(&value);
            let message = format!("failed to decode Kubernetes apiVersion, kind and name from: {text}");
            return Err(tree.fail(&message));
        }
        manifests.push(value);
    }
    drop(overlay);
    Ok(Made::Objects(manifests, recorder.into_trail()))
}

/// What kustomize says of an object that can't be read: of keys that come twice, after the value that it has so far.
fn unmarshal_text(error: &impl ToString) -> String {
    let text = error.to_string();
    match text.strip_prefix("yaml: ") {
        Some(line) if line.contains(": mapping key ") => {
            format!("map[string]interface {{}}(nil): yaml: unmarshal errors:\n  {line}")
        }
        _ => text,
    }
}

/// A manifest as messages show it.
fn resource_text(value: &Value) -> String {
    let mut text = value.clone();
    text.sort_all_objects();
    text.to_string()
}

/// The digest of the manifests as one text, and the objects among them.
fn finished(manifests: Vec<Value>) -> (Vec<Object>, String) {
    let mut hasher = Sha256::new();
    for (index, manifest) in manifests.iter().enumerate() {
        if index > 0 {
            hasher.update("---\n");
        }
        hasher.update(sluice_yaml::to_yaml(manifest));
    }
    let digest =
        hasher.finalize().iter().fold(String::from("sha256:"), |text, byte| text + &format!("{byte:02x}"));
    (read::objects(manifests), digest)
}

/// The text with the artifact's directory under its name in messages.
fn shown(text: &str, root: &Path) -> String {
    text.replace(&*root.to_string_lossy(), SHOWN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_without_a_name_is_shown_as_json_with_sorted_keys() {
        let value = serde_json::json!({"metadata": {"name": "a"}, "kind": "ConfigMap"});
        assert_eq!(resource_text(&value), r#"{"kind":"ConfigMap","metadata":{"name":"a"}}"#);
    }
}
