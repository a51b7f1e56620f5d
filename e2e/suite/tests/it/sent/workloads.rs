//! What runs pods.

use serde_json::{Value, json};

use super::row::{Row, as_it_is, changed};

/// A workload's specification around its pods'.
fn workload(name: &str, pod: &Value) -> Value {
    json!({"selector": {"matchLabels": {"app": name}},
           "template": {"metadata": {"labels": {"app": name}}, "spec": pod}})
}

fn deployment(name: &'static str, pod: &Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": workload(name, pod)})
}

/// An object with something more in its specification.
fn with(mut object: Value, more: &Value) -> Value {
    for (key, value) in more.as_object().into_iter().flatten() {
        object["spec"][key] = value.clone();
    }
    object
}

fn container(more: &Value) -> Value {
    let mut container = json!({"name": "main", "image": "registry.example/app:1"});
    for (key, value) in more.as_object().into_iter().flatten() {
        container[key] = value.clone();
    }
    container
}

pub(super) fn rows() -> Vec<Row> {
    let ports = |protocol: Option<&str>| {
        let port = |port: Value| match protocol {
            Some(protocol) if port.get("protocol").is_none() => {
                let mut port = port;
                port["protocol"] = protocol.into();
                port
            }
            _ => port,
        };
        json!([port(json!({"containerPort": 53})), port(json!({"containerPort": 53, "protocol": "UDP"}))])
    };
    let odd = json!({
        "containers": [container(&json!({
            "resources": {"requests": {"cpu": "1000m", "memory": "1024Mi"}, "limits": {"cpu": 2, "memory": "2e9"}},
            "env": [{"name": "PORT", "value": "8080"}, {"name": "ON", "value": "yes"}, {"name": "EMPTY", "value": ""},
                    {"name": "LINES", "value": "one\ntwo\n"}],
        }))],
    });
    let probes = json!({
        "initContainers": [{"name": "init", "image": "registry.example/init:1", "ports": [{"containerPort": 1, "protocol": "TCP"}]}],
        "containers": [container(&json!({
            "readinessProbe": {"httpGet": {"path": "/", "port": "http"}, "periodSeconds": 5},
            "livenessProbe": {"exec": {"command": ["true"]}},
            "lifecycle": {"preStop": {"sleep": {"seconds": 1}}},
            "securityContext": {"runAsNonRoot": true, "capabilities": {"drop": ["ALL"]}},
            "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}, {"name": "config", "mountPath": "/etc/app", "readOnly": true}],
        }))],
        "volumes": [{"name": "tmp", "emptyDir": {}}, {"name": "config", "projected": {"sources": [
            {"configMap": {"name": "strings", "items": [{"key": "a", "path": "a"}]}},
            {"serviceAccountToken": {"path": "token", "expirationSeconds": 3600}}]}}],
        "affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "preference":
            {"matchExpressions": [{"key": "kubernetes.io/os", "operator": "In", "values": ["linux"]}]}}]}},
        "tolerations": [{"operator": "Exists"}],
        "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": {"app": "probes"}}}],
        "terminationGracePeriodSeconds": 5,
    });
    let plain = json!({"containers": [container(&json!({}))]});
    let misspelt = json!({"containers": [container(&json!({"imagePullPolice": "Always", "resources": {"request": {"cpu": "1"}}}))], "replica": 3});
    let corrected = json!({"containers": [container(&json!({"resources": {}}))]});
    let mut bare = with(deployment("printed", &corrected), &json!({"strategy": {}}));
    bare["spec"]["template"]["metadata"]["creationTimestamp"] = Value::Null;
    let mut printed = bare.clone();
    printed["status"] = json!({});
    printed["metadata"] = json!({"creationTimestamp": null});
    vec![
        as_it_is("quantities", deployment("quantities", &odd)),
        as_it_is("probes", deployment("probes", &probes)),
        changed("misspelt", deployment("misspelt", &misspelt), deployment("misspelt", &corrected)),
        // As `kubectl create --dry-run=client -o yaml` prints it.
        changed("printed", printed, bare),
        changed(
            "ports",
            deployment("ports", &json!({"containers": [container(&json!({"ports": ports(None)}))]})),
            deployment("ports", &json!({"containers": [container(&json!({"ports": ports(Some("TCP"))}))]})),
        ),
        as_it_is(
            "stateful",
            with(
                json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "spec": workload("stateful", &plain)}),
                &json!({
                    "serviceName": "stateful", "podManagementPolicy": "Parallel",
                    "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete"},
                    "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {
                        "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1024Mi"}}}}],
                }),
            ),
        ),
        as_it_is(
            "daemon",
            with(
                json!({"apiVersion": "apps/v1", "kind": "DaemonSet", "spec": workload("daemon", &plain)}),
                &json!({"updateStrategy": {"rollingUpdate": {"maxUnavailable": "10%"}}, "revisionHistoryLimit": 2}),
            ),
        ),
        as_it_is(
            "job",
            json!({"apiVersion": "batch/v1", "kind": "Job", "spec": {"backoffLimit": 0, "ttlSecondsAfterFinished": 3600,
                "template": {"spec": {"restartPolicy": "Never", "containers": [container(&json!({}))]}}}}),
        ),
        as_it_is(
            "cron",
            json!({"apiVersion": "batch/v1", "kind": "CronJob", "spec": {"schedule": "0 3 * * *", "timeZone": "Etc/UTC", "suspend": true,
                "jobTemplate": {"spec": {"template": {"spec": {"restartPolicy": "OnFailure", "containers": [container(&json!({}))]}}}}}}),
        ),
        as_it_is(
            "pod",
            json!({"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [container(&json!({}))]}}),
        ),
    ]
}
