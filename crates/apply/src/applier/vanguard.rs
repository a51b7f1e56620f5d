//! Applies the first object of a stage without a dry-run of its own, where the last pass knows that it is to be written.
//!
//! All dry-runs of a stage must pass before anything is written. If those of the others have passed, the apply of the first
//! object is as good as its dry-run: if it is refused, nothing was written. A change to one object then costs one write.

use std::collections::HashSet;

use super::{
    Applier, Memory, mask,
    plan::{Leave, Plan},
};
use crate::{
    change::{Action, Change, Digest},
    cluster::Resource,
    drift,
    error::{ObjectError, Step},
    object::Object,
    order::GroupKind,
};

/// The server has not heard in time what became of the write, which may still come to pass.
const GATEWAY_TIMEOUT: u16 = 504;

/// An object that goes first.
pub(super) struct Vanguard {
    resource: Resource,
    desired: Object,
    digest: Digest,
    /// The version of the live object that the last pass saw.
    version: String,
    /// What counted as drift of it, hashed.
    content: blake3::Hash,
}

impl Vanguard {
    /// The object, to be handled like any other.
    pub(super) fn into_object(self) -> Object {
        self.desired
    }
}

impl Applier {
    /// The object as one that goes first, if something changes that counts as drift since the last pass; else the object.
    /// What others, annotations or options might have a say in does not go first.
    pub(super) async fn vanguard(
        &self,
        mut desired: Object,
        memory: &dyn Memory,
        defined: &HashSet<GroupKind>,
    ) -> Result<Vanguard, Object> {
        let Ok(resource) = self.resolve(&desired, defined).await else { return Err(desired) };
        if !resource.namespaced {
            desired.set_namespace(None);
        }
        let id = desired.id();
        let is_special = self.options.migrate_api_version
            || resource.namespaced && id.namespace.is_empty()
            || self.rules.is_ignored(&desired)
            || self.rules.is_create_only(&desired)
            || !self.options.ignore.paths_for(&desired).is_empty();
        if is_special {
            return Err(desired);
        }
        let digest = self.digest(&desired);
        let seen = memory.recall(&id).filter(|seen| {
            seen.digest.content != digest.content && seen.api_version == desired.api_version()
        });
        match seen.map(|seen| (seen.resource_version, seen.content)) {
            Some((version, Some(content))) => Ok(Vanguard { resource, desired, digest, version, content }),
            _ => Err(desired),
        }
    }

    /// Applies the object. What the server refuses is looked at like any other object: a dry-run tells why, or what has
    /// changed meanwhile. Without an answer it is not known what became of the write, and nothing more is done.
    pub(super) async fn apply_first(
        &self,
        mut first: Vanguard,
        memory: &dyn Memory,
        defined: &HashSet<GroupKind>,
    ) -> Result<Plan, ObjectError> {
        // A precondition: what others changed since is looked at first.
        if let Some(metadata) = first.desired.metadata_mut() {
            metadata.insert("resourceVersion".to_owned(), first.version.into());
        }
        let manager = &self.options.field_manager;
        let applied = self.cluster.apply(&first.resource, &first.desired, manager, false).await;
        let applied = match applied.map_err(|error| mask::error(error, &first.desired)) {
            Ok(applied) => applied,
            Err(error) if error.status().is_some_and(|status| status.code != GATEWAY_TIMEOUT) => {
                tracing::debug!(object = %first.desired.subject(), %error, "a dry-run is to tell why this is refused");
                if let Some(metadata) = first.desired.metadata_mut() {
                    metadata.remove("resourceVersion");
                }
                return self.plan(first.desired, memory, defined).await;
            }
            Err(error) => return Err(ObjectError::new(first.desired.id(), Step::Apply, error)),
        };
        let is_same = drift::content(&applied) == first.content;
        let change = Change {
            id: applied.id(),
            version: first.resource.gvk.version,
            action: if is_same { Action::Unchanged } else { Action::Configured },
            applied: self.seen(&applied, first.digest),
        };
        Ok(Plan::Leave(Box::new(Leave { change, settled: self.is_settled(&applied) })))
    }
}
