//! The order of the output.

use std::cmp::Ordering;
use std::collections::HashMap;

use crate::error::Error;
use crate::ids::{Gvk, ResId};
use crate::kustomization::SortOptions;
use crate::resource::Resource;

/// Kinds that others need.
const FIRST: [&str; 22] = [
    "Namespace",
    "ResourceQuota",
    "StorageClass",
    "CustomResourceDefinition",
    "ServiceAccount",
    "PodSecurityPolicy",
    "Role",
    "ClusterRole",
    "RoleBinding",
    "ClusterRoleBinding",
    "ConfigMap",
    "Secret",
    "Endpoints",
    "Service",
    "LimitRange",
    "PriorityClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "Deployment",
    "StatefulSet",
    "CronJob",
    "PodDisruptionBudget",
];
/// Kinds that can keep others out.
const LAST: [&str; 2] = ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"];

/// Sorts as `sortOptions` says.
pub(crate) fn sort(resources: &mut [Resource], options: &SortOptions) -> Result<(), Error> {
    match (options.order.as_str(), &options.legacy) {
        ("legacy", None) => legacy(resources),
        ("legacy", Some(kinds)) => by_kind(resources, &kinds.order_first, &kinds.order_last),
        ("fifo", None) => {}
        ("fifo", Some(_)) => {
            return Err(Error::Usage(
                "the field 'sortOptions.legacySortOptions' is set but the selected sort order is 'fifo', not 'legacy'"
                    .to_owned(),
            ));
        }
        _ => {
            return Err(Error::Usage(
                "the field 'sortOptions.order' must be one of [fifo, legacy]".to_owned(),
            ));
        }
    }
    Ok(())
}

/// Sorts by kind, what others need first.
pub(crate) fn legacy(resources: &mut [Resource]) {
    by_kind(resources, &FIRST, &LAST);
}

fn by_kind<S: AsRef<str>>(resources: &mut [Resource], first: &[S], last: &[S]) {
    let mut rank: HashMap<&str, isize> = HashMap::new();
    for (at, kind) in first.iter().enumerate() {
        rank.insert(kind.as_ref(), at as isize - first.len() as isize);
    }
    for (at, kind) in last.iter().enumerate() {
        rank.insert(kind.as_ref(), at as isize + 1);
    }
    let rank = |gvk: &Gvk| rank.get(gvk.kind.as_str()).copied().unwrap_or_default();
    resources.sort_by_cached_key(|resource| {
        let id = resource.id();
        Key { rank: rank(&id.gvk), gvk: gvk_text(&id.gvk), text: id_text(&id), id }
    });
}

#[derive(PartialEq, Eq)]
struct Key {
    rank: isize,
    gvk: String,
    text: String,
    id: ResId,
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        if self.id.gvk == other.id.gvk {
            return self.text.cmp(&other.text);
        }
        let namespaces = self.id.gvk.kind == "Namespace" && other.id.gvk.kind == "Namespace";
        let core = self.id.gvk.group.is_empty() || other.id.gvk.group.is_empty();
        let by_gvk = self.gvk.cmp(&other.gvk);
        self.rank.cmp(&other.rank).then(if namespaces && core { by_gvk.reverse() } else { by_gvk })
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The key that field tables are sorted by.
pub(crate) fn sort_key(gvk: &Gvk) -> (isize, String) {
    let first = FIRST.iter().position(|kind| *kind == gvk.kind).map(|at| at as isize - FIRST.len() as isize);
    let last = || LAST.iter().position(|kind| *kind == gvk.kind).map(|at| at as isize + 1);
    (first.or_else(last).unwrap_or_default(), gvk_text(gvk))
}

/// `~` sorts behind letters: what has no group comes last.
fn gvk_text(gvk: &Gvk) -> String {
    let or = |text: &str, other: &str| if text.is_empty() { other.to_owned() } else { text.to_owned() };
    format!("{}_{}_{}", or(&gvk.group, "~G"), or(&gvk.version, "~V"), or(&gvk.kind, "~K"))
}

fn id_text(id: &ResId) -> String {
    let or = |text: &str, other: &str| if text.is_empty() { other.to_owned() } else { text.to_owned() };
    format!("{}|{}|{}", id.gvk, or(&id.namespace, "~X"), or(&id.name, "~N"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_need_comes_first() {
        let mut resources: Vec<Resource> =
            ["Other", "ValidatingWebhookConfiguration", "Service", "Namespace", "Another"]
                .map(|kind| format!("{{apiVersion: v1, kind: {kind}, metadata: {{name: a}}}}"))
                .iter()
                .map(|text| Resource::new(sluice_yaml::parse_first(text).unwrap().unwrap()))
                .collect();
        legacy(&mut resources);
        let kinds: Vec<_> = resources.iter().map(Resource::kind).collect();
        assert_eq!(kinds, ["Namespace", "Service", "Another", "Other", "ValidatingWebhookConfiguration"]);
    }
}
