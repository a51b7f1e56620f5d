//! Gives objects the form that the API server expects, so that nothing seems to drift for ever.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};

use sluice_patch::Schema;

use crate::object::Object;

/// Fields that an object has but its kind doesn't.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownFields {
    /// `Kind/namespace/name`.
    pub subject: String,
    /// Where they were: `spec.template.spec.containers[0].imagee`.
    pub paths: Vec<String>,
}

/// Normalises objects in place before they are applied. Of built-in kinds, unknown fields are
/// dropped, since the API server would refuse the object for them; they are returned, so that
/// people can be told.
pub fn normalize(objects: &mut [Object]) -> Vec<UnknownFields> {
    let mut unknown = Vec::new();
    for object in objects {
        // The rules of roles aren't touched: an empty list of them is not the same as none.
        let is_role = object.api_version() == "rbac.authorization.k8s.io/v1"
            && matches!(object.kind(), "Role" | "ClusterRole");
        if is_role {
            continue;
        }
        if !is_undecodable(object) {
            let paths = drop_unknown_fields(object);
            if !paths.is_empty() {
                unknown.push(UnknownFields { subject: object.subject(), paths });
            }
            complete(object);
        }
        if let Some(metadata) = object.metadata_mut() {
            metadata.remove("creationTimestamp");
        }
        let is_crd = object.is_crd();
        if is_crd {
            drop_invalid_ca_bundle(object);
        }
        if let Some(fields) = object.as_value_mut().as_object_mut().filter(|_| !is_crd) {
            fields.remove("status");
        }
    }
    unknown
}

/// Whether a Secret's data is no base64. The server refuses it, and then tells what else it does not know: the metadata
/// of SOPS is what such a Secret has most likely.
fn is_undecodable(object: &Object) -> bool {
    let is_secret = object.group().is_empty() && object.kind() == "Secret";
    let data = object.as_value().get("data").and_then(Value::as_object).filter(|_| is_secret);
    data.into_iter()
        .flat_map(Map::values)
        .filter_map(Value::as_str)
        .any(|value| STANDARD.decode(value.replace(['\r', '\n'], "")).is_err())
}

/// Gives values their usual form and ports their protocol.
fn complete(object: &mut Object) {
    match (object.group(), object.kind()) {
        ("", "Secret") => move_string_data(object),
        ("", "Service") => default_protocols(object.as_value_mut().pointer_mut("/spec/ports")),
        _ => {}
    }
    if let Some(containers) = pod_spec(object).and_then(|spec| spec.get_mut("containers")) {
        for container in containers.as_array_mut().into_iter().flatten() {
            default_protocols(container.get_mut("ports"));
        }
    }
}

/// Definitions and API services aren't among the kinds that Flux knows: the server judges them.
fn drop_unknown_fields(object: &mut Object) -> Vec<String> {
    if matches!(object.group(), "apiextensions.k8s.io" | "apiregistration.k8s.io") {
        return Vec::new();
    }
    Schema::builtin().prune_unknown(object.as_value_mut())
}

fn pod_spec(object: &mut Object) -> Option<&mut Value> {
    let pointer = match (object.group(), object.kind()) {
        ("", "Pod") => "/spec",
        ("apps", "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet") | ("batch", "Job") => {
            "/spec/template/spec"
        }
        ("batch", "CronJob") => "/spec/jobTemplate/spec/template/spec",
        _ => return None,
    };
    object.as_value_mut().pointer_mut(pointer)
}

/// The protocol is part of a port's key in server-side apply, so it must be there.
fn default_protocols(ports: Option<&mut Value>) {
    for port in ports.and_then(Value::as_array_mut).into_iter().flatten().filter_map(Value::as_object_mut) {
        if port.get("protocol").and_then(Value::as_str).is_none_or(str::is_empty) {
            port.insert("protocol".to_owned(), "TCP".into());
        }
    }
}

/// A placeholder that a controller is to replace by its CA: the API server would refuse it.
fn drop_invalid_ca_bundle(definition: &mut Object) {
    let config = definition.as_value_mut().pointer_mut("/spec/conversion/webhook/clientConfig");
    let Some(config) = config.and_then(Value::as_object_mut) else { return };
    let bundle = config.get("caBundle").and_then(Value::as_str).unwrap_or_default();
    if !bundle.is_empty()
        && !STANDARD.decode(bundle).is_ok_and(|pem| pem.is_empty() || holds_certificate(&pem))
    {
        config.remove("caBundle");
    }
}

/// Whether the text holds certificates, and each of them is base64 of an ASN.1 sequence.
fn holds_certificate(pem: &[u8]) -> bool {
    let Ok(pem) = std::str::from_utf8(pem) else { return false };
    let mut bodies = pem
        .split("-----BEGIN CERTIFICATE-----")
        .skip(1)
        .map(|rest| rest.split_once("-----END CERTIFICATE-----").map(|(body, _)| body))
        .peekable();
    let is_sequence = |body: Option<&str>| {
        let body: Option<String> = body.map(|body| body.split_whitespace().collect());
        body.and_then(|body| STANDARD.decode(body).ok()).is_some_and(|der| der.first() == Some(&0x30))
    };
    bodies.peek().is_some() && bodies.all(is_sequence)
}

/// Server-side apply would own `stringData`, and never remove what it once put into `data`.
fn move_string_data(object: &mut Object) {
    let Some(fields) = object.as_value_mut().as_object_mut() else { return };
    let is_text = |map: &Map<String, Value>| map.values().all(|value| value.is_string() || value.is_null());
    // What isn't text is left to the API server to refuse.
    let Some(texts) = fields.get("stringData").and_then(Value::as_object).filter(|map| is_text(map)).cloned()
    else {
        return;
    };
    if fields.get("data").is_some_and(|data| !data.is_object() && !data.is_null()) {
        return;
    }
    fields.remove("stringData");
    if texts.is_empty() {
        return;
    }
    let data = fields.entry("data").or_insert_with(|| Value::Object(Map::new()));
    if data.is_null() {
        *data = Value::Object(Map::new());
    }
    for (key, text) in texts {
        data[key] = STANDARD.encode(text.as_str().unwrap_or_default()).into();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn normalized(value: Value) -> Value {
        let mut objects = [Object::new(value).unwrap()];
        normalize(&mut objects);
        objects[0].as_value().clone()
    }

    #[test]
    fn fields_that_built_in_kinds_do_not_have_go() {
        let spec = json!({"replicaCount": 4, "replicas": 1, "template": {"spec": {"containers": [{"name": "a", "imagee": "x"}]}}});
        let deployment =
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}, "spec": spec});
        let custom = json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "a"}, "spec": spec});
        let mut objects = [Object::new(deployment).unwrap(), Object::new(custom.clone()).unwrap()];
        let unknown = normalize(&mut objects);
        let paths =
            vec!["spec.replicaCount".to_owned(), "spec.template.spec.containers[0].imagee".to_owned()];
        assert_eq!(unknown, [UnknownFields { subject: "Deployment/a".into(), paths }]);
        let want = json!({"replicas": 1, "template": {"spec": {"containers": [{"name": "a"}]}}});
        assert_eq!(objects[0].as_value()["spec"], want);
        assert_eq!(*objects[1].as_value(), custom);
    }

    #[test]
    fn string_data_becomes_data() {
        let secret = |rest: Value| {
            let mut secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}});
            secret.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
            let mut got = normalized(secret);
            let _ =
                ["apiVersion", "kind", "metadata"].map(|field| got.as_object_mut().unwrap().remove(field));
            got
        };
        for (given, want) in [
            (json!({"stringData": {"a": "b"}}), json!({"data": {"a": "Yg=="}})),
            (
                json!({"stringData": {"a": "b"}, "data": {"a": "eA==", "c": "eA=="}}),
                json!({"data": {"a": "Yg==", "c": "eA=="}}),
            ),
            (json!({"stringData": {"a": "b"}, "data": null}), json!({"data": {"a": "Yg=="}})),
            (json!({"stringData": {}}), json!({})),
            (json!({"stringData": {"a": 1}}), json!({"stringData": {"a": 1}})),
            // The server says of all fields what is wrong with them.
            (
                json!({"data": {"a": "ENC[x]"}, "sops": {}, "stringData": {"b": "c"}}),
                json!({"data": {"a": "ENC[x]"}, "sops": {}, "stringData": {"b": "c"}}),
            ),
            (json!({"data": {"a": "eA=\n=\n"}, "sops": {}}), json!({"data": {"a": "eA=\n=\n"}})),
        ] {
            assert_eq!(secret(given.clone()), want, "{given}");
        }
    }

    #[test]
    fn placeholders_for_a_ca_go() {
        let kept = |bundle: String| {
            let config = json!({"caBundle": bundle, "url": "https://example.com"});
            let crd = json!({
                "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "a"},
                "spec": {"conversion": {"webhook": {"clientConfig": config}}},
            });
            let config = normalized(crd)["spec"]["conversion"]["webhook"]["clientConfig"].clone();
            assert_eq!(config["url"], "https://example.com");
            config.get("caBundle").is_some()
        };
        let certificate = |body: &str| {
            STANDARD.encode(format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n"))
        };
        assert!(kept(certificate(&STANDARD.encode([0x30, 0x03, 1, 2, 3]))));
        assert!(kept(String::new()));
        for bundle in [certificate("!"), certificate("AAAA"), "Cg==".into(), "not base64".into()] {
            assert!(!kept(bundle.clone()), "{bundle}");
        }
    }

    #[test]
    fn ports_get_a_protocol_and_status_goes() {
        let pod = json!({"containers": [{"name": "a", "ports": [{"containerPort": 80}, {"containerPort": 53, "protocol": "UDP"}]}],
            "initContainers": [{"name": "i", "ports": [{"containerPort": 80}]}]});
        let want = json!({"containers": [{"name": "a", "ports": [{"containerPort": 80, "protocol": "TCP"}, {"containerPort": 53, "protocol": "UDP"}]}],
            "initContainers": [{"name": "i", "ports": [{"containerPort": 80}]}]});
        let got = normalized(
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a", "creationTimestamp": null}, "spec": {"template": {"spec": pod}}, "status": {"replicas": 1}}),
        );
        assert_eq!(
            got,
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}, "spec": {"template": {"spec": want}}})
        );
        let got = normalized(
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "spec": {"ports": [{"port": 80}]}}),
        );
        assert_eq!(got["spec"], json!({"ports": [{"port": 80, "protocol": "TCP"}]}));
        let crd = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "a"}, "status": {"x": 1}});
        assert_eq!(normalized(crd.clone()), crd);
    }
}
