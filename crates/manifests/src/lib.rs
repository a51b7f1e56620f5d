//! What a Kustomization makes of a directory: the same for the controller and the command line, so that a local build
//! shows what will be applied.

pub mod decrypt;
mod spec;
pub mod substitute;
pub mod variables;

pub use spec::flux_spec;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// `Kind.version.group/name`, as kustomize names objects.
pub fn describe(manifest: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let api_version = text(&manifest["apiVersion"]);
    let (group, version) = api_version.split_once('/').unwrap_or(("[noGrp]", &api_version));
    format!("{}.{version}.{group}/{}", text(&manifest["kind"]), text(&manifest["metadata"]["name"]))
}

/// How SOPS writes an encrypted value, in every format.
const CIPHERTEXT: &str = "ENC[AES256_GCM,data:";

/// Whether SOPS encrypted the whole object, or a value of a Secret, and decryption is not switched off for it.
pub fn is_encrypted(manifest: &Value) -> bool {
    if is_exempt_from_decryption(manifest) {
        return false;
    }
    manifest["sops"].is_object() || (manifest["kind"] == "Secret" && has_encrypted_value(manifest))
}

/// Whether decryption is switched off for the object.
fn is_exempt_from_decryption(manifest: &Value) -> bool {
    let switch = manifest["metadata"]["annotations"]["kustomize.toolkit.fluxcd.io/decrypt"].as_str();
    switch.is_some_and(|value| value.eq_ignore_ascii_case("disabled"))
}

/// Whether a value of a Secret is a file that SOPS encrypted, as a secret generator puts it there.
fn has_encrypted_value(secret: &Value) -> bool {
    let values = |field: &str| secret[field].as_object().into_iter().flat_map(|data| data.values());
    let encoded = values("data").filter_map(Value::as_str).any(|value| {
        // Kustomize breaks long values into lines.
        let joined: String = value.split_ascii_whitespace().collect();
        STANDARD.decode(joined).is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains(CIPHERTEXT))
    });
    encoded || values("stringData").filter_map(Value::as_str).any(|value| value.contains(CIPHERTEXT))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ciphertext_is_found_in_the_object_and_in_values() {
        let file = "password: ENC[AES256_GCM,data:Tr7o=,iv:1=,tag:k=,type:str]\nsops:\n  mac: ENC[AES256_GCM,data:x,type:str]\n";
        let mut encoded = STANDARD.encode(file);
        encoded.insert(20, '\n');
        let secret = |field: &str, value: &str| json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, field: {"k": value}});
        assert!(is_encrypted(&json!({"kind": "Secret", "sops": {"mac": "x"}})));
        assert!(is_encrypted(&secret("data", &encoded)));
        assert!(is_encrypted(&secret("stringData", file)));
        assert!(!is_encrypted(&secret("data", &STANDARD.encode("plain"))));
        assert!(!is_encrypted(&secret("data", "not base64!")));
        let mut exempt = secret("data", &encoded);
        exempt["metadata"]["annotations"] = json!({"kustomize.toolkit.fluxcd.io/decrypt": "Disabled"});
        assert!(!is_encrypted(&exempt));
    }

    #[test]
    fn objects_are_named_as_kustomize_names_them() {
        let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}});
        assert_eq!(describe(&deployment), "Deployment.v1.apps/web");
        let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web"}});
        assert_eq!(describe(&map), "ConfigMap.v1.[noGrp]/web");
    }
}
