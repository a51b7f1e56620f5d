//! The labels and annotations by which an object says how it wants to be handled. Each may be
//! given as a label or as an annotation; the case of the value doesn't matter.

use crate::object::Object;

/// The rules under one prefix, such as `kustomize.toolkit.fluxcd.io`.
#[derive(Clone, Debug)]
pub struct Rules {
    reconcile: String,
    ssa: String,
    force: String,
    prune: String,
}

impl Rules {
    /// The rules of an API group.
    pub fn new(group: &str) -> Self {
        let key = |name| format!("{group}/{name}");
        Self { reconcile: key("reconcile"), ssa: key("ssa"), force: key("force"), prune: key("prune") }
    }

    /// Whether the object is left alone: `reconcile: disabled` or `ssa: Ignore`.
    pub fn is_ignored(&self, object: &Object) -> bool {
        has(object, &self.reconcile, "disabled") || has(object, &self.ssa, "Ignore")
    }

    /// Whether the object is only created, never changed: `ssa: IfNotPresent`.
    pub fn is_create_only(&self, object: &Object) -> bool {
        has(object, &self.ssa, "IfNotPresent")
    }

    /// Whether other managers keep their fields: `ssa: Merge`.
    pub fn is_merged(&self, object: &Object) -> bool {
        has(object, &self.ssa, "Merge")
    }

    /// Whether the object is recreated when an immutable field changes: `force: enabled`.
    pub fn is_forced(&self, object: &Object) -> bool {
        has(object, &self.force, "enabled")
    }

    /// Whether the live object is kept when it is no longer wanted: `prune: disabled`, or ignored.
    pub fn is_kept(&self, live: &Object) -> bool {
        has(live, &self.prune, "disabled") || self.is_ignored(live)
    }
}

fn has(object: &Object, key: &str, value: &str) -> bool {
    // One label that isn't a string hides all of them, as it does for Flux.
    let matches = |text: Option<&String>| text.is_some_and(|text| text.eq_ignore_ascii_case(value));
    (!object.label(key).is_empty() && matches(object.labels().get(key)))
        || (!object.annotation(key).is_empty() && matches(object.annotations().get(key)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn labels_and_annotations_in_any_case() {
        let rules = Rules::new("kustomize.toolkit.fluxcd.io");
        for field in ["labels", "annotations"] {
            let object = |key: &str, value: &str| {
                Object::new(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", field: {format!("kustomize.toolkit.fluxcd.io/{key}"): value}}})).unwrap()
            };
            for (key, value, ignored, create_only, merged, forced, kept) in [
                ("reconcile", "DISABLED", true, false, false, false, true),
                ("reconcile", "enabled", false, false, false, false, false),
                ("ssa", "ignore", true, false, false, false, true),
                ("ssa", "ifnotpresent", false, true, false, false, false),
                ("ssa", "MERGE", false, false, true, false, false),
                ("ssa", "bogus", false, false, false, false, false),
                ("force", "Enabled", false, false, false, true, false),
                ("prune", "Disabled", false, false, false, false, true),
                ("prune", "", false, false, false, false, false),
            ] {
                let object = object(key, value);
                let got = (
                    rules.is_ignored(&object),
                    rules.is_create_only(&object),
                    rules.is_merged(&object),
                    rules.is_forced(&object),
                    rules.is_kept(&object),
                );
                assert_eq!(got, (ignored, create_only, merged, forced, kept), "{field} {key}: {value}");
            }
        }
    }
}
