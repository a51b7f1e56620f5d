//! When Helm 3 holds an object to be ready.

use serde_json::Value as Json;
use sluice_apply::Object;
use sluice_apply::status::{Status, StatusReader};

/// Judges every kind as Helm 3 does.
pub struct HelmThreeReader {
    /// Whether Jobs have to complete.
    pub jobs: bool,
}

impl StatusReader for HelmThreeReader {
    fn supports(&self, _: &str, _: &str) -> bool {
        true
    }

    fn status(&self, object: &Object) -> Result<Status, String> {
        Ok(judge(object, self.jobs))
    }
}

fn judge(object: &Object, jobs: bool) -> Status {
    let value = object.as_value();
    let (spec, status) = (&value["spec"], &value["status"]);
    let ready = |is_ready: bool, why: String| {
        if is_ready { Status::current("ready") } else { Status::in_progress(why) }
    };
    match (object.group(), object.kind()) {
        ("", "Pod") => ready(has_condition(status, "Ready"), "the pod is not ready".to_owned()),
        ("batch", "Job") if jobs => job(spec, status),
        ("apps", "Deployment") if spec["paused"] == true => Status::current("paused"),
        ("apps", "Deployment") => {
            let wanted = spec["replicas"].as_i64().unwrap_or(1);
            let allowed = wanted - unavailable(&spec["strategy"], wanted);
            let old = number(status, "replicas") - number(status, "updatedReplicas");
            let updated = number(status, "readyReplicas") - old.max(0);
            ready(
                is_observed(value) && updated >= allowed,
                format!("{updated} of {allowed} replicas are ready"),
            )
        }
        ("", "PersistentVolumeClaim") => {
            ready(status["phase"] == "Bound", "the claim is not bound".to_owned())
        }
        ("", "Service") => service(spec, status),
        ("apps", "DaemonSet") if spec["updateStrategy"]["type"] != "RollingUpdate" => {
            Status::current("not rolled out")
        }
        ("apps", "DaemonSet") => {
            let wanted = number(status, "desiredNumberScheduled");
            let allowed =
                wanted - percent(&spec["updateStrategy"]["rollingUpdate"]["maxUnavailable"], wanted);
            let is_updated = number(status, "updatedNumberScheduled") == wanted;
            let available = number(status, "numberReady");
            ready(
                is_observed(value) && is_updated && available >= allowed,
                format!("{available} of {allowed} pods are ready"),
            )
        }
        ("apps", "StatefulSet") if spec["updateStrategy"]["type"] != "RollingUpdate" => {
            Status::current("not rolled out")
        }
        ("apps", "StatefulSet") => {
            let wanted = spec["replicas"].as_i64().unwrap_or(1);
            let partition = spec["updateStrategy"]["rollingUpdate"]["partition"].as_i64().unwrap_or_default();
            let is_updated = number(status, "updatedReplicas") >= wanted - partition;
            let is_current = partition > 0 || status["currentRevision"] == status["updateRevision"];
            let available = number(status, "readyReplicas");
            ready(
                is_observed(value) && is_updated && available == wanted && is_current,
                format!("{available} of {wanted} replicas are ready"),
            )
        }
        ("apiextensions.k8s.io", "CustomResourceDefinition") => ready(
            has_condition(status, "Established") || is_false(status, "NamesAccepted"),
            "the definition is not established".to_owned(),
        ),
        ("", "ReplicationController") | ("apps", "ReplicaSet") => {
            let wanted = spec["replicas"].as_i64().unwrap_or(1);
            let available = number(status, "readyReplicas");
            ready(
                is_observed(value) && available >= wanted,
                format!("{available} of {wanted} replicas are ready"),
            )
        }
        _ => Status::current("it is there"),
    }
}

fn job(spec: &Json, status: &Json) -> Status {
    let failed = number(status, "failed");
    if failed > spec["backoffLimit"].as_i64().unwrap_or(6) {
        return Status::failed(format!("the job has failed {failed} times"));
    }
    let wanted = spec["completions"].as_i64().unwrap_or(1);
    let succeeded = number(status, "succeeded");
    if succeeded >= wanted {
        Status::current("completed")
    } else {
        Status::in_progress(format!("{succeeded} of {wanted} completions"))
    }
}

fn service(spec: &Json, status: &Json) -> Status {
    let is_set = |value: &Json| value.as_array().is_some_and(|list| !list.is_empty());
    match spec["type"].as_str() {
        Some("ExternalName") => Status::current("external"),
        _ if spec["clusterIP"].as_str().unwrap_or_default().is_empty() => {
            Status::in_progress("the service has no address")
        }
        Some("LoadBalancer")
            if !is_set(&spec["externalIPs"]) && !is_set(&status["loadBalancer"]["ingress"]) =>
        {
            Status::in_progress("the load balancer has no address")
        }
        _ => Status::current("it has an address"),
    }
}

/// How many replicas of a rollout may be missing.
fn unavailable(strategy: &Json, replicas: i64) -> i64 {
    if replicas == 0 || strategy["type"] == "Recreate" {
        return 0;
    }
    let rolling = &strategy["rollingUpdate"];
    if rolling.is_null() {
        return 0;
    }
    percent(&rolling["maxUnavailable"], replicas)
}

/// A number, or a percentage of another, rounded down.
fn percent(value: &Json, of: i64) -> i64 {
    match value {
        Json::Number(number) => number.as_i64().unwrap_or_default().min(of),
        Json::String(text) => {
            let share = text.strip_suffix('%').and_then(|share| share.parse::<i64>().ok());
            share.map_or(0, |share| of.saturating_mul(share) / 100)
        }
        _ => 0,
    }
}

fn number(status: &Json, field: &str) -> i64 {
    status[field].as_i64().unwrap_or_default()
}

fn is_observed(value: &Json) -> bool {
    let observed = value["status"]["observedGeneration"].as_i64().unwrap_or_default();
    observed >= value["metadata"]["generation"].as_i64().unwrap_or_default()
}

fn has_condition(status: &Json, type_: &str) -> bool {
    condition(status, type_) == Some("True")
}

fn is_false(status: &Json, type_: &str) -> bool {
    condition(status, type_) == Some("False")
}

fn condition<'a>(status: &'a Json, type_: &str) -> Option<&'a str> {
    let conditions = status["conditions"].as_array()?;
    conditions.iter().find(|condition| condition["type"] == type_)?["status"].as_str()
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sluice_apply::status::State;

    use super::*;

    #[test]
    fn objects_are_judged_as_helm_3_judges_them() {
        let rows = [
            (
                "v1",
                "Pod",
                json!({}),
                json!({"conditions": [{"type": "Ready", "status": "True"}]}),
                State::Current,
            ),
            ("v1", "Pod", json!({}), json!({"phase": "Running"}), State::InProgress),
            (
                "apps/v1",
                "Deployment",
                json!({"replicas": 2, "strategy": {"rollingUpdate": {"maxUnavailable": "50%"}}}),
                json!({"replicas": 2, "updatedReplicas": 2, "readyReplicas": 1}),
                State::Current,
            ),
            (
                "apps/v1",
                "Deployment",
                json!({"replicas": 2}),
                json!({"replicas": 3, "updatedReplicas": 1, "readyReplicas": 3}),
                State::InProgress,
            ),
            ("apps/v1", "Deployment", json!({"paused": true}), json!({}), State::Current),
            ("v1", "PersistentVolumeClaim", json!({}), json!({"phase": "Pending"}), State::InProgress),
            (
                "v1",
                "Service",
                json!({"type": "LoadBalancer", "clusterIP": "10.0.0.1"}),
                json!({}),
                State::InProgress,
            ),
            ("v1", "Service", json!({"type": "ExternalName"}), json!({}), State::Current),
            (
                "apps/v1",
                "DaemonSet",
                json!({"updateStrategy": {"type": "RollingUpdate"}}),
                json!({"desiredNumberScheduled": 1, "updatedNumberScheduled": 1}),
                State::InProgress,
            ),
            (
                "apps/v1",
                "DaemonSet",
                json!({"updateStrategy": {"type": "OnDelete"}}),
                json!({}),
                State::Current,
            ),
            (
                "apps/v1",
                "StatefulSet",
                json!({"replicas": 1, "updateStrategy": {"type": "RollingUpdate"}}),
                json!({"updatedReplicas": 1, "readyReplicas": 1, "currentRevision": "a", "updateRevision": "a"}),
                State::Current,
            ),
            ("apps/v1", "ReplicaSet", json!({"replicas": 1}), json!({}), State::InProgress),
            ("batch/v1", "Job", json!({"backoffLimit": 0}), json!({"failed": 1}), State::Failed),
            ("batch/v1", "Job", json!({}), json!({"succeeded": 1}), State::Current),
            ("example.com/v1", "Thing", json!({}), json!({}), State::Current),
        ];
        for (api_version, kind, spec, status, expected) in rows {
            let value = json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "a"}, "spec": spec, "status": status});
            assert_eq!(judge(&Object::new(value.clone()).unwrap(), true).state, expected, "{value}");
        }
    }
}
