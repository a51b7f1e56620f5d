//! The sources of charts, as far as they matter here: their artifact, and whether it is that of their spec.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value as Json;
use sluice_apis::helm::v2::{ChartReferenceKind, HelmRelease};
use sluice_apis::k8s::Condition;
use sluice_apis::source::v1::{Artifact, HelmChart};
use sluice_runtime::{Lean, ObjectKey};

use super::spec;

/// A source of the kind `K`. Everything but generation, conditions and artifact is left out when it is read.
pub type Source<K, P = IgnoredAny> = Lean<K, SourceStatus, P>;

/// A chart, with the spec that those made of a template are compared by.
pub type Chart = Source<HelmChart, Json>;

/// The part of a source's status that matters here.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SourceStatus {
    /// The last artifact, if there is one.
    pub artifact: Option<Artifact>,
    /// The generation that it is of.
    pub observed_generation: i64,
    /// Ready and Stalled.
    pub conditions: Vec<Condition>,
}

impl SourceStatus {
    /// The condition of this type, with this status.
    fn condition(&self, type_: &str, status: &str) -> Option<&Condition> {
        self.conditions.iter().find(|condition| condition.type_ == type_ && condition.status == status)
    }

    /// Whether the source is ready.
    pub fn is_ready(&self) -> bool {
        self.condition("Ready", "True").is_some()
    }
}

/// A source as it was found.
#[derive(Clone, Debug)]
pub struct Found {
    /// The generation of its spec.
    pub generation: i64,
    /// Its status.
    pub status: SourceStatus,
}

/// Looks a source up; `None` if there is no such source.
pub type Lookup = Box<dyn Fn(&ObjectKey) -> Option<Found> + Send + Sync>;

/// Which source: kind, namespace and name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceKey {
    /// The kind.
    pub kind: String,
    /// Namespace and name.
    pub key: ObjectKey,
}

impl SourceKey {
    /// The source that a `HelmRelease` gets its chart from.
    pub fn of(object: &HelmRelease) -> Option<Self> {
        if let Some(reference) = &object.spec.chart_ref {
            let namespace = reference.namespace.as_deref().filter(|namespace| !namespace.is_empty());
            let namespace = namespace.unwrap_or_else(|| spec::namespace(object));
            let key = ObjectKey::new(namespace, reference.name.as_str());
            return Some(Self { kind: reference.kind.as_str().to_owned(), key });
        }
        let (namespace, name) = spec::helm_chart(object)?;
        Some(Self { kind: "HelmChart".to_owned(), key: ObjectKey::new(&*namespace, &*name) })
    }
}

/// What the controller's flags allow.
#[derive(Clone, Copy, Debug, Default)]
pub struct Access {
    /// Charts of other namespaces may not be used.
    pub same_namespace_only: bool,
    /// `ExternalArtifact` may be used.
    pub external_artifacts: bool,
}

/// Refuses what the flags don't allow; the text says what and why.
pub fn check_access(object: &HelmRelease, source: &SourceKey, access: Access) -> Result<(), String> {
    if access.same_namespace_only && &*source.key.namespace != spec::namespace(object) {
        return Err(format!(
            "cross-namespace references are not allowed: cannot access {} {}",
            source.kind, source.key
        ));
    }
    let is_external = object
        .spec
        .chart_ref
        .as_ref()
        .is_some_and(|reference| reference.kind == ChartReferenceKind::ExternalArtifact);
    if is_external && !access.external_artifacts {
        return Err(format!(
            "can't access '{}/{}', ExternalArtifact feature gate is disabled",
            source.kind, source.key
        ));
    }
    Ok(())
}

/// What was found, unless it is older than the generation that is known: the watch tells of that one later.
pub fn not_before(found: Option<Found>, generation: Option<i64>) -> Option<Found> {
    match (found, generation) {
        (Some(found), Some(newer)) if found.generation < newer => Some(Found { generation: newer, ..found }),
        (None, Some(generation)) => Some(Found { generation, status: SourceStatus::default() }),
        (found, _) => found,
    }
}

/// The artifact of a source, if it is that of its spec; else why it is not.
pub fn artifact(source: &SourceKey, found: &Found) -> Result<Artifact, String> {
    let not_ready = |why: &str| format!("{} '{}' is not ready: {why}", source.kind, source.key);
    let status = &found.status;
    if source.kind != "ExternalArtifact" {
        if found.generation != status.observed_generation {
            let failed = status.condition("Ready", "False").map(|condition| condition.message.as_str());
            return Err(not_ready(failed.unwrap_or("latest generation of object has not been reconciled")));
        }
        if let Some(stalled) = status.condition("Stalled", "True") {
            return Err(not_ready(&stalled.message));
        }
    }
    status.artifact.clone().ok_or_else(|| not_ready("does not have an artifact"))
}

/// The hex digits and algorithm behind the `@` of a revision, as `algorithm:hex`.
pub fn digest_of_revision(revision: &str) -> Option<&str> {
    let digest = revision.rsplit_once('@').map_or(revision, |(_, digest)| digest);
    digest.contains(':').then_some(digest)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn object(spec: &Value) -> HelmRelease {
        let mut value = json!({"apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease", "metadata": {"name": "app", "namespace": "ns"}, "spec": {"interval": "1m"}});
        value["spec"].as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
        serde_json::from_value(value).unwrap()
    }

    fn found(generation: i64, status: Value) -> Found {
        Found { generation, status: serde_json::from_value(status).unwrap() }
    }

    #[test]
    fn the_chart_comes_from_the_reference_or_from_the_template() {
        let template = object(
            &json!({"chart": {"spec": {"chart": "c", "sourceRef": {"kind": "HelmRepository", "name": "r", "namespace": "other"}}}}),
        );
        let key = SourceKey::of(&template).unwrap();
        assert_eq!((key.kind.as_str(), key.key.to_string().as_str()), ("HelmChart", "other/ns-app"));
        let denied = Access { same_namespace_only: true, external_artifacts: false };
        assert!(check_access(&template, &key, denied).is_err());
        let external = object(&json!({"chartRef": {"kind": "ExternalArtifact", "name": "x"}}));
        let key = SourceKey::of(&external).unwrap();
        assert_eq!(
            check_access(&external, &key, Access::default()).unwrap_err(),
            "can't access 'ExternalArtifact/ns/x', ExternalArtifact feature gate is disabled"
        );
    }

    #[test]
    fn a_source_is_not_older_than_what_is_known_of_it() {
        let key = SourceKey { kind: "HelmChart".to_owned(), key: ObjectKey::new("ns", "c") };
        let told = || found(2, json!({"observedGeneration": 2}));
        let generation = |found: Option<Found>| found.map(|found| found.generation);
        assert_eq!(generation(not_before(None, None)), None);
        assert_eq!(generation(not_before(Some(told()), None)), Some(2));
        assert_eq!(generation(not_before(Some(told()), Some(2))), Some(2));
        for known in [not_before(Some(told()), Some(3)), not_before(None, Some(1))] {
            let error = artifact(&key, &known.unwrap()).unwrap_err();
            assert!(error.ends_with("latest generation of object has not been reconciled"), "{error}");
        }
    }

    #[test]
    fn a_source_is_ready_with_the_artifact_of_its_spec() {
        let key = SourceKey { kind: "HelmChart".to_owned(), key: ObjectKey::new("ns", "c") };
        let with = json!({"path": "p", "url": "u", "revision": "1.0.0", "digest": "sha256:x", "lastUpdateTime": "2024-01-01T00:00:00Z"});
        let stalled = json!([{"type": "Stalled", "status": "True", "reason": "x", "message": "bad", "lastTransitionTime": "2024-01-01T00:00:00Z"}]);
        let failed = json!([{"type": "Ready", "status": "False", "reason": "x", "message": "no such chart", "lastTransitionTime": "2024-01-01T00:00:00Z"}]);
        for (found, expected) in [
            (
                found(2, json!({"observedGeneration": 1, "artifact": with})),
                Err("latest generation of object has not been reconciled"),
            ),
            (found(2, json!({"observedGeneration": 1, "conditions": failed})), Err("no such chart")),
            (found(1, json!({"observedGeneration": 1, "conditions": stalled})), Err("bad")),
            (found(1, json!({"observedGeneration": 1})), Err("does not have an artifact")),
            (found(1, json!({"observedGeneration": 1, "artifact": with})), Ok("1.0.0")),
        ] {
            let got = artifact(&key, &found).map(|artifact| artifact.revision);
            assert_eq!(
                got,
                expected.map(str::to_owned).map_err(|why| format!("HelmChart 'ns/c' is not ready: {why}"))
            );
        }
    }

    #[test]
    fn digests_stand_behind_the_tag() {
        assert_eq!(digest_of_revision("1.0.0@sha256:abc"), Some("sha256:abc"));
        assert_eq!(digest_of_revision("sha256:abc"), Some("sha256:abc"));
        assert_eq!(digest_of_revision("1.0.0"), None);
    }
}
