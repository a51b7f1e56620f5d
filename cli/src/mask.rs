//! Keeps encrypted values out of what is printed: they say nothing, and change whenever they are encrypted anew.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// What stands for an encrypted value.
const MASK: &str = "**SOPS**";

/// The type of Secrets with credentials for registries, whose values must be JSON.
const DOCKER_CONFIG: &str = "kubernetes.io/dockerconfigjson";

/// Masks the encrypted values of a Secret and drops what SOPS wrote beside them.
pub(crate) fn encrypted(object: &mut Value) {
    if object["kind"] != "Secret" {
        return;
    }
    let is_whole = object["sops"]["mac"].as_str().is_some_and(|mac| mac.starts_with("ENC["));
    let plain =
        if object["type"] == DOCKER_CONFIG { json!({"mask": MASK}).to_string() } else { MASK.to_owned() };
    for (field, is_encoded) in [("data", true), ("stringData", false)] {
        let Some(values) = object.get_mut(field).and_then(Value::as_object_mut) else { continue };
        for value in values.values_mut() {
            let text = value.as_str().unwrap_or_default();
            let is_encrypted = if is_encoded {
                let joined: String = text.split_ascii_whitespace().collect();
                STANDARD.decode(joined).is_ok_and(|bytes| is_file(&String::from_utf8_lossy(&bytes)))
            } else {
                is_file(text)
            };
            if is_whole || is_encrypted {
                let masked = if is_whole { plain.as_str() } else { MASK };
                *value = if is_encoded { json!(STANDARD.encode(masked)) } else { json!(masked) };
            }
        }
    }
    if is_whole && let Some(map) = object.as_object_mut() {
        map.remove("sops");
    }
}

/// Whether a Secret has masked values: then only its keys can be compared.
pub(crate) fn is_masked(object: &Value) -> bool {
    let values = |field: &str| object[field].as_object().into_iter().flat_map(|map| map.values());
    let is_masked = |text: &str| text.contains(MASK);
    object["kind"] == "Secret"
        && (values("data")
            .filter_map(|value| STANDARD.decode(value.as_str()?).ok())
            .any(|bytes| is_masked(&String::from_utf8_lossy(&bytes)))
            || values("stringData").filter_map(Value::as_str).any(is_masked))
}

/// Whether a text is a file that SOPS encrypted.
fn is_file(text: &str) -> bool {
    text.contains("sops") && text.contains("ENC[")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encrypted_values_are_masked() {
        let mut secret = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "s" },
            "data": { "a": "RU5D" }, "stringData": { "b": "ENC[x]" },
            "sops": { "version": "3", "mac": "ENC[AES256_GCM,data:x]" },
        });
        encrypted(&mut secret);
        assert_eq!(secret["data"]["a"], "KipTT1BTKio=");
        assert_eq!(secret["stringData"]["b"], "**SOPS**");
        assert!(secret.get("sops").is_none() && is_masked(&secret));

        let file = STANDARD.encode("a: ENC[x]\nsops:\n  mac: ENC[y]\n");
        let mut generated = json!({"kind": "Secret", "data": {"plain": "YQ==", "file": file}});
        encrypted(&mut generated);
        assert_eq!(generated["data"], json!({"plain": "YQ==", "file": "KipTT1BTKio="}));

        let mut docker = json!({
            "kind": "Secret", "type": DOCKER_CONFIG, "data": {".dockerconfigjson": "RU5D"},
            "sops": {"mac": "ENC[x]"},
        });
        encrypted(&mut docker);
        let decoded = STANDARD.decode(docker["data"][".dockerconfigjson"].as_str().unwrap()).unwrap();
        assert_eq!(decoded, br#"{"mask":"**SOPS**"}"#);
        let mut other = json!({"kind": "ConfigMap", "data": {"a": "sops ENC[x]"}});
        encrypted(&mut other);
        assert_eq!(other["data"]["a"], "sops ENC[x]");
        assert!(!is_masked(&other));
    }
}
