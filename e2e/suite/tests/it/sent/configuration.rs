//! What others read: values, accounts, roles, bounds.

use serde_json::{Value, json};

use super::row::{Row, as_it_is, changed};

pub(super) fn rows() -> Vec<Row> {
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
