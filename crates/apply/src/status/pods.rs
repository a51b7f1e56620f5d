//! Pods: their own status, and why they hold a rollout up.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{State, Status, conditions};

/// How long a pod may be unschedulable before that counts.
const SCHEDULE_WINDOW: SignedDuration = SignedDuration::from_secs(15);

/// The status of a pod.
pub(super) fn pod(object: &Value) -> Status {
    let has = |kind: &str, status: &str, reason: Option<&str>| {
        conditions(object).any(|condition| {
            condition.kind == kind
                && condition.status == status
                && reason.is_none_or(|reason| condition.reason == reason)
        })
    };
    match object["status"]["phase"].as_str().unwrap_or_default() {
        "Succeeded" => Status::current("the pod has completed"),
        "Failed" => Status::current("the pod has completed without success"),
        "Running" if has("Ready", "True", None) => Status::current(""),
        "Running" => match waiting(object).find(|(_, reason, _)| *reason == "CrashLoopBackOff") {
            Some((container, reason, message)) => Status::failed(explain(container, reason, message)),
            None => Status::in_progress("the pod is running but not ready"),
        },
        "Pending" if has("PodScheduled", "False", Some("Unschedulable")) => {
            if is_younger_than(object, SCHEDULE_WINDOW) {
                Status::in_progress("the pod is not scheduled yet")
            } else {
                Status::failed("the pod could not be scheduled")
            }
        }
        "Pending" => Status::in_progress("the pod is pending"),
        "" => Status::in_progress("the pod has no phase yet"),
        phase => Status::new(State::Unknown, format!("unknown phase {phase}")),
    }
}

fn is_younger_than(object: &Value, age: SignedDuration) -> bool {
    let created =
        object["metadata"]["creationTimestamp"].as_str().and_then(|time| time.parse::<Timestamp>().ok());
    created.is_some_and(|created| Timestamp::now().duration_since(created) < age)
}

/// Why a pod isn't ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodFailure {
    /// The pod's own reason: `pod NAME: …`.
    pub message: String,
    /// Whether the pod has failed for good, so that what rolls it out has too. Being deleted or
    /// waiting for a node doesn't count: both may pass.
    pub is_final: bool,
}

/// Why a pod isn't ready; nothing if it is, or only needs time.
pub fn pod_failure(object: &Value) -> Option<PodFailure> {
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    let is_deleted = object["metadata"]["deletionTimestamp"].is_string();
    let unscheduled = conditions(object).find(|condition| {
        (condition.kind, condition.status, condition.reason) == ("PodScheduled", "False", "Unschedulable")
    });
    let is_final = pod(object).state == State::Failed && !is_deleted && unscheduled.is_none();
    let reason = waiting(object)
        .find(|(_, reason, _)| !matches!(*reason, "" | "ContainerCreating" | "PodInitializing"))
        .map(|(container, reason, message)| {
            let waits = explain(container, reason, message);
            match last_exit(object, container) {
                Some(exit) => format!("{waits} ({exit})"),
                None => waits,
            }
        })
        .or_else(|| unscheduled.map(|condition| condition.explanation()))?;
    (!is_deleted).then(|| PodFailure { message: format!("pod {name}: {reason}"), is_final })
}

fn container_statuses(object: &Value) -> impl Iterator<Item = &Value> {
    ["initContainerStatuses", "containerStatuses"]
        .into_iter()
        .flat_map(|field| object["status"][field].as_array().into_iter().flatten())
}

/// Containers that wait: their name, the reason and the message.
fn waiting(object: &Value) -> impl Iterator<Item = (&str, &str, &str)> {
    container_statuses(object).filter_map(|container| {
        let waiting = container["state"]["waiting"].as_object()?;
        let text = |field: &str| waiting.get(field).and_then(Value::as_str).unwrap_or_default();
        Some((container["name"].as_str().unwrap_or_default(), text("reason"), text("message")))
    })
}

fn last_exit(object: &Value, name: &str) -> Option<String> {
    let container = container_statuses(object).find(|container| container["name"] == name)?;
    let last = container["lastState"]["terminated"].as_object()?;
    let reason = last.get("reason").and_then(Value::as_str).unwrap_or("exited");
    let code = last.get("exitCode").and_then(Value::as_i64)?;
    Some(format!("last: {reason}, exit code {code}"))
}

fn explain(container: &str, reason: &str, message: &str) -> String {
    if message.is_empty() {
        format!("container {container}: {reason}")
    } else {
        format!("container {container}: {reason}: {message}")
    }
}
