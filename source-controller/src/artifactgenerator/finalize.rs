//! Phase: artifacts that are not made any more go, with their objects.

use std::sync::Arc;

use kube::api::{Api, DeleteParams, Preconditions};
use sluice_apis::extensions::v1beta1::{ArtifactGenerator, ExternalArtifactRef};
use sluice_apis::source::v1::ExternalArtifact;
use sluice_artifact::ArtifactPath;
use sluice_runtime::{Action, Pass, ReconcileError};

use super::external::GENERATOR_LABEL;
use super::{Generator, status};

/// The finalizer of generators.
const FINALIZER: &str = "source.extensions.fluxcd.io/finalizer";

/// Adds our finalizer; whether it was missing.
pub(super) fn add_finalizer(generator: &mut ArtifactGenerator) -> bool {
    let finalizers = generator.metadata.finalizers.get_or_insert_default();
    let missing = !finalizers.iter().any(|finalizer| finalizer == FINALIZER);
    if missing {
        finalizers.push(FINALIZER.to_owned());
    }
    missing
}

impl Generator {
    /// Removes what the generator made and lets it go.
    pub(super) async fn finalize(
        &self,
        pass: &mut Pass<ArtifactGenerator>,
    ) -> Result<Action, ReconcileError> {
        let inventory =
            pass.object.status.as_ref().map(|status| status.inventory.clone()).unwrap_or_default();
        self.remove(pass, &inventory).await;
        if let Some(finalizers) = &mut pass.object.metadata.finalizers {
            finalizers.retain(|finalizer| finalizer != FINALIZER);
        }
        status::finish(pass, Ok(Action::Done)).await
    }

    /// Removes artifacts from the storage and their objects from the cluster. What fails is logged: nothing would
    /// come of trying again and again.
    pub(super) async fn remove(&self, pass: &Pass<ArtifactGenerator>, artifacts: &[ExternalArtifactRef]) {
        for artifact in artifacts {
            if let Err(error) = self.remove_one(pass, artifact).await {
                let ExternalArtifactRef { namespace, name, .. } = artifact;
                tracing::error!(error, "failed to delete ExternalArtifact/{namespace}/{name}");
            }
        }
    }

    async fn remove_one(
        &self,
        pass: &Pass<ArtifactGenerator>,
        artifact: &ExternalArtifactRef,
    ) -> Result<(), String> {
        let ExternalArtifactRef { namespace, name, .. } = artifact;
        let api: Api<ExternalArtifact> = Api::namespaced(pass.client().clone(), namespace);
        let live = api.get_opt(name).await.map_err(|error| error.to_string())?;
        let owner = live.as_ref().and_then(|live| live.metadata.labels.as_ref()?.get(GENERATOR_LABEL));
        // Somebody else makes it now, its files included.
        if live.is_some() && owner != pass.object.metadata.uid.as_ref() {
            tracing::info!("ExternalArtifact/{namespace}/{name} belongs to another generator: left alone");
            return Ok(());
        }
        let (storage, path) =
            (Arc::clone(&self.storage), ArtifactPath::new("ExternalArtifact", namespace, name, "*"));
        let removed = tokio::task::spawn_blocking(move || storage.remove_object(&path)).await;
        match removed {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::error!(%error, "failed to delete artifact from storage"),
            Err(error) => tracing::error!(%error, "failed to delete artifact from storage"),
        }
        let Some(live) = live else { return Ok(()) };
        let preconditions = Preconditions { uid: live.metadata.uid, resource_version: None };
        let params = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
        match api.delete(name, &params).await {
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            Err(error) => Err(error.to_string()),
            Ok(_) => {
                tracing::info!("ExternalArtifact/{namespace}/{name} deleted");
                Ok(())
            }
        }
    }
}
