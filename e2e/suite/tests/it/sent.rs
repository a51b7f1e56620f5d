//! What is sent to the API server for what stands in Git: by the server's own record, kind by kind.
//!
//! Each row is a manifest, and what is sent if that differs. Of all rows this must hold: the dry-run and the apply have that
//! body; the controller owns what it sent and nothing else; and a controller that remembers nothing compares the objects
//! again and writes nothing.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use kube::{ResourceExt, api::DynamicObject};
use serde_json::{Map, Value, json};
use sluice_testkit::wait_for;

use crate::support::{PATIENCE, World, Write, field, is_ready};

/// A manifest without name, and what is sent.
struct Row {
    name: &'static str,
    written: Value,
    sent: Value,
}

fn as_it_is(name: &'static str, written: Value) -> Row {
    Row { name, sent: written.clone(), written }
}

fn changed(name: &'static str, written: Value, sent: Value) -> Row {
    Row { name, written, sent }
}

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

fn workloads() -> Vec<Row> {
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

fn configuration() -> Vec<Row> {
    let secret = |data: Value| json!({"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "data": data});
    let mut texts = secret(json!({"both": "YmVmb3Jl", "kept": "a2VwdA=="}));
    texts["stringData"] = json!({"both": "after", "new": "line\n"});
    let role = json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]);
    vec![
        as_it_is(
            "strings",
            json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "1", "b": "true", "c": "", "d": "two\nlines\n", "e.f-g_h": "x"},
                   "binaryData": {"bin": "AAEC"}, "immutable": false}),
        ),
        changed("texts", texts, secret(json!({"both": "YWZ0ZXI=", "kept": "a2VwdA==", "new": "bGluZQo="}))),
        as_it_is(
            "account",
            json!({"apiVersion": "v1", "kind": "ServiceAccount", "automountServiceAccountToken": false, "imagePullSecrets": [{"name": "pull"}]}),
        ),
        // An empty list of rules is not the same as none.
        as_it_is(
            "no-rules",
            json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "rules": []}),
        ),
        as_it_is(
            "rules",
            json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "rules": role}),
        ),
        as_it_is(
            "binding",
            json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "rules"},
                   "subjects": [{"kind": "ServiceAccount", "name": "of-others", "namespace": "default"}, {"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": "ops"}]}),
        ),
        as_it_is(
            "quota",
            json!({"apiVersion": "v1", "kind": "ResourceQuota", "spec": {"hard": {"requests.storage": "102400Mi", "pods": "500", "count/secrets": "0500"}}}),
        ),
        as_it_is(
            "limits",
            json!({"apiVersion": "v1", "kind": "LimitRange", "spec": {"limits": [{"type": "Container", "default": {"cpu": "0.5"}, "defaultRequest": {"cpu": "50m", "memory": "0.5Gi"}}]}}),
        ),
        as_it_is(
            "claim",
            json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "", "resources": {"requests": {"storage": "2048Mi"}}}}),
        ),
    ]
}

fn network() -> Vec<Row> {
    let service = |spec: Value| json!({"apiVersion": "v1", "kind": "Service", "spec": spec});
    vec![
        changed(
            "service",
            service(
                json!({"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80, "targetPort": "http"}, {"name": "admin", "port": 81}]}),
            ),
            service(
                json!({"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}, {"name": "admin", "port": 81, "protocol": "TCP"}]}),
            ),
        ),
        changed(
            "dns",
            service(
                json!({"clusterIP": "None", "ports": [{"name": "tcp", "port": 53}, {"name": "udp", "port": 53, "protocol": "UDP"}]}),
            ),
            service(
                json!({"clusterIP": "None", "ports": [{"name": "tcp", "port": 53, "protocol": "TCP"}, {"name": "udp", "port": 53, "protocol": "UDP"}]}),
            ),
        ),
        as_it_is("elsewhere", service(json!({"type": "ExternalName", "externalName": "example.com"}))),
        as_it_is(
            "ingress",
            json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "spec": {"tls": [{"hosts": ["a.example"], "secretName": "tls"}], "rules": [{"host": "a.example", "http": {"paths": [
                {"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "service", "port": {"name": "http"}}}}]}}]}}),
        ),
        as_it_is(
            "policy",
            json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"],
                "ingress": [{}], "egress": [{"to": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}], "ports": [{"port": 53, "protocol": "UDP"}]}]}}),
        ),
        as_it_is(
            "closed",
            json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "spec": {"podSelector": {"matchLabels": {"a": "b"}}, "ingress": [], "policyTypes": ["Ingress"]}}),
        ),
        as_it_is(
            "budget",
            json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "spec": {"minAvailable": "50%", "selector": {"matchLabels": {"app": "web"}}}}),
        ),
        as_it_is(
            "scaler",
            json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "spec": {"minReplicas": 1, "maxReplicas": 3,
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "nobody"},
                "metrics": [{"type": "Resource", "resource": {"name": "memory", "target": {"type": "Utilization", "averageUtilization": 80}}},
                            {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "AverageValue", "averageValue": "1500m"}}}],
                "behavior": {"scaleDown": {"stabilizationWindowSeconds": 60}}}}),
        ),
        as_it_is(
            "lease",
            json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "spec": {"holderIdentity": "nobody"}}),
        ),
        as_it_is(
            "slice",
            json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
                   "endpoints": [{"addresses": ["10.1.2.3"], "conditions": {"ready": true}}], "ports": [{"name": "http", "port": 80, "protocol": "TCP"}]}),
        ),
    ]
}

fn rows() -> Vec<Row> {
    workloads().into_iter().chain(configuration()).chain(network()).collect()
}

/// The object with its name, and what the controller adds to every one.
fn complete(row: &Row, namespace: &str) -> Value {
    let mut sent = named(&row.sent, row.name);
    sent["metadata"]["namespace"] = namespace.into();
    sent["metadata"]["labels"] = json!({
        "kustomize.toolkit.fluxcd.io/name": "app", "kustomize.toolkit.fluxcd.io/namespace": namespace,
    });
    sent
}

fn named(object: &Value, name: &str) -> Value {
    let mut object = object.clone();
    object["metadata"]["name"] = name.into();
    object
}

#[tokio::test]
async fn what_is_sent_is_owned_and_compared_without_a_write() -> Result<()> {
    let mut world = World::start("sent").await?;
    let repository = world.git.repository("app")?;
    let rows = rows();
    let files: Vec<_> = rows
        .iter()
        .map(|row| (format!("{}.yaml", row.name), named(&row.written, row.name).to_string()))
        .collect();
    let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), Some(text.as_str()))).collect();
    let commit = repository.commit("Install", &files)?;
    world.create_source("app").await?;
    let mark = world.mark().await?;
    world.create(world.kustomization("app", "app", "./", &json!({"retryInterval": "1h"}))).await?;
    world.applied("app", &format!("main@sha1:{commit}")).await?;

    let writes = world.writes_since(mark).await?;
    let applies: Vec<&Write> = writes.iter().filter(|write| write.is_apply()).collect();
    for row in &rows {
        let wanted = complete(row, world.name());
        let sent: Vec<_> = applies
            .iter()
            .filter(|write| {
                write.object_ref.name == row.name && write.request_object["kind"] == wanted["kind"]
            })
            .collect();
        ensure!(
            sent.len() == 2 && sent[0].is_dry_run() && !sent[1].is_dry_run(),
            "{}: {} requests, not one dry-run and one apply",
            row.name,
            sent.len()
        );
        for write in sent {
            ensure!(
                write.request_object == wanted,
                "{}: sent {}\nwanted {wanted}",
                row.name,
                write.request_object
            );
        }
    }
    let live = live(&world, &rows).await?;
    for row in &rows {
        let fields = owned(&live[row.name]).with_context(|| row.name.to_owned())?;
        compare(&complete(row, world.name()), fields, "").with_context(|| row.name.to_owned())?;
    }

    // Who remembers nothing has all compared by the API server.
    let mark = world.mark().await?;
    world.kustomize.restart().await?;
    let again = |object: Option<&DynamicObject>| {
        object.is_some_and(|object| {
            is_ready(object) && *field(object, "/status/history/0/totalReconciliations") == 2
        })
    };
    wait_for(&world.kustomizations(), "app", PATIENCE, again).await?;
    let writes = world.writes_since(mark).await?;
    let compared = writes.iter().filter(|write| write.is_apply() && write.is_dry_run()).count();
    ensure!(compared == rows.len(), "{compared} of {} objects were compared", rows.len());
    let written: Vec<_> =
        writes.iter().filter(|write| write.is_apply() && !write.is_dry_run()).map(Write::object).collect();
    ensure!(written.is_empty(), "written again: {written:?}");
    Ok(())
}

/// The objects by their names.
async fn live(world: &World, rows: &[Row]) -> Result<BTreeMap<&'static str, DynamicObject>> {
    let mut live = BTreeMap::new();
    for row in rows {
        let text = |key: &str| row.sent[key].as_str().unwrap_or_default();
        let api = world.namespace.objects(text("apiVersion"), text("kind"));
        live.insert(row.name, api.get(row.name).await.with_context(|| row.name.to_owned())?);
    }
    Ok(live)
}

/// The fields that the controller owns: it is one manager, by apply.
fn owned(object: &DynamicObject) -> Result<&Value> {
    let mut own = object.managed_fields().iter().filter(|entry| {
        entry.manager.as_deref() == Some("kustomize-controller")
            && entry.subresource.as_deref().unwrap_or_default().is_empty()
    });
    let entry = own.next().context("the controller owns nothing")?;
    ensure!(own.next().is_none(), "the controller is two managers");
    ensure!(entry.operation.as_deref() == Some("Apply"), "{:?}", entry.operation);
    Ok(&entry.fields_v1.as_ref().context("no fields")?.0)
}

/// What everybody has, and nobody owns.
const IDENTITY: [&str; 4] = ["/apiVersion", "/kind", "/metadata/name", "/metadata/namespace"];

/// Fields sent are owned, and fields owned were sent.
fn compare(sent: &Value, owned: &Value, path: &str) -> Result<()> {
    let owned = owned.as_object().context("fields are an object")?;
    // A leaf, or what is replaced as a whole.
    if owned.keys().all(|key| key == ".") {
        return Ok(());
    }
    match sent {
        Value::Object(fields) => compare_fields(fields, owned, path),
        Value::Array(items) => compare_items(items, owned, path),
        scalar => anyhow::bail!("{path}: owned below {scalar}"),
    }
}

fn compare_fields(sent: &Map<String, Value>, owned: &Map<String, Value>, path: &str) -> Result<()> {
    for key in owned.keys().filter_map(|key| key.strip_prefix("f:")) {
        ensure!(sent.contains_key(key), "{path}/{key} is owned and was not sent");
    }
    for (key, value) in sent.iter().filter(|(_, value)| !value.is_null()) {
        let path = format!("{path}/{key}");
        match owned.get(&format!("f:{key}")) {
            Some(owned) => compare(value, owned, &path)?,
            None => ensure!(
                IDENTITY.contains(&path.as_str()) || path == "/metadata",
                "{path} was sent and is not owned"
            ),
        }
    }
    Ok(())
}

/// Items are owned by key (`k:{…}`) or by value (`v:…`).
fn compare_items(sent: &[Value], owned: &Map<String, Value>, path: &str) -> Result<()> {
    let keys: Vec<_> = owned.iter().filter(|(key, _)| *key != ".").collect();
    ensure!(keys.len() == sent.len(), "{path}: {} items sent, {} owned", sent.len(), keys.len());
    for (key, fields) in keys {
        let (is_key, text) = match (key.strip_prefix("k:"), key.strip_prefix("v:")) {
            (Some(text), _) => (true, text),
            (_, Some(text)) => (false, text),
            _ => anyhow::bail!("{path}: owned by {key}"),
        };
        let wanted: Value = serde_json::from_str(text)?;
        let is_it = |item: &&Value| {
            if is_key {
                wanted.as_object().is_some_and(|keys| keys.iter().all(|(key, value)| item[key] == *value))
            } else {
                **item == wanted
            }
        };
        let item =
            sent.iter().find(is_it).with_context(|| format!("{path}: {key} is owned and was not sent"))?;
        if is_key {
            compare(item, fields, &format!("{path}[{text}]"))?;
        }
    }
    Ok(())
}
