//! `OCIRepository`: a layer of an artifact in a registry becomes an artifact of ours.

mod access;
mod build;
mod pull;
mod reference;
mod source;
mod status;
mod verify;

use std::io;
use std::sync::Arc;

use sluice_apis::source::v1::OciRepository;
use sluice_artifact::{Storage, Workspace};
use sluice_auth::cloud::CloudAccess;
use sluice_oci::Registries;
use sluice_runtime::{Action, Manager, Pass, ReconcileError, Reconciler, Task};

use crate::announce::announce;
use crate::failure::Failure;
use crate::finalize::{add_finalizer, finalize};
use crate::finish::{Success, finish};
use crate::kind::SourceKind;
use crate::lanes::Lanes;
use crate::notify::{Before, notify};
use crate::storage::check_storage;

use source::Fetched;

/// What the reconciler needs.
pub(crate) struct Setup {
    pub(crate) storage: Arc<Storage>,
    pub(crate) concurrency: usize,
    /// Credentials of clouds.
    pub(crate) clouds: Arc<CloudAccess>,
}

/// Prepares the controller of this kind.
pub(crate) fn start(manager: &Manager, setup: Setup) -> io::Result<Task> {
    let Setup { storage, concurrency, clouds } = setup;
    let reconciler = OciReconciler {
        storage,
        workspace: Workspace::create(&std::env::temp_dir(), "sluice-oci-")?,
        registries: Registries::default(),
        lanes: Lanes::new(concurrency),
        clouds,
    };
    let controller = manager.controller::<OciRepository>();
    Ok(controller.concurrency(concurrency).owned_conditions(status::OWNED).reconcile_with(reconciler))
}

struct OciReconciler {
    storage: Arc<Storage>,
    /// Where layers are unpacked.
    workspace: Workspace,
    registries: Registries,
    lanes: Lanes,
    clouds: Arc<CloudAccess>,
}

impl Reconciler for OciReconciler {
    type Object = OciRepository;

    async fn reconcile(&self, pass: &mut Pass<OciRepository>) -> Result<Action, ReconcileError> {
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
        if result.is_ok() {
            notify(pass, &before, status::stored_message);
        }
        // 10. The status tells how it went.
        finish(pass, result).await
    }
}

impl OciReconciler {
    async fn run(&self, pass: &mut Pass<OciRepository>) -> Result<Success, Failure> {
        // 4. Say that work begins.
        announce(pass).await?;
        // 5. See what is stored.
        check_storage(pass, &self.storage).await?;
        // 6. Find out what the registry has.
        let found = match Box::pin(self.find(pass)).await? {
            Fetched::Stored(revision) => {
                status::mark_up_to_date(pass, &revision);
                return Ok(Success::Stored);
            }
            Fetched::Found(found) => found,
        };
        // 7. Pull the layer.
        let pulled = Box::pin(self.pull(pass, &found)).await?;
        // 8. Store its content.
        self.build(pass, *found, pulled).await?;
        Ok(Success::Stored)
    }
}
