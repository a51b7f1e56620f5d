//! Kubernetes objects as JSON, and the identities by which the inventory knows them.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde_json::{Map, Value};

/// Group, version and kind of an object; the group is empty for the core API.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Gvk {
    /// API group, empty for the core group.
    pub group: String,
    /// API version within the group, such as `v1`.
    pub version: String,
    /// Kind in upper camel case.
    pub kind: String,
}

impl Gvk {
    /// Splits `apiVersion` as the API does: what follows the first slash is the version.
    pub fn new(api_version: &str, kind: &str) -> Self {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        Self { group: group.to_owned(), version: version.to_owned(), kind: kind.to_owned() }
    }

    /// `group/version`, or only the version for the core group.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }
}

/// Why a JSON value is not a Kubernetes object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a Kubernetes object: {0} is missing or not a string")]
pub struct NotAnObject(&'static str);

/// A Kubernetes object: a JSON map with `apiVersion`, `kind` and `metadata.name`.
#[derive(Clone, PartialEq)]
pub struct Object(Value);

impl Object {
    /// Checks that the value has an API version, a kind and a name, all non-empty strings.
    pub fn new(value: Value) -> Result<Self, NotAnObject> {
        for (name, pointer) in
            [("apiVersion", "/apiVersion"), ("kind", "/kind"), ("metadata.name", "/metadata/name")]
        {
            if value.pointer(pointer).and_then(Value::as_str).is_none_or(str::is_empty) {
                return Err(NotAnObject(name));
            }
        }
        Ok(Self(value))
    }

    /// The JSON.
    pub fn as_value(&self) -> &Value {
        &self.0
    }

    /// The JSON, owned.
    pub fn into_value(self) -> Value {
        self.0
    }

    fn text(&self, pointer: &str) -> &str {
        self.0.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    /// `apiVersion`.
    pub fn api_version(&self) -> &str {
        self.text("/apiVersion")
    }

    /// `kind`.
    pub fn kind(&self) -> &str {
        self.text("/kind")
    }

    /// API group, empty for the core group.
    pub fn group(&self) -> &str {
        self.api_version().split_once('/').map_or("", |(group, _)| group)
    }

    /// Group, version and kind.
    pub fn gvk(&self) -> Gvk {
        Gvk::new(self.api_version(), self.kind())
    }

    /// `metadata.name`.
    pub fn name(&self) -> &str {
        self.text("/metadata/name")
    }

    /// `metadata.namespace`, if it isn't empty.
    pub fn namespace(&self) -> Option<&str> {
        Some(self.text("/metadata/namespace")).filter(|namespace| !namespace.is_empty())
    }

    /// `metadata.uid`: set on objects that exist.
    pub fn uid(&self) -> Option<&str> {
        Some(self.text("/metadata/uid")).filter(|uid| !uid.is_empty())
    }

    /// `metadata.resourceVersion`: set on objects that are stored.
    pub fn resource_version(&self) -> Option<&str> {
        Some(self.text("/metadata/resourceVersion")).filter(|version| !version.is_empty())
    }

    /// Labels, as Go reads them: one value that isn't a string makes the object lose them all.
    pub fn labels(&self) -> BTreeMap<String, String> {
        string_map(self.0.pointer("/metadata/labels"))
    }

    /// Annotations, read as [`labels`](Self::labels) are.
    pub fn annotations(&self) -> BTreeMap<String, String> {
        string_map(self.0.pointer("/metadata/annotations"))
    }

    /// One label, empty if it isn't set.
    pub fn label(&self, key: &str) -> &str {
        self.entry("labels", key)
    }

    /// One annotation, empty if it isn't set.
    pub fn annotation(&self, key: &str) -> &str {
        self.entry("annotations", key)
    }

    fn entry(&self, field: &str, key: &str) -> &str {
        self.0["metadata"][field].get(key).and_then(Value::as_str).unwrap_or_default()
    }

    /// Replaces the labels.
    pub fn set_labels(&mut self, labels: BTreeMap<String, String>) {
        self.set_metadata("labels", to_json(labels));
    }

    /// Replaces the annotations.
    pub fn set_annotations(&mut self, annotations: BTreeMap<String, String>) {
        self.set_metadata("annotations", to_json(annotations));
    }

    /// Sets or, given nothing, removes the namespace.
    pub fn set_namespace(&mut self, namespace: Option<&str>) {
        match namespace {
            Some(namespace) => self.set_metadata("namespace", namespace.into()),
            None => {
                self.metadata_mut().map(|metadata| metadata.remove("namespace"));
            }
        }
    }

    /// Sets a field of the metadata.
    pub(crate) fn set_metadata(&mut self, field: &str, value: Value) {
        if let Some(metadata) = self.metadata_mut() {
            metadata.insert(field.to_owned(), value);
        }
    }

    pub(crate) fn metadata_mut(&mut self) -> Option<&mut Map<String, Value>> {
        self.0.get_mut("metadata").and_then(Value::as_object_mut)
    }

    /// The JSON, to change in place. Whoever removes the name or kind breaks the object's identity.
    pub fn as_value_mut(&mut self) -> &mut Value {
        &mut self.0
    }

    /// The identity under which the inventory keeps the object.
    pub fn id(&self) -> ObjectId {
        ObjectId {
            namespace: self.namespace().unwrap_or_default().to_owned(),
            name: self.name().to_owned(),
            group: self.group().to_owned(),
            kind: self.kind().to_owned(),
        }
    }

    /// `Kind/namespace/name`, or `Kind/name` without a namespace.
    pub fn subject(&self) -> String {
        self.id().subject()
    }

    /// Whether this is a core/v1 Secret, whose values no message may hold.
    pub fn is_secret(&self) -> bool {
        self.api_version() == "v1" && self.kind() == "Secret"
    }

    /// Whether this is a `CustomResourceDefinition`.
    pub fn is_crd(&self) -> bool {
        self.kind() == "CustomResourceDefinition" && self.group() == "apiextensions.k8s.io"
    }
}

impl fmt::Debug for Object {
    /// Names the object only: its content may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Object({} {})", self.api_version(), self.subject())
    }
}

fn string_map(value: Option<&Value>) -> BTreeMap<String, String> {
    let Some(Value::Object(map)) = value else { return BTreeMap::new() };
    map.iter()
        .map(|(key, value)| value.as_str().map(|text| (key.clone(), text.to_owned())))
        .collect::<Option<_>>()
        .unwrap_or_default()
}

fn to_json(map: BTreeMap<String, String>) -> Value {
    Value::Object(map.into_iter().map(|(key, value)| (key, Value::String(value))).collect())
}

/// What identifies an object across versions of its API. Displayed and parsed in the inventory's
/// form `<namespace>_<name>_<group>_<kind>`, where a colon in a name is written `__`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectId {
    /// Namespace, empty for cluster-scoped objects.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// API group, empty for the core group.
    pub group: String,
    /// Kind.
    pub kind: String,
}

impl ObjectId {
    /// `Kind/namespace/name`, or `Kind/name` without a namespace: how messages name the object.
    pub fn subject(&self) -> String {
        if self.namespace.is_empty() {
            format!("{}/{}", self.kind, self.name)
        } else {
            format!("{}/{}/{}", self.kind, self.namespace, self.name)
        }
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}_{}_{}", self.namespace, self.name.replace(':', "__"), self.group, self.kind)
    }
}

/// An inventory id that isn't of the form `<namespace>_<name>_<group>_<kind>`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unable to parse object metadata: {0:?}: want <namespace>_<name>_<group>_<kind>")]
pub struct InvalidObjectId(String);

impl FromStr for ObjectId {
    type Err = InvalidObjectId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidObjectId(text.to_owned());
        // Neither namespaces, groups nor kinds hold underscores; only the escaped name does.
        let (namespace, rest) = text.split_once('_').ok_or_else(invalid)?;
        let (rest, kind) = rest.rsplit_once('_').ok_or_else(invalid)?;
        let (name, group) = rest.rsplit_once('_').ok_or_else(invalid)?;
        let name = name.replace("__", ":");
        if name.contains('_') || name.is_empty() || kind.is_empty() {
            return Err(invalid());
        }
        Ok(Self { namespace: namespace.to_owned(), name, group: group.to_owned(), kind: kind.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ids_round_trip() {
        for (text, namespace, name, group, kind) in [
            ("apps_web_apps_Deployment", "apps", "web", "apps", "Deployment"),
            ("apps_cfg__ConfigMap", "apps", "cfg", "", "ConfigMap"),
            ("_apps__Namespace", "", "apps", "", "Namespace"),
            (
                "_system__node_rbac.authorization.k8s.io_ClusterRole",
                "",
                "system:node",
                "rbac.authorization.k8s.io",
                "ClusterRole",
            ),
            (
                "_a__b__c_rbac.authorization.k8s.io_ClusterRole",
                "",
                "a:b:c",
                "rbac.authorization.k8s.io",
                "ClusterRole",
            ),
        ] {
            let id: ObjectId = text.parse().unwrap();
            assert_eq!(
                (&*id.namespace, &*id.name, &*id.group, &*id.kind),
                (namespace, name, group, kind),
                "{text}"
            );
            assert_eq!(id.to_string(), text);
        }
        for text in ["", "a_b", "a_b_c", "ns_a_b_c_Kind", "ns___Kind"] {
            assert!(text.parse::<ObjectId>().is_err(), "{text}");
        }
    }

    #[test]
    fn one_bad_label_loses_all() {
        let object = Object::new(json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "a", "labels": {"a": "b", "c": 1}, "annotations": {"a": "b"}},
        }))
        .unwrap();
        assert!(object.labels().is_empty());
        assert_eq!(object.annotations().len(), 1);
        assert_eq!(object.subject(), "ConfigMap/a");
    }
}
