//! `HelmChart`: a chart from a Helm repository, or one packed from another source, becomes an artifact.

mod build;
mod cache;
mod dependencies;
mod error;
mod local;
mod remote;
mod repository;
mod source;
mod status;
mod store;
pub(crate) mod values;
mod wiring;

use std::sync::Arc;

use sluice_apis::conditions::{delete, is_false, mark_true};
use sluice_apis::meta::reasons::SUCCEEDED;
use sluice_apis::source::v1::{HelmChart, Source};
use sluice_artifact::{Storage, Workspace};
use sluice_auth::cloud::CloudAccess;
use sluice_chart::LoadOptions;
use sluice_oci::Registries;
use sluice_runtime::{Action, Pass, ReconcileError, Reconciler};

use crate::announce::announce;
use crate::conditions::types::{ARTIFACT_OUTDATED, BUILD_FAILED, FETCH_FAILED, SOURCE_VERIFIED};
use crate::conditions::{Drift, mark_progress};
use crate::failure::Failure;
use crate::finalize::{add_finalizer, finalize};
use crate::finish::{Success, finish};
use crate::kind::SourceKind;
use crate::lanes::Lanes;
use crate::notify::{Before, Reasons, notify_as};
use crate::storage::check_storage;

use build::{Build, is_recorded};
pub(crate) use cache::{CacheBounds, IndexCache};
use error::Trouble;
use source::{ChartSource, Sources};
pub(crate) use wiring::{Setup, start};

struct HelmChartReconciler {
    storage: Arc<Storage>,
    /// Where sources are unpacked.
    workspace: Workspace,
    registries: Registries,
    clouds: Arc<CloudAccess>,
    lanes: Lanes,
    cache: Option<Arc<IndexCache>>,
    sources: Sources,
    /// Bounds on what a chart may be when it is unpacked.
    load: LoadOptions,
    /// Largest chart in bytes.
    max_chart: u64,
    /// Largest index in bytes.
    max_index: u64,
}

impl Reconciler for HelmChartReconciler {
    type Object = HelmChart;

    async fn reconcile(&self, pass: &mut Pass<HelmChart>) -> Result<Action, ReconcileError> {
        // 1. An object that is being deleted gives up its artifacts.
        if pass.object.metadata.deletion_timestamp.is_some() {
            self.clouds.metrics().forget(pass.object.asker());
            return finalize(pass, &self.storage, || {}).await;
        }
        // 2. The finalizer goes before anything that has to be cleaned up.
        if add_finalizer(&mut pass.object) {
            pass.patch().await?;
        }
        // 3. A suspended object keeps what it has.
        if pass.object.spec.suspend {
            tracing::info!("reconciliation is suspended for this object");
            return finish(pass, Ok(Success::Suspended)).await;
        }
        let before = Before::of(&pass.object);
        let result = self.run(pass).await;
        // 9. People hear of new artifacts and of recoveries.
        if let Ok(build) = &result {
            let reasons = Reasons { new: build.reason(), recovered: build.reason() };
            notify_as(pass, &before, reasons, |_| build.to_string());
        }
        // 10. The status tells how it went.
        finish(pass, result.map(|_| Success::Stored)).await
    }
}

impl HelmChartReconciler {
    async fn run(&self, pass: &mut Pass<HelmChart>) -> Result<Build, Failure> {
        // 4. Say that work begins.
        announce(pass).await?;
        // 5. See what is stored.
        check_storage(pass, &self.storage).await?;
        // A failed verification is found again or not.
        if is_false(&pass.object, SOURCE_VERIFIED) {
            delete(&mut pass.object, SOURCE_VERIFIED);
        }
        // 6. Look for the source.
        let source = self.source(pass)?;
        // 7. Build the chart, unless it is the one that is stored.
        let result = match source {
            ChartSource::Repository(object, index) => Box::pin(self.build_remote(pass, &object, index)).await,
            ChartSource::Archive(artifact, file) => Box::pin(self.build_local(pass, &artifact, file)).await,
        };
        let build = observe(pass, result).await?;
        // 8. Store it.
        self.store(pass, build).await
    }
}

/// Sets the conditions that tell how the build went.
async fn observe(pass: &mut Pass<HelmChart>, result: Result<Build, Trouble>) -> Result<Build, Failure> {
    if pass.object.spec.verify.is_none() {
        delete(&mut pass.object, SOURCE_VERIFIED);
    }
    let build = match result {
        Ok(build) => build,
        Err(trouble) => {
            let failure = trouble.clone().into_failure();
            if failure.then != crate::failure::Then::Superseded {
                trouble.mark(&mut pass.object);
            }
            return Err(failure);
        }
    };
    if !is_recorded(&pass.object, &build) {
        let message = build.to_string();
        if pass.object.artifact().is_some() {
            mark_true(&mut pass.object, ARTIFACT_OUTDATED, "NewChart", &message);
        }
        mark_progress(&mut pass.object, Drift::Yes, &format!("building artifact: {message}"));
        pass.progress().await?;
    }
    delete(&mut pass.object, FETCH_FAILED);
    delete(&mut pass.object, BUILD_FAILED);
    if build.verified {
        let message = format!("verified signature of version {}", build.version);
        mark_true(&mut pass.object, SOURCE_VERIFIED, SUCCEEDED, message);
    }
    Ok(build)
}
