//! Whether the Kustomizations that this one depends on are ready.

use std::sync::Arc;

use sluice_apis::kustomize::v1::Kustomization;
use sluice_apply::dependencies::Check;
pub use sluice_apply::dependencies::NotReady;
use sluice_runtime::ObjectKey;

use super::source::SourceKey;

/// Checks all dependencies in order; the first that is not ready counts. `get` looks Kustomizations up; those of the same
/// source must have applied `revision`, too, the artifact that is about to be applied.
pub fn check_all(
    object: &Kustomization,
    get: impl Fn(&ObjectKey) -> Option<Arc<Kustomization>>,
    revision: &str,
    additive: bool,
) -> Result<(), NotReady> {
    let source = SourceKey::of(object);
    let lacks = |live: &Kustomization| {
        let applied = live.status.as_ref().and_then(|status| status.last_applied_revision.as_deref());
        let is_behind = SourceKey::of(live) == source && applied.unwrap_or_default() != revision;
        is_behind.then_some("revision is not up to date")
    };
    let get = |namespace: &str, name: &str| get(&ObjectKey::new(namespace, name));
    Check { get, additive, lacks }.all(object)
}

/// The dependencies.
pub fn keys(object: &Kustomization) -> Vec<ObjectKey> {
    let keys = sluice_apply::dependencies::keys(object).into_iter();
    keys.map(|(namespace, name)| ObjectKey::new(namespace, name)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn kustomization(name: &str, source: &str, status: &Value) -> Kustomization {
        let object = json!({
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
            "metadata": {"name": name, "namespace": "ns", "generation": 2},
            "spec": {"interval": "1m", "prune": true, "sourceRef": {"kind": "GitRepository", "name": source},
                     "dependsOn": if name == "app" { json!([{"name": "first"}]) } else { json!([]) }},
            "status": status,
        });
        serde_json::from_value(object).unwrap()
    }

    #[test]
    fn those_of_the_same_source_must_have_applied_the_same_revision() {
        let app = kustomization("app", "one", &json!({}));
        for (source, applied, expected) in [
            ("one", "main@sha1:a", Some("dependency 'ns/first' revision is not up to date")),
            ("one", "main@sha1:b", None),
            ("two", "main@sha1:a", None),
        ] {
            let status = json!({
                "observedGeneration": 2, "lastAppliedRevision": applied,
                "conditions": [{"type": "Ready", "status": "True", "reason": "x", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}],
            });
            let first = Arc::new(kustomization("first", source, &status));
            let get = |key: &ObjectKey| (*key == ObjectKey::new("ns", "first")).then(|| Arc::clone(&first));
            let found = check_all(&app, get, "main@sha1:b", false).err().map(|error| error.to_string());
            assert_eq!(found.as_deref(), expected, "{source} {applied}");
        }
        assert_eq!(keys(&app), [ObjectKey::new("ns", "first")]);
    }
}
