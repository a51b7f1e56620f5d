//! Phase: the tags of the repository, which may be on their way.

use std::io;
use std::time::Duration;

use jiff::Timestamp;
use sluice_apis::image::v1::{ImagePolicy, ImageRepository};
use sluice_apis::meta::format_duration;
use sluice_apis::meta::reasons::DEPENDENCY_NOT_READY;
use sluice_runtime::{ObjectKey, Pass};

use super::super::repository::blocking;
use super::super::store::{Identity, TagStore};
use super::PolicyReconciler;
use super::age::MinAge;
use crate::failure::{Failure, reasons};

/// The pauses between attempts to read tags.
const PAUSES: [Duration; 3] =
    [Duration::from_secs(1), Duration::from_millis(1500), Duration::from_millis(2250)];

impl PolicyReconciler {
    /// The tags, greatest first.
    pub(super) async fn tags(
        &self,
        pass: &Pass<ImagePolicy>,
        repository: &ImageRepository,
    ) -> Result<Vec<String>, Failure> {
        let mut pauses = PAUSES.into_iter();
        loop {
            let tags = self.read(repository).await?;
            if !tags.is_empty() {
                return Ok(tags);
            }
            let Some(pause) = pauses.next() else { break };
            // A scan that ends meanwhile asks for another turn at this policy: no need to wait any longer then.
            let news = pass.park(async {
                tokio::select! {
                    () = tokio::time::sleep(pause) => false,
                    _ = pass.preempted() => true,
                }
            });
            if news.await {
                let tags = self.read(repository).await?;
                if !tags.is_empty() {
                    return Ok(tags);
                }
                break;
            }
        }
        let after = self.shared.requeue_dependency;
        let rounded = Duration::from_secs((after.as_secs_f64()).round() as u64);
        let message = format!("retrying in {} error: no tags in database", format_duration(rounded));
        Err(Failure::wait(DEPENDENCY_NOT_READY, message, after))
    }

    /// How old tags must be, if that matters, and how old they are.
    pub(super) async fn min_age(
        &self,
        pass: &Pass<ImagePolicy>,
        repository: &ImageRepository,
    ) -> Result<Option<MinAge>, Failure> {
        let Some(age) = pass.object.spec.policy.min_age.map(|age| age.0).filter(|age| !age.is_zero()) else {
            return Ok(None);
        };
        let now = Timestamp::now();
        let read = move |store: &TagStore, of: Identity<'_>| store.seen(of, now);
        let Some(seen) = self.ask(repository, read).await? else { return Ok(None) };
        let latest = pass.object.status.as_ref().and_then(|status| status.latest_ref.as_ref());
        let selected = latest.filter(|latest| latest.name == repository.spec.image);
        Ok(Some(MinAge { age, seen, now, selected: selected.map(|latest| latest.tag.clone()) }))
    }

    async fn read(&self, repository: &ImageRepository) -> Result<Vec<String>, Failure> {
        let tags = self.ask(repository, |store: &TagStore, of: Identity<'_>| store.read(of)).await?;
        Ok(tags.unwrap_or_default())
    }

    /// What the store has of the image that was scanned; None if none was.
    async fn ask<T: Send + 'static>(
        &self,
        repository: &ImageRepository,
        read: impl FnOnce(&TagStore, Identity<'_>) -> io::Result<T> + Send + 'static,
    ) -> Result<Option<T>, Failure> {
        // As it is now: a scan may have changed the name since this turn began.
        let key = ObjectKey::of(repository);
        let latest = self.repositories.get(&key);
        let status = latest.as_deref().unwrap_or(repository).status.as_ref();
        let Some(image) = status.and_then(|status| status.canonical_image_name.clone()) else {
            return Ok(None);
        };
        let store = self.shared.tags.clone();
        let found = blocking(move || read(&store, Identity { object: &key, image: &image })).await;
        found.map(Some).map_err(|error| {
            Failure::retry(reasons::FAILURE, format!("failed to read tags from database: {error}"))
        })
    }
}
