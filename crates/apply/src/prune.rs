//! Deletes what is no longer wanted.

use std::time::Duration;

use futures::{StreamExt, stream};
use tokio::time::{Instant, sleep};

use crate::{
    applier::finalizers,
    change::{Action, Change, ChangeSet},
    cluster::{Cluster, Resource},
    error::{ClusterError, ObjectError, Step},
    inventory::Entry,
    object::{Gvk, Object},
    order,
    read::Owner,
    rules::Rules,
    wait::TerminationTimeout,
};

/// How many objects of one kind are deleted at once.
const CONCURRENT_DELETIONS: usize = 4;
/// How often a deletion is tried when the object is replaced by another meanwhile.
const ATTEMPTS: usize = 3;
/// The longest pause between two looks at an object that is being deleted.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// What a prune did.
#[derive(Debug, Default)]
pub struct PruneOutcome {
    /// One entry for each object, in the order of deletion.
    pub changes: ChangeSet,
    /// What the server refused to delete, or to tell about: it stays in the inventory.
    pub survivors: Vec<Entry>,
    /// Why, for each survivor.
    pub errors: Vec<ObjectError>,
}

impl PruneOutcome {
    /// The text of the failure, if anything failed: `delete failed, errors: …;`.
    pub fn failure(&self) -> Option<String> {
        if self.errors.is_empty() {
            return None;
        }
        let errors: Vec<_> = self.errors.iter().map(ToString::to_string).collect();
        Some(format!("delete failed, errors: {};", errors.join(";")))
    }
}

/// Deletes the entries in reverse apply order: those that still exist, carry the owner's labels
/// and aren't kept by their labels or annotations. A failure doesn't stop the rest.
pub async fn prune(cluster: &Cluster, owner: &Owner, entries: &[Entry]) -> PruneOutcome {
    let rules = Rules::new(&owner.group);
    let mut entries: Vec<&Entry> = entries.iter().collect();
    entries.sort_by(|a, b| order::compare(&b.id, &a.id));
    let mut outcome = PruneOutcome::default();
    for kind in entries.chunk_by(|a, b| (&a.id.group, &a.id.kind) == (&b.id.group, &b.id.kind)) {
        // Collected first: a closure over references to references keeps the future from being `Send`.
        let deletions: Vec<_> = kind.iter().map(|entry| delete(cluster, owner, &rules, entry)).collect();
        let results: Vec<_> = stream::iter(deletions).buffered(CONCURRENT_DELETIONS).collect().await;
        for (entry, result) in kind.iter().zip(results) {
            let action = result.unwrap_or_else(|(step, source)| {
                outcome.errors.push(ObjectError::new(entry.id.clone(), step, source));
                outcome.survivors.push((*entry).clone());
                Action::Unknown
            });
            let (id, version) = (entry.id.clone(), entry.version.clone());
            outcome.changes.entries.push(Change { id, version, action, applied: None });
        }
    }
    outcome
}

async fn delete(
    cluster: &Cluster,
    owner: &Owner,
    rules: &Rules,
    entry: &Entry,
) -> Result<Action, (Step, ClusterError)> {
    let id = &entry.id;
    let resource = resolve(cluster, &entry.gvk()).await.map_err(|error| (Step::Query, error))?;
    // Its definition is gone, and took it along: waiting for the kind would be for ever.
    let Some(resource) = resource else { return Ok(Action::Deleted) };
    let mut attempt = 1;
    loop {
        let live = cluster.get(&resource, Some(&id.namespace), &id.name).await;
        let Some(live) = live.map_err(|error| (Step::Query, error))? else { return Ok(Action::Deleted) };
        if !owner.owns(&live) || rules.is_kept(&live) {
            return Ok(Action::Skipped);
        }
        // Only the object that was looked at may go. One that took its name meanwhile is looked at
        // in turn: it may belong to someone else.
        match cluster.delete(&resource, id, live.uid()).await {
            Ok(()) => return Ok(Action::Deleted),
            Err(error) if error.is_conflict() && attempt < ATTEMPTS => attempt += 1,
            Err(error) => return Err((Step::Delete, error)),
        }
    }
}

/// The resource in the version of the inventory, or, if that is no longer served, in another; none if the kind is gone.
async fn resolve(cluster: &Cluster, gvk: &Gvk) -> Result<Option<Resource>, ClusterError> {
    let error = match cluster.resolve(gvk).await {
        Err(error) if error.is_no_match() => error,
        result => return result.map(Some),
    };
    let discovery = cluster.cache().discovery();
    match discovery.resolve_preferred(&gvk.group, &gvk.kind).await {
        Err(preferred) if preferred.is_no_match() && discovery.is_stale(&gvk.group) => Err(error),
        Err(preferred) if preferred.is_no_match() => Ok(None),
        result => result.map(Some),
    }
}

/// Waits until everything that the change set deleted is gone.
pub async fn wait_for_termination(
    cluster: &Cluster,
    changes: &ChangeSet,
    timeout: Duration,
) -> Result<(), TerminationTimeout> {
    let deadline = Instant::now() + timeout;
    for change in changes.entries.iter().filter(|change| change.action == Action::Deleted) {
        let id = &change.id;
        let gvk = Gvk { group: id.group.clone(), version: change.version.clone(), kind: id.kind.clone() };
        let failed = |cause: String, detail| TerminationTimeout { id: id.clone(), cause, detail };
        let Ok(Some(resource)) = resolve(cluster, &gvk).await else { continue };
        let mut pause = Duration::from_millis(20);
        loop {
            let live = cluster.get(&resource, Some(&id.namespace), &id.name).await;
            match live.map_err(|error| failed(error.to_string(), None))? {
                Some(live) if Instant::now() >= deadline => {
                    let held = held_by(&live, timeout);
                    return Err(failed("context deadline exceeded".to_owned(), Some(held)));
                }
                Some(_) => sleep(pause.min(deadline.saturating_duration_since(Instant::now()))).await,
                None => break,
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
    Ok(())
}

fn held_by(live: &Object, timeout: Duration) -> String {
    let seconds = timeout.as_secs();
    match finalizers(live).as_str() {
        "" => format!("it still exists after {seconds} s"),
        names => format!("it still exists after {seconds} s, held by its finalizers [{names}]"),
    }
}
