//! Phase: whether the artifacts are what the spec and the sources give.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use sluice_apis::conditions::{ConditionedObject, get, is_ready};
use sluice_apis::extensions::v1beta1::{ArtifactGenerator, ExternalArtifactRef};
use sluice_apis::k8s::Time;
use sluice_apis::meta::condition_types::READY;
use sluice_apis::source::v1::{Artifact, Source};
use sluice_artifact::{ArtifactPath, Storage};

use super::Generator;
use super::external::GENERATOR_LABEL;

impl Generator {
    /// Why the artifacts have to be made anew; None if they need not be.
    pub(super) async fn drift(&self, generator: &ArtifactGenerator, sources: &str) -> Option<&'static str> {
        let status = generator.status.clone().unwrap_or_default();
        if !is_ready(generator) {
            return Some("NotReady");
        }
        let observed = get(generator, READY).and_then(|ready| ready.observed_generation);
        if observed != Some(generator.generation()) {
            return Some("GenerationChanged");
        }
        if status.observed_sources_digest.as_deref() != Some(sources) {
            return Some("SourcesChanged");
        }
        let has_pattern = generator.spec.path_pattern.as_deref().is_some_and(|pattern| !pattern.is_empty());
        if !has_pattern && status.inventory.len() != generator.spec.output_artifacts.len() {
            return Some("ArtifactsChanged");
        }
        let (storage, inventory) = (Arc::clone(&self.storage), status.inventory.clone());
        let damage = tokio::task::spawn_blocking(move || damage(&storage, &inventory)).await;
        if let Some(damage) = damage.unwrap_or(Some("ArtifactMissing")) {
            return Some(damage);
        }
        (!self.has_all(generator, &status.inventory)).then_some("ExternalArtifactsChanged")
    }

    /// Whether the objects in the cluster are those of the inventory.
    fn has_all(&self, generator: &ArtifactGenerator, inventory: &[ExternalArtifactRef]) -> bool {
        let (namespace, uid) = (&generator.metadata.namespace, generator.metadata.uid.as_ref());
        let known: BTreeSet<(&str, &str)> =
            inventory.iter().map(|known| (known.name.as_str(), known.digest.as_str())).collect();
        let objects = self.artifacts.list();
        let own = objects.iter().filter(|object| {
            let label = object.metadata.labels.as_ref().and_then(|labels| labels.get(GENERATOR_LABEL));
            object.metadata.namespace == *namespace && label.is_some() && label == uid
        });
        let mut count = 0;
        for object in own {
            let name = object.metadata.name.as_deref().unwrap_or_default();
            let digest = object.artifact().map(|artifact| artifact.digest.as_str()).unwrap_or_default();
            if !known.contains(&(name, digest)) {
                return false;
            }
            count += 1;
        }
        count == inventory.len()
    }
}

/// What is wrong with the stored files. One that is corrupt is removed: it must not be served any more.
fn damage(storage: &Storage, inventory: &[ExternalArtifactRef]) -> Option<&'static str> {
    for known in inventory {
        let path = ArtifactPath::new("ExternalArtifact", &known.namespace, &known.name, &known.filename);
        let artifact = Artifact {
            path: path.to_string(),
            digest: known.digest.clone(),
            url: String::new(),
            revision: String::new(),
            last_update_time: Time(Timestamp::UNIX_EPOCH),
            size: None,
            metadata: BTreeMap::new(),
        };
        if !storage.contains(&artifact) {
            return Some("ArtifactMissing");
        }
        if let Err(error) = storage.verify(&artifact) {
            tracing::error!(%path, %error, "artifact integrity verification failed, deleting corrupted artifact");
            if let Err(error) = storage.remove(&artifact) {
                tracing::error!(%path, %error, "failed to remove corrupted artifact from storage");
            }
            return Some("ArtifactCorrupted");
        }
    }
    None
}
