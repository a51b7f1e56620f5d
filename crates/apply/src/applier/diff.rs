//! What an apply would change, for people to read.

use std::collections::HashSet;

use futures::{StreamExt, stream};

use super::{Applier, immutability, mask, plan::Live};
use crate::{
    change::{Action, Change},
    drift,
    error::{ClusterError, ObjectError, Step},
    object::Object,
    order,
};

/// What applying an object would do.
#[derive(Debug)]
pub struct Difference {
    /// Which object, and what would become of it.
    pub change: Change,
    /// Of an object that would be changed, the live state and the state after: without field
    /// owners and ignored fields, and with the values of Secrets masked.
    pub states: Option<(Object, Object)>,
}

impl Applier {
    /// Tells for each object, in apply order, what applying it would do. Changes nothing.
    pub async fn diff(&self, objects: Vec<Object>) -> Vec<Result<Difference, ObjectError>> {
        let stages = order::stages(objects, &self.options.custom_stage_kinds);
        let objects: Vec<_> = stages.into_iter().flat_map(|(_, objects)| objects).collect();
        let differences = stream::iter(objects).map(|object| self.diff_one(object));
        differences.buffered(self.options.concurrency.max(1)).collect().await
    }

    async fn diff_one(&self, mut desired: Object) -> Result<Difference, ObjectError> {
        let resource = self.resolve(&desired, &HashSet::new()).await;
        if resource.as_ref().is_ok_and(|resource| !resource.namespaced) {
            desired.set_namespace(None);
        }
        let id = desired.id();
        let difference = |action, states| {
            let change = Change { id: id.clone(), version: desired.gvk().version, action, applied: None };
            Ok(Difference { change, states })
        };
        if self.rules.is_ignored(&desired) {
            return difference(Action::Skipped, None);
        }
        let failed = |source| ObjectError::new(id.clone(), Step::DryRun, source);
        let resource = resource.map_err(failed)?;
        if resource.namespaced && id.namespace.is_empty() {
            return Err(failed(ClusterError::NoNamespace));
        }
        let mut live = self.read(&resource, &id).await;
        if let Some(live) = live.object()
            && (self.rules.is_ignored(live) || self.rules.is_create_only(&desired))
        {
            return difference(Action::Skipped, None);
        }
        let mut dry_run = match self.dry_run(&resource, &desired).await {
            Ok(dry_run) => dry_run,
            Err(error) => {
                let is_immutability = error.status().is_some_and(immutability::is_immutability);
                if is_immutability && live.object().is_some_and(|live| self.is_forced(&desired, live)) {
                    return difference(Action::Created, None);
                }
                return Err(failed(error));
            }
        };
        self.meet(&resource, &desired, &mut live, &mut dry_run).await.map_err(failed)?;
        if dry_run.resource_version().is_none() {
            return difference(Action::Created, None);
        }
        if !drift::has_drifted(live.object(), &dry_run, &self.options.ignore) {
            return difference(Action::Unchanged, None);
        }
        let states = match live {
            Live::Present(live) => Some(self.readable(*live, dry_run)),
            Live::Absent | Live::Hidden => None,
        };
        difference(Action::Configured, states)
    }

    fn readable(&self, mut live: Object, mut merged: Object) -> (Object, Object) {
        let ignored: Vec<_> = self.options.ignore.paths_for(&merged).into_iter().cloned().collect();
        for object in [&mut live, &mut merged] {
            if let Some(metadata) = object.metadata_mut() {
                metadata.remove("managedFields");
            }
            for path in &ignored {
                path.remove(object.as_value_mut());
            }
        }
        if merged.is_secret() {
            mask::pair(&mut live, &mut merged);
        }
        (live, merged)
    }
}
