//! From an artifact's files to the objects to apply.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use kube::Api;
use serde_json::Value;
use sha2::{Digest, Sha256};
use sluice_apis::k8s::Secret;
use sluice_apis::kustomize::v1::{Decryption, Kustomization};
use sluice_apply::{Object, read};
use sluice_artifact::Unpacked;
use sluice_expr::envsubst::Missing;
use sluice_kustomize::fs::{FileSystem, Jail, clean};
use sluice_kustomize::{Options, flux};
use sluice_manifests::variables::{self, Found};
use sluice_manifests::{describe, flux_spec, is_encrypted, substitute};
use tokio::sync::Semaphore;

use super::failure::{Failure, Then};
use super::trail::{Recorder, Trail};
use super::{Kustomizer, memory};
use crate::clusters::api_message;
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

/// Builds on threads of its own, a bounded number at a time: a build is all CPU and memory.
pub struct Builder {
    slots: Arc<Semaphore>,
    metrics: Metrics,
}

impl Builder {
    /// A builder that uses all processors.
    pub fn new(metrics: Metrics) -> Self {
        let processors = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        Self { slots: Arc::new(Semaphore::new(processors)), metrics }
    }

    /// Runs a build or a part of one.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let interrupted = || Failure::build("the build was interrupted: the controller is stopping");
        let _slot = self.slots.acquire().await.map_err(|_| interrupted())?;
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
    if directory.exists() {
        return Ok(directory);
    }
    let message =
        format!("kustomization path not found: stat {}: no such file or directory", directory.display());
    Err(Failure::source(shown(&message, unpacked.path()), Then::Retry))
}

impl Kustomizer {
    /// Builds the manifests and substitutes variables.
    pub(super) async fn build(
        &self,
        object: &Kustomization,
        unpacked: Arc<Unpacked>,
        directory: PathBuf,
    ) -> Result<Built, Failure> {
        if let Some(decryption) = &object.spec.decryption {
            self.check_decryption_secret(object, decryption).await?;
        }
        let spec = flux_spec(&object.spec);
        let decrypts = object.spec.decryption.is_some();
        self.builder.metrics.count_build();
        let (manifests, trail) =
            self.builder.run(move || manifests(&unpacked, &directory, &spec, decrypts)).await?;
        let Found { variables: values, secrets } = self.variables(object, &manifests).await?;
        let hash = memory::hash(&values);
        let due =
            object.spec.post_build.as_ref().is_some_and(|post_build| substitute::is_due(post_build, &values));
        let missing = if self.options.strict_substitution { Missing::Error } else { Missing::Empty };
        let (objects, digest) = self
            .builder
            .run(move || {
                let manifests = if due {
                    substitute::all(manifests, &values, missing).map_err(Failure::build)?
                } else {
                    manifests
                };
                Ok(finished(manifests))
            })
            .await?;
        Ok(Built { objects, digest, trail: Arc::new(trail), variables: hash, secrets })
    }

    async fn variables(&self, object: &Kustomization, manifests: &[Value]) -> Result<Found, Failure> {
        // Nothing to substitute into: a missing ConfigMap is no problem.
        let Some(first) = manifests.first() else { return Ok(Found::default()) };
        variables::read(&self.client, object)
            .await
            .map_err(|cause| Failure::build(format!("post build failed for '{}': {cause}", describe(first))))
    }

    /// The keys must be there even if nothing turns out to be encrypted.
    async fn check_decryption_secret(
        &self,
        object: &Kustomization,
        decryption: &Decryption,
    ) -> Result<(), Failure> {
        let Some(reference) = &decryption.secret_ref else { return Ok(()) };
        let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), namespace);
        let found = secrets.get_metadata(&reference.name).await;
        found.map(|_| ()).map_err(|error| Failure::build(api_message(&error)))
    }
}

/// Builds the directory as kustomize does, the spec's own changes included.
fn manifests(
    unpacked: &Unpacked,
    directory: &Path,
    spec: &flux::Spec,
    decrypts: bool,
) -> Result<(Vec<Value>, Trail), Failure> {
    let fail = |message: String| Failure::build(shown(&message, unpacked.path()));
    let files = Jail::new(unpacked.path()).map_err(|error| fail(error.to_string()))?;
    let recorder = Recorder::new(&files, files.root());
    let directory = files.canonical(directory).map_err(|error| fail(error.to_string()))?;
    let build = flux::build(&recorder, &directory, spec, &Options::flux())
        .map_err(|error| fail(error.to_string()).with_detail(error.detail()))?;
    let mut manifests = Vec::with_capacity(build.resources.len());
    for resource in &build.resources {
        let value = resource.to_json().map_err(|error| fail(format!("kustomize build failed: {error}")))?;
        if resource.name().is_empty() || resource.kind().is_empty() || resource.api_version().is_empty() {
            let text = sluice_yaml::to_yaml(&value);
            return Err(fail(format!("failed to decode Kubernetes apiVersion, kind and name from: {text}")));
        }
        if decrypts && is_encrypted(&value) {
            return Err(fail(format!(
                "decryption failed for '{}': SOPS decryption is not supported by this version of the controller; nothing was applied",
                describe(&value)
            )));
        }
        manifests.push(value);
    }
    Ok((manifests, recorder.into_trail()))
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

/// The text with the artifact's directory under a name that is the same on every run of the controller.
fn shown(text: &str, root: &Path) -> String {
    text.replace(&*root.to_string_lossy(), "/tmp/artifact")
}
