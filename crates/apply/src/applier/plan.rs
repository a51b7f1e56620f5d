//! What applying an object would do, found out without changing anything.

use std::{collections::HashSet, time::Duration};

use json_patch::{Patch, PatchOperation, RemoveOperation, ReplaceOperation, jsonptr::PointerBuf};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::{Applier, Memory, immutability, mask};
use crate::{
    change::{Action, Applied, Change, Digest},
    cluster::Resource,
    drift,
    error::{ClusterError, ObjectError, Step},
    managed_fields,
    object::{Object, ObjectId},
    order::GroupKind,
    wait::Waiter,
};

/// How long discovery may lag behind a definition that has just become established.
const DISCOVERY_LAG: Duration = Duration::from_secs(15);

/// How often the live object is read again because it changes all the time.
const MEETINGS: usize = 3;

/// Annotations of tools that applied the object before: kept, they would mislead those tools.
const STALE_ANNOTATIONS: [&str; 3] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    "kustomize.toolkit.fluxcd.io/checksum",
    "fluxcd.io/sync-checksum",
];
const STALE_LABELS: [&str; 1] = ["fluxcd.io/sync-gc-mark"];

/// What is to be done with an object.
pub(super) enum Plan {
    /// Nothing.
    Leave(Box<Leave>),
    /// Write it.
    Write(Box<Write>),
}

/// An object that stays as it is.
pub(super) struct Leave {
    /// What the change set says.
    pub(super) change: Change,
    /// Whether a stage needn't wait for it.
    pub(super) settled: bool,
}

/// A write to come.
pub(super) struct Write {
    pub(super) resource: Resource,
    pub(super) desired: Object,
    pub(super) digest: Digest,
    pub(super) action: Action,
    /// Removes what others left, before the apply.
    pub(super) cleanup: Option<Patch>,
    /// The UID of the object to delete first, because an immutable field changes.
    pub(super) replaces: Option<String>,
}

/// What a dry-run tells that goes before everything else.
enum Early {
    /// What there is to do: a plain write.
    Write(Action),
    /// That there is nothing to do.
    Leave(Box<Leave>),
    /// Nothing for certain; its outcome, if one was made.
    Look(Option<Result<Object, ClusterError>>),
}

/// The live object as far as it is known.
pub(super) enum Live {
    Absent,
    Present(Box<Object>),
    /// It couldn't be read: the dry-run decides.
    Hidden,
}

impl Live {
    pub(super) fn object(&self) -> Option<&Object> {
        match self {
            Self::Present(object) => Some(object),
            Self::Absent | Self::Hidden => None,
        }
    }
}

impl Applier {
    /// Finds out what applying the object would do.
    pub(super) async fn plan(
        &self,
        mut desired: Object,
        memory: &dyn Memory,
        defined: &HashSet<GroupKind>,
    ) -> Result<Plan, ObjectError> {
        let resource = self.resolve(&desired, defined).await;
        if resource.as_ref().is_ok_and(|resource| !resource.namespaced) {
            desired.set_namespace(None);
        }
        let id = desired.id();
        if self.rules.is_ignored(&desired) {
            return Ok(leave(&desired, Action::Skipped, None, false));
        }
        let failed = |source| ObjectError::new(id.clone(), Step::DryRun, source);
        let resource = resource.map_err(failed)?;
        if resource.namespaced && id.namespace.is_empty() {
            return Err(failed(ClusterError::NoNamespace));
        }

        let digest = self.digest(&desired);
        let early = match self.dry_run_first(&resource, &desired, digest, memory).await {
            Early::Write(action) => return Ok(write(resource, desired, digest, action)),
            Early::Leave(leave) => return Ok(Plan::Leave(leave)),
            Early::Look(dry_run) => dry_run,
        };

        let mut live = self.read(&resource, &id).await;
        if let Some(live) = live.object()
            && (self.rules.is_ignored(live) || self.rules.is_create_only(&desired))
        {
            let settled = self.is_settled(live);
            return Ok(leave(live, Action::Skipped, None, settled));
        }

        if let Some(live) = live.object()
            && let Some(seen) = self.seen(live, digest)
            && memory.recall(&id).as_ref() == Some(&seen)
        {
            return Ok(leave(live, Action::Unchanged, Some(seen), self.is_settled(live)));
        }
        let migrated =
            self.options.migrate_api_version && self.migrate(&resource, &id, &desired, &mut live).await?;

        let dry_run = match early {
            Some(dry_run) => dry_run,
            None => self.dry_run(&resource, &desired).await,
        };
        let mut dry_run = match dry_run {
            Ok(dry_run) => dry_run,
            Err(error) => return self.recreate(resource, desired, digest, &live, error),
        };
        self.meet(&resource, &desired, &mut live, &mut dry_run).await.map_err(failed)?;

        let cleanup = live.object().and_then(|live| self.cleanup(&desired, live));
        let ignore = &self.options.ignore;
        let must_write = migrated || cleanup.is_some();
        if !must_write && !drift::has_drifted(live.object(), &dry_run, ignore) {
            let live = live.object().unwrap_or(&dry_run);
            let settled = self.is_settled(live);
            return Ok(leave(live, Action::Unchanged, self.seen(live, digest), settled));
        }
        if let Some(live) = live.object() {
            ignore.yield_to_live(&mut desired, live, &dry_run, &self.options.field_manager);
        }
        let action = if dry_run.resource_version().is_none() { Action::Created } else { Action::Configured };
        let replaces = None;
        Ok(Plan::Write(Box::new(Write { resource, desired, digest, action, cleanup, replaces })))
    }

    /// Makes the dry-run before the live object is read, where it may tell all that reading would: that the object is not
    /// there yet, or that it is still of the version that was last seen.
    async fn dry_run_first(
        &self,
        resource: &Resource,
        desired: &Object,
        digest: Digest,
        memory: &dyn Memory,
    ) -> Early {
        let id = desired.id();
        if self.options.migrate_api_version {
            return Early::Look(None);
        }
        if memory.is_new(&id) {
            return match self.dry_run(resource, desired).await {
                Ok(created) if created.resource_version().is_none() => Early::Write(Action::Created),
                other => Early::Look(Some(other)),
            };
        }
        let is_special =
            || self.rules.is_create_only(desired) || !self.options.ignore.paths_for(desired).is_empty();
        let Some((seen, content)) = memory
            .recall(&id)
            .filter(|seen| {
                seen.digest != digest && seen.api_version == desired.api_version() && !is_special()
            })
            .and_then(|seen| seen.content.map(|content| (seen, content)))
        else {
            return Early::Look(None);
        };
        match self.dry_run(resource, desired).await {
            Ok(result)
                if result.uid() == Some(&seen.uid)
                    && result.resource_version() == Some(&seen.resource_version) =>
            {
                if drift::content(&result) != content {
                    return Early::Write(Action::Configured);
                }
                let settled = self.is_settled(&result);
                let change = change(&result, Action::Unchanged, Some(Applied { digest, ..seen }));
                Early::Leave(Box::new(Leave { change, settled }))
            }
            other => Early::Look(Some(other)),
        }
    }

    /// Whether a stage needn't wait for the object.
    pub(super) fn is_settled(&self, object: &Object) -> bool {
        is_current(&self.waiter, object)
    }

    /// Finds the resource. A kind that the set itself defines gets a while to appear.
    pub(super) async fn resolve(
        &self,
        object: &Object,
        defined: &HashSet<GroupKind>,
    ) -> Result<Resource, ClusterError> {
        let gvk = object.gvk();
        let is_defined = defined.contains(&GroupKind { group: gvk.group.clone(), kind: gvk.kind.clone() });
        let deadline = Instant::now() + DISCOVERY_LAG;
        loop {
            match self.cluster.resolve(&gvk).await {
                Err(error) if error.is_no_match() && is_defined && Instant::now() < deadline => {
                    sleep(Duration::from_millis(100)).await;
                }
                result => return result,
            }
        }
    }

    pub(super) async fn read(&self, resource: &Resource, id: &ObjectId) -> Live {
        match self.cluster.get(resource, Some(&id.namespace), &id.name).await {
            Ok(Some(object)) => Live::Present(Box::new(object)),
            Ok(None) => Live::Absent,
            Err(error) => {
                tracing::debug!(object = %id.subject(), %error, "cannot read the live object");
                Live::Hidden
            }
        }
    }

    pub(super) async fn dry_run(
        &self,
        resource: &Resource,
        desired: &Object,
    ) -> Result<Object, ClusterError> {
        let result = self.cluster.apply(resource, desired, &self.options.field_manager, true).await;
        result.map_err(|error| mask::error(error, desired))
    }

    /// Reads the live object again, and if need be repeats the dry-run, until both are of one
    /// version: what a controller changes between the two isn't drift.
    pub(super) async fn meet(
        &self,
        resource: &Resource,
        desired: &Object,
        live: &mut Live,
        dry_run: &mut Object,
    ) -> Result<(), ClusterError> {
        for _ in 0..MEETINGS {
            let Live::Present(object) = &*live else { return Ok(()) };
            if object.resource_version() == dry_run.resource_version() {
                return Ok(());
            }
            *live = self.read(resource, &desired.id()).await;
            if live.object().map(Object::resource_version) != Some(dry_run.resource_version()) {
                *dry_run = self.dry_run(resource, desired).await?;
            }
        }
        Ok(())
    }

    /// Moves all field owners to the desired API version, which a dry-run may need to pass; tells
    /// whether there was anything to move.
    async fn migrate(
        &self,
        resource: &Resource,
        id: &ObjectId,
        desired: &Object,
        live: &mut Live,
    ) -> Result<bool, ObjectError> {
        let Live::Present(object) = live else { return Ok(false) };
        let entries = managed_fields::entries(object.as_value());
        let Some(moved) = managed_fields::migrate(&entries, desired.api_version()) else {
            return Ok(false);
        };
        let patch = patch(object, vec![replace(&["metadata", "managedFields"], moved)]);
        match self.cluster.json_patch(resource, id, patch, &self.options.field_manager).await {
            Ok(patched) => **object = patched,
            Err(source) => return Err(ObjectError::new(id.clone(), Step::Migrate, source)),
        }
        Ok(true)
    }

    /// What to do about a refused dry-run: recreate the object if that is wanted and the refusal is
    /// about nothing but immutable fields.
    fn recreate(
        &self,
        resource: Resource,
        desired: Object,
        digest: Digest,
        live: &Live,
        error: ClusterError,
    ) -> Result<Plan, ObjectError> {
        if let Some(live) = live.object() {
            let forced = self.is_forced(&desired, live);
            if forced && error.status().is_some_and(immutability::is_immutability) {
                let replaces = live.uid().map(ToOwned::to_owned);
                let action = Action::Created;
                let cleanup = None;
                return Ok(Plan::Write(Box::new(Write {
                    resource,
                    desired,
                    digest,
                    action,
                    cleanup,
                    replaces,
                })));
            }
        }
        Err(ObjectError::new(desired.id(), Step::DryRun, error))
    }

    /// Whether the object may be recreated.
    pub(super) fn is_forced(&self, desired: &Object, live: &Object) -> bool {
        self.options.force || self.rules.is_forced(desired) || self.rules.is_forced(live)
    }

    /// The patch that removes what other tools left and takes their fields over; nothing if there
    /// is nothing to remove, or the object is merged with what others set.
    pub(super) fn cleanup(&self, desired: &Object, live: &Object) -> Option<Patch> {
        if self.rules.is_merged(desired) || self.rules.is_merged(live) {
            return None;
        }
        let operations = self.leftovers(live);
        (!operations.is_empty()).then(|| patch(live, operations))
    }

    /// What other tools left on the object, as the operations that remove it and take their fields over.
    fn leftovers(&self, live: &Object) -> Vec<PatchOperation> {
        let mut operations = Vec::new();
        for (field, keys) in [("annotations", &STALE_ANNOTATIONS[..]), ("labels", &STALE_LABELS[..])] {
            let present = |key: &&&str| live.as_value()["metadata"][field].get(**key).is_some();
            operations.extend(keys.iter().filter(present).map(|key| remove(&["metadata", field, key])));
        }
        let entries = managed_fields::entries(live.as_value());
        if let Some(taken) = managed_fields::take_over(&entries, &self.takeover, &self.options.field_manager)
        {
            operations.push(replace(&["metadata", "managedFields"], taken));
        }
        operations
    }

    /// What to remember of an object that is in place.
    pub(super) fn seen(&self, live: &Object, digest: Digest) -> Option<Applied> {
        let is_plain = !self.rules.is_ignored(live) && self.leftovers(live).is_empty();
        Some(Applied {
            digest,
            api_version: live.api_version().to_owned(),
            resource_version: live.resource_version()?.to_owned(),
            uid: live.uid()?.to_owned(),
            footprint: self.footprint(&live.as_value()["metadata"]),
            content: is_plain.then(|| drift::content(live)),
            is_healthy: self.judge.as_ref().is_some_and(|judge| is_current(judge, live)),
        })
    }

    /// What is known of an object that was seen again after it was in place; nothing if others touched what was applied.
    pub fn seen_again(&self, before: &Applied, live: &Object) -> Option<Applied> {
        self.seen(live, before.digest)
            .filter(|now| now.uid == before.uid && now.footprint == before.footprint)
    }

    /// Who owns the fields of an object with this metadata, to compare with [`Applied::footprint`].
    fn footprint(&self, metadata: &Value) -> blake3::Hash {
        managed_fields::footprint(metadata, &self.options.field_manager, &self.takeover)
    }

    /// What tells the desired object from others.
    pub(super) fn digest(&self, desired: &Object) -> Digest {
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.fingerprint.as_bytes());
        hasher.update(desired.as_value().to_string().as_bytes());
        Digest { whole: hasher.finalize(), content: drift::content(desired) }
    }
}

fn is_current(waiter: &Waiter, object: &Object) -> bool {
    waiter.judge(object).is_ok_and(|status| status.is_current())
}

fn leave(object: &Object, action: Action, applied: Option<Applied>, settled: bool) -> Plan {
    Plan::Leave(Box::new(Leave { change: change(object, action, applied), settled }))
}

fn change(object: &Object, action: Action, applied: Option<Applied>) -> Change {
    Change { id: object.id(), version: object.gvk().version, action, applied }
}

fn write(resource: Resource, desired: Object, digest: Digest, action: Action) -> Plan {
    Plan::Write(Box::new(Write { resource, desired, digest, action, cleanup: None, replaces: None }))
}

/// A patch that fails with a conflict if the object was changed since it was read.
fn patch(live: &Object, mut operations: Vec<PatchOperation>) -> Patch {
    if let Some(version) = live.resource_version() {
        operations.push(replace(&["metadata", "resourceVersion"], version.into()));
    }
    Patch(operations)
}

fn replace(path: &[&str], value: Value) -> PatchOperation {
    PatchOperation::Replace(ReplaceOperation { path: PointerBuf::from_tokens(path.iter().copied()), value })
}

fn remove(path: &[&str]) -> PatchOperation {
    PatchOperation::Remove(RemoveOperation { path: PointerBuf::from_tokens(path.iter().copied()) })
}
