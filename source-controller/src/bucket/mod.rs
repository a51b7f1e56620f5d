//! `Bucket`: the objects of a bucket become an artifact.

mod access;
mod build;
mod find;
mod status;

use std::io;
use std::sync::Arc;

use sluice_apis::source::v1::Bucket;
use sluice_artifact::{Storage, Workspace};
use sluice_auth::cloud::CloudAccess;
use sluice_runtime::{Action, Manager, Pass, ReconcileError, Reconciler, Task};

use crate::announce::announce;
use crate::failure::Failure;
use crate::finalize::{add_finalizer, finalize};
use crate::finish::{Success, finish};
use crate::kind::SourceKind;
use crate::lanes::Lanes;
use crate::notify::{Before, notify};
use crate::storage::check_storage;

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
    let reconciler = BucketReconciler {
        storage,
        workspace: Workspace::create(&std::env::temp_dir(), "sluice-bucket-")?,
        lanes: Lanes::new(concurrency),
        clouds,
    };
    let controller = manager.controller::<Bucket>();
    Ok(controller.concurrency(concurrency).owned_conditions(status::OWNED).reconcile_with(reconciler))
}

struct BucketReconciler {
    storage: Arc<Storage>,
    /// Where objects are downloaded to.
    workspace: Workspace,
    lanes: Lanes,
    clouds: Arc<CloudAccess>,
}

impl Reconciler for BucketReconciler {
    type Object = Bucket;

    async fn reconcile(&self, pass: &mut Pass<Bucket>) -> Result<Action, ReconcileError> {
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
        if let Ok(count) = &result {
            notify(pass, &before, |object| status::stored_message(object, *count));
        }
        // 10. The status tells how it went.
        finish(pass, result.map(|_| Success::Stored)).await
    }
}

impl BucketReconciler {
    /// Gives the number of objects.
    async fn run(&self, pass: &mut Pass<Bucket>) -> Result<usize, Failure> {
        // 4. Say that work begins.
        announce(pass).await?;
        // 5. See what is stored.
        check_storage(pass, &self.storage).await?;
        // 6. Find the way to the bucket.
        let (bucket, url) = self.bucket(pass).await?;
        // 7. List it, and fetch the objects if they are others than those that are stored.
        let found = self.find(pass, &bucket, &url).await?;
        let count = found.index.len();
        // 8. Store them.
        self.build(pass, found).await?;
        Ok(count)
    }
}
