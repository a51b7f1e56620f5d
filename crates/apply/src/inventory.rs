//! The inventory: which objects a deployment owns, as its status records them.

use std::{collections::HashSet, str::FromStr};

use crate::{
    change::ChangeSet,
    object::{Gvk, InvalidObjectId, ObjectId},
};

/// An object of the inventory with the API version it was applied in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    /// Which object; displays as the inventory's `id`.
    pub id: ObjectId,
    /// API version within the group, the inventory's `v`.
    pub version: String,
}

impl Entry {
    /// Reads the two fields of a status entry.
    pub fn parse(id: &str, version: &str) -> Result<Self, InvalidObjectId> {
        Ok(Self { id: ObjectId::from_str(id)?, version: version.to_owned() })
    }

    /// Group, version and kind.
    pub fn gvk(&self) -> Gvk {
        Gvk { group: self.id.group.clone(), version: self.version.clone(), kind: self.id.kind.clone() }
    }
}

/// The inventory that a change set leaves: every object in it, skipped ones too, in its order.
pub fn from_changes(changes: &ChangeSet) -> Vec<Entry> {
    changes
        .entries
        .iter()
        .map(|change| Entry { id: change.id.clone(), version: change.version.clone() })
        .collect()
}

/// The entries of `old` that are no longer in `new`. Versions don't count; an object that moved to
/// another API group is another object.
pub fn stale(old: &[Entry], new: &[Entry]) -> Vec<Entry> {
    let kept: HashSet<&ObjectId> = new.iter().map(|entry| &entry.id).collect();
    old.iter().filter(|entry| !kept.contains(&entry.id)).cloned().collect()
}

/// The old entries, then the new ones that are not among them. Versions don't count.
pub fn joined(old: &[Entry], new: &[Entry]) -> Vec<Entry> {
    let known: HashSet<&ObjectId> = old.iter().map(|entry| &entry.id).collect();
    let added = new.iter().filter(|entry| !known.contains(&entry.id));
    old.iter().chain(added).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stale_ignores_versions_but_not_groups() {
        let entry = |id, version| Entry::parse(id, version).unwrap();
        let old = [
            entry("a_x_apps_Deployment", "v1beta1"),
            entry("a_x_extensions_Ingress", "v1beta1"),
            entry("a_c__ConfigMap", "v1"),
        ];
        let new = [entry("a_x_apps_Deployment", "v1"), entry("a_x_networking.k8s.io_Ingress", "v1")];
        assert_eq!(stale(&old, &new), old[1..]);
    }
    #[test]
    fn joined_keeps_the_old_and_adds_the_new() {
        let entry = |id, version| Entry::parse(id, version).unwrap();
        let old = [entry("a_x_apps_Deployment", "v1beta1"), entry("a_c__ConfigMap", "v1")];
        let new = [entry("a_d__ConfigMap", "v1"), entry("a_x_apps_Deployment", "v1")];
        assert_eq!(joined(&old, &new), [old[0].clone(), old[1].clone(), new[0].clone()]);
    }
}
