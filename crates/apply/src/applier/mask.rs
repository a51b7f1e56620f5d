//! Keeps the values of Secrets out of errors: the server quotes what it can't read.

use std::collections::BTreeSet;

use base64::{Engine, engine::general_purpose::STANDARD};
use kube::core::Status;
use serde_json::Value;

use crate::{error::ClusterError, object::Object};

const MASK: &str = "***";

/// Shorter values aren't looked for: replacing each `a` would leave no message.
const SHORTEST: usize = 3;

/// The error about an object without the object's secret values.
pub(super) fn error(error: ClusterError, object: &Object) -> ClusterError {
    match error {
        ClusterError::Api(mut status) if object.is_secret() => {
            mask_status(&mut status, &values(object.as_value()));
            ClusterError::Api(status)
        }
        other => other,
    }
}

/// Masks the values of two states of a Secret such that one sees which differ.
pub(super) fn pair(live: &mut Object, merged: &mut Object) {
    let empty = serde_json::Map::new();
    let data = |object: &Object| object.as_value()["data"].as_object().unwrap_or(&empty).clone();
    let (before, after) = (data(live), data(merged));
    let masks =
        |own: &serde_json::Map<String, Value>, other: &serde_json::Map<String, Value>, suffix: &str| {
            let mask = |(key, value): (&String, &Value)| {
                let differs = other.get(key).is_some_and(|other| other != value);
                (key.clone(), if differs { format!("{MASK} ({suffix})") } else { MASK.to_owned() }.into())
            };
            Value::Object(own.iter().map(mask).collect())
        };
    for (object, masked, had) in [
        (live, masks(&before, &after, "before"), !before.is_empty()),
        (merged, masks(&after, &before, "after"), !after.is_empty()),
    ] {
        if had {
            object.as_value_mut()["data"] = masked;
        }
    }
}

fn mask_status(status: &mut Status, values: &[String]) {
    status.message = mask(&status.message, values);
    for cause in status.details.iter_mut().flat_map(|details| &mut details.causes) {
        cause.message = mask(&cause.message, values);
    }
}

/// All the forms in which the values of a Secret may be quoted, longest first.
fn values(secret: &Value) -> Vec<String> {
    let mut values = BTreeSet::new();
    for field in ["data", "stringData"] {
        for value in secret[field].as_object().into_iter().flat_map(serde_json::Map::values) {
            let text = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
            if let Some(decoded) = STANDARD.decode(&text).ok().and_then(|bytes| String::from_utf8(bytes).ok())
            {
                values.insert(decoded);
            }
            values.insert(STANDARD.encode(&text));
            values.insert(text);
        }
    }
    let mut values: Vec<_> = values.into_iter().filter(|value| value.len() >= SHORTEST).collect();
    values.sort_by_key(|value| std::cmp::Reverse(value.len()));
    values
}

fn mask(text: &str, values: &[String]) -> String {
    let text = values.iter().fold(text.to_owned(), |text, value| text.replace(value, MASK));
    mask_unstructured(&text)
}

/// Masks what stands in `valueUnstructured{Value:…}`, as the server quotes a value of a wrong type.
fn mask_unstructured(text: &str) -> String {
    let marker = "{Value:";
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(marker) {
        let (before, value) = rest.split_at(start + marker.len());
        masked.push_str(before);
        masked.push_str(MASK);
        rest = value.find('}').map_or("}", |end| &value[end..]);
    }
    masked + rest
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn no_value_of_a_secret_survives() {
        let object = |kind: &str| {
            Object::new(json!({
                "apiVersion": "v1", "kind": kind, "metadata": {"name": "a"},
                "data": {"a": "aHVudGVyMg==", "n": 12345}, "stringData": {"b": "s3cr3t"},
            }))
            .unwrap()
        };
        let message = ".data.n: expected string, got &value.valueUnstructured{Value:12345} and hunter2, aHVudGVyMg==, s3cr3t, czNjcjN0 in x";
        let masked =
            |kind| error(ClusterError::Api(Status::failure(message, "").boxed()), &object(kind)).to_string();
        assert_eq!(
            masked("Secret"),
            ".data.n: expected string, got &value.valueUnstructured{Value:***} and ***, ***, ***, *** in x"
        );
        assert_eq!(masked("ConfigMap"), message);
    }

    #[test]
    fn two_states_show_what_differs() {
        let object = |data: Value| {
            Object::new(
                json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "data": data}),
            )
            .unwrap()
        };
        let mut live = object(json!({"same": "YQ==", "changed": "YQ==", "removed": "YQ=="}));
        let mut merged = object(json!({"same": "YQ==", "changed": "Yg==", "added": "YQ=="}));
        pair(&mut live, &mut merged);
        let before = json!({"same": "***", "changed": "*** (before)", "removed": "***"});
        assert_eq!(live.as_value()["data"], before);
        let after = json!({"same": "***", "changed": "*** (after)", "added": "***"});
        assert_eq!(merged.as_value()["data"], after);
    }
}
