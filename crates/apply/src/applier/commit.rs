//! Writes what was planned.

use std::time::Duration;

use futures::{StreamExt, stream};
use tokio::time::{Instant, sleep};

use super::{
    Applier, mask,
    plan::{Plan, Write},
};
use crate::{
    change::{Change, ChangeSet},
    error::{ClusterError, ObjectError, Step},
    object::{Object, ObjectId},
    park::Park,
};

/// The longest pause between two looks at an object that is being deleted.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How often a clean-up is tried again because the object was changed meanwhile.
const CLEANUP_ATTEMPTS: usize = 10;

/// What a stage did.
#[derive(Default)]
pub(super) struct Committed {
    pub(super) changes: ChangeSet,
    /// Objects that aren't known to be ready.
    pub(super) unsettled: Vec<ObjectId>,
    pub(super) errors: Vec<ObjectError>,
}

impl Applier {
    /// Carries the plans out. Objects of one kind are written side by side, kinds one after the
    /// other, since later ones may need earlier ones. Stops at the first kind with errors.
    pub(super) async fn commit(&self, plans: Vec<Plan>, park: &dyn Park) -> Committed {
        let mut committed = Committed::default();
        let mut plans = plans.into_iter().peekable();
        while let Some(first) = plans.next() {
            let kind = kind(&first);
            let mut group = vec![first];
            while let Some(next) = plans.next_if(|next| self::kind(next) == kind) {
                group.push(next);
            }
            let results: Vec<_> = stream::iter(group)
                .map(|plan| self.carry_out(plan, park))
                .buffered(self.options.concurrency.max(1))
                .collect()
                .await;
            for result in results {
                match result {
                    Ok((change, settled)) => {
                        if !settled {
                            committed.unsettled.push(change.id.clone());
                        }
                        committed.changes.entries.push(change);
                    }
                    Err(error) => committed.errors.push(error),
                }
            }
            if !committed.errors.is_empty() {
                break;
            }
        }
        committed
    }

    async fn carry_out(&self, plan: Plan, park: &dyn Park) -> Result<(Change, bool), ObjectError> {
        match plan {
            Plan::Leave(leave) => Ok((leave.change, leave.settled)),
            Plan::Write(write) => self.write(*write, park).await,
        }
    }

    async fn write(&self, mut write: Write, park: &dyn Park) -> Result<(Change, bool), ObjectError> {
        let id = write.desired.id();
        if let Some(uid) = write.replaces.take() {
            let mut outcome = Ok(());
            park.park(Box::pin(async { outcome = self.remove(&write, &id, &uid).await })).await;
            outcome?;
        }
        if write.cleanup.is_some() {
            self.clean_up(&mut write, &id).await?;
        }
        let manager = &self.options.field_manager;
        let applied = self
            .cluster
            .apply(&write.resource, &write.desired, manager, false)
            .await
            .map_err(|error| mask::error(error, &write.desired))
            .map_err(|source| ObjectError::new(id.clone(), Step::Apply, source))?;
        let change = Change {
            id: applied.id(),
            version: write.resource.gvk.version.clone(),
            action: write.action,
            applied: self.seen(&applied, write.digest),
        };
        Ok((change, self.is_settled(&applied)))
    }

    /// Deletes the object that stands in the way, and waits until it is gone.
    async fn remove(&self, write: &Write, id: &ObjectId, uid: &str) -> Result<(), ObjectError> {
        let failed = |step, source| ObjectError::new(id.clone(), step, source);
        tracing::info!(object = %id.subject(), "deleting the object to change an immutable field");
        self.cluster
            .delete(&write.resource, id, Some(uid))
            .await
            .map_err(|source| failed(Step::ForceDelete, source))?;
        let deadline = Instant::now() + self.options.recreate_timeout;
        let mut pause = Duration::from_millis(20);
        loop {
            let live = self.cluster.get(&write.resource, Some(&id.namespace), &id.name).await;
            match live.map_err(|source| failed(Step::ForceWait, source))? {
                Some(live) if live.uid() == Some(uid) && Instant::now() >= deadline => {
                    let finalizers = finalizers(&live);
                    let text = format!(
                        "it still exists after {} s, held by its finalizers [{finalizers}]",
                        self.options.recreate_timeout.as_secs()
                    );
                    return Err(failed(Step::ForceWait, ClusterError::Timeout(text)));
                }
                Some(live) if live.uid() == Some(uid) => sleep(pause).await,
                _ => return Ok(()),
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Removes what others left on the object. If it was changed since it was read, what is to be
    /// removed is found out anew.
    async fn clean_up(&self, write: &mut Write, id: &ObjectId) -> Result<(), ObjectError> {
        let failed = |source| ObjectError::new(id.clone(), Step::Cleanup, source);
        let mut attempt = 1;
        while let Some(patch) = write.cleanup.take() {
            let manager = &self.options.field_manager;
            match self.cluster.json_patch(&write.resource, id, patch, manager).await {
                Ok(_) => {}
                Err(error) if error.is_not_found() => {}
                Err(error) if error.is_conflict() && attempt < CLEANUP_ATTEMPTS => {
                    attempt += 1;
                    let live = self.cluster.get(&write.resource, Some(&id.namespace), &id.name).await;
                    write.cleanup =
                        live.map_err(failed)?.and_then(|live| self.cleanup(&write.desired, &live));
                }
                Err(error) => return Err(failed(error)),
            }
        }
        Ok(())
    }
}

/// Which kind a plan is about: group and kind.
fn kind(plan: &Plan) -> (String, String) {
    match plan {
        Plan::Leave(leave) => (leave.change.id.group.clone(), leave.change.id.kind.clone()),
        Plan::Write(write) => (write.resource.gvk.group.clone(), write.resource.gvk.kind.clone()),
    }
}

/// What keeps a deleted object, for messages.
pub(crate) fn finalizers(live: &Object) -> String {
    let finalizers = live.as_value()["metadata"]["finalizers"].as_array();
    let names = finalizers.into_iter().flatten().filter_map(serde_json::Value::as_str);
    names.collect::<Vec<_>>().join(", ")
}
