//! Which objects a rule is for.

use sluice_goregex::Regex;
use sluice_kustomize::labels::LabelSelector;

use super::InvalidRule;
use crate::object::Object;

/// Which objects a rule is for: each field given must match. Group, version, kind, name and
/// namespace are regular expressions for the whole value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector {
    /// API group.
    pub group: String,
    /// API version.
    pub version: String,
    /// Kind.
    pub kind: String,
    /// Name.
    pub name: String,
    /// Namespace.
    pub namespace: String,
    /// Label selector, as kubectl takes it.
    pub label_selector: String,
    /// Selector on annotations in the same form.
    pub annotation_selector: String,
}

/// A selector ready to match.
#[derive(Clone, Debug)]
pub(super) struct CompiledSelector {
    group: Option<Regex>,
    version: Option<Regex>,
    kind: Option<Regex>,
    name: Option<Regex>,
    namespace: Option<Regex>,
    labels: LabelSelector,
    annotations: LabelSelector,
}

impl CompiledSelector {
    pub(super) fn new(selector: &Selector) -> Result<Self, InvalidRule> {
        Ok(Self {
            group: anchored("group", &selector.group)?,
            version: anchored("version", &selector.version)?,
            kind: anchored("kind", &selector.kind)?,
            name: anchored("name", &selector.name)?,
            namespace: anchored("namespace", &selector.namespace)?,
            labels: labels("label", &selector.label_selector)?,
            annotations: labels("annotation", &selector.annotation_selector)?,
        })
    }

    pub(super) fn matches(&self, object: &Object) -> bool {
        let gvk = object.gvk();
        let is = |regex: &Option<Regex>, text: &str| {
            regex.as_ref().is_none_or(|regex| regex.is_match(text.as_bytes()))
        };
        is(&self.group, &gvk.group)
            && is(&self.version, &gvk.version)
            && is(&self.kind, &gvk.kind)
            && is(&self.name, object.name())
            && is(&self.namespace, object.namespace().unwrap_or_default())
            && (self.labels.is_empty() || self.labels.matches(&object.labels()))
            && (self.annotations.is_empty() || self.annotations.matches(&object.annotations()))
    }
}

fn anchored(field: &'static str, pattern: &str) -> Result<Option<Regex>, InvalidRule> {
    if pattern.is_empty() {
        return Ok(None);
    }
    let regex = Regex::uncached(format!("^(?:{pattern})$").as_bytes());
    regex.map(Some).map_err(|source| InvalidRule::Regex { field, source })
}

fn labels(field: &'static str, text: &str) -> Result<LabelSelector, InvalidRule> {
    LabelSelector::parse(text).map_err(|source| InvalidRule::Selector { field, source })
}
