//! What happens to the release when its `HelmRelease` is deleted.

use std::sync::Arc;

use sluice_apis::conditions;
use sluice_apis::helm::condition_types::READY;
use sluice_apis::helm::reasons;
use sluice_apis::meta::FINALIZER;
use sluice_runtime::{Action, ReconcileError};

use super::release::Subject;
use super::{HelmReleasePass, Releaser, chart_template, spec, status};

impl Releaser {
    /// Uninstalls the release unless it is suspended, then lets the `HelmRelease` go.
    pub(super) async fn finalize(&self, pass: &mut HelmReleasePass) -> Result<Action, ReconcileError> {
        if !pass.object.spec.suspend {
            self.uninstall_deleted(pass).await.map_err(ReconcileError::message)?;
            chart_template::delete(pass, &self.client).await.map_err(ReconcileError::message)?;
        }
        if let Some(finalizers) = &mut pass.object.metadata.finalizers {
            finalizers.retain(|name| name != FINALIZER);
        }
        Ok(Action::Done)
    }

    async fn uninstall_deleted(&self, pass: &mut HelmReleasePass) -> Result<(), String> {
        let Some(namespace) = pass.object.status.as_ref().and_then(|status| status.storage_namespace.clone())
        else {
            tracing::info!("skipping Helm release uninstallation: no storage namespace configured");
            return Ok(());
        };
        let cluster = match self.clusters.target(&pass.object).await {
            Ok(cluster) => cluster,
            Err(error) if error.is_missing() => {
                tracing::error!(%error, "skipping Helm release uninstallation");
                return Ok(());
            }
            Err(error) => {
                let message = format!("failed to build REST client getter to uninstall release: {error}");
                conditions::mark_false(&mut pass.object, READY, reasons::UNINSTALL_FAILED, message);
                return Err(error.to_string());
            }
        };
        if pass.object.spec.kube_config.is_none() {
            match self.clusters.can_impersonate(&pass.object).await {
                Ok(true) => {}
                Ok(false) => {
                    // Nobody is left who may uninstall it; keeping the object would not change that.
                    tracing::error!(
                        "skipping Helm release uninstallation: the service account does not exist"
                    );
                    return Ok(());
                }
                Err(error) => {
                    let account = self.clusters.service_account(&pass.object).unwrap_or_default().to_owned();
                    let message = format!(
                        "failed to confirm ServiceAccount '{account}' can be used to uninstall release: {error}"
                    );
                    conditions::mark_false(&mut pass.object, READY, reasons::UNINSTALL_FAILED, message);
                    return Err(error.to_string());
                }
            }
        }
        let subject = Subject {
            cluster,
            chart: Arc::default(),
            version: String::new(),
            values: serde_json::Map::new(),
            config_digest: String::new(),
            readers: Vec::new(),
            is_resumed: false,
        };
        let storage = Self::storage(&subject, &namespace, spec::max_history(&pass.object));
        self.uninstall(pass, &subject, &storage).await?;
        tracing::info!("uninstalled Helm release for deleted resource");
        let status = status::status_mut(&mut pass.object);
        status.history.clear();
        status.storage_namespace = None;
        Ok(())
    }
}
