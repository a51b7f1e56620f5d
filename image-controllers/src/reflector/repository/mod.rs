//! `ImageRepository`: the tags of an image are scanned.

mod due;
mod scan;

use std::sync::Arc;

use sluice_apis::image::v1::ImageRepository;
use sluice_apis::meta::format_duration;
use sluice_runtime::{
    Action, Cause, Controller, Handle, Index, ObjectKey, Pass, ReconcileError, Reconciler, Store, Task,
    Trigger,
};

use self::due::{Due, NO_TAGS, by_interval, demand};
use super::Shared;
use super::access::image;
use super::policy::Policies;
use super::store::Identity;
use crate::failure::{Failure, reasons};
use crate::finalize::{add_finalizer, release};
use crate::finish::{Before, OWNED, Success, finish};
use crate::progress::{Drift, announce, mark_progress};

/// Prepares the controller of this kind.
pub(super) fn start(
    controller: Controller<ImageRepository>,
    policies: &Policies,
    shared: &Arc<Shared>,
    concurrency: usize,
) -> Task {
    let repositories = controller.store();
    let reconciler = RepositoryReconciler {
        shared: Arc::clone(shared),
        repositories,
        dependents: Arc::clone(&policies.by_repository),
        policies: policies.controller.handle(),
    };
    controller.concurrency(concurrency).owned_conditions(OWNED).reconcile_with(reconciler)
}

struct RepositoryReconciler {
    shared: Arc<Shared>,
    repositories: Store<ImageRepository>,
    /// The policies of a repository.
    dependents: Arc<Index<ObjectKey>>,
    policies: Handle,
}

impl Reconciler for RepositoryReconciler {
    type Object = ImageRepository;

    async fn reconcile(&self, pass: &mut Pass<ImageRepository>) -> Result<Action, ReconcileError> {
        // 1. An object that is being deleted gives up its tags.
        if pass.object.metadata.deletion_timestamp.is_some() {
            self.forget(pass).await?;
            return release(pass).await;
        }
        // 2. The finalizer goes before anything that has to be cleaned up.
        if add_finalizer(&mut pass.object) {
            pass.patch().await?;
        }
        // 3. A suspended object keeps what it has.
        if pass.object.spec.suspend {
            tracing::info!("reconciliation is suspended for this object");
            crate::finish::record_request(&mut pass.object);
            pass.patch().await?;
            return Ok(Action::Done);
        }
        let before = Before::of(&pass.object);
        let result = self.run(pass).await;
        // 8. The status tells how it went.
        finish(pass, &before, result).await
    }
}

impl RepositoryReconciler {
    async fn run(&self, pass: &mut Pass<ImageRepository>) -> Result<Success, Failure> {
        self.shared.check_gate(&pass.object, "spec.serviceAccountName")?;
        // 4. What to scan.
        let spec = &pass.object.spec;
        let repository = image(&spec.image, spec.insecure);
        // 5. Say that work begins.
        announce(pass).await?;
        let repository = repository.map_err(|error| Failure::stall(reasons::IMAGE_URL_INVALID, error))?;
        let canonical = repository.to_string();
        // 6. Scan if it is time.
        let quiet;
        let next;
        match self.due(pass, &canonical).await? {
            Due::Now(reason) => {
                next = pass.object.spec.interval.0;
                let drift = if reason == NO_TAGS { Drift::Yes } else { Drift::No };
                mark_progress(&mut pass.object, drift, &format!("scanning: {reason}"));
                pass.progress().await?;
                let old = revision(&pass.object);
                let had_tags = self.scan(pass, repository).await?;
                let what =
                    if old == revision(&pass.object) { "tags did not change" } else { "successful scan" };
                quiet = format!("{what}, next scan in {}", format_duration(next));
                if !had_tags {
                    self.wake_policies(pass.key());
                }
            }
            Due::In(rest) => {
                next = rest;
                let rest = format_duration(rest);
                quiet = format!("no change in repository configuration since last scan, next scan in {rest}");
            }
        }
        // 7. Remember by what was scanned.
        let exclusions = pass.object.spec.exclusions().into_owned();
        let status = pass.object.status.get_or_insert_default();
        status.canonical_image_name = Some(canonical);
        status.observed_exclusion_list = exclusions;
        let found = status.last_scan_result.clone().unwrap_or_default();
        let ready = format!(
            "successful scan: found {} tags with checksum {}",
            found.tag_count,
            found.revision.unwrap_or_default()
        );
        Ok(Success { ready, news: None, quiet, next })
    }

    /// When to scan. Whether there are tags is looked up only where it counts.
    async fn due(&self, pass: &Pass<ImageRepository>, canonical: &str) -> Result<Due, Failure> {
        if let Some(reason) = demand(&pass.object, canonical) {
            return Ok(Due::Now(reason));
        }
        if !self.has_tags(pass, canonical).await? {
            return Ok(Due::Now(NO_TAGS));
        }
        Ok(by_interval(&pass.object, jiff::Timestamp::now()))
    }

    /// Whether there are tags of the image.
    async fn has_tags(&self, pass: &Pass<ImageRepository>, image: &str) -> Result<bool, Failure> {
        let (store, object, image) = (self.shared.tags.clone(), pass.key().clone(), image.to_owned());
        let read =
            move || store.read(Identity { object: &object, image: &image }).map(|tags| !tags.is_empty());
        blocking(read).await.map_err(|error| {
            Failure::retry(reasons::FAILURE, format!("failed to determine if it's scan time: {error}"))
        })
    }

    /// Policies that wait for tags have them now, though the revision may be what it was before they were lost.
    fn wake_policies(&self, repository: &ObjectKey) {
        for policy in self.dependents.dependents(repository) {
            let trigger = Trigger::new(Cause::Related, "ImageRepository", repository.clone());
            self.policies.trigger(&policy, trigger);
        }
    }

    /// Removes the tags, unless another object scans the same image.
    async fn forget(&self, pass: &Pass<ImageRepository>) -> Result<(), ReconcileError> {
        let name = pass.object.status.as_ref().and_then(|status| status.canonical_image_name.clone());
        let Some(image) = name else { return Ok(()) };
        let is_shared = self.shared.tags.shares_images()
            && self.repositories.list().iter().any(|other| {
                let same = other.status.as_ref().and_then(|status| status.canonical_image_name.as_ref());
                same == Some(&image)
                    && other.metadata.deletion_timestamp.is_none()
                    && ObjectKey::of(&**other) != *pass.key()
            });
        if is_shared {
            return Ok(());
        }
        let (store, object) = (self.shared.tags.clone(), pass.key().clone());
        blocking(move || store.remove(Identity { object: &object, image: &image })).await?;
        Ok(())
    }
}

fn revision(object: &ImageRepository) -> Option<String> {
    object.status.as_ref()?.last_scan_result.as_ref()?.revision.clone()
}

/// Runs what blocks on a thread that may block.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> std::io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(std::io::Error::other(error)))
}
