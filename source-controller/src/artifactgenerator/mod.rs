//! `ArtifactGenerator`: files of several sources become artifacts of their own, as `ExternalArtifact`s.

mod build;
mod copy;
mod drift;
mod expand;
mod external;
mod finalize;
mod glob;
mod hash;
mod merge;
mod names;
mod paths;
mod sources;
mod status;
mod validate;
mod wiring;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sluice_apis::conditions::{mark_reconciling, mark_true, mark_unknown};
use sluice_apis::extensions::v1beta1::ArtifactGenerator;
use sluice_apis::meta::condition_types::READY;
use sluice_apis::meta::reasons::{PROGRESSING, SUCCEEDED};
use sluice_apis::source::v1::ExternalArtifact;
use sluice_artifact::{Fetcher, Storage, Workspace};
use sluice_runtime::{Action, EventType, Pass, ReconcileError, Reconciler, Store};

use crate::failure::Failure;

pub(crate) use wiring::{Options, Setup, start};

/// How long an artifact is believed to be what its sources give.
const INTERVAL: Duration = Duration::from_hours(1);

/// What is being done, in conditions.
const IN_PROGRESS: &str = "Reconciliation in progress";

struct Generator {
    storage: Arc<Storage>,
    fetcher: Fetcher,
    /// Where artifacts are put together.
    workspace: Arc<Workspace>,
    sources: sources::Sources,
    artifacts: Store<ExternalArtifact>,
    options: Options,
}

impl Reconciler for Generator {
    type Object = ArtifactGenerator;

    async fn reconcile(&self, pass: &mut Pass<ArtifactGenerator>) -> Result<Action, ReconcileError> {
        // 1. A generator that is being deleted takes its artifacts along.
        if pass.object.metadata.deletion_timestamp.is_some() {
            return self.finalize(pass).await;
        }
        // 2. The finalizer goes before anything that has to be cleaned up.
        if finalize::add_finalizer(&mut pass.object) {
            let object = &mut pass.object;
            if status::is_disabled(object) {
                let message = "Initialized with reconciliation suspended";
                mark_true(object, READY, status::RECONCILIATION_DISABLED, message);
            } else {
                mark_unknown(object, READY, PROGRESSING, IN_PROGRESS);
                mark_reconciling(object, PROGRESSING, IN_PROGRESS);
            }
            return status::finish(pass, Ok(Action::After(Duration::from_millis(1)))).await;
        }
        // 3. A disabled one keeps what it has.
        if status::is_disabled(&pass.object) {
            let message = "Reconciliation is disabled";
            pass.event(EventType::Trace, status::RECONCILIATION_DISABLED, message, &BTreeMap::new());
            return status::finish(pass, Ok(Action::Done)).await;
        }
        let timeout = self.options.timeout;
        let result = tokio::time::timeout(timeout, Box::pin(self.run(pass))).await.unwrap_or_else(|_| {
            let message = format!("the reconciliation took longer than {}s", timeout.as_secs());
            Err(Failure::retry(status::RECONCILIATION_FAILED, message))
        });
        // 10. The status tells how it went.
        status::finish(pass, result).await
    }
}

impl Generator {
    async fn run(&self, pass: &mut Pass<ArtifactGenerator>) -> Result<Action, Failure> {
        // 4. What cannot be right is said before anything is read.
        validate::check(&pass.object, self.options.no_cross_namespace_refs)?;
        // 5. See what the sources have.
        let observed = self.sources.observe(&pass.object, self.options.requeue_dependency)?;
        let digest = sources::digest(&observed);
        // 6. Nothing is done if the artifacts are of these sources, and where they belong.
        let Some(drift) = self.drift(&pass.object, &digest).await else {
            let count = pass.object.status.as_ref().map_or(0, |status| status.inventory.len());
            let message = format!("No drift detected, {count} artifact(s) up to date");
            pass.event(EventType::Trace, READY, &message, &BTreeMap::new());
            return Ok(Action::After(INTERVAL));
        };
        tracing::info!(reason = drift, "{IN_PROGRESS}");
        mark_reconciling(&mut pass.object, PROGRESSING, IN_PROGRESS);
        mark_unknown(&mut pass.object, READY, PROGRESSING, IN_PROGRESS);
        pass.patch().await?;
        // 7. Fetch the sources.
        let fetched = self.fetch(pass, &observed).await?;
        // 8. Build and publish each artifact.
        let made = self.build_all(pass, &observed, &fetched).await?;
        // 9. Remove what is not made any more.
        self.tidy(pass, &made).await;
        let message = format!("reconciliation succeeded, generated {} artifact(s)", made.len());
        let before = std::mem::take(&mut pass.object.status.get_or_insert_default().inventory);
        let status = pass.object.status.get_or_insert_default();
        status.inventory = made.into_iter().map(|made| made.reference).collect();
        status.observed_sources_digest = Some(digest);
        mark_true(&mut pass.object, READY, SUCCEEDED, &message);
        pass.event(EventType::Trace, READY, &message, &BTreeMap::new());
        status::notify(pass, &before);
        Ok(Action::AfterJittered(INTERVAL))
    }
}
