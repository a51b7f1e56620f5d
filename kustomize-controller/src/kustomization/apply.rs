//! Applies what was built, prunes what left the build, and waits for health.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use futures::future::BoxFuture;
use sluice_apis::conditions;
use sluice_apis::kustomize::condition_types::{HEALTHY, RECONCILING};
use sluice_apis::kustomize::v1::Kustomization;
use sluice_apis::kustomize::{GROUP, reasons};
use sluice_apis::meta::format_duration;
use sluice_apis::source::v1::Artifact;
use sluice_apply::ignore::IgnoreRules;
use sluice_apply::inventory::{self, Entry};
use sluice_apply::park::Park;
use sluice_apply::read::{self, Owner};
use sluice_apply::status::StatusReader;
use sluice_apply::wait::{WaitOptions, Waiter, Witness};
use sluice_apply::{
    Action, Applier, ApplyOptions, ChangeSet, Cluster, Gvk, Object, ObjectId, normalize, prune,
};
use sluice_runtime::EventType;

use super::failure::Failure;
use super::{KustomizationPass, Kustomizer, Stop, event, intent, status};

/// The field manager of applied objects.
pub const FIELD_MANAGER: &str = "kustomize-controller";

/// What applying did.
pub struct AppliedSet {
    /// One entry for each object.
    pub changes: ChangeSet,
    /// Jobs that delete themselves when done: their absence means success.
    pub jobs_with_ttl: HashSet<ObjectId>,
    /// What applied them: in a box, as a pass that waits keeps it.
    applier: Box<Applier>,
}

/// Lends the time of a pass: no worker is held meanwhile.
struct PassPark<'a>(&'a KustomizationPass);

impl Park for PassPark<'_> {
    fn park<'a>(&'a self, wait: BoxFuture<'a, ()>) -> BoxFuture<'a, ()> {
        Box::pin(self.0.park(wait))
    }
}

/// The labels by which a Kustomization's objects are known.
pub fn owner(object: &Kustomization) -> Owner {
    Owner {
        group: GROUP.to_owned(),
        name: object.metadata.name.clone().unwrap_or_default(),
        namespace: object.metadata.namespace.clone().unwrap_or_default(),
    }
}

impl Kustomizer {
    /// Applies the objects in stages. `before` is the inventory of what was applied before.
    pub(super) async fn apply(
        &self,
        pass: &mut KustomizationPass,
        cluster: &Cluster,
        readers: &[Arc<dyn StatusReader>],
        mut objects: Vec<Object>,
        before: &[Entry],
        metadata: &BTreeMap<String, String>,
    ) -> Result<AppliedSet, Stop> {
        let object = &pass.object;
        read::set_owner_labels(&mut objects, &owner(object));
        // Normalising takes out what tells an encrypted Secret from others.
        if let Some(secret) = read::find_encrypted_secret(&objects, GROUP) {
            return Err(Stop::Failed(Failure::apply(format!(
                "{} is SOPS encrypted, configuring decryption is required for this secret to be reconciled",
                secret.subject()
            ))));
        }
        for unknown in normalize::normalize(&mut objects) {
            tracing::warn!(object = unknown.subject, fields = ?unknown.paths, "fields that don't exist are dropped");
        }
        if let Some(common) = &object.spec.common_metadata {
            read::set_common_metadata(&mut objects, &common.labels, &common.annotations);
        }
        let jobs_with_ttl = objects.iter().filter(|o| has_ttl(o)).map(Object::id).collect();
        let options = ApplyOptions {
            field_manager: FIELD_MANAGER.to_owned(),
            rules_group: GROUP.to_owned(),
            concurrency: self.options.concurrent_applies,
            force: object.spec.force,
            override_managers: self.options.override_managers.clone(),
            custom_stage_kinds: self.options.stage_kinds.clone(),
            ignore: IgnoreRules::of(&object.spec.ignore)
                .map_err(|error| Failure::apply(format!("{error}\n")))?,
            migrate_api_version: self.options.migrate_api_version,
            recreate_timeout: status::timeout(object),
            ..ApplyOptions::default()
        };
        let uid = object.metadata.uid.clone().unwrap_or_default();
        let last = self.memory.applied(&uid, before);
        let expected = intent::expected(cluster, &objects).await;
        let recorded = status::status_mut(&mut pass.object).inventory.clone();
        let joined = inventory::joined(before, &expected);
        let is_longer = joined.len() > before.len();
        status::set_inventory(&mut pass.object, &joined);
        // What is about to be created must be on record; that the rest is looked at is progress like any other.
        let told = if is_longer { pass.patch().await } else { pass.progress().await };
        told.map_err(Stop::error)?;
        if let Some(sentry) = &self.sentry {
            sentry.prepare(&uid, pass.key(), cluster, &expected).await;
        }

        let applier = Applier::new(cluster.clone(), options, readers.to_vec()).judging_health();
        let park = PassPark(pass);
        let changes = match pass.telling(applier.apply_staged(objects, &last, &park)).await {
            Ok(changes) => changes,
            Err(failure) => {
                let left = intent::after_failure(before, &expected, &failure);
                if left == before {
                    status::status_mut(&mut pass.object).inventory = recorded;
                } else {
                    status::set_inventory(&mut pass.object, &left);
                }
                return Err(Failure::apply(failure.to_string()).with_detail(failure.detail()).into());
            }
        };
        self.memory.apply(&uid, &changes);
        tracing::info!(
            objects = changes.entries.len(),
            changed = changes.entries.iter().filter(|change| change.action.is_change()).count(),
            "server-side apply completed"
        );
        let log = changes.change_log();
        if !log.is_empty() {
            event(pass, EventType::Normal, &log, metadata);
        }
        Ok(AppliedSet { changes, jobs_with_ttl, applier: Box::new(applier) })
    }

    /// Deletes what is no longer built. What could not be deleted stays in the inventory, to be tried again.
    pub(super) async fn prune(
        &self,
        pass: &mut KustomizationPass,
        cluster: &Cluster,
        mut inventory: Vec<Entry>,
        stale: Vec<Entry>,
        metadata: &BTreeMap<String, String>,
    ) -> Result<(), Failure> {
        if !pass.object.spec.prune || stale.is_empty() {
            return Ok(());
        }
        let outcome = prune::prune(cluster, &owner(&pass.object), &stale).await;
        if let Some(message) = outcome.failure() {
            inventory.extend(outcome.survivors);
            status::set_inventory(&mut pass.object, &inventory);
            return Err(Failure::retry(reasons::PRUNE_FAILED, message));
        }
        if !outcome.changes.entries.is_empty() {
            event(pass, EventType::Normal, &outcome.changes.to_string(), metadata);
        }
        Ok(())
    }

    /// Waits until the objects are healthy, if the spec asks for that. Holds no worker meanwhile.
    pub(super) async fn await_health(
        &self,
        pass: &mut KustomizationPass,
        cluster: &Cluster,
        readers: Vec<Arc<dyn StatusReader>>,
        applied: AppliedSet,
        artifact: &Artifact,
        metadata: &BTreeMap<String, String>,
    ) -> Result<(), Stop> {
        let mut objects = awaited(&pass.object, &applied.changes)?;
        if objects.is_empty() {
            conditions::delete(&mut pass.object, HEALTHY);
            return Ok(());
        }
        // Whoever waits for himself waits for ever.
        objects.retain(|id| !is_self(&pass.object, id));
        let was_healthy = conditions::is_true(&pass.object, HEALTHY);
        let last_applied =
            pass.object.status.as_ref().and_then(|status| status.last_applied_revision.clone());
        let is_new_revision = last_applied.as_deref() != Some(artifact.revision.as_str());
        status::progress(&mut pass.object, "Running health checks", &artifact.revision);
        let message = conditions::message(&pass.object, RECONCILING).unwrap_or_default().to_owned();
        conditions::mark_unknown(&mut pass.object, HEALTHY, reasons::PROGRESSING, message);
        pass.progress().await.map_err(Stop::error)?;

        let began = Instant::now();
        let waiter = Waiter::new(cluster.clone(), readers)
            .knowing_projects()
            .having_seen(seen(&applied.changes))
            .showing(self.witness(&pass.object, applied.applier));
        let options = WaitOptions {
            timeout: status::timeout(&pass.object),
            fail_fast: self.options.fail_fast,
            jobs_with_ttl: applied.jobs_with_ttl,
        };
        // A newer revision, spec or request makes the answer worthless: why wait for it?
        let outcome = if waiter.has_seen_all_ready(&objects) {
            Ok(())
        } else {
            pass.park(async {
                tokio::select! {
                    outcome = Box::pin(waiter.wait(&objects, &options)) => Ok(outcome),
                    trigger = pass.preempted() => Err(Stop::Superseded(trigger)),
                }
            })
            .await?
        };
        let took = format_duration(began.elapsed());
        if let Err(error) = outcome {
            let failure =
                |message| Failure::retry(reasons::HEALTH_CHECK_FAILED, message).with_detail(error.detail());
            let message = failure(error.to_string()).condition_message();
            conditions::mark_false(&mut pass.object, HEALTHY, reasons::HEALTH_CHECK_FAILED, message);
            return Err(failure(format!("health check failed after {took}: {error}")).into());
        }
        let message = format!("Health check passed in {took}");
        if !was_healthy || (is_new_revision && applied.changes.has_changes()) {
            event(pass, EventType::Normal, &message, metadata);
        }
        conditions::mark_true(&mut pass.object, HEALTHY, reasons::SUCCEEDED, message);
        pass.progress().await.map_err(Stop::error)
    }

    /// Remembers the versions that objects have once they are healthy: their own controllers have changed them since they
    /// were applied.
    fn witness(&self, object: &Kustomization, applier: Box<Applier>) -> Witness {
        let memory = Arc::clone(&self.memory);
        let uid = object.metadata.uid.clone().unwrap_or_default();
        Arc::new(move |live| memory.see_again(&uid, &live.id(), |before| applier.seen_again(before, live)))
    }
}

/// The objects that were seen when they were applied, and whether they were healthy then.
fn seen(changes: &ChangeSet) -> HashMap<ObjectId, bool> {
    let seen = |change: &sluice_apply::Change| {
        change.applied.as_ref().map(|applied| (change.id.clone(), applied.is_healthy))
    };
    changes.entries.iter().filter_map(seen).collect()
}

/// Whose health is awaited: all that was applied, or what the spec lists.
fn awaited(object: &Kustomization, changes: &ChangeSet) -> Result<Vec<ObjectId>, Failure> {
    if object.spec.wait {
        let applied = changes.entries.iter().filter(|change| change.action != Action::Skipped);
        return Ok(applied.map(|change| change.id.clone()).collect());
    }
    object.spec.health_checks.iter().map(listed).collect()
}

fn is_self(object: &Kustomization, id: &ObjectId) -> bool {
    let owner = owner(object);
    (id.kind.as_str(), &id.namespace, &id.name) == ("Kustomization", &owner.namespace, &owner.name)
}

/// A listed object. Without an API version it is one of `apps/v1`.
fn listed(reference: &sluice_apis::meta::NamespacedObjectKindReference) -> Result<ObjectId, Failure> {
    let api_version =
        reference.api_version.as_deref().filter(|version| !version.is_empty()).unwrap_or("apps/v1");
    if api_version.matches('/').count() > 1 {
        let message = format!("unexpected GroupVersion string: {api_version}");
        return Err(Failure::retry(reasons::HEALTH_CHECK_FAILED, message));
    }
    Ok(ObjectId {
        namespace: reference.namespace.clone().unwrap_or_default(),
        name: reference.name.clone(),
        group: Gvk::new(api_version, &reference.kind).group,
        kind: reference.kind.clone(),
    })
}

fn has_ttl(object: &Object) -> bool {
    object.kind() == "Job"
        && object.group() == "batch"
        && object.as_value()["spec"]["ttlSecondsAfterFinished"].is_number()
}

#[cfg(test)]
mod tests {
    use sluice_apis::meta::NamespacedObjectKindReference;

    use super::*;

    #[test]
    fn listed_objects_have_a_group_if_their_api_version_can_be_read() {
        let group = |api_version: Option<&str>| {
            let reference = NamespacedObjectKindReference {
                api_version: api_version.map(ToOwned::to_owned),
                kind: "Widget".to_owned(),
                ..NamespacedObjectKindReference::default()
            };
            listed(&reference).map(|id| id.group).map_err(|failure| failure.message)
        };
        assert_eq!(group(None).unwrap(), "apps");
        assert_eq!(group(Some("")).unwrap(), "apps");
        assert_eq!(group(Some("v1")).unwrap(), "");
        assert_eq!(group(Some("example.com/v1")).unwrap(), "example.com");
        assert_eq!(group(Some("a/b/c")).unwrap_err(), "unexpected GroupVersion string: a/b/c");
    }
}
