//! What client-side updates do to an object: the change from the old manifest to the new one, made to the live
//! object.
//!
//! Kinds whose schema is known are merged as Kubernetes' strategic merge does it: lists by their keys, and what the
//! new manifest has is set even where the old one had it too. Others only get what changed between the manifests.

use serde_json::{Map, Value as Json};
use sluice_apply::Object;
use sluice_patch::Schema;
use sluice_patch::schema::Type;

/// What an object is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Baseline {
    /// Known kinds with the live object, others with the old manifest.
    BySchema,
    /// The live object.
    Live,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Nothing.
    None,
    /// This JSON merge patch.
    Merge(Json),
    /// This object is to take the place of the live one, if that is still the same.
    Put(Box<Object>),
}

/// What is to be done to the live object.
pub fn change(old: &Object, new: &Object, live: &Object, baseline: Baseline) -> Change {
    let schema = Schema::builtin().kind_of(new.api_version(), new.kind()).filter(|_| !new.is_crd());
    if schema.is_none() && baseline == Baseline::BySchema {
        let patch = merge_patch(old.as_value(), new.as_value());
        return if patch.as_object().is_none_or(Map::is_empty) { Change::None } else { Change::Merge(patch) };
    }
    let merged = merge(Some(old.as_value()), new.as_value(), Some(live.as_value()), schema.as_ref());
    if sluice_apply::drift::equal(&merged, live.as_value()) {
        return Change::None;
    }
    Object::new(merged).map_or(Change::None, |object| Change::Put(Box::new(object)))
}

/// The JSON merge patch (RFC 7386) from one value to another.
fn merge_patch(old: &Json, new: &Json) -> Json {
    let (Json::Object(old), Json::Object(new)) = (old, new) else { return new.clone() };
    let mut patch = Map::new();
    for (key, value) in new {
        match old.get(key) {
            Some(before) if before == value => {}
            Some(before @ Json::Object(_)) if value.is_object() => {
                patch.insert(key.clone(), merge_patch(before, value));
            }
            _ => {
                patch.insert(key.clone(), value.clone());
            }
        }
    }
    for key in old.keys().filter(|key| !new.contains_key(*key)) {
        patch.insert(key.clone(), Json::Null);
    }
    Json::Object(patch)
}

/// The live value with what the old one had and the new one has not taken out, and what the new one has put in.
fn merge(old: Option<&Json>, new: &Json, live: Option<&Json>, schema: Option<&Type<'_>>) -> Json {
    match (new, live) {
        (Json::Object(new), Some(Json::Object(live))) => {
            let mut merged = live.clone();
            let none = Map::new();
            let old = old.and_then(Json::as_object).unwrap_or(&none);
            for key in old.keys().filter(|key| !new.contains_key(*key)) {
                merged.remove(key);
            }
            for (key, value) in new {
                if value.is_null() {
                    merged.remove(key);
                    continue;
                }
                let field = schema.and_then(|schema| schema.field(key));
                let value = merge(old.get(key), value, live.get(key), field.as_ref());
                merged.insert(key.clone(), value);
            }
            Json::Object(merged)
        }
        (Json::Array(new), Some(Json::Array(live))) => {
            let key = schema.filter(|schema| schema.patch_strategy().contains("merge"));
            match key.and_then(|schema| Some((schema.patch_merge_key()?, schema.items()))) {
                Some((key, items)) => {
                    merge_list(old.and_then(Json::as_array), new, live, key, items.as_ref())
                }
                // Lists of plain values with this strategy are sets.
                None if key.is_some() => merge_set(old.and_then(Json::as_array), new, live),
                None => Json::Array(new.clone()),
            }
        }
        (new, _) => new.clone(),
    }
}

fn merge_list(
    old: Option<&Vec<Json>>,
    new: &[Json],
    live: &[Json],
    key: &str,
    items: Option<&Type<'_>>,
) -> Json {
    let find = |list: &[Json], id: &Json| list.iter().find(|item| &item[key] == id).cloned();
    let mut merged: Vec<Json> = Vec::new();
    for item in new {
        let (before, now) = (old.and_then(|old| find(old, &item[key])), find(live, &item[key]));
        merged.push(merge(before.as_ref(), item, now.as_ref(), items));
    }
    // What others have added stays.
    for item in live {
        let is_in = |list: &[Json]| list.iter().any(|other| other[key] == item[key]);
        if !is_in(new) && !old.is_some_and(|old| is_in(old)) {
            merged.push(item.clone());
        }
    }
    Json::Array(merged)
}

fn merge_set(old: Option<&Vec<Json>>, new: &[Json], live: &[Json]) -> Json {
    let mut merged = new.to_vec();
    for item in live {
        if !new.contains(item) && !old.is_some_and(|old| old.contains(item)) {
            merged.push(item.clone());
        }
    }
    Json::Array(merged)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(mut value: Json) -> Object {
        value["metadata"]["name"] = "a".into();
        Object::new(value).unwrap()
    }

    fn deployment(containers: &Json, replicas: Option<i64>) -> Object {
        let mut value = json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"template": {"spec": {"containers": containers}}}});
        if let Some(replicas) = replicas {
            value["spec"]["replicas"] = replicas.into();
        }
        object(value)
    }

    #[test]
    fn known_kinds_are_merged_with_what_is_live() {
        let old = deployment(
            &json!([{"name": "a", "image": "x:1", "args": ["1"]}, {"name": "gone", "image": "y"}]),
            Some(2),
        );
        let new = deployment(&json!([{"name": "a", "image": "x:2"}]), None);
        let live = deployment(
            &json!([{"name": "a", "image": "edited", "args": ["1"], "tty": true}, {"name": "gone", "image": "y"}, {"name": "injected", "image": "z"}]),
            Some(5),
        );
        let Change::Put(merged) = change(&old, &new, &live, Baseline::BySchema) else { panic!() };
        assert_eq!(
            merged.as_value()["spec"],
            json!({"template": {"spec": {"containers": [{"name": "a", "image": "x:2", "tty": true}, {"name": "injected", "image": "z"}]}}})
        );
        let same = deployment(&json!([{"name": "a", "image": "x:2", "tty": true}]), None);
        assert_eq!(change(&new, &new, &same, Baseline::BySchema), Change::None);
    }

    #[test]
    fn unknown_kinds_get_what_changed_between_the_manifests() {
        let kind =
            |spec: Json| object(json!({"apiVersion": "example.com/v1", "kind": "Thing", "spec": spec}));
        let (old, new) = (kind(json!({"a": 1, "b": {"c": 1}, "d": 1})), kind(json!({"a": 1, "b": {"c": 2}})));
        let live = kind(json!({"a": 9, "b": {"c": 9}}));
        assert_eq!(
            change(&old, &new, &live, Baseline::BySchema),
            Change::Merge(json!({"spec": {"b": {"c": 2}, "d": null}}))
        );
        assert_eq!(change(&new, &new, &live, Baseline::BySchema), Change::None);
        let Change::Put(merged) = change(&old, &new, &live, Baseline::Live) else { panic!() };
        assert_eq!(merged.as_value()["spec"], json!({"a": 1, "b": {"c": 2}}));
    }
}
