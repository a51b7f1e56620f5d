//! What a pass is about to apply, recorded before it does: a pass that fails half-way, or is killed, must not leave
//! objects behind that no inventory knows.

use std::collections::HashSet;

use sluice_apply::error::Step;
use sluice_apply::inventory::{self, Entry};
use sluice_apply::{Action, ApplyFailure, ApplyFailureCause, Cluster, Object, ObjectId};

/// The entries of objects that are about to be applied. Those of kinds that the cluster does not know are left
/// out: whether their ids have a namespace is not known either, and a wrong id would name another object.
pub async fn expected(cluster: &Cluster, objects: &[Object]) -> Vec<Entry> {
    let mut entries = Vec::with_capacity(objects.len());
    for object in objects {
        let Ok(resource) = cluster.resolve(&object.gvk()).await else { continue };
        let mut id = object.id();
        if !resource.namespaced {
            id.namespace.clear();
        }
        entries.push(Entry { id, version: resource.gvk.version });
    }
    entries
}

/// The inventory after an apply that failed: what there was before, and what was written (or may have been, where
/// no answer came).
pub fn after_failure(before: &[Entry], expected: &[Entry], failure: &ApplyFailure) -> Vec<Entry> {
    let changes = failure.changes.entries.iter().chain(&failure.partial.entries);
    let mut written: HashSet<&ObjectId> =
        changes.filter(|change| change.action == Action::Created).map(|change| &change.id).collect();
    if let ApplyFailureCause::Objects(errors) = &failure.cause {
        let unanswered =
            errors.iter().filter(|error| error.step == Step::Apply && error.source.status().is_none());
        written.extend(unanswered.map(|error| &error.id));
    }
    let written: Vec<Entry> = expected.iter().filter(|entry| written.contains(&entry.id)).cloned().collect();
    inventory::joined(before, &written)
}

#[cfg(test)]
mod tests {
    use sluice_apply::{Change, ChangeSet, ClusterError, ObjectError};

    use super::*;

    #[test]
    fn what_was_created_or_may_have_been_stays_known() {
        let entry = |name: &str| Entry::parse(&format!("ns_{name}__ConfigMap"), "v1").unwrap();
        let change = |name: &str, action| {
            let Entry { id, version } = entry(name);
            Change { id, version, action, applied: None }
        };
        let mut failure = ApplyFailure {
            changes: ChangeSet {
                entries: vec![change("old", Action::Configured), change("created", Action::Created)],
            },
            partial: ChangeSet {
                entries: vec![change("partly", Action::Created), change("taken", Action::Skipped)],
            },
            cause: ApplyFailureCause::Objects(vec![
                ObjectError::new(entry("lost").id, Step::Apply, ClusterError::Timeout(String::new())),
                ObjectError::new(entry("refused").id, Step::DryRun, ClusterError::NoNamespace),
            ]),
        };
        let before = [entry("old"), entry("gone")];
        let expected = ["old", "created", "partly", "taken", "lost", "refused", "later"].map(entry);
        let kept = ["old", "gone", "created", "partly", "lost"].map(entry);
        assert_eq!(after_failure(&before, &expected, &failure), kept);
        failure.changes.entries.clear();
        failure.partial.entries.clear();
        failure.cause = ApplyFailureCause::Objects(Vec::new());
        assert_eq!(after_failure(&before, &expected, &failure), before);
    }
}
