//! What a `HelmRelease`'s status says: pure functions on the object in memory.

use std::cmp::Reverse;

use sluice_apis::conditions::{self, ConditionStatus, ConditionedObject};
use sluice_apis::helm::condition_types::{READY, RECONCILING, RELEASED, REMEDIATED, STALLED, TEST_SUCCESS};
use sluice_apis::helm::reasons;
use sluice_apis::helm::v2::{HelmRelease, HelmReleaseStatus};
use sluice_apis::k8s::Condition;
use sluice_apis::meta::REQUESTED_AT_ANNOTATION;
use sluice_archive::Algorithm;
use sluice_release::digest;

/// The condition types that only this controller writes.
pub const OWNED_CONDITIONS: &[&str] = &[READY, RECONCILING, RELEASED, REMEDIATED, STALLED, TEST_SUCCESS];

/// The status, created if there is none.
pub fn status_mut(object: &mut HelmRelease) -> &mut HelmReleaseStatus {
    object.status.get_or_insert_default()
}

/// Work goes on: what Ready said about these reasons no longer holds.
pub fn clear_stale_ready(object: &mut HelmRelease, stale: &[&str]) {
    if conditions::reason(object, READY).is_some_and(|reason| stale.contains(&reason)) {
        conditions::mark_unknown(object, READY, reasons::PROGRESSING, "reconciliation in progress");
    }
}

/// Forgets all failures.
pub fn clear_failures(object: &mut HelmRelease) {
    let status = status_mut(object);
    status.failures = 0;
    status.install_failures = 0;
    status.upgrade_failures = 0;
}

/// Sets Ready from the conditions about the release, and records which settings they are about.
pub fn summarize(object: &mut HelmRelease, algorithm: Algorithm) {
    let tests = object.spec.test.as_ref();
    let tested = tests.is_some_and(|test| test.enable);
    let counts_tests = tested && !tests.is_some_and(|test| test.ignore_failures);
    if !tested {
        conditions::delete(object, TEST_SUCCESS);
    }
    if object.conditions().is_empty() {
        return;
    }
    let order: &[&str] =
        if counts_tests { &[REMEDIATED, TEST_SUCCESS, RELEASED] } else { &[REMEDIATED, RELEASED] };
    let telling =
        order.iter().enumerate().filter_map(|(place, type_)| Some((place, conditions::get(object, type_)?)));
    let telling = telling.min_by_key(|(place, condition)| (Reverse(condition.observed_generation), *place));
    if let Some((_, condition)) = telling {
        let Condition { type_, status, reason, message, .. } = condition.clone();
        let ready = match status.as_str() {
            // Whatever had to be remedied has failed.
            _ if type_ == REMEDIATED => ConditionStatus::False,
            "True" => ConditionStatus::True,
            "False" => ConditionStatus::False,
            _ => ConditionStatus::Unknown,
        };
        if ready == ConditionStatus::True {
            conditions::delete(object, STALLED);
        }
        conditions::set(object, READY, ready, &reason, message);
    }
    let post_renderers = settings_digest(algorithm, object.spec.post_renderers.as_ref());
    let common_metadata = settings_digest(algorithm, object.spec.common_metadata.as_ref());
    let status = status_mut(object);
    status.observed_post_renderers_digest = post_renderers;
    status.observed_common_metadata_digest = common_metadata;
}

/// As [`summarize`], where no release was made with the settings of the spec: what is recorded of them stays.
pub fn summarize_keeping_settings(object: &mut HelmRelease, algorithm: Algorithm) {
    let status = status_mut(object);
    let post_renderers = status.observed_post_renderers_digest.clone();
    let common_metadata = status.observed_common_metadata_digest.clone();
    summarize(object, algorithm);
    let status = status_mut(object);
    status.observed_post_renderers_digest = post_renderers;
    status.observed_common_metadata_digest = common_metadata;
}

/// The digest of settings that the release depends on besides chart and values; nothing if there are none.
pub fn settings_digest(algorithm: Algorithm, settings: Option<&impl serde::Serialize>) -> Option<String> {
    settings.map(|settings| digest::of_setting(algorithm, settings).to_string())
}

/// Turns a condition into one of another type that keeps its transition time.
pub fn replace_condition(object: &mut HelmRelease, from: &str, to: &str, reason: &str, message: String) {
    let Some(old) = conditions::get(object, from).cloned() else { return };
    conditions::delete(object, to);
    conditions::delete(object, from);
    let at = old.last_transition_time;
    conditions::set_at(object, to, ConditionStatus::True, reason, message, at);
}

/// Records the request that this pass has answered.
pub fn record_request(object: &mut HelmRelease) {
    let requested =
        object.metadata.annotations.as_ref().and_then(|a| a.get(REQUESTED_AT_ANNOTATION)).cloned();
    if let Some(token) = requested
        && object.last_handled_reconcile_at() != Some(token.as_str())
    {
        object.set_last_handled_reconcile_at(&token);
    }
}

/// The pass has come to an end that counts for this generation.
pub fn observe_generation(object: &mut HelmRelease) {
    let generation = object.generation();
    if object.observed_generation() != generation {
        object.set_observed_generation(generation);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(spec: &serde_json::Value, conditions: &[(&str, &str, i64)]) -> HelmRelease {
        let conditions: Vec<_> = conditions.iter().map(|(type_, status, generation)| json!({
            "type": type_, "status": status, "reason": format!("{type_}Reason"), "message": "m", "observedGeneration": generation, "lastTransitionTime": "2024-01-01T00:00:00Z",
        })).collect();
        let mut value = json!({"apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease", "metadata": {"name": "app", "generation": 2}, "spec": {"interval": "1m"}, "status": {"conditions": conditions}});
        value["spec"].as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn ready_follows_the_most_telling_condition_of_the_latest_generation() {
        let tests = json!({"test": {"enable": true}});
        let ignored = json!({"test": {"enable": true, "ignoreFailures": true}});
        for (spec, conditions, ready, reason) in [
            (json!({}), vec![("Released", "True", 2)], "True", "ReleasedReason"),
            (
                json!({}),
                vec![("Released", "False", 2), ("Remediated", "True", 2)],
                "False",
                "RemediatedReason",
            ),
            (json!({}), vec![("Released", "True", 2), ("Remediated", "True", 1)], "True", "ReleasedReason"),
            (
                tests.clone(),
                vec![("Released", "True", 2), ("TestSuccess", "Unknown", 2)],
                "Unknown",
                "TestSuccessReason",
            ),
            (tests, vec![("Released", "True", 2), ("TestSuccess", "False", 1)], "True", "ReleasedReason"),
            (ignored, vec![("Released", "True", 2), ("TestSuccess", "False", 2)], "True", "ReleasedReason"),
            (json!({}), vec![("Released", "True", 2), ("TestSuccess", "False", 2)], "True", "ReleasedReason"),
        ] {
            let mut object = object(&spec, &conditions);
            conditions::mark_stalled(&mut object, "x", "x");
            summarize(&mut object, Algorithm::Sha256);
            assert_eq!(conditions::get(&object, READY).unwrap().status, ready, "{conditions:?}");
            assert_eq!(conditions::reason(&object, READY), Some(reason), "{conditions:?}");
            assert_eq!(conditions::is_stalled(&object), ready != "True", "{conditions:?}");
            let is_tested = spec["test"]["enable"] == true;
            assert_eq!(conditions::get(&object, TEST_SUCCESS).is_some(), is_tested, "{conditions:?}");
        }
    }

    #[test]
    fn digests_of_settings_are_those_of_go() {
        let mut object = object(
            &json!({
                "postRenderers": [{"kustomize": {"patches": [{"patch": "- op: add\n  path: /metadata/labels/a\n  value: <b>\n", "target": {"kind": "Deployment", "name": "x"}}], "images": [{"name": "a", "newName": "b", "newTag": "1", "digest": "sha256:x"}]}}],
                "commonMetadata": {"labels": {"a": "2", "b": "1"}, "annotations": {"x": "y&z"}},
            }),
            &[("Released", "True", 2)],
        );
        summarize(&mut object, Algorithm::Sha256);
        let status = object.status.unwrap();
        assert_eq!(
            status.observed_post_renderers_digest.as_deref(),
            Some("sha256:706eb633c86cb3df7feed932ca5ea572f682ebf8d04c5b290dd31fe075d8440f")
        );
        assert_eq!(
            status.observed_common_metadata_digest.as_deref(),
            Some("sha256:9d3f0cb8e5069729fdfc5dc7f4354cf9578657315ba5e0a9bda619fb2fa95b19")
        );
    }

    #[test]
    fn a_replaced_condition_keeps_its_time() {
        let mut object = object(&json!({}), &[("Remediated", "True", 1), ("Released", "False", 1)]);
        let at = conditions::get(&object, REMEDIATED).unwrap().last_transition_time.clone();
        replace_condition(&mut object, REMEDIATED, RELEASED, "UpgradeSucceeded", "ok".to_owned());
        let released = conditions::get(&object, RELEASED).unwrap();
        assert_eq!((released.status.as_str(), &released.last_transition_time), ("True", &at));
        assert!(conditions::get(&object, REMEDIATED).is_none());
    }
}
