//! From build output to the objects to apply.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::object::Object;

/// The objects among the documents of a build: lists are flattened, and what isn't an object, or
/// configures kustomize, is dropped.
pub fn objects(documents: impl IntoIterator<Item = Value>) -> Vec<Object> {
    documents
        .into_iter()
        .flat_map(flatten)
        .filter_map(|value| Object::new(value).ok())
        .filter(|object| !is_kustomize_config(object))
        .collect()
}

/// A list is whatever has an array of `items`; its members are taken as they are.
fn flatten(mut document: Value) -> Vec<Value> {
    match document.get_mut("items").map(Value::take) {
        Some(Value::Array(items)) => items.into_iter().flat_map(flatten).collect(),
        Some(other) => {
            document["items"] = other;
            vec![document]
        }
        None => vec![document],
    }
}

fn is_kustomize_config(object: &Object) -> bool {
    object.kind().eq_ignore_ascii_case("kustomization") && object.group() == "kustomize.config.k8s.io"
}

/// Sets the two labels by which the owner is known: `<group>/name` and `<group>/namespace`.
pub fn set_owner_labels(objects: &mut [Object], owner: &Owner) {
    for object in objects {
        let mut labels = object.labels();
        labels.extend(owner.labels());
        object.set_labels(labels);
    }
}

/// Adds labels and annotations to all objects, over what they have.
pub fn set_common_metadata(
    objects: &mut [Object],
    labels: &BTreeMap<String, String>,
    annotations: &BTreeMap<String, String>,
) {
    for object in objects {
        if !labels.is_empty() {
            let mut all = object.labels();
            all.extend(labels.clone());
            object.set_labels(all);
        }
        if !annotations.is_empty() {
            let mut all = object.annotations();
            all.extend(annotations.clone());
            object.set_annotations(all);
        }
    }
}

/// Who owns a set of objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// API group of the owner's kind, the prefix of labels and annotations.
    pub group: String,
    /// The owner's name.
    pub name: String,
    /// The owner's namespace.
    pub namespace: String,
}

impl Owner {
    /// The labels by which the owner's objects are known.
    pub fn labels(&self) -> [(String, String); 2] {
        [
            (format!("{}/name", self.group), self.name.clone()),
            (format!("{}/namespace", self.group), self.namespace.clone()),
        ]
    }

    /// Whether the object carries the owner's labels.
    pub fn owns(&self, object: &Object) -> bool {
        self.labels().iter().all(|(key, value)| object.label(key) == value)
    }
}

/// The first Secret that is still encrypted by SOPS and isn't marked to be left so: applying it
/// would store ciphertext.
pub fn find_encrypted_secret<'a>(objects: &'a [Object], group: &str) -> Option<&'a Object> {
    let opt_out = format!("{group}/decrypt");
    objects.iter().find(|object| {
        object.kind() == "Secret"
            && object.as_value().get("sops").is_some_and(|sops| !sops.is_null())
            && !object.annotation(&opt_out).eq_ignore_ascii_case("disabled")
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn config_map(name: &str) -> Value {
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}})
    }

    #[test]
    fn lists_are_flattened_and_others_dropped() {
        let objects = objects([
            config_map("a"),
            json!({"apiVersion": "v1", "kind": "List", "items": [config_map("b"), {"apiVersion": "v1", "kind": "ConfigMapList", "items": [config_map("c")]}]}),
            json!({"apiVersion": "v1", "kind": "List", "items": []}),
            json!({"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "metadata": {"name": "k"}}),
            json!({"image": "nginx"}),
            json!(null),
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}}),
        ]);
        assert_eq!(objects.iter().map(Object::name).collect::<Vec<_>>(), ["a", "b", "c"]);
    }

    #[test]
    fn owner_labels_join_the_rest_and_common_metadata_wins() {
        let owner = Owner { group: "g.io".into(), name: "app".into(), namespace: "ns".into() };
        let mut objects = objects([
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "labels": {"x": "y"}}}),
        ]);
        set_owner_labels(&mut objects, &owner);
        assert!(owner.owns(&objects[0]));
        let labels = BTreeMap::from([("g.io/name".to_owned(), "other".to_owned())]);
        set_common_metadata(&mut objects, &labels, &BTreeMap::new());
        assert_eq!(
            objects[0].as_value()["metadata"],
            json!({"name": "a", "labels": {"x": "y", "g.io/name": "other", "g.io/namespace": "ns"}})
        );
        assert!(!owner.owns(&objects[0]));
    }
}
