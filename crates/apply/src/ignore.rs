//! Fields that others may change: rules of JSON pointers for the objects they select.

mod pointer;
mod selector;
mod spec;

use serde_json::Value;

pub use self::pointer::Pointer;
use self::selector::CompiledSelector;
pub use self::selector::Selector;
use crate::{
    drift,
    managed_fields::{self, FieldSet},
    object::Object,
};

/// A rule that can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRule {
    /// A selector's regular expression doesn't compile.
    #[error("failed to create ignore rule selector: invalid {field} regex: {source}")]
    Regex {
        /// The selector's field.
        field: &'static str,
        /// What is wrong with it, in Go's words.
        source: sluice_goregex::RegexError,
    },
    /// A label or annotation selector doesn't parse.
    #[error("failed to create ignore rule selector: invalid {field} selector: {source}")]
    Selector {
        /// `label` or `annotation`.
        field: &'static str,
        /// What is wrong with it, in the words of the API.
        source: sluice_kustomize::labels::InvalidSelector,
    },
}

/// Rules ready to match.
#[derive(Clone, Debug, Default)]
pub struct IgnoreRules {
    rules: Vec<(Option<CompiledSelector>, Vec<Pointer>)>,
}

/// What to do about one ignored field when the object is applied anyway.
#[derive(Clone, Debug, PartialEq)]
enum Resolution {
    /// Leave it out: another manager applies it.
    Strip,
    /// Keep the live value.
    Adopt(Value),
}

impl IgnoreRules {
    /// Compiles rules: JSON pointers, and the objects they are for (all, without a selector). What is no pointer matches
    /// nothing, as with Flux.
    pub fn new(
        rules: impl IntoIterator<Item = (Vec<String>, Option<Selector>)>,
    ) -> Result<Self, InvalidRule> {
        let compile = |(paths, selector): (Vec<String>, Option<Selector>)| {
            let selector = selector.as_ref().map(CompiledSelector::new).transpose()?;
            Ok((selector, paths.iter().filter_map(|path| pointer(path)).collect()))
        };
        Ok(Self { rules: rules.into_iter().map(compile).collect::<Result<_, _>>()? })
    }

    /// The paths that are ignored in an object.
    pub fn paths_for(&self, object: &Object) -> Vec<&Pointer> {
        self.rules
            .iter()
            .filter(|(selector, _)| selector.as_ref().is_none_or(|selector| selector.matches(object)))
            .flat_map(|(_, paths)| paths)
            .collect()
    }

    /// Changes the object about to be applied so that the ignored fields stay as they are live:
    /// those that another manager applies are left out, others get their live value.
    pub fn yield_to_live(&self, desired: &mut Object, live: &Object, dry_run: &Object, field_manager: &str) {
        let paths = self.paths_for(dry_run);
        if paths.is_empty() {
            return;
        }
        let owners: Vec<(bool, FieldSet)> = managed_fields::entries(live.as_value())
            .iter()
            .filter(|entry| entry.is_main_apply())
            .map(|entry| (entry.manager() == field_manager, entry.fields()))
            .collect();
        for path in paths {
            let (is, becomes) = (path.get(live.as_value()), path.get(dry_run.as_value()));
            let same = match (is, becomes) {
                (Some(is), Some(becomes)) => drift::equal(is, becomes),
                (None, None) => true,
                _ => false,
            };
            if same {
                continue;
            }
            match resolve(path, live, is, &owners) {
                Resolution::Strip => path.remove(desired.as_value_mut()),
                Resolution::Adopt(value) => path.set(desired.as_value_mut(), value),
            }
        }
    }
}

fn pointer(path: &str) -> Option<Pointer> {
    let pointer = Pointer::parse(path);
    if pointer.is_none() {
        tracing::warn!(path, "an ignored path matches nothing: JSON pointers start with / and name a field");
    }
    pointer
}

fn resolve(path: &Pointer, live: &Object, value: Option<&Value>, owners: &[(bool, FieldSet)]) -> Resolution {
    let Some(value) = value else { return Resolution::Strip };
    let sets: Vec<&FieldSet> = owners.iter().map(|(_, set)| set).collect();
    let owned_by_other = path
        .field_path(live.as_value(), &sets)
        .is_some_and(|elements| owners.iter().any(|(is_own, set)| !is_own && set.touches(&elements)));
    if owned_by_other { Resolution::Strip } else { Resolution::Adopt(value.clone()) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rules(paths: &[&str], selector: Option<Selector>) -> IgnoreRules {
        IgnoreRules::new([(paths.iter().map(ToString::to_string).collect(), selector)]).unwrap()
    }

    fn deployment(replicas: i64, managers: &[(&str, &str)]) -> Object {
        let managed: Vec<_> = managers
            .iter()
            .map(|(manager, operation)| {
                json!({"manager": manager, "operation": operation, "fieldsV1": {"f:spec": {"f:replicas": {}}}})
            })
            .collect();
        Object::new(json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "a", "namespace": "ns", "resourceVersion": "1", "managedFields": managed},
            "spec": {"replicas": replicas},
        }))
        .unwrap()
    }

    #[test]
    fn ignored_fields_are_no_drift() {
        let rules = rules(&["/spec/replicas"], None);
        assert!(!drift::has_drifted(Some(&deployment(3, &[])), &deployment(1, &[]), &rules));
        assert!(drift::has_drifted(Some(&deployment(3, &[])), &deployment(1, &[]), &IgnoreRules::default()));
    }

    #[test]
    fn live_values_are_adopted_unless_another_manager_applies_them() {
        let rules = rules(&["/spec/replicas"], None);
        for (managers, want) in [
            (vec![("kustomize-controller", "Apply")], json!({"replicas": 3})),
            (vec![("kube-controller-manager", "Update")], json!({"replicas": 3})),
            (vec![("scaler", "Apply")], json!({})),
        ] {
            let mut desired = deployment(1, &[]);
            rules.yield_to_live(
                &mut desired,
                &deployment(3, &managers),
                &deployment(1, &[]),
                "kustomize-controller",
            );
            assert_eq!(desired.as_value()["spec"], want, "{managers:?}");
        }
    }

    #[test]
    fn selectors_are_anchored() {
        let selects =
            |selector: Selector| !rules(&["/spec"], Some(selector)).paths_for(&deployment(1, &[])).is_empty();
        assert!(selects(Selector::default()));
        assert!(selects(Selector { kind: "Dep.*|StatefulSet".into(), ..Selector::default() }));
        assert!(!selects(Selector { kind: "Deploy".into(), ..Selector::default() }));
        assert!(!selects(Selector { group: "app".into(), ..Selector::default() }));
        assert!(selects(Selector { namespace: "n.".into(), name: "a|b".into(), ..Selector::default() }));
        assert!(!selects(Selector { label_selector: "app".into(), ..Selector::default() }));
        assert!(selects(Selector {
            label_selector: "!app,env!=prod,tier notin (a, b)".into(),
            ..Selector::default()
        }));
        let bad = |selector| IgnoreRules::new([(vec![], Some(selector))]).unwrap_err().to_string();
        assert!(bad(Selector { name: "(".into(), ..Selector::default() }).contains("invalid name regex"));
        assert!(
            bad(Selector { annotation_selector: "a in b".into(), ..Selector::default() })
                .contains("invalid annotation selector")
        );
        assert!(rules(&["spec"], None).paths_for(&deployment(1, &[])).is_empty());
    }
}
