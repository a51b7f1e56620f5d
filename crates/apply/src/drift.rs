//! Whether a live object differs from what a dry-run says it should be.

use serde_json::{Map, Value};

use crate::{ignore::IgnoreRules, object::Object};

/// Whether an apply would change what matters: labels, annotations, or anything outside metadata
/// and status. An object that the dry-run would create has drifted. Fields under the ignore rules
/// that select the dry-run's result don't count.
pub fn has_drifted(live: Option<&Object>, dry_run: &Object, ignore: &IgnoreRules) -> bool {
    let Some(live) = live.filter(|_| dry_run.resource_version().is_some()) else { return true };
    let paths = ignore.paths_for(dry_run);
    if paths.is_empty() {
        return differs(live.as_value(), dry_run.as_value());
    }
    let strip = |object: &Object| {
        let mut value = object.as_value().clone();
        for path in &paths {
            path.remove(&mut value);
        }
        value
    };
    differs(&strip(live), &strip(dry_run))
}

fn differs(live: &Value, dry_run: &Value) -> bool {
    let metadata = |object: &Value, field: &str| object["metadata"].get(field).cloned().unwrap_or_default();
    ["labels", "annotations"].iter().any(|field| !equal(&metadata(live, field), &metadata(dry_run, field)))
        || !equal_maps(live.as_object(), dry_run.as_object(), |field| matches!(field, "metadata" | "status"))
}

/// A hash of what [`has_drifted`] compares, without ignored fields: two objects with the same hash differ in nothing that
/// matters.
pub fn content(object: &Object) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    for field in ["labels", "annotations"] {
        add(&mut hasher, &object.as_value()["metadata"][field]);
    }
    let fields = object.as_value().as_object().into_iter().flatten();
    add_map(&mut hasher, fields.filter(|(field, _)| !matches!(field.as_str(), "metadata" | "status")));
    hasher.finalize()
}

/// Adds a value in a form that is the same for values that are [`equal`].
fn add(hasher: &mut blake3::Hasher, value: &Value) {
    let mut text = |kind: u8, text: &str| {
        hasher.update(&[kind]);
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    };
    match value {
        empty if is_empty(empty) => text(b'0', ""),
        Value::String(string) => text(b's', string),
        // Whole numbers have one form, however they are written.
        Value::Number(number) => {
            text(b'n', &number.as_f64().map_or_else(|| number.to_string(), |n| n.to_string()));
        }
        Value::Array(items) => {
            text(b'a', &items.len().to_string());
            for item in items {
                add(hasher, item);
            }
        }
        Value::Object(map) => add_map(hasher, map.iter()),
        other => text(b'v', &other.to_string()),
    }
}

/// Adds the fields of a map in the order of their names; one that is null counts as absent.
fn add_map<'a>(hasher: &mut blake3::Hasher, fields: impl Iterator<Item = (&'a String, &'a Value)>) {
    let mut fields: Vec<_> = fields.filter(|(_, value)| !value.is_null()).collect();
    fields.sort_unstable_by_key(|(name, _)| *name);
    hasher.update(b"m");
    hasher.update(&(fields.len() as u64).to_le_bytes());
    for (name, value) in fields {
        hasher.update(&(name.len() as u64).to_le_bytes());
        hasher.update(name.as_bytes());
        add(hasher, value);
    }
}

/// Equality in which a null, an empty list and an empty map equal an absent value, and numbers
/// compare by value.
pub fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => equal_maps(Some(a), Some(b), |_| false),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        _ => a == b || (is_empty(a) && is_empty(b)),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

fn equal_maps(
    a: Option<&Map<String, Value>>,
    b: Option<&Map<String, Value>>,
    skip: impl Fn(&str) -> bool,
) -> bool {
    let empty = Map::new();
    let (a, b) = (a.unwrap_or(&empty), b.unwrap_or(&empty));
    let covers = |a: &Map<String, Value>, b: &Map<String, Value>, compare: bool| {
        a.iter().filter(|(key, _)| !skip(key)).all(|(key, value)| match b.get(key) {
            Some(other) => !compare || equal(value, other),
            None => value.is_null(),
        })
    };
    covers(a, b, true) && covers(b, a, false)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(mut value: Value) -> Object {
        value["apiVersion"] = "v1".into();
        value["kind"] = "ConfigMap".into();
        value["metadata"]["name"] = "a".into();
        Object::new(value).unwrap()
    }

    #[test]
    fn only_what_matters_counts() {
        let live = object(json!({
            "metadata": {"resourceVersion": "1", "generation": 1, "labels": {"a": "b"}, "managedFields": [], "finalizers": ["x"]},
            "data": {"a": "b"}, "status": {"x": 1},
        }));
        let same = object(json!({
            "metadata": {"resourceVersion": "2", "generation": 2, "labels": {"a": "b"}, "annotations": {}, "ownerReferences": []},
            "data": {"a": "b"}, "status": {"x": 2},
        }));
        let rules = IgnoreRules::default();
        assert!(!has_drifted(Some(&live), &same, &rules));
        assert_eq!(content(&live), content(&same));
        assert!(has_drifted(None, &same, &rules));
        for (pointer, value) in [
            ("/metadata/labels/a", json!("c")),
            ("/metadata/annotations/x", json!("y")),
            ("/data/a", json!("c")),
            ("/data/c", json!("")),
            ("/immutable", json!(false)),
            ("/metadata/resourceVersion", json!("")),
        ] {
            let mut changed = same.as_value().clone();
            let (parent, field) = pointer.rsplit_once('/').unwrap();
            changed.pointer_mut(parent).unwrap()[field] = value;
            let changed = Object::new(changed).unwrap();
            assert!(has_drifted(Some(&live), &changed, &rules), "{pointer}");
            let only_there = pointer == "/metadata/resourceVersion";
            assert_eq!(content(&live) == content(&changed), only_there, "{pointer}");
        }
    }

    #[test]
    fn numbers_and_emptiness() {
        assert!(equal(&json!({"a": 1}), &json!({"a": 1.0})));
        assert!(equal(&json!({"a": null}), &json!({})));
        assert!(equal(&json!({"a": []}), &json!({"a": null})));
        assert!(!equal(&json!({"a": []}), &json!({"a": [1]})));
        assert!(!equal(&json!({"a": {}}), &json!({})));
        assert!(!equal(&json!({"a": 1}), &json!({"a": "1"})));
    }
}
