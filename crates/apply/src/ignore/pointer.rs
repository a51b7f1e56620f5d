//! JSON pointers (RFC 6901) to fields of an object.

use serde_json::Value;

use crate::managed_fields::FieldSet;

/// A JSON pointer to a field below the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointer {
    segments: Vec<String>,
}

impl Pointer {
    /// Splits and unescapes a pointer; `None` if it is none, or that of the root.
    pub fn parse(text: &str) -> Option<Self> {
        let path = text.strip_prefix('/').filter(|path| !path.is_empty())?;
        let segments = path.split('/').map(|segment| segment.replace("~1", "/").replace("~0", "~")).collect();
        Some(Self { segments })
    }

    /// The value it points to.
    pub fn get<'a>(&self, root: &'a Value) -> Option<&'a Value> {
        self.segments.iter().try_fold(root, |value, segment| child(value, segment))
    }

    /// Removes what it points to, if it exists.
    pub fn remove(&self, root: &mut Value) {
        let Some((last, parent)) = self.parent(root) else { return };
        match parent {
            Value::Object(map) => drop(map.remove(last)),
            Value::Array(items) => {
                if let Some(index) = index(last, items.len()).filter(|index| *index < items.len()) {
                    items.remove(index);
                }
            }
            _ => {}
        }
    }

    /// Sets what it points to, if its parent exists (and, in a list, the item).
    pub fn set(&self, root: &mut Value, value: Value) {
        let Some((last, parent)) = self.parent(root) else { return };
        match parent {
            Value::Object(map) => drop(map.insert(last.clone(), value)),
            Value::Array(items) => {
                let index = index(last, items.len());
                if let Some(item) = index.and_then(|index| items.get_mut(index)) {
                    *item = value;
                }
            }
            _ => {}
        }
    }

    fn parent<'a, 'b>(&'a self, root: &'b mut Value) -> Option<(&'a String, &'b mut Value)> {
        let (last, parents) = self.segments.split_last()?;
        let parent = parents.iter().try_fold(root, |value, segment| match value {
            Value::Object(map) => map.get_mut(segment),
            Value::Array(items) => index(segment, items.len()).and_then(|index| items.get_mut(index)),
            _ => None,
        })?;
        Some((last, parent))
    }

    /// The path in the terms of `managedFields`: an index into a list becomes the key by which one
    /// of the sets knows that item. Nothing if no set does.
    pub fn field_path(&self, object: &Value, sets: &[&FieldSet]) -> Option<Vec<String>> {
        let mut path: Vec<String> = Vec::new();
        let mut value = Some(object);
        for segment in &self.segments {
            let item = value.and_then(|value| child(value, segment));
            if value.is_some_and(Value::is_array) {
                path.push(key_of(item?, &path, sets)?);
            } else {
                path.push(format!("f:{segment}"));
            }
            value = item;
        }
        Some(path)
    }
}

/// The `k:{…}` element below the path whose fields all equal the item's.
fn key_of(item: &Value, path: &[String], sets: &[&FieldSet]) -> Option<String> {
    sets.iter().flat_map(|set| set.elements_below(path)).find_map(|element| {
        let keys: Value = serde_json::from_str(element.strip_prefix("k:")?).ok()?;
        let matches = keys.as_object()?.iter().all(|(key, value)| item.get(key) == Some(value));
        matches.then(|| element.to_owned())
    })
}

fn child<'a>(value: &'a Value, segment: &str) -> Option<&'a Value> {
    match value {
        Value::Object(map) => map.get(segment),
        Value::Array(items) => index(segment, items.len()).and_then(|index| items.get(index)),
        _ => None,
    }
}

/// An index into a list; negative ones count from its end.
fn index(segment: &str, length: usize) -> Option<usize> {
    match segment.strip_prefix('-') {
        Some(from_end) => length.checked_sub(from_end.parse().ok()?),
        None => segment.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_writes_and_removes() {
        let mut object = json!({"a/b": {"c~d": [1, 2, 3]}, "x": null});
        let pointer = |text| Pointer::parse(text).unwrap();
        assert_eq!(pointer("/a~1b/c~0d/1").get(&object), Some(&json!(2)));
        pointer("/a~1b/c~0d/-1").remove(&mut object);
        pointer("/a~1b/c~0d/9").remove(&mut object);
        pointer("/a~1b/c~0d/0").set(&mut object, json!("one"));
        pointer("/a~1b/new").set(&mut object, json!(true));
        pointer("/missing/new").set(&mut object, json!(true));
        pointer("/x").remove(&mut object);
        assert_eq!(object, json!({"a/b": {"c~d": ["one", 2], "new": true}}));
        for text in ["", "/", "a", "a/b"] {
            assert_eq!(Pointer::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn list_items_are_known_by_their_keys() {
        let object = json!({"spec": {"containers": [{"name": "a"}, {"name": "b", "image": "x"}]}});
        let set = FieldSet::from_json(&json!({"f:spec": {"f:containers": {
            "k:{\"name\":\"a\"}": {".": {}}, "k:{\"name\":\"b\"}": {".": {}, "f:image": {}},
        }}}));
        let path = Pointer::parse("/spec/containers/1/image").unwrap().field_path(&object, &[&set]).unwrap();
        assert_eq!(path, ["f:spec", "f:containers", "k:{\"name\":\"b\"}", "f:image"]);
        assert!(set.touches(&path));
        assert_eq!(Pointer::parse("/spec/containers/1/image").unwrap().field_path(&object, &[]), None);
    }
}
