//! Dropping the fields that a kind doesn't have.

use serde_json::Value as Json;

use super::{Schema, Type};

impl Schema {
    /// Removes the fields that the object's kind doesn't have, as an API server does, and returns their paths
    /// (`spec.template.spec.containers[0].imagee`). An object of a kind that the schema doesn't know stays as it is.
    pub fn prune_unknown(&self, object: &mut Json) -> Vec<String> {
        let text = |key: &str| object.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
        let (api_version, kind) = (text("apiVersion"), text("kind"));
        let mut removed = Vec::new();
        if let Some(of) = self.kind_of(&api_version, &kind) {
            prune(object, &of, "", &mut removed);
        }
        removed
    }
}

fn prune(value: &mut Json, of: &Type<'_>, path: &str, removed: &mut Vec<String>) {
    match value {
        Json::Object(map) => {
            if of.is_object() {
                map.retain(|key, _| {
                    let known = of.field(key).is_some();
                    if !known {
                        removed.push(join(path, key));
                    }
                    known
                });
            }
            for (key, value) in map {
                if let Some(field) = of.field(key) {
                    prune(value, &field, &join(path, key), removed);
                }
            }
        }
        Json::Array(items) => {
            if let Some(item) = of.items() {
                for (index, value) in items.iter_mut().enumerate() {
                    prune(value, &item, &format!("{path}[{index}]"), removed);
                }
            }
        }
        _ => {}
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}
