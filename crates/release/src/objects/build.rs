//! From a manifest to objects that the API server knows.

use serde_json::Value as Json;
use sluice_apply::{Cluster, ClusterError, Object};
use sluice_yaml::{Limits, Version};

use super::Target;

/// Why a manifest can't be used. All mistakes are told, as one.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BuildError(String);

/// The objects of a manifest, in its order, lists taken apart. Those without a namespace get the one given, if their
/// kind has one.
pub async fn build(cluster: &Cluster, manifest: &str, namespace: &str) -> Result<Vec<Target>, BuildError> {
    let mut targets = Vec::new();
    let mut errors: Vec<String> = Vec::new();
    for value in documents(manifest)? {
        match object(cluster, value, namespace).await {
            Ok(target) => targets.push(target),
            Err(error) if errors.contains(&error) => {}
            Err(error) => errors.push(error),
        }
    }
    match errors.as_slice() {
        [] => Ok(targets),
        [one] => Err(BuildError(one.clone())),
        many => Err(BuildError(format!("[{}]", many.join(", ")))),
    }
}

/// As [`build`], without the objects whose kinds are not served.
pub async fn build_served(
    cluster: &Cluster,
    manifest: &str,
    namespace: &str,
) -> Result<Vec<Target>, BuildError> {
    let mut targets = Vec::new();
    for value in documents(manifest)? {
        let Ok(known) = Object::new(value.clone()) else { continue };
        match cluster.resolve(&known.gvk()).await {
            Err(error) if error.is_no_match() => {
                tracing::warn!(
                    object = known.subject(),
                    "its kind is not served any more: it is passed over"
                );
            }
            _ => targets.push(object(cluster, value, namespace).await.map_err(BuildError)?),
        }
    }
    Ok(targets)
}

/// The documents of a manifest as JSON, without empty ones; lists are taken apart.
pub fn documents(manifest: &str) -> Result<Vec<Json>, BuildError> {
    let mut values = Vec::new();
    for document in sluice_yaml::documents(manifest, Limits::default()) {
        let parsed = document.and_then(|document| document.root.to_json(Version::V2));
        let value = parsed.map_err(|error| BuildError(format!("error parsing the manifest: {error}")))?;
        flatten(value, &mut values);
    }
    Ok(values)
}

/// The first document of a manifest, if it can be read.
pub fn first_document(manifest: &str) -> Option<Json> {
    sluice_yaml::parse_first(manifest).ok()??.to_json(Version::V2).ok()
}

fn flatten(mut value: Json, out: &mut Vec<Json>) {
    let is_list =
        value["kind"].as_str().is_some_and(|kind| kind.ends_with("List")) && value["items"].is_array();
    match value.get_mut("items").map(Json::take) {
        Some(Json::Array(items)) if is_list => items.into_iter().for_each(|item| flatten(item, out)),
        Some(items) => {
            value["items"] = items;
            out.push(value);
        }
        None if value.is_null() => {}
        None => out.push(value),
    }
}

async fn object(cluster: &Cluster, value: Json, namespace: &str) -> Result<Target, String> {
    let mut object = Object::new(value).map_err(|error| error.to_string())?;
    let resource = cluster.resolve(&object.gvk()).await.map_err(|error| match error {
        error @ ClusterError::NoMatch { .. } => format!(
            "resource mapping not found for name: {:?} namespace: {:?} from \"\": {error}\nensure CRDs are installed first",
            object.name(),
            object.namespace().unwrap_or_default(),
        ),
        error => error.to_string(),
    })?;
    if resource.namespaced {
        if object.namespace().is_none() {
            object.set_namespace(Some(namespace));
        }
    } else {
        object.set_namespace(None);
    }
    Ok(Target { object, resource })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_taken_apart_and_empty_documents_left_out() {
        let manifest = "---\n# Source: a\n---\nkind: ConfigMap\n---\nkind: ConfigMapList\nitems: [{kind: A}, {kind: List, items: [{kind: B}]}]\n---\nkind: C\nitems: [1]\n";
        let kinds: Vec<_> =
            documents(manifest).unwrap().iter().map(|v| v["kind"].as_str().unwrap().to_owned()).collect();
        assert_eq!(kinds, ["ConfigMap", "A", "B", "C"]);
    }
}
