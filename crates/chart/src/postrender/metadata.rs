//! Labels and annotations that are added or taken away.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::{Common, Origin};

/// The annotation with the template that an object comes from, while it is post-rendered.
pub(super) const FILE: &str = "postrenderer.helm.sh/postrender-filename";

/// The label with the name of the HelmRelease.
pub const NAME_LABEL: &str = "helm.toolkit.fluxcd.io/name";
/// The label with its namespace.
pub const NAMESPACE_LABEL: &str = "helm.toolkit.fluxcd.io/namespace";

/// Adds the common metadata and, over it, the labels of the origin.
pub(super) fn decorate(object: &mut Json, common: &Common, origin: Option<&Origin>) {
    let texts = |map: &BTreeMap<String, String>| -> Vec<(String, String)> {
        map.iter().map(|(key, text)| (key.clone(), text.clone())).collect()
    };
    set(object, "labels", texts(&common.labels));
    set(object, "annotations", texts(&common.annotations));
    if let Some(origin) = origin {
        let labels = [(NAME_LABEL, &origin.name), (NAMESPACE_LABEL, &origin.namespace)];
        set(object, "labels", labels.map(|(key, text)| (key.to_owned(), text.clone())).to_vec());
    }
}

fn set(object: &mut Json, field: &str, entries: Vec<(String, String)>) {
    if entries.is_empty() {
        return;
    }
    let Some(metadata) = object.as_object_mut().map(|object| table(object, "metadata")) else { return };
    let Some(metadata) = metadata else { return };
    let Some(texts) = table(metadata, field) else { return };
    texts.extend(entries.into_iter().map(|(key, text)| (key, Json::String(text))));
}

/// The map at a key, made if there is none.
fn table<'m>(map: &'m mut Map<String, Json>, key: &str) -> Option<&'m mut Map<String, Json>> {
    let value = map.entry(key).or_insert(Json::Null);
    if value.is_null() {
        *value = Json::Object(Map::new());
    }
    value.as_object_mut()
}

/// Takes the annotation with the template away and gives its value.
pub(super) fn without_file(object: &mut Json) -> Option<String> {
    let metadata = object.get_mut("metadata")?.as_object_mut()?;
    let annotations = metadata.get_mut("annotations")?.as_object_mut()?;
    let file = annotations.remove(FILE);
    if annotations.is_empty() {
        metadata.remove("annotations");
    }
    match file {
        Some(Json::String(file)) if !file.is_empty() => Some(file),
        _ => None,
    }
}
