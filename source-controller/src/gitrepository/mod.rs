//! `GitRepository`: a commit of a Git repository becomes an artifact.

mod archive;
mod build;
mod include;
mod large;
mod remote;
mod source;
mod status;
mod stores;
mod verify;
mod worktree;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use sluice_apis::source::v1::GitRepository;
use sluice_artifact::Storage;
use sluice_auth::cloud::CloudAccess;
use sluice_git::{Content, SshAlgorithms};
use sluice_runtime::{Action, Manager, Pass, ReconcileError, Reconciler, Store, Task};

use crate::announce::announce;
use crate::failure::Failure;
use crate::finalize::{add_finalizer, finalize};
use crate::finish::{Success, finish};
use crate::kind::SourceKind;
use crate::lanes::Lanes;
use crate::notify::{Before, notify};
use crate::storage::check_storage;

use source::Fetched;
use stores::Stores;

/// What the reconciler needs.
pub(crate) struct Setup {
    pub(crate) storage: Arc<Storage>,
    pub(crate) concurrency: usize,
    /// When an object whose includes are not ready is looked at again.
    pub(crate) requeue_dependency: Duration,
    pub(crate) ssh: SshAlgorithms,
    /// The most bytes of large files (LFS) in one artifact.
    pub(crate) max_lfs: u64,
    /// Credentials of clouds.
    pub(crate) clouds: Arc<CloudAccess>,
}

/// Prepares the controller of this kind.
pub(crate) fn start(manager: &Manager, setup: Setup) -> io::Result<Task> {
    let Setup { storage, concurrency, requeue_dependency, ssh, max_lfs, clouds } = setup;
    let (stores, lanes) = (Arc::new(Stores::create()?), Lanes::new(concurrency));
    let controller = manager.controller::<GitRepository>();
    let repositories = controller.store();
    let access = sluice_auth::git::Shared::new(ssh, clouds);
    let reconciler =
        GitReconciler { storage, stores, lanes, repositories, requeue_dependency, max_lfs, access };
    Ok(controller.concurrency(concurrency).owned_conditions(status::OWNED).reconcile_with(reconciler))
}

struct GitReconciler {
    storage: Arc<Storage>,
    stores: Arc<Stores>,
    lanes: Lanes,
    /// All objects of this kind, for includes.
    repositories: Store<GitRepository>,
    requeue_dependency: Duration,
    max_lfs: u64,
    access: sluice_auth::git::Shared,
}

impl Reconciler for GitReconciler {
    type Object = GitRepository;

    async fn reconcile(&self, pass: &mut Pass<GitRepository>) -> Result<Action, ReconcileError> {
        // 1. An object that is being deleted gives up its artifacts.
        if pass.object.metadata.deletion_timestamp.is_some() {
            self.access.clouds.metrics().forget(pass.object.asker());
            let (stores, key) = (Arc::clone(&self.stores), pass.key().clone());
            return finalize(pass, &self.storage, move || stores.forget(&key)).await;
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
        // 8. People hear of new artifacts and of recoveries.
        if let Ok(done) = &result {
            notify(pass, &before, |object| {
                status::stored_message(object, done.content.as_deref().map(Content::commit))
            });
        }
        // 9. The status tells how it went.
        finish(pass, result.map(|done| done.success)).await
    }
}

/// A turn that went well.
struct Done {
    success: Success,
    /// What was fetched, if anything was.
    content: Option<Box<Content>>,
}

impl GitReconciler {
    async fn run(&self, pass: &mut Pass<GitRepository>) -> Result<Done, Failure> {
        // 4. Say that work begins.
        announce(pass).await?;
        // 5. See what is stored.
        check_storage(pass, &self.storage).await?;
        // 6. Fetch the commit, unless it is the one that is stored.
        let (content, includes, _turn) = match self.fetch(pass).await? {
            Fetched::Unchanged(success) => return Ok(Done { success, content: None }),
            Fetched::Content(content, includes, turn) => (content, includes, turn),
        };
        // 7. Store its content.
        self.build(pass, &content, includes).await?;
        Ok(Done { success: Success::Stored, content: Some(content) })
    }
}
