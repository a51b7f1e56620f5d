//! The order in which objects are applied, and, reversed, deleted.

use std::{cmp::Ordering, collections::HashSet};

use crate::object::{Object, ObjectId};

/// Kinds that go first, in this order, whatever their group.
const FIRST: [&str; 23] = [
    "CustomResourceDefinition",
    "Namespace",
    "ClusterRole",
    "ClusterClass",
    "RuntimeClass",
    "PriorityClass",
    "StorageClass",
    "VolumeSnapshotClass",
    "IngressClass",
    "GatewayClass",
    "ClusterRoleBinding",
    "ResourceQuota",
    "ServiceAccount",
    "Role",
    "RoleBinding",
    "ConfigMap",
    "Secret",
    "Service",
    "LimitRange",
    "Deployment",
    "StatefulSet",
    "CronJob",
    "PodDisruptionBudget",
];

/// Kinds that go last: a webhook that calls a service of the same set would block the rest.
const LAST: [&str; 2] = ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"];

/// The place of a kind: those of one rank and group don't depend on each other.
fn rank(kind: &str) -> usize {
    FIRST
        .iter()
        .position(|first| *first == kind)
        .or_else(|| LAST.iter().position(|last| *last == kind).map(|position| FIRST.len() + 1 + position))
        .unwrap_or(FIRST.len())
}

/// The order of two objects within a stage: by kind, then group, kind, namespace and name in bytes.
pub fn compare(a: &ObjectId, b: &ObjectId) -> Ordering {
    let key = |id: &ObjectId| rank(&id.kind);
    key(a).cmp(&key(b)).then_with(|| {
        (&a.group, &a.kind, &a.namespace, &a.name).cmp(&(&b.group, &b.kind, &b.namespace, &b.name))
    })
}

/// Sorts objects into apply order.
pub fn sort(objects: &mut [Object]) {
    objects.sort_by_cached_key(|object| Key(object.id()));
}

#[derive(PartialEq, Eq)]
struct Key(ObjectId);

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        compare(&self.0, &other.0)
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A step of an apply: the objects of a stage are applied when the stage before is in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Custom resource definitions, namespaces and cluster roles; waited for.
    Definitions,
    /// Kinds whose name ends in `Class`; waited for.
    Classes,
    /// The kinds that the operator names.
    Custom,
    /// Everything else.
    Resources,
}

impl Stage {
    /// Whether the objects must be ready before the next stage.
    pub fn is_waited_for(self) -> bool {
        matches!(self, Self::Definitions | Self::Classes)
    }

    /// The stage of an object.
    pub(crate) fn of(object: &Object, custom: &HashSet<GroupKind>) -> Self {
        let is =
            |kind: &str, group: &str| object.kind().eq_ignore_ascii_case(kind) && object.group() == group;
        if is("CustomResourceDefinition", "apiextensions.k8s.io")
            || (is("Namespace", "") && object.api_version() == "v1")
            || is("ClusterRole", "rbac.authorization.k8s.io")
        {
            Self::Definitions
        } else if object.kind().ends_with("Class") {
            Self::Classes
        } else if custom.iter().any(|kind| kind.group == object.group() && kind.kind == object.kind()) {
            Self::Custom
        } else {
            Self::Resources
        }
    }
}

/// A kind in any version.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GroupKind {
    /// API group, empty for the core group.
    pub group: String,
    /// Kind.
    pub kind: String,
}

impl GroupKind {
    /// Parses a comma-separated list of `group/Kind`, or `Kind` for the core group.
    pub fn parse_set(text: &str) -> HashSet<Self> {
        text.split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty())
            .map(|item| {
                let (group, kind) = item.split_once('/').unwrap_or(("", item));
                Self { group: group.to_owned(), kind: kind.to_owned() }
            })
            .collect()
    }
}

/// The objects of each stage that has any, in order.
pub(crate) fn stages(objects: Vec<Object>, custom: &HashSet<GroupKind>) -> Vec<(Stage, Vec<Object>)> {
    let mut objects: Vec<_> =
        objects.into_iter().map(|object| (Stage::of(&object, custom), object)).collect();
    objects.sort_by_cached_key(|(stage, object)| (*stage, Key(object.id())));
    let mut stages: Vec<(Stage, Vec<Object>)> = Vec::new();
    for (stage, object) in objects {
        match stages.last_mut() {
            Some((last, members)) if *last == stage => members.push(object),
            _ => stages.push((stage, vec![object])),
        }
    }
    stages
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(api_version: &str, kind: &str, namespace: &str, name: &str) -> Object {
        Object::new(json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": namespace}})).unwrap()
    }

    #[test]
    fn stages_and_order_within() {
        let custom = GroupKind::parse_set("example.com/Config, Endpoints");
        assert_eq!(custom.len(), 2);
        let objects = vec![
            object("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "", "w"),
            object("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", "", "w"),
            object("apps/v1", "Deployment", "a", "b"),
            object("apps/v1", "Deployment", "a", "B"),
            object("apps/v1", "DaemonSet", "a", "d"),
            object("example.com/v1", "Widget", "a", "w"),
            object("batch/v1", "Job", "a", "j"),
            object("v1", "Service", "a", "s"),
            object("v1", "ConfigMap", "b", "a"),
            object("v1", "ConfigMap", "a", "z"),
            object("example.com/v1", "Config", "a", "c"),
            object("storage.k8s.io/v1", "StorageClass", "", "s"),
            object("gateway.networking.k8s.io/v1", "GatewayClass", "", "g"),
            object("rbac.authorization.k8s.io/v1", "ClusterRole", "", "r"),
            object("v1", "Namespace", "", "a"),
            object("example.com/v1", "Namespace", "", "not-core"),
            object("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", "c"),
            object("v1", "Endpoints", "a", "e"),
        ];
        let stages: Vec<_> = stages(objects, &custom)
            .into_iter()
            .map(|(stage, objects)| {
                (stage, objects.iter().map(Object::subject).collect::<Vec<_>>().join(" "))
            })
            .collect();
        assert_eq!(
            stages,
            [
                (Stage::Definitions, "CustomResourceDefinition/c Namespace/a ClusterRole/r".to_owned()),
                (Stage::Classes, "StorageClass/s GatewayClass/g".to_owned()),
                (Stage::Custom, "Endpoints/a/e Config/a/c".to_owned()),
                (
                    Stage::Resources,
                    "Namespace/not-core ConfigMap/a/z ConfigMap/b/a Service/a/s Deployment/a/B Deployment/a/b \
                     DaemonSet/a/d Job/a/j Widget/a/w MutatingWebhookConfiguration/w ValidatingWebhookConfiguration/w"
                        .to_owned()
                ),
            ]
        );
    }
}
