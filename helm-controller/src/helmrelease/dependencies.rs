//! Whether the `HelmReleases` that this one depends on are ready.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::Value;
use sluice_apis::conditions::{self, ConditionedObject};
use sluice_apis::helm::v2::HelmRelease;
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

/// Checks all dependencies in order; the first that is not ready counts. `get` looks `HelmReleases` up.
pub fn check_all(
    object: &HelmRelease,
    get: impl Fn(&ObjectKey) -> Option<Arc<HelmRelease>>,
    additive: bool,
) -> Result<(), NotReady> {
    for dependency in &object.spec.depends_on {
        let (namespace, name) = key(object, dependency);
        let live = get(&ObjectKey::new(namespace, name));
        if let Err(not_ready) = check(object, dependency, live.as_deref(), additive) {
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

/// The way from a HelmRelease back to itself through its dependencies: `ns/a -> ns/b -> ns/a`.
fn cycle(object: &HelmRelease, get: &impl Fn(&ObjectKey) -> Option<Arc<HelmRelease>>) -> Option<String> {
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
pub fn dependency_keys(object: &HelmRelease) -> Vec<ObjectKey> {
    let keys = object.spec.depends_on.iter().map(|dependency| key(object, dependency));
    keys.map(|(namespace, name)| ObjectKey::new(namespace, name)).collect()
}

/// The namespace and name of a dependency.
fn key<'a>(object: &'a HelmRelease, dependency: &'a DependencyReference) -> (&'a str, &'a str) {
    let own = object.metadata.namespace.as_deref().unwrap_or_default();
    (dependency.namespace.as_deref().filter(|n| !n.is_empty()).unwrap_or(own), &dependency.name)
}

/// Checks one dependency. `live` is what is known of it.
///
/// An expression replaces the built-in check unless `additive` asks for both.
fn check(
    object: &HelmRelease,
    dependency: &DependencyReference,
    live: Option<&HelmRelease>,
    additive: bool,
) -> Result<(), NotReady> {
    let (namespace, name) = key(object, dependency);
    let Some(live) = live else {
        return Err(NotReady::Wait(format!(
            "unable to get '{namespace}/{name}' dependency: helmreleases.helm.toolkit.fluxcd.io \"{name}\" not found"
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
    Ok(())
}

fn check_expression(
    object: &HelmRelease,
    dependency: &DependencyReference,
    live: &HelmRelease,
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

fn to_json(object: &HelmRelease) -> Result<Value, NotReady> {
    serde_json::to_value(object).map_err(|error| NotReady::Wait(error.to_string()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn release(name: &str, extra: &Value) -> HelmRelease {
        let mut object = json!({
            "apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease",
            "metadata": {"name": name, "namespace": "ns", "generation": 2, "labels": {"go": "yes"}},
            "spec": {"interval": "1m"},
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

    fn outcome(live: Option<&HelmRelease>, expression: Option<&str>, additive: bool) -> Result<(), NotReady> {
        let ready_expr = expression.map(ToOwned::to_owned);
        let dependency = DependencyReference { name: "first".to_owned(), namespace: None, ready_expr };
        check(&release("app", &json!({})), &dependency, live, additive)
    }

    #[test]
    fn a_dependency_is_ready_for_its_latest_generation() {
        for (extra, expected) in [
            (json!({}), false),
            (ready("False", 2), false),
            (ready("True", 1), false),
            (ready("True", 2), true),
        ] {
            assert_eq!(outcome(Some(&release("first", &extra)), None, false).is_ok(), expected, "{extra}");
        }
        assert_eq!(
            outcome(None, None, false).unwrap_err().to_string(),
            "unable to get 'ns/first' dependency: helmreleases.helm.toolkit.fluxcd.io \"first\" not found"
        );
    }

    #[test]
    fn expressions_replace_the_check_or_add_to_it() {
        let behind = release("first", &ready("False", 2));
        let labelled = Some("dep.metadata.labels['go'] == 'yes' && self.metadata.name == 'app'");
        assert!(outcome(Some(&behind), labelled, false).is_ok());
        assert!(matches!(outcome(Some(&behind), labelled, true), Err(NotReady::Wait(_))));
        let untyped = outcome(Some(&behind), Some("dep.status.ready"), false).unwrap_err();
        assert!(matches!(untyped, NotReady::Invalid(_)));
    }
}
