//! A resource and what the build remembers about it.

use std::collections::BTreeMap;
use std::sync::Arc;

use sluice_yaml::{Kind, Mapping, Node};

use crate::error::Error;
use crate::fieldspec::{self, FieldSpec, Setter};
use crate::ids::{DEFAULT_NAMESPACE, Gvk, IdKey, NO_NAMESPACE, ResId, split_api_version};
use crate::nodes;
use crate::origin::Origin;

/// The annotation with a resource's origin.
pub(crate) const ORIGIN: &str = "config.kubernetes.io/origin";
/// The annotation with the transformers that changed a resource.
pub(crate) const TRANSFORMATIONS: &str = "alpha.config.kubernetes.io/transformations";
/// Stands for all annotations that kustomize keeps its other notes in.
const NOTES: &str = "internal.config.kubernetes.io/previousNames";

/// What a generator does when the resource exists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Behavior {
    #[default]
    Unspecified,
    Create,
    Replace,
    Merge,
}

impl Behavior {
    pub(crate) fn parse(text: &str) -> Self {
        match text {
            "create" => Self::Create,
            "replace" => Self::Replace,
            "merge" => Self::Merge,
            _ => Self::Unspecified,
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::Create => "create",
            Self::Replace => "replace",
            Self::Merge => "merge",
        }
    }
}

/// A name that the resource had before a transformer changed it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Previous {
    kind: Box<str>,
    name: Box<str>,
    namespace: Box<str>,
}

/// What was put before or behind a name, the first first.
pub(crate) type Affixes = Vec<Arc<str>>;

/// What the build remembers about a resource: kustomize keeps it in annotations.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory {
    previous: Vec<Previous>,
    pub(crate) prefixes: Affixes,
    pub(crate) suffixes: Affixes,
    pub(crate) behavior: Behavior,
    pub(crate) needs_hash: bool,
    pub(crate) is_generated: bool,
    pub(crate) allow_name_change: bool,
    pub(crate) allow_kind_change: bool,
    pub(crate) origin: Option<Arc<Origin>>,
    pub(crate) transformations: Vec<Arc<Origin>>,
    pub(crate) vars: Vec<String>,
}

/// One Kubernetes object of a build.
#[derive(Clone, Debug, Default)]
pub struct Resource {
    pub(crate) node: Node,
    pub(crate) memory: Memory,
    pub(crate) source: Option<Arc<str>>,
}

impl Resource {
    pub(crate) fn new(node: Node) -> Self {
        Self { node, ..Self::default() }
    }

    /// Takes over what the object's own annotations note of former ids, as kustomize does, which keeps its notes there.
    pub(crate) fn adopt_notes(&mut self) {
        let Some(annotations) = self.node.at(&["metadata", "annotations"]) else { return };
        let list = |key: &str| -> Vec<&str> {
            annotations
                .get(key)
                .map(nodes::text)
                .filter(|text| !text.is_empty())
                .map_or_else(Vec::new, |text| text.split(',').collect())
        };
        let names = list(NOTES);
        let kinds = list("internal.config.kubernetes.io/previousKinds");
        let namespaces = list("internal.config.kubernetes.io/previousNamespaces");
        if names.len() == kinds.len() && names.len() == namespaces.len() {
            let ids = names.into_iter().zip(kinds).zip(namespaces);
            self.memory.previous = ids
                .map(|((name, kind), namespace)| Previous {
                    kind: kind.into(),
                    name: name.into(),
                    namespace: namespace.into(),
                })
                .collect();
        }
    }

    /// The object's tree.
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// The object's tree, taken out.
    pub fn into_node(self) -> Node {
        self.node
    }

    /// The object as JSON.
    pub fn to_json(&self) -> Result<serde_json::Value, Error> {
        Ok(self.node.to_json_rewritten()?)
    }

    /// The file or generator it comes from, relative to the directory that was built.
    pub fn origin(&self) -> Option<&str> {
        self.source.as_deref()
    }

    /// `apiVersion`
    pub fn api_version(&self) -> &str {
        self.node.get("apiVersion").and_then(Node::as_str).unwrap_or_default()
    }

    /// `kind`
    pub fn kind(&self) -> &str {
        self.node.get("kind").and_then(Node::as_str).unwrap_or_default()
    }

    /// `metadata.name`
    pub fn name(&self) -> &str {
        self.metadata_text("name")
    }

    /// `metadata.namespace`; empty if unset.
    pub fn namespace(&self) -> &str {
        self.metadata_text("namespace")
    }

    fn metadata_text(&self, field: &str) -> &str {
        self.node.at(&["metadata", field]).map(nodes::text).unwrap_or_default()
    }

    /// Group, version and kind.
    pub fn gvk(&self) -> Gvk {
        let (group, version) = split_api_version(self.api_version());
        let kind = self.kind();
        Gvk {
            group: group.to_owned(),
            version: version.to_owned(),
            kind: kind.to_owned(),
            cluster_scoped: crate::schema::is_cluster_scoped(self.api_version(), kind),
        }
    }

    /// The present id.
    pub fn id(&self) -> ResId {
        ResId { gvk: self.gvk(), name: self.name().to_owned(), namespace: self.namespace().to_owned() }
    }

    /// What the present id is looked up by.
    pub(crate) fn key(&self) -> IdKey<'_> {
        let (api_version, kind) = (self.api_version(), self.kind());
        let (group, version) = split_api_version(api_version);
        let namespace = match self.namespace() {
            _ if crate::schema::is_cluster_scoped(api_version, kind) => NO_NAMESPACE,
            "" => DEFAULT_NAMESPACE,
            namespace => namespace,
        };
        IdKey { group, version, kind, name: self.name(), namespace }
    }

    /// What the former ids are looked up by.
    pub(crate) fn previous_keys(&self) -> impl Iterator<Item = IdKey<'_>> {
        let (group, version) = split_api_version(self.api_version());
        self.memory.previous.iter().map(move |previous| IdKey {
            group,
            version,
            kind: &previous.kind,
            name: &previous.name,
            namespace: if previous.namespace.is_empty() { DEFAULT_NAMESPACE } else { &previous.namespace },
        })
    }

    /// The ids before each change of name, namespace or kind; the first one first.
    pub(crate) fn previous_ids(&self) -> impl DoubleEndedIterator<Item = ResId> + '_ {
        let (group, version) = split_api_version(self.api_version());
        self.memory.previous.iter().map(move |previous| ResId {
            gvk: Gvk {
                group: group.to_owned(),
                version: version.to_owned(),
                kind: previous.kind.to_string(),
                cluster_scoped: false,
            },
            name: previous.name.to_string(),
            namespace: previous.namespace.to_string(),
        })
    }

    /// Whether it is, or was, of a kind that the test accepts.
    pub(crate) fn has_or_had_kind(&self, accepts: impl Fn(&str) -> bool) -> bool {
        accepts(self.kind()) || self.memory.previous.iter().any(|previous| accepts(&previous.kind))
    }

    /// The id as loaded.
    pub(crate) fn original_id(&self) -> ResId {
        self.previous_ids().next().unwrap_or_else(|| self.id())
    }

    /// Remembers the present id, before it changes.
    pub(crate) fn store_previous_id(&mut self) {
        let IdKey { kind, name, namespace, .. } = self.key();
        let previous = Previous { kind: kind.into(), name: name.into(), namespace: namespace.into() };
        // Most have two or three, and room for more would be wasted.
        self.memory.previous.reserve_exact(1);
        self.memory.previous.push(previous);
    }

    /// `metadata.labels` as texts.
    pub fn labels(&self) -> BTreeMap<String, String> {
        nodes::string_map(self.node.at(&["metadata", "labels"]))
    }

    /// `metadata.annotations` as texts.
    pub fn annotations(&self) -> BTreeMap<String, String> {
        nodes::string_map(self.node.at(&["metadata", "annotations"]))
    }

    /// Whether nothing is left, as after `$patch: delete`.
    pub(crate) fn is_empty(&self) -> bool {
        nodes::is_empty(&self.node)
    }

    pub(crate) fn set_kind(&mut self, kind: &str) {
        if self.kind() != kind {
            self.set_top("kind", kind);
        }
    }

    pub(crate) fn set_api_version(&mut self, api_version: &str) {
        if self.api_version() != api_version {
            self.set_top("apiVersion", api_version);
        }
    }

    fn set_top(&mut self, field: &str, text: &str) {
        if let Some(mapping) = self.node.as_mapping_mut() {
            set_scalar(mapping, field, text);
        }
    }

    pub(crate) fn set_name(&mut self, name: &str) {
        if self.name() != name
            && let Some(metadata) = nodes::mapping_at(&mut self.node, "metadata")
        {
            set_scalar(metadata, "name", name);
        }
    }

    pub(crate) fn set_namespace(&mut self, namespace: &str) {
        let has_field = self.node.at(&["metadata", "namespace"]).is_some();
        if (!has_field && namespace.is_empty()) || (!namespace.is_empty() && self.namespace() == namespace) {
            return;
        }
        if let Some(metadata) = nodes::mapping_at(&mut self.node, "metadata") {
            if namespace.is_empty() {
                metadata.remove("namespace");
            } else {
                set_scalar(metadata, "namespace", namespace);
            }
        }
    }

    pub(crate) fn set_labels(&mut self, labels: &BTreeMap<String, String>) {
        self.set_metadata_map("labels", labels);
    }

    pub(crate) fn set_annotations(&mut self, annotations: &BTreeMap<String, String>) {
        self.set_metadata_map("annotations", annotations);
    }

    fn set_metadata_map(&mut self, field: &str, map: &BTreeMap<String, String>) {
        if map.is_empty() && self.node.at(&["metadata", field]).is_none() {
            return;
        }
        if let Some(metadata) = nodes::mapping_at(&mut self.node, "metadata") {
            metadata.remove(field);
            if !map.is_empty() {
                nodes::set_field(metadata, field, nodes::from_string_map(map));
            }
        }
    }

    /// Calls `set` for the fields that the spec names, if it is for this kind.
    pub(crate) fn apply(
        &mut self,
        spec: &FieldSpec,
        create: Option<Kind>,
        set: Setter<'_>,
    ) -> Result<(), Error> {
        let (group, version) = split_api_version(self.api_version());
        let accepts = |wanted: &str, have: &str| wanted.is_empty() || wanted == have;
        if !accepts(&spec.gvk.kind, self.kind())
            || !accepts(&spec.gvk.group, group)
            || !accepts(&spec.gvk.version, version)
        {
            return Ok(());
        }
        // kustomize keeps its notes in annotations: with notes there are some, whatever the object has.
        let found = (spec.path == "metadata/annotations" && !spec.create && self.has_notes())
            .then(|| FieldSpec { create: true, ..spec.clone() });
        self.visit(found.as_ref().unwrap_or(spec), create, set)
    }

    /// As [`apply`](Self::apply), whatever kind the spec is for.
    pub(crate) fn visit(
        &mut self,
        spec: &FieldSpec,
        create: Option<Kind>,
        set: Setter<'_>,
    ) -> Result<(), Error> {
        fieldspec::visit(&mut self.node, spec, create, set).map_err(|source| {
            source.within(format!("considering field '{}' of object {}", spec.path, self.id()))
        })
    }

    /// Whether kustomize would have noted something about the object.
    fn has_notes(&self) -> bool {
        let memory = &self.memory;
        !memory.previous.is_empty()
            || memory.behavior != Behavior::Unspecified
            || memory.needs_hash
            || memory.is_generated
    }

    /// Changes the object as it looks in kustomize, which keeps its notes in annotations: a patch can rely on there
    /// being annotations, and a patch that drops all of them drops the origin with them. Other notes survive if
    /// `keeps_notes` says so.
    pub(crate) fn with_annotated_notes(
        &mut self,
        keeps_notes: bool,
        change: impl FnOnce(&mut Node) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let (memory, notes) = (&self.memory, self.has_notes());
        let present = [
            (NOTES, notes),
            (ORIGIN, memory.origin.is_some()),
            (TRANSFORMATIONS, !memory.transformations.is_empty()),
        ];
        for (key, _) in present.into_iter().filter(|(_, present)| *present) {
            if let Some(metadata) = self.node.get_mut("metadata")
                && let Some(annotations) = nodes::mapping_at(metadata, "annotations")
            {
                nodes::set_field(annotations, key, Node::string("noted"));
            }
        }
        change(&mut self.node)?;
        let mut lost = |key| {
            let annotations =
                self.node.get_mut("metadata").and_then(|metadata| metadata.get_mut("annotations"));
            annotations
                .and_then(Node::as_mapping_mut)
                .and_then(|annotations| annotations.remove(key))
                .is_none()
        };
        if lost(NOTES) && notes && !keeps_notes {
            let memory = std::mem::take(&mut self.memory);
            let Memory { origin, transformations, vars, .. } = memory;
            self.memory = Memory { origin, transformations, vars, ..Memory::default() };
        }
        if lost(ORIGIN) {
            self.memory.origin = None;
        }
        if lost(TRANSFORMATIONS) {
            self.memory.transformations.clear();
        }
        Ok(())
    }

    /// Takes over name, labels, annotations and memory of the resource that this one replaces.
    pub(crate) fn inherit_metadata(&mut self, other: &Self) {
        let merge = |mut below: BTreeMap<String, String>, above: BTreeMap<String, String>| {
            below.extend(above);
            below
        };
        let labels = merge(other.labels(), self.labels());
        self.set_labels(&labels);
        let annotations = merge(other.annotations(), self.annotations());
        self.set_annotations(&annotations);
        self.set_name(other.name());
        self.set_namespace(other.namespace());
        let needs_hash = self.memory.needs_hash && other.memory.needs_hash;
        let origin = self.memory.origin.take();
        let transformations = std::mem::take(&mut self.memory.transformations);
        self.memory = other.memory.clone();
        self.memory.needs_hash = needs_hash;
        // The origin is an ordinary annotation: the newer one wins.
        if origin.is_some() {
            self.memory.origin = origin;
        }
        if !transformations.is_empty() {
            self.memory.transformations = transformations;
        }
    }
}

/// Sets a scalar field: an existing one keeps its quotes.
fn set_scalar(mapping: &mut Mapping, field: &str, text: &str) {
    match mapping.get_mut(field) {
        Some(node) => node.set_text(text),
        None => nodes::set_field(mapping, field, Node::string(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(yaml: &str) -> Resource {
        Resource::new(sluice_yaml::parse_first(yaml).unwrap().unwrap())
    }

    #[test]
    fn remembers_its_names() {
        let mut config = resource("{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}");
        assert_eq!(config.original_id().name, "a");
        config.store_previous_id();
        config.set_name("b");
        config.store_previous_id();
        config.set_name("c");
        assert_eq!(config.original_id().name, "a");
        let names: Vec<_> = config.previous_ids().map(|id| id.name).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(config.id().to_string(), "ConfigMap.v1.[noGrp]/c.[noNs]");
    }

    #[test]
    fn clears_what_is_set_to_nothing() {
        let mut config = resource("{kind: ConfigMap, metadata: {name: a, namespace: n, labels: {a: b}}}");
        config.set_namespace("");
        config.set_labels(&BTreeMap::new());
        assert_eq!(config.to_json().unwrap().to_string(), r#"{"kind":"ConfigMap","metadata":{"name":"a"}}"#);
    }
}
