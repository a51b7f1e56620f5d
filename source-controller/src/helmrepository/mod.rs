//! `HelmRepository`: the index of a chart repository becomes an artifact. One that a registry serves has no index and
//! is only looked at by the charts that come from there.

mod fetch;
mod index;
mod migrate;
mod status;

use std::io;
use std::sync::Arc;

use sluice_apis::source::v1::HelmRepository;
use sluice_artifact::{Storage, Workspace};
use sluice_runtime::{Action, Manager, Pass, ReconcileError, Reconciler, Store, Task};

use crate::announce::announce;
use crate::failure::Failure;
use crate::finalize::{add_finalizer, finalize};
use crate::finish::{Success, finish};
use crate::helm::access::is_oci;
use crate::lanes::Lanes;
use crate::notify::{Before, notify};
use crate::storage::check_storage;

use fetch::{Found, Seen};

/// What the reconciler needs.
pub(crate) struct Setup {
    pub(crate) storage: Arc<Storage>,
    pub(crate) concurrency: usize,
    /// Largest index in bytes.
    pub(crate) max_index: u64,
}

/// Prepares the controller of this kind; also gives its objects.
pub(crate) fn start(manager: &Manager, setup: Setup) -> io::Result<(Store<HelmRepository>, Task)> {
    let Setup { storage, concurrency, max_index } = setup;
    let workspace = Workspace::create(&std::env::temp_dir(), "sluice-index-")?;
    let (lanes, seen) = (Lanes::new(concurrency), Seen::default());
    let reconciler = HelmRepositoryReconciler { storage, workspace, lanes, seen, max_index };
    let controller = manager.controller::<HelmRepository>();
    let store = controller.store();
    let controller = controller.concurrency(concurrency).owned_conditions(status::OWNED);
    Ok((store, controller.reconcile_with(reconciler)))
}

struct HelmRepositoryReconciler {
    storage: Arc<Storage>,
    /// Where indexes are downloaded to.
    workspace: Workspace,
    lanes: Lanes,
    /// What servers said about indexes.
    seen: Seen,
    max_index: u64,
}

impl Reconciler for HelmRepositoryReconciler {
    type Object = HelmRepository;

    async fn reconcile(&self, pass: &mut Pass<HelmRepository>) -> Result<Action, ReconcileError> {
        // 1. One that a registry serves keeps nothing.
        if is_oci(&pass.object) {
            return self.migrate(pass).await;
        }
        // 2. An object that is being deleted gives up its artifacts.
        if pass.object.metadata.deletion_timestamp.is_some() {
            self.seen.forget(pass.key());
            return finalize(pass, &self.storage, || {}).await;
        }
        // 3. The finalizer goes before anything that has to be cleaned up.
        if add_finalizer(&mut pass.object) {
            pass.patch().await?;
        }
        // 4. A suspended object keeps what it has.
        if pass.object.spec.suspend {
            tracing::info!("reconciliation is suspended for this object");
            return finish(pass, Ok(Success::Suspended)).await;
        }
        let before = Before::of(&pass.object);
        let result = self.run(pass).await;
        // 9. People hear of new artifacts and of recoveries.
        if result.is_ok() {
            notify(pass, &before, status::stored_message);
        }
        // 10. The status tells how it went.
        finish(pass, result).await
    }
}

impl HelmRepositoryReconciler {
    async fn run(&self, pass: &mut Pass<HelmRepository>) -> Result<Success, Failure> {
        // 5. Say that work begins.
        announce(pass).await?;
        // 6. See what is stored.
        check_storage(pass, &self.storage).await?;
        // 7. Fetch the index.
        let index = match Box::pin(self.fetch(pass)).await? {
            Found::Stored(revision) => {
                status::mark_up_to_date(pass, &revision);
                return Ok(Success::Stored);
            }
            Found::Index(index) => index,
        };
        // 8. Store it.
        self.build(pass, index).await?;
        Ok(Success::Stored)
    }
}
