//! The sources that Kustomizations build from, as far as they matter here: their artifact.

use serde::Deserialize;
use sluice_apis::kustomize::reasons;
use sluice_apis::kustomize::v1::{Kustomization, KustomizationSourceKind};
use sluice_apis::source::v1::Artifact;
use sluice_runtime::{Lean, ObjectKey};

use super::failure::{Failure, Then};

/// A source of the kind `K`. Everything but the artifact is left out when it is read.
pub type Source<K> = Lean<K, SourceStatus>;

/// The part of a source's status that matters here.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct SourceStatus {
    /// The last artifact, if there is one.
    pub artifact: Option<Artifact>,
}

/// Looks the status of a source up; `None` if there is no such source.
pub type Lookup = Box<dyn Fn(&ObjectKey) -> Option<SourceStatus> + Send + Sync>;

/// Which source: kind, namespace and name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceKey {
    /// The kind.
    pub kind: String,
    /// Namespace and name.
    pub key: ObjectKey,
}

impl SourceKey {
    /// The source that a Kustomization names.
    pub fn of(object: &Kustomization) -> Self {
        let reference = &object.spec.source_ref;
        let own = object.metadata.namespace.as_deref().unwrap_or_default();
        let namespace = reference.namespace.as_deref().filter(|n| !n.is_empty()).unwrap_or(own);
        Self {
            kind: reference.kind.as_str().to_owned(),
            key: ObjectKey::new(namespace, reference.name.as_str()),
        }
    }
}

/// What the controller's flags allow.
#[derive(Clone, Copy, Debug, Default)]
pub struct Access {
    /// Sources of other namespaces may not be used.
    pub same_namespace_only: bool,
    /// `ExternalArtifact` may be used.
    pub external_artifacts: bool,
}

/// Refuses what the flags don't allow and what isn't a kind of source.
pub fn check_access(object: &Kustomization, access: Access) -> Result<SourceKey, Failure> {
    let source = SourceKey::of(object);
    let own = object.metadata.namespace.as_deref().unwrap_or_default();
    let denied = |why: &str| {
        let message = format!("can't access '{}/{}', {why}", source.kind, source.key);
        Err(Failure::forbidden(reasons::ACCESS_DENIED, message))
    };
    if access.same_namespace_only && &*source.key.namespace != own {
        return denied("cross-namespace references have been blocked");
    }
    match &object.spec.source_ref.kind {
        KustomizationSourceKind::ExternalArtifact if !access.external_artifacts => {
            denied("ExternalArtifact feature gate is disabled")
        }
        KustomizationSourceKind::Other(kind) => Err(Failure::source(
            format!("source `{}` kind '{kind}' not supported", object.spec.source_ref.name),
            Then::Backoff,
        )),
        _ => Ok(source),
    }
}

/// The failure for a source that doesn't exist.
pub fn not_found(source: &SourceKey) -> Failure {
    let message = format!("{}.{} \"{}\" not found", source.kind, sluice_apis::source::GROUP, source.key.name);
    Failure::source(message, Then::RetryQuietly)
}
