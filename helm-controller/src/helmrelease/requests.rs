//! Requests through annotations.

use std::collections::BTreeMap;

use sluice_apis::helm::v2::HelmRelease;
use sluice_apis::meta::{
    FORCE_REQUESTED_AT_ANNOTATION, REQUESTED_AT_ANNOTATION, RESET_REQUESTED_AT_ANNOTATION,
};

use super::status::status_mut;

/// Whether a forced release action is asked for. Asking twice gives the answer once: what was seen is recorded.
pub fn take_force(object: &mut HelmRelease) -> bool {
    let handled = object.status.as_ref().and_then(|status| status.last_handled_force_at.clone());
    let (seen, fires) = request(object, FORCE_REQUESTED_AT_ANNOTATION, handled.as_deref());
    if let Some(seen) = seen {
        status_mut(object).last_handled_force_at = Some(seen);
    }
    fires
}

/// Whether a reset of the failure counts is asked for; recorded as [`take_force`] does.
pub fn take_reset(object: &mut HelmRelease) -> bool {
    let handled = object.status.as_ref().and_then(|status| status.last_handled_reset_at.clone());
    let (seen, fires) = request(object, RESET_REQUESTED_AT_ANNOTATION, handled.as_deref());
    if let Some(seen) = seen {
        status_mut(object).last_handled_reset_at = Some(seen);
    }
    fires
}

/// The value of the request, and whether it is to be answered: it goes along with a request for a reconciliation, and
/// neither was answered before.
fn request(object: &HelmRelease, annotation: &str, handled: Option<&str>) -> (Option<String>, bool) {
    let none = BTreeMap::new();
    let annotations = object.metadata.annotations.as_ref().unwrap_or(&none);
    let Some(value) = annotations.get(annotation) else { return (None, false) };
    let answered = object.status.as_ref().and_then(|status| status.last_handled_reconcile_at.as_deref());
    let fires = annotations.get(REQUESTED_AT_ANNOTATION) == Some(value)
        && answered.unwrap_or_default() != value
        && handled.unwrap_or_default() != value;
    (Some(value.clone()), fires)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_request_is_answered_once_and_only_beside_one_for_a_reconciliation() {
        let object = |annotations: serde_json::Value, status: serde_json::Value| -> HelmRelease {
            serde_json::from_value(json!({"apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease", "metadata": {"name": "a", "annotations": annotations}, "spec": {"interval": "1m"}, "status": status})).unwrap()
        };
        let both = json!({"reconcile.fluxcd.io/forceAt": "1", "reconcile.fluxcd.io/requestedAt": "1"});
        let mut fires = object(both.clone(), json!({}));
        assert!(take_force(&mut fires));
        assert!(!take_force(&mut fires));
        assert!(!take_reset(&mut fires));
        assert!(!take_force(&mut object(both, json!({"lastHandledReconcileAt": "1"}))));
        let mut alone = object(
            json!({"reconcile.fluxcd.io/forceAt": "1", "reconcile.fluxcd.io/requestedAt": "2"}),
            json!({}),
        );
        assert!(!take_force(&mut alone));
        assert_eq!(alone.status.unwrap().last_handled_force_at.as_deref(), Some("1"));
    }
}
