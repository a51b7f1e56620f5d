//! The difference between two states of an object, as merge patches (RFC 7386).

use serde_json::{Map, Value, json};

/// One request of a write.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// `status.conditions` as a whole.
    Conditions(Value),
    /// Everything but the status.
    Metadata(Value),
    /// The status without conditions.
    Status(Value),
}

impl Step {
    /// What is written, for messages.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Conditions(_) => "status conditions",
            Self::Metadata(_) => "metadata",
            Self::Status(_) => "status",
        }
    }

    /// The merge patch's body.
    pub fn body(&self) -> &Value {
        match self {
            Self::Conditions(body) | Self::Metadata(body) | Self::Status(body) => body,
        }
    }
}

/// The requests that bring an object from `before` to `after`, in the order of sending.
pub fn plan(before: &Value, after: &Value) -> Vec<Step> {
    let mut steps = Vec::new();
    let (conditions_before, conditions_after) = (conditions_of(before), conditions_of(after));
    if conditions_before != conditions_after {
        steps.push(Step::Conditions(conditions_body(conditions_after)));
    }
    if let Some(patch) = merge_patch(&without_status(before), &without_status(after)) {
        steps.push(Step::Metadata(patch));
    }
    if let Some(patch) = merge_patch(&status_fields(before), &status_fields(after)) {
        steps.push(Step::Status(json!({ "status": patch })));
    }
    steps
}

/// The whole status in one request: `None` if that is not what a plan has in several.
pub fn status_at_once(steps: &[Step]) -> Option<Value> {
    let [Step::Conditions(conditions), Step::Status(status)] = steps else { return None };
    let mut body = status.clone();
    body["status"]["conditions"] = conditions["status"]["conditions"].clone();
    Some(body)
}

/// The patch that sets the conditions. Where there are none, there is no list, as where there never were any.
pub(super) fn conditions_body(conditions: &[Value]) -> Value {
    let conditions = if conditions.is_empty() { Value::Null } else { conditions.into() };
    json!({ "status": { "conditions": conditions } })
}

/// `status.conditions`, empty if there are none.
pub(super) fn conditions_of(object: &Value) -> &[Value] {
    object.pointer("/status/conditions").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn without_status(object: &Value) -> Value {
    let mut object = object.as_object().cloned().unwrap_or_default();
    object.remove("status");
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("resourceVersion");
        metadata.remove("managedFields");
    }
    Value::Object(object)
}

fn status_fields(object: &Value) -> Value {
    let mut status = object.get("status").and_then(Value::as_object).cloned().unwrap_or_default();
    status.remove("conditions");
    Value::Object(status)
}

/// The merge patch from `before` to `after`, `None` if they are equal. Null counts as absent.
pub(super) fn merge_patch(before: &Value, after: &Value) -> Option<Value> {
    let (Value::Object(before), Value::Object(after)) = (before, after) else {
        return (before != after).then(|| after.clone());
    };
    let mut patch = Map::new();
    for (key, value) in after.iter().filter(|(_, value)| !value.is_null()) {
        let change = match before.get(key) {
            None | Some(Value::Null) => Some(value.clone()),
            Some(old) => merge_patch(old, value),
        };
        if let Some(change) = change {
            patch.insert(key.clone(), change);
        }
    }
    for (key, _) in before.iter().filter(|(_, value)| !value.is_null()) {
        if after.get(key).is_none_or(Value::is_null) {
            patch.insert(key.clone(), Value::Null);
        }
    }
    (!patch.is_empty()).then_some(Value::Object(patch))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_changed_sends_nothing() {
        let object = json!({"metadata": {"name": "a", "resourceVersion": "1"}, "status": {"conditions": [{"type": "Ready"}]}});
        let mut later = object.clone();
        later["metadata"]["resourceVersion"] = json!("2");
        assert_eq!(plan(&object, &later), []);
    }

    #[test]
    fn conditions_then_metadata_then_the_rest() {
        let before = json!({"metadata": {"name": "a"}, "spec": {"x": 1}, "status": {"observedGeneration": -1, "url": "u"}});
        let after = json!({
            "metadata": {"name": "a", "finalizers": ["f"]},
            "spec": {"x": 1},
            "status": {"observedGeneration": 2, "conditions": [{"type": "Ready", "status": "True"}]},
        });
        assert_eq!(
            plan(&before, &after),
            [
                Step::Conditions(json!({"status": {"conditions": [{"type": "Ready", "status": "True"}]}})),
                Step::Metadata(json!({"metadata": {"finalizers": ["f"]}})),
                Step::Status(json!({"status": {"observedGeneration": 2, "url": null}})),
            ]
        );
    }

    #[test]
    fn conditions_and_fields_of_the_status_can_go_at_once() {
        let before = json!({"status": {"url": "u", "conditions": []}});
        let after = json!({"status": {"observedGeneration": 1, "conditions": [{"type": "Ready"}]}});
        let steps = plan(&before, &after);
        assert_eq!(
            status_at_once(&steps),
            Some(
                json!({"status": {"observedGeneration": 1, "url": null, "conditions": [{"type": "Ready"}]}})
            )
        );
        assert_eq!(status_at_once(&steps[..1]), None);
    }

    #[test]
    fn the_last_conditions_go_with_their_list() {
        let before = json!({"status": {"conditions": [{"type": "Ready"}]}});
        assert_eq!(
            plan(&before, &json!({"status": {}})),
            [Step::Conditions(json!({"status": {"conditions": null}}))]
        );
    }

    #[test]
    fn merge_patches_are_minimal() {
        let before = json!({"a": {"b": 1, "c": 2}, "d": [1, 2], "n": null});
        assert_eq!(merge_patch(&before, &before), None);
        assert_eq!(
            merge_patch(&before, &json!({"a": {"b": 1}, "d": [2]})),
            Some(json!({"a": {"c": null}, "d": [2]}))
        );
        assert_eq!(merge_patch(&json!({}), &json!({"x": null})), None);
    }
}
