//! Reading objects of any kind.

use kube::ResourceExt;
use kube::api::DynamicObject;
use serde_json::Value;

/// A condition of a status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Condition<'a> {
    pub(crate) type_: &'a str,
    pub(crate) status: &'a str,
    pub(crate) reason: &'a str,
    pub(crate) message: &'a str,
}

/// The text at a JSON pointer below the object, or nothing.
pub(crate) fn text<'a>(object: &'a DynamicObject, pointer: &str) -> &'a str {
    object.data.pointer(pointer).and_then(Value::as_str).unwrap_or("")
}

/// The text at a JSON pointer, unless it is empty.
pub(crate) fn some_text<'a>(object: &'a DynamicObject, pointer: &str) -> Option<&'a str> {
    Some(text(object, pointer)).filter(|text| !text.is_empty())
}

/// The conditions of the status.
pub(crate) fn conditions(object: &DynamicObject) -> impl Iterator<Item = Condition<'_>> {
    let list = object.data.pointer("/status/conditions").and_then(Value::as_array);
    list.into_iter().flatten().map(|condition| {
        let text = |key: &str| condition.get(key).and_then(Value::as_str).unwrap_or("");
        Condition {
            type_: text("type"),
            status: text("status"),
            reason: text("reason"),
            message: text("message"),
        }
    })
}

/// The condition of this type.
pub(crate) fn condition<'a>(object: &'a DynamicObject, type_: &str) -> Option<Condition<'a>> {
    conditions(object).find(|condition| condition.type_ == type_)
}

/// Whether the reconciliation is suspended.
pub(crate) fn is_suspended(object: &DynamicObject) -> bool {
    object.data.pointer("/spec/suspend").and_then(Value::as_bool).unwrap_or(false)
}

/// Whether the status is that of the present spec; true where the status does not say.
pub(crate) fn is_observed(object: &DynamicObject) -> bool {
    let observed = object.data.pointer("/status/observedGeneration").and_then(Value::as_i64);
    match (object.metadata.generation, observed) {
        (Some(generation), Some(observed)) => generation == observed,
        _ => true,
    }
}

/// The namespace, empty where there is none.
pub(crate) fn namespace(object: &DynamicObject) -> String {
    object.namespace().unwrap_or_default()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An object with this content beside a name.
    pub(crate) fn object(content: Value) -> DynamicObject {
        let mut value = serde_json::json!({
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
            "kind": "Kustomization",
            "metadata": { "name": "app", "namespace": "apps", "generation": 2 },
        });
        let fields = value.as_object_mut().unwrap();
        let Value::Object(content) = content else { panic!("not an object") };
        fields.extend(content);
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn what_is_missing_reads_as_empty() {
        let object = object(serde_json::json!({}));
        assert_eq!(text(&object, "/status/url"), "");
        assert_eq!(condition(&object, "Ready"), None);
        assert!(!is_suspended(&object) && is_observed(&object));
    }
}
