//! The rules for the kinds that Kubernetes itself brings.

use serde_json::Value;

use super::{Status, conditions, pods};

/// Computes the status of an object that the generic rules leave open.
pub(super) type Rule = fn(&Value) -> Status;

/// The rule for a kind, if it has one.
pub(super) fn rule(group: &str, kind: &str) -> Option<Rule> {
    Some(match (group, kind) {
        ("", "Service") => service,
        ("", "Pod") => pods::pod,
        ("", "Secret" | "ConfigMap") | ("batch", "CronJob") | ("policy", "PodDisruptionBudget") => always,
        ("", "PersistentVolumeClaim") => volume_claim,
        ("apps", "StatefulSet") => stateful_set,
        ("apps" | "extensions", "DaemonSet") => daemon_set,
        ("apps" | "extensions", "Deployment") => deployment,
        ("apps" | "extensions", "ReplicaSet") => replica_set,
        ("batch", "Job") => job,
        ("apiextensions.k8s.io", "CustomResourceDefinition") => definition,
        _ => return None,
    })
}

fn always(_: &Value) -> Status {
    Status::current("")
}

fn number(object: &Value, pointer: &str, default: i64) -> i64 {
    object.pointer(pointer).and_then(Value::as_i64).unwrap_or(default)
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// In progress if fewer than the wanted number are as the word says.
fn lacking(word: &str, have: i64, want: i64) -> Option<Status> {
    (have < want).then(|| Status::in_progress(format!("{have} of {want} replicas {word}")))
}

/// In progress if replicas of an older revision are still there.
fn surplus(have: i64, want: i64) -> Option<Status> {
    (have > want)
        .then(|| Status::in_progress(format!("{} old replicas are pending termination", have - want)))
}

fn service(object: &Value) -> Status {
    let balanced = text(object, "/spec/type") == "LoadBalancer";
    if balanced && text(object, "/spec/clusterIP").is_empty() {
        return Status::in_progress("the load balancer service has no cluster IP yet");
    }
    Status::current("")
}

fn volume_claim(object: &Value) -> Status {
    match text(object, "/status/phase") {
        "Bound" => Status::current(""),
        phase => Status::in_progress(format!("the claim is not bound, its phase is {phase:?}")),
    }
}

fn stateful_set(object: &Value) -> Status {
    if text(object, "/spec/updateStrategy/type") == "OnDelete" {
        return Status::current("the update strategy is OnDelete");
    }
    let want = number(object, "/spec/replicas", 1);
    let replicas = number(object, "/status/replicas", 0);
    let unfinished = lacking("exist", replicas, want)
        .or_else(|| lacking("are ready", number(object, "/status/readyReplicas", 0), want))
        .or_else(|| surplus(replicas, want));
    if let Some(status) = unfinished {
        return status;
    }
    let updated = number(object, "/status/updatedReplicas", 0);
    let partition = number(object, "/spec/updateStrategy/rollingUpdate/partition", -1);
    if partition != -1 {
        return lacking("are updated", updated, want - partition)
            .unwrap_or_else(|| Status::current("the partition is rolled out"));
    }
    if let Some(status) = lacking("are current", number(object, "/status/currentReplicas", 0), want) {
        return status;
    }
    if text(object, "/status/currentRevision") != text(object, "/status/updateRevision") {
        return Status::in_progress("the updated revision is not current yet");
    }
    Status::current("")
}

fn daemon_set(object: &Value) -> Status {
    for (pointer, field) in
        [("/metadata/generation", "generation"), ("/status/observedGeneration", "observed generation")]
    {
        if object.pointer(pointer).and_then(Value::as_i64).is_none() {
            return Status::in_progress(format!("it has no {field} yet"));
        }
    }
    let want = number(object, "/status/desiredNumberScheduled", -1);
    if want == -1 {
        return Status::in_progress("the number of pods is not known yet");
    }
    [
        ("are scheduled", "/status/currentNumberScheduled"),
        ("are updated", "/status/updatedNumberScheduled"),
        ("are available", "/status/numberAvailable"),
        ("are ready", "/status/numberReady"),
    ]
    .into_iter()
    .find_map(|(word, pointer)| lacking(word, number(object, pointer, 0), want))
    .unwrap_or_else(|| Status::current(""))
}

fn deployment(object: &Value) -> Status {
    // Without a deadline the controller sets no Progressing condition. Go's largest int32 means
    // the same, to the controller too.
    let unlimited = i64::from(i32::MAX);
    let mut progressed = number(object, "/spec/progressDeadlineSeconds", unlimited) == unlimited;
    let mut available = false;
    for condition in conditions(object) {
        match (condition.kind, condition.status, condition.reason) {
            ("Progressing", _, "ProgressDeadlineExceeded") => {
                return Status::failed(condition.explanation());
            }
            ("Progressing", "True", "NewReplicaSetAvailable") => progressed = true,
            ("Available", "True", _) => available = true,
            _ => {}
        }
    }
    let want = number(object, "/spec/replicas", 1);
    let replicas = number(object, "/status/replicas", 0);
    let updated = number(object, "/status/updatedReplicas", 0);
    lacking("exist", replicas, want)
        .or_else(|| lacking("are updated", updated, want))
        .or_else(|| surplus(replicas, want))
        .or_else(|| lacking("are available", number(object, "/status/availableReplicas", 0), updated))
        .or_else(|| lacking("are ready", number(object, "/status/readyReplicas", 0), want))
        .or_else(|| (!progressed).then(|| Status::in_progress("the new replica set is not available")))
        .or_else(|| (!available).then(|| Status::in_progress("the deployment is not available")))
        .unwrap_or_else(|| Status::current(""))
}

fn replica_set(object: &Value) -> Status {
    let failure =
        conditions(object).find(|condition| (condition.kind, condition.status) == ("ReplicaFailure", "True"));
    if let Some(failure) = failure {
        return Status::in_progress(failure.explanation());
    }
    let want = number(object, "/spec/replicas", 1);
    lacking("are labelled", number(object, "/status/fullyLabeledReplicas", 0), want)
        .or_else(|| lacking("are available", number(object, "/status/availableReplicas", 0), want))
        .or_else(|| lacking("are ready", number(object, "/status/readyReplicas", 0), want))
        .or_else(|| surplus(number(object, "/status/replicas", 0), want))
        .unwrap_or_else(|| Status::current(""))
}

/// A job is ready when it is complete or suspended; one that runs isn't.
fn job(object: &Value) -> Status {
    if object.pointer("/spec/suspend") == Some(&Value::Bool(true)) {
        return Status::current("the job is suspended");
    }
    for condition in conditions(object).filter(|condition| condition.status == "True") {
        match condition.kind {
            "Complete" => return Status::current("the job is complete"),
            "Failed" => return Status::failed(condition.explanation()),
            _ => {}
        }
    }
    if text(object, "/status/startTime").is_empty() {
        return Status::in_progress("the job has not started");
    }
    let count = |field: &str| number(object, &format!("/status/{field}"), 0);
    let (active, succeeded, failed) = (count("active"), count("succeeded"), count("failed"));
    Status::in_progress(format!(
        "the job is running: {active} active, {succeeded} succeeded, {failed} failed"
    ))
}

fn definition(object: &Value) -> Status {
    for condition in conditions(object) {
        match (condition.kind, condition.status, condition.reason) {
            ("NamesAccepted", "False", _) => return Status::failed(condition.explanation()),
            ("Established", "True", _) => return Status::current(""),
            ("Established", "False", reason) if reason != "Installing" => {
                return Status::failed(condition.explanation());
            }
            _ => {}
        }
    }
    Status::in_progress("the definition is being installed")
}
