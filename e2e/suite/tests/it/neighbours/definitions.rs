//! Their definitions, and what stands before the API server's storage.

use anyhow::Result;
use serde_json::{Value, json};

/// A definition with this schema of its spec.
fn definition(api_version: &str, kind: &str, plural: &str, spec: &Value) -> Value {
    let (group, version) = api_version.split_once('/').unwrap_or_default();
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": format!("{plural}.{group}")},
        "spec": {
            "group": group, "scope": "Namespaced",
            "names": {"plural": plural, "singular": kind.to_lowercase(), "kind": kind, "listKind": format!("{kind}List")},
            "versions": [{
                "name": version, "served": true, "storage": true, "subresources": {"status": {}},
                "additionalPrinterColumns": [{"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}],
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                    "spec": spec, "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                }}},
            }],
        },
    })
}

/// What these projects' definitions have in common with each other, and what not.
fn all() -> Vec<Value> {
    let open = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let text = json!({"type": "string"});
    let or = |default: &str| json!({"type": "string", "default": default});
    let sealed = json!({"type": "object", "required": ["encryptedData"], "properties": {
        "encryptedData": {"type": "object", "additionalProperties": {"type": "string"}, "x-kubernetes-preserve-unknown-fields": true},
        "template": open,
    }});
    let external = json!({"type": "object", "properties": {
        "refreshInterval": or("1h0m0s"),
        "refreshPolicy": text,
        "secretStoreRef": {"type": "object", "properties": {"name": text, "kind": or("SecretStore")}},
        "target": {"type": "object", "default": {"creationPolicy": "Owner", "deletionPolicy": "Retain"}, "properties": {
            "name": text, "creationPolicy": or("Owner"), "deletionPolicy": or("Retain"),
        }},
        "data": {"type": "array", "items": {"type": "object", "properties": {
            "secretKey": text,
            "remoteRef": {"type": "object", "properties": {
                "key": text, "conversionStrategy": or("Default"), "decodingStrategy": or("None"), "metadataPolicy": or("None"),
            }},
        }}},
    }});
    let certificate = json!({"type": "object", "properties": {
        "secretName": text, "dnsNames": {"type": "array", "items": text, "x-kubernetes-list-type": "atomic"},
        "issuerRef": {"type": "object", "properties": {"name": text, "kind": text, "group": text}},
        "revisionHistoryLimit": {"type": "integer", "format": "int32", "minimum": 1},
    }});
    let rollout = json!({"type": "object", "properties": {
        "replicas": {"type": "integer", "format": "int32"}, "selector": open, "template": open, "strategy": open,
        "restartAt": {"type": "string", "format": "date-time"},
    }});
    let canary = json!({"type": "object", "required": ["targetRef", "service"], "properties": {
        "targetRef": open, "service": {"type": "object", "properties": {"port": {"type": "number"}, "portName": text}},
        "analysis": {"type": "object", "properties": {
            "interval": {"type": "string", "pattern": "^[0-9]+(m|s)"}, "threshold": {"type": "number"},
            "maxWeight": {"type": "number"}, "stepWeight": {"type": "number"},
        }},
    }});
    vec![
        definition("bitnami.com/v1alpha1", "SealedSecret", "sealedsecrets", &sealed),
        definition("external-secrets.io/v1", "ExternalSecret", "externalsecrets", &external),
        definition("cert-manager.io/v1", "Certificate", "certificates", &certificate),
        definition("argoproj.io/v1alpha1", "Rollout", "rollouts", &rollout),
        definition("flagger.app/v1beta1", "Canary", "canaries", &canary),
    ]
}

/// The files of the definitions' layer.
pub(super) fn files() -> Result<Vec<(String, String)>> {
    let Some(folder) = std::env::var_os("SLUICE_NEIGHBOURS") else {
        let definitions = all().into_iter().enumerate();
        return Ok(definitions.map(|(at, it)| (format!("definitions/{at}.yaml"), it.to_string())).collect());
    };
    let mut files = Vec::new();
    for file in std::fs::read_dir(folder)? {
        let path = file?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        files.push((format!("definitions/{name}"), std::fs::read_to_string(&path)?));
    }
    Ok(files)
}

/// What a webhook of cert-manager or of a policy engine does: a field that Git does not have is there before anything is
/// stored.
pub(super) fn admission(namespace: &str) -> Value {
    let name = format!("{namespace}-defaults");
    json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingAdmissionPolicy", "metadata": {"name": name}, "spec": {
            "failurePolicy": "Fail", "reinvocationPolicy": "IfNeeded",
            "matchConstraints": {"resourceRules": [{"apiGroups": ["cert-manager.io"], "apiVersions": ["*"], "resources": ["certificates"],
                                                    "operations": ["CREATE", "UPDATE"]}]},
            "matchConditions": [{"name": "unset", "expression": "!has(object.spec.revisionHistoryLimit)"}],
            "mutations": [{"patchType": "JSONPatch", "jsonPatch": {
                "expression": "[JSONPatch{op: 'add', path: '/spec/revisionHistoryLimit', value: 1}]"}}],
        }},
        {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingAdmissionPolicyBinding", "metadata": {"name": name},
         "spec": {"policyName": name, "matchResources": {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}}},
    ]})
}
