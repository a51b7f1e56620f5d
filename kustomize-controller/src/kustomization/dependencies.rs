//! Whether the Kustomizations that this one depends on are ready.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::Value;
use sluice_apis::conditions::{self, ConditionedObject};
use sluice_apis::kustomize::v1::{CrossNamespaceSourceReference, Kustomization};
use sluice_apis::meta::DependencyReference;
use sluice_expr::cel::Condition;
use sluice_runtime::ObjectKey;

/// Why the dependencies don't let the pass go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotReady {
    /// Waiting helps.
    #[error("{0}")]
    Wait(String),
    /// Only a change of the spec helps.
    #[error("{0}")]
    Invalid(String),
}

/// Checks all dependencies in order; the first that is not ready counts. `get` looks Kustomizations up.
pub fn check_all(
    object: &Kustomization,
    get: impl Fn(&ObjectKey) -> Option<Arc<Kustomization>>,
    revision: &str,
    additive: bool,
) -> Result<(), NotReady> {
    for dependency in &object.spec.depends_on {
        let (namespace, name) = key(object, dependency);
        let live = get(&ObjectKey::new(namespace, name));
        if let Err(not_ready) = check(object, dependency, live.as_deref(), revision, additive) {
            return Err(match (not_ready, cycle(object, &get)) {
                (NotReady::Wait(message), Some(cycle)) => NotReady::Wait(format!(
                    "{message} (dependsOn forms a cycle that no wait resolves: {cycle})"
                )),
                (not_ready, _) => not_ready,
            });
        }
    }
    Ok(())
}

/// The way from a Kustomization back to itself through its dependencies: `ns/a -> ns/b -> ns/a`.
fn cycle(object: &Kustomization, get: &impl Fn(&ObjectKey) -> Option<Arc<Kustomization>>) -> Option<String> {
    let start = ObjectKey::of(object);
    let mut seen = HashSet::new();
    let mut ways: Vec<Vec<ObjectKey>> = dependency_keys(object).into_iter().map(|key| vec![key]).collect();
    while let Some(way) = ways.pop() {
        let Some(last) = way.last() else { continue };
        if *last == start {
            let names = std::iter::once(&start).chain(&way).map(ToString::to_string);
            return Some(names.collect::<Vec<_>>().join(" -> "));
        }
        if !seen.insert(last.clone()) {
            continue;
        }
        for next in get(last).map(|object| dependency_keys(&object)).unwrap_or_default() {
            let mut way = way.clone();
            way.push(next);
            ways.push(way);
        }
    }
    None
}

/// The dependencies.
pub fn dependency_keys(object: &Kustomization) -> Vec<ObjectKey> {
    let keys = object.spec.depends_on.iter().map(|dependency| key(object, dependency));
    keys.map(|(namespace, name)| ObjectKey::new(namespace, name)).collect()
}

/// The namespace and name of a dependency.
fn key<'a>(object: &'a Kustomization, dependency: &'a DependencyReference) -> (&'a str, &'a str) {
    let own = object.metadata.namespace.as_deref().unwrap_or_default();
    (dependency.namespace.as_deref().filter(|n| !n.is_empty()).unwrap_or(own), &dependency.name)
}

/// Checks one dependency. `live` is what is known of it, `revision` the artifact that is about to be applied.
///
/// An expression replaces the built-in check unless `additive` asks for both.
fn check(
    object: &Kustomization,
    dependency: &DependencyReference,
    live: Option<&Kustomization>,
    revision: &str,
    additive: bool,
) -> Result<(), NotReady> {
    let (namespace, name) = key(object, dependency);
    let Some(live) = live else {
        return Err(NotReady::Wait(format!(
            "dependency '{namespace}/{name}' not found: kustomizations.kustomize.toolkit.fluxcd.io \"{name}\" not found"
        )));
    };
    if let Some(expression) = dependency.ready_expr.as_deref().filter(|e| !e.is_empty()) {
        check_expression(object, dependency, live, expression)?;
        if !additive {
            return Ok(());
        }
    }
    let observed = live.observed_generation() == live.generation();
    if live.conditions().is_empty() || !observed || !conditions::is_ready(live) {
        return Err(NotReady::Wait(format!("dependency '{namespace}/{name}' is not ready")));
    }
    let applied = live.status.as_ref().and_then(|s| s.last_applied_revision.as_deref()).unwrap_or_default();
    if source_of(live) == source_of(object) && applied != revision {
        return Err(NotReady::Wait(format!("dependency '{namespace}/{name}' revision is not up to date")));
    }
    Ok(())
}

fn check_expression(
    object: &Kustomization,
    dependency: &DependencyReference,
    live: &Kustomization,
    expression: &str,
) -> Result<(), NotReady> {
    let (namespace, name) = key(object, dependency);
    let condition = Condition::compile(expression, &["self", "dep"]).map_err(|error| {
        NotReady::Invalid(format!("terminal error: failed to evaluate dependency {name}: {error}"))
    })?;
    let (own, other) = (to_json(object)?, to_json(live)?);
    match condition.evaluate([("self", &own), ("dep", &other)]) {
        Ok(true) => Ok(()),
        Ok(false) => Err(NotReady::Wait(format!(
            "dependency '{namespace}/{name}' is not ready according to readyExpr eval"
        ))),
        Err(error) => Err(NotReady::Wait(error.to_string())),
    }
}

fn to_json(object: &Kustomization) -> Result<Value, NotReady> {
    serde_json::to_value(object).map_err(|error| NotReady::Wait(error.to_string()))
}

/// Kind, namespace and name of the source.
fn source_of(object: &Kustomization) -> (&str, &str, &str) {
    let CrossNamespaceSourceReference { kind, name, namespace, .. } = &object.spec.source_ref;
    let own = object.metadata.namespace.as_deref().unwrap_or_default();
    (kind.as_str(), namespace.as_deref().filter(|n| !n.is_empty()).unwrap_or(own), name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn kustomization(name: &str, extra: &Value) -> Kustomization {
        let mut object = json!({
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
            "metadata": {"name": name, "namespace": "ns", "generation": 2, "labels": {"go": "yes"}},
            "spec": {"interval": "1m", "prune": true, "sourceRef": {"kind": "GitRepository", "name": "app"}},
        });
        for (key, value) in extra.as_object().unwrap() {
            object[key] = value.clone();
        }
        serde_json::from_value(object).unwrap()
    }

    fn ready(status: &str, observed: i64, revision: &str) -> Value {
        json!({"status": {
            "observedGeneration": observed, "lastAppliedRevision": revision,
            "conditions": [{"type": "Ready", "status": status, "reason": "x", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}],
        }})
    }

    fn outcome(
        live: Option<&Kustomization>,
        expression: Option<&str>,
        additive: bool,
    ) -> Result<(), NotReady> {
        let dependency = DependencyReference {
            name: "first".to_owned(),
            namespace: None,
            ready_expr: expression.map(ToOwned::to_owned),
        };
        check(&kustomization("app", &json!({})), &dependency, live, "main@sha1:b", additive)
    }

    #[test]
    fn the_built_in_check() {
        let cases = [
            (json!({}), Some("dependency 'ns/first' is not ready")),
            (ready("False", 2, "main@sha1:b"), Some("dependency 'ns/first' is not ready")),
            (ready("True", 1, "main@sha1:b"), Some("dependency 'ns/first' is not ready")),
            (ready("True", 2, "main@sha1:a"), Some("dependency 'ns/first' revision is not up to date")),
            (ready("True", 2, "main@sha1:b"), None),
        ];
        for (extra, expected) in cases {
            let found =
                outcome(Some(&kustomization("first", &extra)), None, false).err().map(|e| e.to_string());
            assert_eq!(found.as_deref(), expected);
        }
        assert_eq!(
            outcome(None, None, false).unwrap_err().to_string(),
            "dependency 'ns/first' not found: kustomizations.kustomize.toolkit.fluxcd.io \"first\" not found"
        );
    }

    #[test]
    fn a_cycle_is_named() {
        let depends = |name: &str, on: &[&str]| {
            let mut object = kustomization(name, &json!({}));
            object.spec.depends_on = on
                .iter()
                .map(|on| DependencyReference { name: (*on).to_owned(), ..DependencyReference::default() })
                .collect();
            Arc::new(object)
        };
        let all = [depends("a", &["x", "b"]), depends("b", &["c"]), depends("c", &["a"]), depends("x", &[])];
        let get = |key: &ObjectKey| {
            all.iter().find(|object| object.metadata.name.as_deref() == Some(&key.name)).cloned()
        };
        let error = check_all(&all[1], get, "main@sha1:b", false).unwrap_err().to_string();
        assert_eq!(
            error,
            "dependency 'ns/c' is not ready (dependsOn forms a cycle that no wait resolves: ns/b -> ns/c -> ns/a -> ns/b)"
        );
        let error = check_all(&depends("y", &["x"]), get, "main@sha1:b", false).unwrap_err().to_string();
        assert_eq!(error, "dependency 'ns/x' is not ready");
    }

    #[test]
    fn expressions_replace_it_or_add_to_it() {
        let behind = kustomization("first", &ready("True", 2, "main@sha1:a"));
        let labelled = Some("dep.metadata.labels['go'] == 'yes' && self.metadata.name == 'app'");
        assert!(outcome(Some(&behind), labelled, false).is_ok());
        assert!(matches!(outcome(Some(&behind), labelled, true), Err(NotReady::Wait(_))));
        let no = outcome(Some(&behind), Some("dep.metadata.labels['go'] == 'no'"), false).unwrap_err();
        assert_eq!(no.to_string(), "dependency 'ns/first' is not ready according to readyExpr eval");
        let missing = outcome(Some(&behind), Some("dep.metadata.labels.nope == 'no'"), false);
        assert!(matches!(missing, Err(NotReady::Wait(message)) if message.contains("no such key: nope")));
        let untyped = outcome(Some(&behind), Some("dep.status.ready"), false).unwrap_err();
        assert!(matches!(&untyped, NotReady::Invalid(message) if message.starts_with(
            "terminal error: failed to evaluate dependency first: CEL expression output type mismatch: expected bool, got dyn"
        )));
    }
}
