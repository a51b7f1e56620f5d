//! Whether those that an object depends on are ready: `spec.dependsOn` of Kustomizations and `HelmReleases`.

use std::collections::HashSet;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;
use sluice_apis::conditions::{self, ConditionedObject};
use sluice_apis::helm::v2::HelmRelease;
use sluice_apis::kustomize::v1::Kustomization;
use sluice_apis::meta::DependencyReference;
use sluice_expr::cel::Condition;

/// A kind whose objects wait for others of it.
pub trait Dependent: ConditionedObject + Serialize {
    /// Those that the object waits for.
    fn dependencies(&self) -> &[DependencyReference];

    /// What is said of one that is not there.
    fn missing(namespace: &str, name: &str) -> String;
}

impl Dependent for Kustomization {
    fn dependencies(&self) -> &[DependencyReference] {
        &self.spec.depends_on
    }

    fn missing(namespace: &str, name: &str) -> String {
        format!(
            "dependency '{namespace}/{name}' not found: kustomizations.kustomize.toolkit.fluxcd.io \"{name}\" not found"
        )
    }
}

impl Dependent for HelmRelease {
    fn dependencies(&self) -> &[DependencyReference] {
        &self.spec.depends_on
    }

    fn missing(namespace: &str, name: &str) -> String {
        format!(
            "unable to get '{namespace}/{name}' dependency: helmreleases.helm.toolkit.fluxcd.io \"{name}\" not found"
        )
    }
}

/// Why the dependencies don't let an object go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotReady {
    /// Waiting helps.
    #[error("{0}")]
    Wait(String),
    /// Only a change of the spec helps.
    #[error("{0}")]
    Invalid(String),
}

/// The namespaces and names of the dependencies.
pub fn keys<K: Dependent>(object: &K) -> Vec<(String, String)> {
    let keys = object.dependencies().iter().map(|dependency| key(object, dependency));
    keys.map(|(namespace, name)| (namespace.to_owned(), name.to_owned())).collect()
}

/// The namespace and name of a dependency.
fn key<'a, K: Dependent>(object: &'a K, dependency: &'a DependencyReference) -> (&'a str, &'a str) {
    let own = object.meta().namespace.as_deref().unwrap_or_default();
    (dependency.namespace.as_deref().filter(|n| !n.is_empty()).unwrap_or(own), &dependency.name)
}

/// Checks the dependencies of an object.
pub struct Check<G, B> {
    /// Looks an object of the kind up, by namespace and name.
    pub get: G,
    /// Whether an expression adds to the built-in check rather than replace it.
    pub additive: bool,
    /// What a dependency that is ready still lacks, if anything; told behind its name.
    pub lacks: B,
}

impl<G, B> Check<G, B> {
    /// Checks all dependencies in order; the first that is not ready counts.
    pub fn all<K: Dependent>(&self, object: &K) -> Result<(), NotReady>
    where
        G: Fn(&str, &str) -> Option<Arc<K>>,
        B: Fn(&K) -> Option<&'static str>,
    {
        for dependency in object.dependencies() {
            if let Err(not_ready) = self.one(object, dependency) {
                return Err(match (not_ready, self.cycle(object)) {
                    (NotReady::Wait(message), Some(cycle)) => NotReady::Wait(format!(
                        "{message} (dependsOn forms a cycle that no wait resolves: {cycle})"
                    )),
                    (not_ready, _) => not_ready,
                });
            }
        }
        Ok(())
    }

    fn one<K: Dependent>(&self, object: &K, dependency: &DependencyReference) -> Result<(), NotReady>
    where
        G: Fn(&str, &str) -> Option<Arc<K>>,
        B: Fn(&K) -> Option<&'static str>,
    {
        let (namespace, name) = key(object, dependency);
        let Some(live) = (self.get)(namespace, name) else {
            return Err(NotReady::Wait(K::missing(namespace, name)));
        };
        let waits = |why: &str| Err(NotReady::Wait(format!("dependency '{namespace}/{name}' {why}")));
        if let Some(expression) = dependency.ready_expr.as_deref().filter(|e| !e.is_empty()) {
            if !holds(expression, object, &*live, name)? {
                return waits("is not ready according to readyExpr eval");
            }
            if !self.additive {
                return Ok(());
            }
        }
        let observed = live.observed_generation() == live.generation();
        if live.conditions().is_empty() || !observed || !conditions::is_ready(&*live) {
            return waits("is not ready");
        }
        (self.lacks)(&live).map_or(Ok(()), waits)
    }

    /// The way from an object back to itself through its dependencies: `ns/a -> ns/b -> ns/a`.
    fn cycle<K: Dependent>(&self, object: &K) -> Option<String>
    where
        G: Fn(&str, &str) -> Option<Arc<K>>,
    {
        let meta = object.meta();
        let start = (meta.namespace.clone().unwrap_or_default(), meta.name.clone().unwrap_or_default());
        let mut seen = HashSet::new();
        let mut ways: Vec<Vec<_>> = keys(object).into_iter().map(|key| vec![key]).collect();
        while let Some(way) = ways.pop() {
            let Some(last) = way.last() else { continue };
            if *last == start {
                let names = std::iter::once(&start).chain(&way);
                let names = names.map(|(namespace, name)| format!("{namespace}/{name}"));
                return Some(names.collect::<Vec<_>>().join(" -> "));
            }
            if !seen.insert(last.clone()) {
                continue;
            }
            let next = (self.get)(&last.0, &last.1).map(|object| keys(&*object)).unwrap_or_default();
            ways.extend(next.into_iter().map(|next| [&way[..], &[next]].concat()));
        }
        None
    }
}

/// What a `readyExpr` says of an object and its dependency of this name.
fn holds<K: Dependent>(expression: &str, object: &K, live: &K, name: &str) -> Result<bool, NotReady> {
    let condition = Condition::compile(expression, &["self", "dep"]).map_err(|error| {
        NotReady::Invalid(format!("terminal error: failed to evaluate dependency {name}: {error}"))
    })?;
    let (own, other) = (to_json(object)?, to_json(live)?);
    condition.evaluate([("self", &own), ("dep", &other)]).map_err(|error| NotReady::Wait(error.to_string()))
}

fn to_json(object: &impl Serialize) -> Result<Value, NotReady> {
    serde_json::to_value(object).map_err(|error| NotReady::Wait(error.to_string()))
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

    fn ready(status: &str, observed: i64) -> Value {
        json!({"status": {
            "observedGeneration": observed,
            "conditions": [{"type": "Ready", "status": status, "reason": "x", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}],
        }})
    }

    /// Of an object that depends on `first`, which is behind if it has that label.
    fn outcome(
        live: Option<&Kustomization>,
        expression: Option<&str>,
        additive: bool,
    ) -> Result<(), NotReady> {
        let mut object = kustomization("app", &json!({}));
        object.spec.depends_on = vec![DependencyReference {
            name: "first".to_owned(),
            namespace: None,
            ready_expr: expression.map(ToOwned::to_owned),
        }];
        let is_behind = |live: &Kustomization| live.metadata.generation == Some(3);
        let lacks = |live: &Kustomization| is_behind(live).then_some("lacks something");
        let get = |_: &str, name: &str| live.filter(|_| name == "first").cloned().map(Arc::new);
        Check { get, additive, lacks }.all(&object)
    }

    #[test]
    fn a_dependency_is_ready_for_its_latest_generation() {
        let mut behind = ready("True", 3);
        behind["metadata"] = json!({"name": "first", "namespace": "ns", "generation": 3});
        for (extra, expected) in [
            (json!({}), Some("dependency 'ns/first' is not ready")),
            (ready("False", 2), Some("dependency 'ns/first' is not ready")),
            (ready("True", 1), Some("dependency 'ns/first' is not ready")),
            (behind, Some("dependency 'ns/first' lacks something")),
            (ready("True", 2), None),
        ] {
            let found =
                outcome(Some(&kustomization("first", &extra)), None, false).err().map(|e| e.to_string());
            assert_eq!(found.as_deref(), expected, "{extra}");
        }
        assert_eq!(
            outcome(None, None, false).unwrap_err().to_string(),
            "dependency 'ns/first' not found: kustomizations.kustomize.toolkit.fluxcd.io \"first\" not found"
        );
        assert_eq!(
            HelmRelease::missing("ns", "first"),
            "unable to get 'ns/first' dependency: helmreleases.helm.toolkit.fluxcd.io \"first\" not found"
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
        let get = |_: &str, name: &str| {
            all.iter().find(|object| object.metadata.name.as_deref() == Some(name)).cloned()
        };
        let check = Check { get, additive: false, lacks: |_: &Kustomization| None };
        assert_eq!(
            check.all(&*all[1]).unwrap_err().to_string(),
            "dependency 'ns/c' is not ready (dependsOn forms a cycle that no wait resolves: ns/b -> ns/c -> ns/a -> ns/b)"
        );
        let error = check.all(&*depends("y", &["x"])).unwrap_err().to_string();
        assert_eq!(error, "dependency 'ns/x' is not ready");
    }

    #[test]
    fn expressions_replace_the_check_or_add_to_it() {
        let behind = kustomization("first", &ready("False", 2));
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
