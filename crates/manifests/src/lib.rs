//! What a Kustomization makes of a directory: the same for the controller and the command line, so that a local build
//! shows what will be applied.

mod spec;
pub mod substitute;
pub mod variables;

pub use spec::flux_spec;

use serde_json::Value;

/// `Kind.version.group/name`, as kustomize names objects.
pub fn describe(manifest: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let api_version = text(&manifest["apiVersion"]);
    let (group, version) = api_version.split_once('/').unwrap_or(("[noGrp]", &api_version));
    format!("{}.{version}.{group}/{}", text(&manifest["kind"]), text(&manifest["metadata"]["name"]))
}

/// Whether SOPS encrypted the whole object, or a value of a Secret, and decryption is not switched off for it.
pub fn is_encrypted(manifest: &Value) -> bool {
    manifest["sops"].is_object()
        && manifest["metadata"]["annotations"]["kustomize.toolkit.fluxcd.io/decrypt"] != "disabled"
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn objects_are_named_as_kustomize_names_them() {
        let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}});
        assert_eq!(describe(&deployment), "Deployment.v1.apps/web");
        let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web"}});
        assert_eq!(describe(&map), "ConfigMap.v1.[noGrp]/web");
    }
}
