//! Which changes of an object make it due.

use sluice_apis::k8s::ObjectMeta;

use crate::Cause;

/// The annotation whose change asks for a reconciliation. Others, such as `forceAt`, only say what kind of one.
const REQUEST: &str = "reconcile.fluxcd.io/requestedAt";

/// Why the change from `old` to `new` makes the object due, if it does.
///
/// Edits of status, labels, finalizers and other annotations do not.
pub fn cause_of_change(old: &ObjectMeta, new: &ObjectMeta) -> Option<Cause> {
    if old.uid != new.uid {
        Some(Cause::Created)
    } else if old.deletion_timestamp.is_none() && new.deletion_timestamp.is_some() {
        Some(Cause::Deletion)
    } else if old.generation != new.generation {
        Some(Cause::Spec)
    } else if requested(old, new) {
        Some(Cause::Requested)
    } else {
        None
    }
}

/// Whether the annotation was set to another value. Its removal asks for nothing.
fn requested(old: &ObjectMeta, new: &ObjectMeta) -> bool {
    let value = |meta: &ObjectMeta| meta.annotations.as_ref().and_then(|all| all.get(REQUEST).cloned());
    let after = value(new);
    after.is_some() && after != value(old)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn cause(old: Value, new: Value) -> Option<Cause> {
        cause_of_change(&serde_json::from_value(old).unwrap(), &serde_json::from_value(new).unwrap())
    }

    #[test]
    fn spec_request_deletion_and_recreation_count() {
        let old = json!({"uid": "1", "generation": 1});
        assert_eq!(cause(old.clone(), json!({"uid": "1", "generation": 2})), Some(Cause::Spec));
        assert_eq!(cause(old.clone(), json!({"uid": "2", "generation": 1})), Some(Cause::Created));
        let deleted = json!({"uid": "1", "generation": 2, "deletionTimestamp": "2026-01-01T00:00:00Z"});
        assert_eq!(cause(old.clone(), deleted), Some(Cause::Deletion));
        let asked =
            json!({"uid": "1", "generation": 1, "annotations": {"reconcile.fluxcd.io/requestedAt": "x"}});
        assert_eq!(cause(old.clone(), asked.clone()), Some(Cause::Requested));
        let again =
            json!({"uid": "1", "generation": 1, "annotations": {"reconcile.fluxcd.io/requestedAt": "y"}});
        assert_eq!(cause(asked.clone(), again), Some(Cause::Requested));
        assert_eq!(cause(asked.clone(), asked.clone()), None);
        assert_eq!(cause(asked, old), None);
    }

    #[test]
    fn other_metadata_does_not() {
        let old = json!({"uid": "1", "generation": 1});
        let new = json!({
            "uid": "1", "generation": 1, "resourceVersion": "9", "labels": {"a": "b"},
            "finalizers": ["f"], "annotations": {"other": "x", "reconcile.fluxcd.io/forceAt": "x"},
        });
        assert_eq!(cause(old, new), None);
    }
}
