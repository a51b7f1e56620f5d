use serde_json::{Value, json};

use super::*;

fn object(api_version: &str, kind: &str, mut rest: Value) -> Object {
    rest["apiVersion"] = api_version.into();
    rest["kind"] = kind.into();
    rest["metadata"]["name"] = "a".into();
    Object::new(rest).unwrap()
}

fn state(api_version: &str, kind: &str, rest: Value) -> State {
    compute(&object(api_version, kind, rest)).state
}

fn with_condition(kind: &str, status: &str, reason: &str) -> Value {
    json!({"status": {"conditions": [{"type": kind, "status": status, "reason": reason, "message": "m"}]}})
}

#[test]
fn conditions_decide_for_kinds_without_rules() {
    use State::{Current, Failed, InProgress, Terminating};
    for (rest, want) in [
        (json!({}), Current),
        (json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}), Terminating),
        (json!({"metadata": {"generation": 2}, "status": {"observedGeneration": 1}}), InProgress),
        (json!({"metadata": {"generation": 2}, "status": {"observedGeneration": 2}}), Current),
        (json!({"metadata": {"generation": 2}, "status": {"observedGeneration": "1"}}), Current),
        (with_condition("Reconciling", "True", ""), InProgress),
        (with_condition("Reconciling", "False", ""), Current),
        (with_condition("Stalled", "True", ""), Failed),
        (with_condition("Ready", "True", ""), Current),
        (with_condition("Ready", "False", ""), InProgress),
        (with_condition("Ready", "Unknown", ""), InProgress),
        (with_condition("Accepted", "False", ""), Current),
    ] {
        assert_eq!(state("example.com/v1", "Widget", rest.clone()), want, "{rest}");
    }
}

#[test]
fn deployments() {
    use State::{Current, Failed, InProgress};
    let ready = json!({
        "spec": {"replicas": 2, "progressDeadlineSeconds": 600},
        "status": {
            "replicas": 2, "updatedReplicas": 2, "readyReplicas": 2, "availableReplicas": 2,
            "conditions": [
                {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"},
                {"type": "Available", "status": "True"},
            ],
        },
    });
    let changed = |pointer: &str, value: Value| {
        let mut object = ready.clone();
        *object.pointer_mut(pointer).unwrap() = value;
        state("apps/v1", "Deployment", object)
    };
    assert_eq!(state("apps/v1", "Deployment", ready.clone()), Current);
    for (pointer, value, want) in [
        ("/status/replicas", json!(1), InProgress),
        ("/status/replicas", json!(3), InProgress),
        ("/status/updatedReplicas", json!(1), InProgress),
        ("/status/readyReplicas", json!(1), InProgress),
        ("/status/availableReplicas", json!(1), InProgress),
        ("/status/conditions/0/reason", json!("ProgressDeadlineExceeded"), Failed),
        ("/status/conditions/0/reason", json!("ReplicaSetUpdated"), InProgress),
        ("/status/conditions/1/status", json!("False"), InProgress),
        ("/spec/progressDeadlineSeconds", json!(2_147_483_647), Current),
    ] {
        assert_eq!(changed(pointer, value.clone()), want, "{pointer} = {value}");
    }
    assert_eq!(state("apps/v1", "Deployment", json!({})), InProgress);
}

#[test]
fn stateful_sets() {
    use State::{Current, InProgress};
    let ready = json!({
        "spec": {"replicas": 2},
        "status": {"replicas": 2, "readyReplicas": 2, "currentReplicas": 2, "updatedReplicas": 2, "currentRevision": "a", "updateRevision": "a"},
    });
    let changed = |pointer: &str, value: Value| {
        let mut object = ready.clone();
        let (parent, field) = pointer.rsplit_once('/').unwrap();
        object.pointer_mut(parent).unwrap()[field] = value;
        state("apps/v1", "StatefulSet", object)
    };
    for (pointer, value, want) in [
        ("/spec/replicas", json!(2), Current),
        ("/status/replicas", json!(3), InProgress),
        ("/status/readyReplicas", json!(1), InProgress),
        ("/status/currentReplicas", json!(1), InProgress),
        ("/status/updateRevision", json!("b"), InProgress),
        ("/spec/updateStrategy", json!({"rollingUpdate": {"partition": 1}}), Current),
        ("/spec/updateStrategy", json!({"type": "OnDelete"}), Current),
    ] {
        assert_eq!(changed(pointer, value.clone()), want, "{pointer} = {value}");
    }
    let partitioned = json!({
        "spec": {"replicas": 3, "updateStrategy": {"rollingUpdate": {"partition": 1}}},
        "status": {"replicas": 3, "readyReplicas": 3, "updatedReplicas": 1},
    });
    assert_eq!(state("apps/v1", "StatefulSet", partitioned), InProgress);
    assert_eq!(
        state("apps/v1", "StatefulSet", json!({"spec": {"updateStrategy": {"type": "OnDelete"}}})),
        Current
    );
}

#[test]
fn other_built_in_kinds() {
    use State::{Current, Failed, InProgress, Unknown};
    let daemons = |ready: i64| {
        json!({"metadata": {"generation": 1}, "status": {
            "observedGeneration": 1, "desiredNumberScheduled": 2, "currentNumberScheduled": 2,
            "updatedNumberScheduled": 2, "numberAvailable": 2, "numberReady": ready,
        }})
    };
    for (api_version, kind, rest, want) in [
        ("v1", "ConfigMap", json!({}), Current),
        ("v1", "Secret", json!({}), Current),
        ("batch/v1", "CronJob", json!({}), Current),
        ("policy/v1", "PodDisruptionBudget", json!({}), Current),
        ("v1", "Service", json!({}), Current),
        ("v1", "Service", json!({"spec": {"type": "LoadBalancer"}}), InProgress),
        ("v1", "Service", json!({"spec": {"type": "LoadBalancer", "clusterIP": "10.0.0.1"}}), Current),
        ("v1", "PersistentVolumeClaim", json!({"status": {"phase": "Pending"}}), InProgress),
        ("v1", "PersistentVolumeClaim", json!({"status": {"phase": "Bound"}}), Current),
        ("apps/v1", "DaemonSet", json!({}), InProgress),
        ("apps/v1", "DaemonSet", daemons(1), InProgress),
        ("apps/v1", "DaemonSet", daemons(2), Current),
        ("apps/v1", "ReplicaSet", json!({}), InProgress),
        ("apps/v1", "ReplicaSet", json!({"spec": {"replicas": 0}}), Current),
        ("apps/v1", "ReplicaSet", with_condition("ReplicaFailure", "True", "FailedCreate"), InProgress),
        ("batch/v1", "Job", json!({}), InProgress),
        ("batch/v1", "Job", with_condition("Failed", "True", "BackoffLimitExceeded"), Failed),
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition", json!({}), InProgress),
        (
            "apiextensions.k8s.io/v1",
            "CustomResourceDefinition",
            with_condition("Established", "True", ""),
            Current,
        ),
        (
            "apiextensions.k8s.io/v1",
            "CustomResourceDefinition",
            with_condition("Established", "False", "Installing"),
            InProgress,
        ),
        (
            "apiextensions.k8s.io/v1",
            "CustomResourceDefinition",
            with_condition("Established", "False", "NotAccepted"),
            Failed,
        ),
        (
            "apiextensions.k8s.io/v1",
            "CustomResourceDefinition",
            with_condition("NamesAccepted", "False", "Conflict"),
            Failed,
        ),
        ("v1", "Pod", json!({}), InProgress),
        ("v1", "Pod", json!({"status": {"phase": "Succeeded"}}), Current),
        ("v1", "Pod", json!({"status": {"phase": "Failed"}}), Current),
        ("v1", "Pod", json!({"status": {"phase": "Odd"}}), Unknown),
    ] {
        assert_eq!(state(api_version, kind, rest.clone()), want, "{kind} {rest}");
    }
}

#[test]
fn jobs_must_finish() {
    use State::{Current, Failed, InProgress};
    for (rest, want) in [
        (json!({}), InProgress),
        (json!({"spec": {"suspend": true}}), Current),
        (json!({"status": {"startTime": "2026-01-01T00:00:00Z", "active": 1}}), InProgress),
        (with_condition("Complete", "True", ""), Current),
        (with_condition("Failed", "True", "BackoffLimitExceeded"), Failed),
        (with_condition("Failed", "False", ""), InProgress),
    ] {
        assert_eq!(state("batch/v1", "Job", rest.clone()), want, "{rest}");
    }
    assert!(!JobReader.supports("example.com", "Job"));
}

#[test]
fn pods_tell_why() {
    let pod = |rest: Value| {
        let pod = object("v1", "Pod", rest);
        (compute(&pod).state, pod_failure(pod.as_value()))
    };
    let waiting = |phase: &str, reason: &str| {
        json!({"status": {"phase": phase, "containerStatuses": [{
            "name": "app", "state": {"waiting": {"reason": reason, "message": "why"}},
            "lastState": {"terminated": {"reason": "Error", "exitCode": 3}},
        }]}})
    };
    let (state, failure) = pod(waiting("Running", "CrashLoopBackOff"));
    let failure = failure.unwrap();
    assert_eq!(state, State::Failed);
    assert!(failure.is_final);
    assert_eq!(failure.message, "pod a: container app: CrashLoopBackOff: why (last: Error, exit code 3)");

    let (state, failure) = pod(waiting("Pending", "ImagePullBackOff"));
    assert_eq!(state, State::InProgress);
    assert!(!failure.unwrap().is_final);
    assert_eq!(pod(waiting("Pending", "ContainerCreating")).1, None);

    let mut deleted = waiting("Running", "CrashLoopBackOff");
    deleted["metadata"] = json!({"deletionTimestamp": "2026-01-01T00:00:00Z"});
    assert_eq!(pod(deleted).1, None);

    let unscheduled = |created: &str| {
        let mut pod = with_condition("PodScheduled", "False", "Unschedulable");
        pod["status"]["phase"] = "Pending".into();
        pod["metadata"] = json!({"creationTimestamp": created});
        pod
    };
    let (state, failure) = pod(unscheduled("2020-01-01T00:00:00Z"));
    assert_eq!(state, State::Failed);
    assert_eq!(failure, Some(PodFailure { message: "pod a: Unschedulable: m".into(), is_final: false }));
    assert_eq!(pod(unscheduled(&jiff::Timestamp::now().to_string())).0, State::InProgress);
}

#[test]
fn what_holds_a_deleted_object_is_named() {
    let deleted = |rest: Value| {
        let mut object = object("v1", "Namespace", rest);
        object.set_metadata("deletionTimestamp", "2026-01-01T00:00:00Z".into());
        compute(&object).message
    };
    assert_eq!(deleted(json!({})), "it is being deleted");
    let held = json!({"metadata": {"finalizers": ["example.com/hold"]}});
    assert_eq!(deleted(held), "it is being deleted, held by its finalizers [example.com/hold]");
    let remaining = with_condition("NamespaceFinalizersRemaining", "True", "SomeFinalizersRemain");
    assert_eq!(deleted(remaining), "it is being deleted: m");
}
