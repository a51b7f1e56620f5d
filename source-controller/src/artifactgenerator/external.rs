//! The `ExternalArtifact` objects that tell of generated artifacts.

use std::collections::BTreeMap;

use jiff::Timestamp;
use kube::api::{Api, Patch, PatchParams};
use serde_json::json;
use sluice_apis::extensions::v1beta1::{ArtifactGenerator, ExternalArtifactRef};
use sluice_apis::source::v1::{Artifact, ExternalArtifact};
use sluice_runtime::Pass;

/// Who writes the objects.
pub(super) const MANAGER: &str = "source-watcher";
/// Says which generator an object belongs to, by its UID.
pub(super) const GENERATOR_LABEL: &str = "source.extensions.fluxcd.io/generator";

/// Makes or updates the object of an artifact.
pub(super) async fn apply(
    pass: &Pass<ArtifactGenerator>,
    name: &str,
    artifact: &Artifact,
    captured: &BTreeMap<String, String>,
) -> Result<ExternalArtifactRef, String> {
    let generator = &pass.object;
    let namespace = pass.key().namespace.to_string();
    let api: Api<ExternalArtifact> = Api::namespaced(pass.client().clone(), &namespace);
    let common = generator.spec.common_metadata.as_ref();
    let mut labels = common.map(|common| common.labels.clone()).unwrap_or_default();
    labels.extend(captured.clone());
    labels.insert("app.kubernetes.io/managed-by".to_owned(), MANAGER.to_owned());
    labels.insert(GENERATOR_LABEL.to_owned(), generator.metadata.uid.clone().unwrap_or_default());
    let annotations = common.map(|common| common.annotations.clone()).unwrap_or_default();
    let mut metadata = json!({ "name": name, "namespace": namespace, "labels": labels });
    if !annotations.is_empty() {
        metadata["annotations"] = json!(annotations);
    }
    let object = json!({
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "ExternalArtifact",
        "metadata": metadata,
        "spec": { "sourceRef": {
            "apiVersion": "source.extensions.fluxcd.io/v1beta1",
            "kind": "ArtifactGenerator",
            "name": pass.key().name,
            "namespace": namespace,
        }},
    });
    let params = PatchParams::apply(MANAGER);
    let applied = api
        .patch(name, &params.clone().force(), &Patch::Apply(&object))
        .await
        .map_err(|error| format!("failed to apply ExternalArtifact: {error}"))?;
    let status = json!({
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "ExternalArtifact",
        "metadata": { "name": name, "namespace": namespace },
        "status": {
            "artifact": artifact,
            "conditions": [{
                "type": "Ready",
                "status": "True",
                "reason": "Succeeded",
                "message": "Artifact is ready",
                "observedGeneration": applied.metadata.generation.unwrap_or_default(),
                "lastTransitionTime": now(),
            }],
        },
    });
    api.patch_status(name, &params, &Patch::Apply(&status))
        .await
        .map_err(|error| format!("failed to patchStatus ExternalArtifact status: {error}"))?;
    let filename = artifact.path.rsplit('/').next().unwrap_or_default().to_owned();
    Ok(ExternalArtifactRef { name: name.to_owned(), namespace, digest: artifact.digest.clone(), filename })
}

/// Now, to the second.
fn now() -> String {
    let now = Timestamp::now();
    Timestamp::from_second(now.as_second()).unwrap_or(now).to_string()
}
