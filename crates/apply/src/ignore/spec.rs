//! Rules as specs have them.

use sluice_apis::kustomize::v1::IgnoreRule;

use super::{IgnoreRules, InvalidRule, Selector};

impl IgnoreRules {
    /// The rules of a spec.
    pub fn of(rules: &[IgnoreRule]) -> Result<Self, InvalidRule> {
        Self::new(rules.iter().map(|rule| {
            let selector = rule.target.as_ref().map(|target| {
                let text = |field: &Option<String>| field.clone().unwrap_or_default();
                Selector {
                    group: text(&target.group),
                    version: text(&target.version),
                    kind: text(&target.kind),
                    name: text(&target.name),
                    namespace: text(&target.namespace),
                    label_selector: text(&target.label_selector),
                    annotation_selector: text(&target.annotation_selector),
                }
            });
            (rule.paths.clone(), selector)
        }))
    }
}
