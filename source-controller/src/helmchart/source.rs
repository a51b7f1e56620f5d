//! Phase: what the chart comes from.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use kube::Resource;
use kube::core::NamespaceResourceScope;
use sluice_apis::conditions::mark_true;
use sluice_apis::source::v1::{
    Artifact, Bucket, ChartSourceKind, GitRepository, HelmChart, HelmRepository, Source,
};
use sluice_runtime::{EventType, ObjectKey, Pass, Store};

use super::HelmChartReconciler;
use crate::conditions::reasons::{NO_SOURCE_ARTIFACT, SOURCE_UNAVAILABLE, UNSUPPORTED_SOURCE_KIND};
use crate::conditions::types::FETCH_FAILED;
use crate::failure::Failure;
use crate::helm::access::is_oci;
use crate::kind::SourceKind;

/// The sources in the cluster.
pub(super) struct Sources {
    pub(super) helm: Store<HelmRepository>,
    pub(super) git: Store<GitRepository>,
    pub(super) buckets: Store<Bucket>,
}

/// What a chart comes from.
pub(super) enum ChartSource {
    /// A repository, with the index that is stored for it, if it has one.
    Repository(Arc<HelmRepository>, Option<PathBuf>),
    /// An archive with a chart in it.
    Archive(Artifact, PathBuf),
}

impl HelmChartReconciler {
    /// Looks for the source and its artifact.
    pub(super) fn source(&self, pass: &mut Pass<HelmChart>) -> Result<ChartSource, Failure> {
        let reference = pass.object.spec.source_ref.clone();
        let key =
            ObjectKey { namespace: pass.object.namespace().into(), name: reference.name.as_str().into() };
        let (artifact, repository) = match &reference.kind {
            ChartSourceKind::HelmRepository => {
                let object = found(&self.sources.helm, &key);
                let object = object.map_err(|error| unavailable(pass, &error))?;
                (object.artifact().cloned(), Some(object))
            }
            ChartSourceKind::GitRepository => {
                let object = found(&self.sources.git, &key).map_err(|error| unavailable(pass, &error))?;
                (object.artifact().cloned(), None)
            }
            ChartSourceKind::Bucket => {
                let object = found(&self.sources.buckets, &key).map_err(|error| unavailable(pass, &error))?;
                (object.artifact().cloned(), None)
            }
            ChartSourceKind::Other(kind) => {
                let message = format!(
                    "failed to get source: unsupported source kind '{kind}', must be one of: [HelmRepository GitRepository Bucket]"
                );
                mark_true(&mut pass.object, FETCH_FAILED, SOURCE_UNAVAILABLE, &message);
                return Err(Failure::stall(UNSUPPORTED_SOURCE_KIND, message));
            }
        };
        let needs_none = repository.as_ref().is_some_and(|object| is_oci(object));
        let stored = artifact.filter(|artifact| self.storage.contains(artifact));
        if stored.is_none() && !needs_none {
            let message = format!("no artifact available for {} source '{}'", reference.kind, reference.name);
            mark_true(&mut pass.object, FETCH_FAILED, NO_SOURCE_ARTIFACT, &message);
            pass.event(EventType::Trace, NO_SOURCE_ARTIFACT, &message, &BTreeMap::new());
            return Err(Failure::again(message));
        }
        if let Some(artifact) = &stored {
            let status = pass.object.status.get_or_insert_default();
            status.observed_source_artifact_revision = Some(artifact.revision.clone());
        }
        let file = |artifact: &Artifact| self.storage.root().join(&artifact.path);
        match (repository, stored) {
            (Some(object), stored) => Ok(ChartSource::Repository(object, stored.as_ref().map(file))),
            (None, Some(artifact)) => {
                let file = file(&artifact);
                Ok(ChartSource::Archive(artifact, file))
            }
            (None, None) => Err(Failure::again("the source has no artifact")),
        }
    }
}

/// The source, or what Flux says where there is none.
fn found<K>(store: &Store<K>, key: &ObjectKey) -> Result<Arc<K>, String>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
{
    let missing = || format!("{}.{} \"{}\" not found", K::kind(&()), K::group(&()), key.name);
    store.get(key).ok_or_else(missing)
}

fn unavailable(pass: &mut Pass<HelmChart>, error: &str) -> Failure {
    let failure = Failure::retry(SOURCE_UNAVAILABLE, format!("failed to get source: {error}"));
    mark_true(&mut pass.object, FETCH_FAILED, failure.reason, &failure.message);
    failure
}
