//! The kind `Kustomization`: manifests of an artifact are built, applied, pruned and awaited.
//!
//! A pass reads top to bottom in [`Kustomizer::reconcile`]; each phase has a file of its own.

mod apply;
mod build;
mod decryption;
mod dependencies;
mod failure;
mod finalize;
mod health;
mod intent;
mod memory;
mod sentry;
mod source;
mod status;
mod wiring;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kube::{Client, Resource};
use sluice_apis::conditions;
use sluice_apis::kustomize::condition_types::READY;
use sluice_apis::kustomize::v1::Kustomization;
use sluice_apis::kustomize::{COMMIT_STATUS_KEY, ORIGIN_REVISION_KEY, REVISION_KEY, reasons};
use sluice_apis::meta::{FINALIZER, format_duration};
use sluice_apis::source::v1::Artifact;
use sluice_apply::clusters::{self, Clusters, Tokens, Unreachable};
use sluice_apply::order::{self, GroupKind};
use sluice_apply::status::StatusReader;
use sluice_apply::{Object, inventory};
use sluice_artifact::Fetcher;
use sluice_runtime::{Action, EventType, Pass, ReconcileError, Reconciler, Store};

use self::failure::{Failure, Then};
use self::memory::{Memory, Passed};
use self::sentry::Sentry;
use crate::metrics::Metrics;

pub use self::decryption::Keys;
pub use self::source::Access;
pub use self::wiring::{Setup, start};

/// What the flags and feature gates say about Kustomizations.
#[derive(Clone, Debug)]
pub struct Options {
    /// How soon to look again at what is not there yet.
    pub look_again: Duration,
    /// Which sources may be used.
    pub access: Access,
    /// Whether kustomizations may name bases on other servers.
    pub remote_bases: bool,
    /// Whether drift is corrected when it happens, not only at the interval.
    pub watch_inventory: bool,
    /// Whether variables without a value are errors.
    pub strict_substitution: bool,
    /// Whether a ready expression adds to the built-in check instead of replacing it.
    pub additive_ready_expression: bool,
    /// Whether a health check ends as soon as one object has failed.
    pub fail_fast: bool,
    /// How many objects of one Kustomization are applied at once.
    pub concurrent_applies: usize,
    /// Field managers whose fields are taken over.
    pub override_managers: Vec<String>,
    /// Kinds that are applied in a stage of their own.
    pub stage_kinds: std::collections::HashSet<GroupKind>,
    /// Whether field owners of other API versions are moved to the applied one.
    pub migrate_api_version: bool,
    /// Whether service accounts may be named for cloud access.
    pub object_level_identity: bool,
    /// What there is to decrypt with besides what a Kustomization names.
    pub keys: Keys,
}

/// Brings Kustomizations to the state that they describe.
pub struct Kustomizer {
    client: Client,
    clusters: Clusters,
    tokens: Arc<Tokens>,
    fetcher: Fetcher,
    builder: build::Builder,
    kustomizations: Store<Kustomization>,
    sources: BTreeMap<&'static str, source::Lookup>,
    memory: Arc<Memory>,
    /// Notices drift, if that is wanted.
    sentry: Option<Sentry>,
    metrics: Metrics,
    options: Options,
}

type KustomizationPass = Pass<Kustomization>;

impl Reconciler for Kustomizer {
    type Object = Kustomization;

    async fn reconcile(&self, pass: &mut KustomizationPass) -> Result<Action, ReconcileError> {
        let began = Instant::now();
        let action = self.pass(pass, began).await;
        self.post_sentry(&pass.object);
        status::finish(&mut pass.object);
        pass.patch().await?;
        if conditions::reason(&pass.object, READY) == Some(reasons::DEPENDENCY_NOT_READY)
            && self.dependencies_became_ready(&pass.object)
        {
            // It became ready before this status could be seen: nothing else would tell.
            return Ok(Action::Now);
        }
        if !pass.object.spec.suspend && conditions::is_ready(&pass.object) {
            let took = format_duration(began.elapsed());
            let next = pass.object.spec.interval;
            let mut metadata = last_applied_metadata(&pass.object);
            metadata.insert(COMMIT_STATUS_KEY.to_owned(), "update".to_owned());
            event(
                pass,
                EventType::Normal,
                &format!("Reconciliation finished in {took}, next run in {next}"),
                &metadata,
            );
        }
        action
    }
}

impl Kustomizer {
    async fn pass(&self, pass: &mut KustomizationPass, began: Instant) -> Result<Action, ReconcileError> {
        // 1. Deletion, first sight, suspension.
        if pass.object.meta().deletion_timestamp.is_some() {
            self.post_sentry(&pass.object);
            return self.finalize(pass).await;
        }
        if add_finalizer(&mut pass.object) {
            return Ok(Action::Now);
        }
        if pass.object.spec.suspend {
            tracing::info!("Reconciliation is suspended for this object");
            return Ok(Action::Done);
        }

        // 2. What it needs: a valid spec, a source with an artifact, ready dependencies.
        let mut metadata = BTreeMap::new();
        let own_identity = self.clusters.is_own_identity(&pass.object);
        let readers = match health::readers(&pass.object.spec.health_check_exprs, own_identity) {
            Ok(readers) => readers,
            Err(error) => return give_up(pass, Failure::expression(error.to_string()), &metadata),
        };
        if let Err(failure) = self.check_gates(&pass.object) {
            return give_up(pass, failure, &metadata);
        }
        let artifact = match self.artifact(&pass.object) {
            Ok(artifact) => artifact,
            Err(failure) => return give_up(pass, failure, &metadata),
        };
        metadata = revision_metadata(&artifact);
        if let Err(failure) = self.check_dependencies(&pass.object, &artifact) {
            return give_up(pass, failure, &metadata);
        }

        // 3. A revision that changes nothing here is recorded, and that is all.
        if let Some(passed) = self.unchanged(pass, &artifact).await {
            return Ok(self.record(pass, &artifact, passed, began));
        }

        // 4. Everything else.
        match self.full_pass(pass, &artifact, readers, &metadata, began).await {
            Ok(()) => Ok(Action::AfterJittered(pass.object.spec.interval.0)),
            Err(Stop::Failed(failure)) => give_up(pass, failure, &metadata),
            Err(Stop::Superseded(by)) => {
                let message = format!("New reconciliation triggered by {by}");
                conditions::mark_false(&mut pass.object, READY, reasons::HEALTH_CHECK_CANCELED, message);
                let message = format!("Health checks canceled due to new reconciliation triggered by {by}");
                event(pass, EventType::Normal, &message, &metadata);
                Ok(Action::Now)
            }
            Err(Stop::Error(error)) => Err(error),
        }
    }

    /// Has the sentry guard what a pass left, or stand down where nothing is to be corrected.
    fn post_sentry(&self, object: &Kustomization) {
        let (Some(sentry), Some(uid)) = (&self.sentry, &object.metadata.uid) else { return };
        if object.spec.suspend || object.metadata.deletion_timestamp.is_some() {
            sentry.stand_down(uid);
        } else {
            sentry.settle(uid);
        }
    }

    /// Fetches, builds, applies, prunes, and waits for health.
    async fn full_pass(
        &self,
        pass: &mut KustomizationPass,
        artifact: &Artifact,
        readers: Vec<Arc<dyn StatusReader>>,
        metadata: &BTreeMap<String, String>,
        began: Instant,
    ) -> Result<(), Stop> {
        let revision = &artifact.revision;
        let uid = pass.object.metadata.uid.clone().unwrap_or_default();
        self.memory.begin(&uid);
        status::start(&mut pass.object, revision);
        pass.progress().await.map_err(Stop::error)?;
        let unpacked = self.fetch(artifact).await?;
        let directory = build::directory(&pass.object, &unpacked)?;

        status::status_mut(&mut pass.object).last_attempted_revision = Some(revision.clone());
        status::progress(&mut pass.object, "Building manifests", revision);
        pass.progress().await.map_err(Stop::error)?;
        let target = self.clusters.target(&pass.object);
        // A remote cluster may be slow to answer, or not there: that holds no worker.
        let target =
            if pass.object.spec.kube_config.is_some() { pass.park(target).await } else { target.await };
        let cluster = match target {
            Ok(cluster) => Ok(cluster),
            // That shows when the first object is applied, after what the build has to say.
            Err(clusters::Error::Unreachable(unreachable)) => Err(unreachable),
            Err(error) => {
                let event = format!("failed to build kube client: {error}");
                let failure = Failure::apply(error.to_string()).with_detail(error.detail());
                return Err(failure.with_event(event).into());
            }
        };
        // Large phases have boxes, which are gone when hundreds of passes wait for health.
        let built = Box::pin(self.build(&pass.object, unpacked, directory)).await?;

        status::progress(&mut pass.object, "Detecting drift", revision);
        let before = status::inventory(&pass.object);
        let digest = built.digest.clone();
        let cluster = match cluster {
            Ok(cluster) => cluster,
            Err(unreachable) => {
                let failure = not_reached(&pass.object, &built.objects, unreachable);
                return Err(remember(pass, &digest, failure, artifact, began).into());
            }
        };
        let apply = self.apply(pass, &cluster, &readers, built.objects, &before, metadata);
        let applied = match Box::pin(apply).await {
            Ok(applied) => applied,
            Err(Stop::Failed(failure)) => {
                let failure = failure.hiding(&built.secrets);
                return Err(remember(pass, &digest, failure, artifact, began).into());
            }
            Err(stop) => return Err(stop),
        };

        let entries = inventory::from_changes(&applied.changes);
        status::set_inventory(&mut pass.object, &entries);
        let stale = inventory::stale(&before, &entries);
        let pruned = self.prune(pass, &cluster, entries, stale, metadata).await;
        pruned.map_err(|failure| remember(pass, &digest, failure, artifact, began))?;

        match self.await_health(pass, &cluster, readers, applied, artifact, metadata).await {
            Ok(()) => {}
            Err(Stop::Failed(failure)) => {
                let failure = failure.hiding(&built.secrets);
                return Err(remember(pass, &digest, failure, artifact, began).into());
            }
            Err(stop) => return Err(stop),
        }

        status::succeed(&mut pass.object, artifact);
        let outcome = reasons::RECONCILIATION_SUCCEEDED;
        status::remember(&mut pass.object, &digest, outcome, began.elapsed(), artifact);
        self.memory.pass(
            &uid,
            Passed {
                generation: pass.object.metadata.generation.unwrap_or_default(),
                requested: memory::requested(&pass.object).map(ToOwned::to_owned),
                revision: revision.clone(),
                trail: built.trail,
                variables: built.variables,
                digest,
                due: began + pass.object.spec.interval.0,
            },
        );
        Ok(())
    }

    /// Refuses what needs a feature that is off.
    fn check_gates(&self, object: &Kustomization) -> Result<(), Failure> {
        let account =
            object.spec.decryption.as_ref().and_then(|decryption| decryption.service_account_name.as_deref());
        if account.is_some_and(|name| !name.is_empty()) && !self.options.object_level_identity {
            return Err(Failure::forbidden(
                reasons::FEATURE_GATE_DISABLED,
                "to use spec.decryption.serviceAccountName for decryption authentication please enable the ObjectLevelWorkloadIdentity feature gate in the controller",
            ));
        }
        Ok(())
    }

    /// The artifact of the source.
    fn artifact(&self, object: &Kustomization) -> Result<Artifact, Failure> {
        let key = source::check_access(object, self.options.access)?;
        let lookup = self.sources.get(key.kind.as_str());
        let status = lookup.and_then(|lookup| lookup(&key.key)).ok_or_else(|| source::not_found(&key))?;
        status.artifact.ok_or_else(|| {
            let wait = self.options.look_again;
            let message = format!("Source artifact not found, retrying in {}", format_duration(wait));
            Failure::source(message, Then::Await(wait))
        })
    }

    fn check_dependencies(&self, object: &Kustomization, artifact: &Artifact) -> Result<(), Failure> {
        dependencies::check_all(
            object,
            |key| self.kustomizations.get(key),
            &artifact.revision,
            self.options.additive_ready_expression,
        )
        .map_err(|not_ready| match not_ready {
            dependencies::NotReady::Invalid(message) => Failure::expression(message),
            dependencies::NotReady::Wait(message) => {
                let wait = self.options.look_again;
                let event = format!(
                    "Dependencies do not meet ready condition, retrying in {}",
                    format_duration(wait)
                );
                Failure::dependency(message, wait).with_event(event)
            }
        })
    }

    fn dependencies_became_ready(&self, object: &Kustomization) -> bool {
        self.artifact(object).is_ok_and(|artifact| self.check_dependencies(object, &artifact).is_ok())
    }

    /// The last pass, if another one for this artifact would only repeat it.
    async fn unchanged(&self, pass: &KustomizationPass, artifact: &Artifact) -> Option<Passed> {
        let object = &pass.object;
        let passed = self.memory.passed(object.metadata.uid.as_deref()?)?;
        if passed.revision == artifact.revision || !passed.covers(object, Instant::now()) {
            return None;
        }
        let unpacked = self.fetcher.get(artifact).await.ok()?;
        let variables = sluice_manifests::variables::read(&self.client, object).await.ok()?.variables;
        let check = passed.clone();
        let same = tokio::task::spawn_blocking(move || {
            let files = sluice_kustomize::fs::Jail::new(unpacked.path()).ok()?;
            Some(check.would_repeat(&files, files.root(), &variables))
        });
        same.await.ok()?.filter(|same| *same).map(|_| passed)
    }

    /// Records a revision that changes nothing.
    fn record(
        &self,
        pass: &mut KustomizationPass,
        artifact: &Artifact,
        passed: Passed,
        began: Instant,
    ) -> Action {
        tracing::info!(revision = artifact.revision, "no change in what this Kustomization uses");
        self.metrics.count_skipped();
        status::status_mut(&mut pass.object).last_attempted_revision = Some(artifact.revision.clone());
        status::succeed(&mut pass.object, artifact);
        let outcome = reasons::RECONCILIATION_SUCCEEDED;
        status::remember(&mut pass.object, &passed.digest, outcome, began.elapsed(), artifact);
        let next = passed.remaining(Instant::now());
        let uid = pass.object.metadata.uid.clone().unwrap_or_default();
        self.memory.pass(&uid, Passed { revision: artifact.revision.clone(), ..passed });
        Action::After(next)
    }

    async fn fetch(&self, artifact: &Artifact) -> Result<Arc<sluice_artifact::Unpacked>, Failure> {
        self.fetcher.get(artifact).await.map_err(|error| match error {
            sluice_artifact::FetchError::NotFound => {
                let wait = self.options.look_again;
                let message =
                    format!("Source is not ready, artifact not found, retrying in {}", format_duration(wait));
                Failure::source(message, Then::Await(wait))
            }
            error => Failure::source(error.to_string(), Then::Retry),
        })
    }
}

/// Puts a failure behind the build into the history.
fn remember(
    pass: &mut KustomizationPass,
    digest: &str,
    failure: Failure,
    artifact: &Artifact,
    began: Instant,
) -> Failure {
    status::remember(&mut pass.object, digest, failure.reason, began.elapsed(), artifact);
    failure
}

/// The API server of the objects' cluster is not there: its first question would have been which kinds there are.
fn not_reached(object: &Kustomization, objects: &[Object], unreachable: Unreachable) -> Failure {
    let Unreachable { server, cause, pause } = unreachable;
    let timeout = format_duration(status::timeout(object));
    let groups = format!("failed to get server groups: Get \"{server}/api?timeout={timeout}\": {cause}");
    let first = objects.iter().map(Object::id).min_by(order::compare);
    let message = match first {
        Some(first) => format!("{} dry-run failed: {groups}\n", first.subject()),
        None => groups,
    };
    Failure::apply(message).with_detail(pause)
}

/// Ends a pass that failed: conditions, event, and when to try again.
fn give_up(
    pass: &mut KustomizationPass,
    failure: Failure,
    metadata: &BTreeMap<String, String>,
) -> Result<Action, ReconcileError> {
    status::fail(&mut pass.object, &failure);
    let kind = match failure.then {
        Then::Retry | Then::Stall | Then::Forbid => Some(EventType::Warning),
        Then::Await(_) if failure.event.is_some() => Some(EventType::Normal),
        _ => None,
    };
    if let Some(kind) = kind {
        event(pass, kind, failure.event_message(), metadata);
    } else {
        tracing::info!(reason = failure.reason, "{failure}");
    }
    Ok(match failure.then {
        Then::Retry | Then::RetryQuietly => Action::After(status::retry_interval(&pass.object)),
        Then::Await(wait) => Action::After(wait),
        Then::Backoff => return Err(ReconcileError::message(failure.message)),
        Then::Stall | Then::Forbid => Action::Done,
    })
}

/// Why a full pass did not come to its end.
enum Stop {
    /// Something is wrong that the status tells.
    Failed(Failure),
    /// Something newer arrived.
    Superseded(sluice_runtime::Trigger),
    /// The API server can't be talked to.
    Error(ReconcileError),
}

impl Stop {
    fn error(error: impl Into<ReconcileError>) -> Self {
        Self::Error(error.into())
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Adds the finalizer; false if it is there.
fn add_finalizer(object: &mut Kustomization) -> bool {
    let finalizers = object.metadata.finalizers.get_or_insert_default();
    let missing = !finalizers.iter().any(|name| name == FINALIZER);
    if missing {
        finalizers.push(FINALIZER.to_owned());
    }
    missing
}

/// Event metadata: the revision that is being worked on.
fn revision_metadata(artifact: &Artifact) -> BTreeMap<String, String> {
    let mut metadata = BTreeMap::from([(REVISION_KEY.to_owned(), artifact.revision.clone())]);
    if let Some(origin) = status::origin_revision(artifact) {
        metadata.insert(ORIGIN_REVISION_KEY.to_owned(), origin.to_owned());
    }
    metadata
}

/// Event metadata: the revision that was applied last.
fn last_applied_metadata(object: &Kustomization) -> BTreeMap<String, String> {
    let Some(status) = &object.status else { return BTreeMap::new() };
    [
        (REVISION_KEY, &status.last_applied_revision),
        (ORIGIN_REVISION_KEY, &status.last_applied_origin_revision),
    ]
    .into_iter()
    .filter_map(|(key, value)| Some((key.to_owned(), value.clone()?)))
    .collect()
}

/// Sends an event. Its reason is the one that Ready has at the moment.
fn event(pass: &KustomizationPass, kind: EventType, message: &str, metadata: &BTreeMap<String, String>) {
    let fallback = if kind == EventType::Warning { "error" } else { "info" };
    let reason = conditions::reason(&pass.object, READY).unwrap_or(fallback);
    pass.event(kind, reason, message, metadata);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size<'a, F: Future>(_: impl FnOnce(&'a Kustomizer, &'a mut KustomizationPass) -> F) -> usize {
        size_of::<F>()
    }

    /// Hundreds wait for health at once: what a phase needs goes in a box that is gone then.
    #[test]
    fn a_pass_that_waits_is_small() {
        let bytes = size(Kustomizer::reconcile);
        assert!(bytes < 3 << 10, "{bytes} bytes");
    }
}
