//! `ImagePolicy`: one of an image's tags is selected.

mod age;
mod choose;
mod digest;
mod repository;
mod status;
mod tags;

use std::sync::Arc;
use std::time::Duration;

use sluice_apis::image::v1::{DigestReflectionPolicy, ImagePolicy, ImagePolicySpec, ImageRepository};
use sluice_runtime::{
    Action, Change, Controller, Index, Manager, ObjectKey, Pass, ReconcileError, Reconciler, Store, Task,
    Trigger,
};

use self::age::{MinAge, NoneOldEnough};
use self::choose::Choice;
use super::Shared;
use super::access::image;
use crate::failure::{Failure, reasons};
use crate::finalize::{add_finalizer, release};
use crate::finish::{Before, OWNED, Success, finish};
use crate::progress::announce;

/// So many tags are compared in less time than it takes to hand them to another thread and wait for it.
const FEW: usize = 200;

/// The interval of policies that name none but need one.
const DEFAULT_INTERVAL: Duration = Duration::from_mins(10);

/// The controller of this kind before it has its reconciler.
pub(super) struct Policies {
    pub(super) controller: Controller<ImagePolicy>,
    /// The policies of a repository.
    pub(super) by_repository: Arc<Index<ObjectKey>>,
    repositories: Store<ImageRepository>,
}

/// A controller that follows the repositories that its policies refer to.
pub(super) fn controller(manager: &Manager, repositories: &Controller<ImageRepository>) -> Policies {
    let mut controller = manager.controller::<ImagePolicy>();
    let by_repository = controller.index(|policy| vec![repository_of(policy)]);
    let dependents = Arc::clone(&by_repository);
    let repositories = repositories.store();
    controller.watch_store(&repositories, move |change| {
        let is_news = match change {
            Change::Added(_) | Change::Deleted(_) => true,
            Change::Updated { old, new } => revision(new).is_some() && revision(old) != revision(new),
        };
        if !is_news {
            return Vec::new();
        }
        let repository = &**change.latest();
        let trigger = Trigger::related(repository, &());
        let policies = dependents.dependents(&ObjectKey::of(repository));
        policies.into_iter().map(|policy| (policy, trigger.clone())).collect()
    });
    Policies { controller, by_repository, repositories }
}

/// Prepares the controller of this kind.
pub(super) fn start(policies: Policies, shared: &Arc<Shared>, concurrency: usize) -> Task {
    let Policies { controller, repositories, .. } = policies;
    let reconciler = PolicyReconciler { shared: Arc::clone(shared), repositories };
    controller.concurrency(concurrency).owned_conditions(OWNED).reconcile_with(reconciler)
}

struct PolicyReconciler {
    shared: Arc<Shared>,
    repositories: Store<ImageRepository>,
}

impl Reconciler for PolicyReconciler {
    type Object = ImagePolicy;

    async fn reconcile(&self, pass: &mut Pass<ImagePolicy>) -> Result<Action, ReconcileError> {
        // 1. An object that is being deleted leaves nothing behind.
        if pass.object.metadata.deletion_timestamp.is_some() {
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
        // 9. The status tells how it went.
        finish(pass, &before, result).await
    }
}

impl PolicyReconciler {
    async fn run(&self, pass: &mut Pass<ImagePolicy>) -> Result<Success, Failure> {
        let always = pass.object.spec.digest_reflection_policy == DigestReflectionPolicy::Always;
        if always && pass.object.spec.interval.is_none() {
            let message = "spec.interval must be set when spec.digestReflectionPolicy is set to 'Always'";
            return Err(Failure::stall(reasons::INTERVAL_NOT_CONFIGURED, message));
        }
        // 4. Say that work begins.
        announce(pass).await?;
        // 5. Find the repository, and whether it may be used.
        let repository = self.repository(pass).await?;
        let spec = &repository.spec;
        let name = image(&spec.image, spec.insecure)
            .map_err(|error| Failure::stall(reasons::IMAGE_URL_INVALID, error))?;
        self.shared.check_gate(&repository, "spec.serviceAccountName in the ImageRepository")?;
        // 6. Select a tag.
        Choice::of(&pass.object.spec).map_err(invalid)?;
        let tags = self.tags(pass, &repository).await?;
        let min_age = self.min_age(pass, &repository).await?;
        let Chosen { tag, follows } = select(pass.object.spec.clone(), tags, min_age).await?;
        // 7. Look up its digest if that is wanted.
        let latest = self.reference(pass, &repository, name, tag).await?;
        // 8. Remember it.
        status::record(&mut pass.object, latest);
        let mut ready = status::ready_message(&pass.object);
        let interval = pass.object.spec.interval.as_ref().map_or(Duration::ZERO, |interval| interval.0);
        let next = match (always, interval.is_zero()) {
            (false, _) => Duration::ZERO,
            (true, true) => DEFAULT_INTERVAL,
            (true, false) => interval,
        };
        // A tag that is too young is taken when it is old enough, and people can see which.
        let next = follows.as_ref().map_or(next, |follows| sooner(next, follows.after));
        if let Some(text) = follows.and_then(|follows| follows.text) {
            ready = format!("{ready}; {text}");
        }
        Ok(Success { quiet: ready.clone(), ready, news: None, next })
    }
}

/// A selected tag.
struct Chosen {
    tag: String,
    /// What may come after it when it is old enough.
    follows: Option<Follows>,
}

struct Follows {
    after: Duration,
    text: Option<String>,
}

/// Selects a tag where many may be looked at without delaying others.
async fn select(
    spec: ImagePolicySpec,
    tags: Vec<String>,
    min_age: Option<MinAge>,
) -> Result<Chosen, Failure> {
    let few = tags.len() <= FEW;
    let select = move || {
        let choice = Choice::of(&spec).map_err(invalid)?;
        let failed = |error| Failure::retry(reasons::FAILURE, error);
        let Some(rule) = min_age else {
            return choice.latest(&tags).map(|tag| Chosen { tag, follows: None }).map_err(failed);
        };
        match rule.select(&choice, &tags) {
            Ok(selected) => {
                let follows = selected
                    .next
                    .map(|next| Follows { after: next.after(rule.now), text: rule.describe(&next) });
                Ok(Chosen { tag: selected.tag, follows })
            }
            Err(NoneOldEnough::Other(error)) => Err(failed(error)),
            Err(NoneOldEnough::Young(next)) => {
                let text = rule.describe(&next).unwrap_or_default();
                let message = format!("no tag is old enough: {text}");
                Err(Failure::wait(reasons::MIN_AGE_NOT_REACHED, message, next.after(rule.now)))
            }
        }
    };
    if few {
        return select();
    }
    let selected = tokio::task::spawn_blocking(select).await;
    selected.unwrap_or_else(|error| Err(Failure::retry(reasons::FAILURE, error)))
}

/// The shorter time; zero stands for none.
fn sooner(next: Duration, after: Duration) -> Duration {
    if next.is_zero() { after } else { next.min(after) }
}

fn invalid(error: String) -> Failure {
    Failure::stall(reasons::INVALID_POLICY, error)
}

fn repository_of(policy: &ImagePolicy) -> ObjectKey {
    let reference = &policy.spec.image_repository_ref;
    let own = policy.metadata.namespace.as_deref().unwrap_or_default();
    let namespace = reference.namespace.as_deref().filter(|namespace| !namespace.is_empty()).unwrap_or(own);
    ObjectKey::new(namespace, reference.name.as_str())
}

fn revision(repository: &ImageRepository) -> Option<&str> {
    repository.status.as_ref()?.last_scan_result.as_ref()?.revision.as_deref()
}
