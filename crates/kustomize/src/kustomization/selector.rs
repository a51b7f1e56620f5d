//! Selectors, compiled.

use sluice_goregex::Regex;

use super::Selector;
use crate::error::Error;
use crate::ids::Gvk;
use crate::labels::LabelSelector;
use crate::resource::Resource;

/// A [`Selector`] with its expressions compiled.
pub(crate) struct SelectorRegex {
    group: Pattern,
    version: Pattern,
    kind: Pattern,
    name: Pattern,
    namespace: Pattern,
    labels: LabelSelector,
    annotations: LabelSelector,
    selector: Selector,
}

/// An expression that must match the whole text. Most are plain names, which need no engine.
enum Pattern {
    Any,
    Literal(String),
    Regex(Regex),
}

impl Pattern {
    fn new(text: &str) -> Result<Self, Error> {
        if text.is_empty() {
            return Ok(Self::Any);
        }
        if text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'/')) {
            return Ok(Self::Literal(text.to_owned()));
        }
        Ok(Self::Regex(Regex::uncached(format!("^(?:{text})$").as_bytes())?))
    }

    fn matches(&self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Literal(literal) => literal == text,
            Self::Regex(regex) => regex.is_match(text.as_bytes()),
        }
    }
}

impl SelectorRegex {
    pub(crate) fn new(selector: &Selector) -> Result<Self, Error> {
        Ok(Self {
            group: Pattern::new(&selector.id.gvk.group)?,
            version: Pattern::new(&selector.id.gvk.version)?,
            kind: Pattern::new(&selector.id.gvk.kind)?,
            name: Pattern::new(&selector.id.name)?,
            namespace: Pattern::new(&selector.id.namespace)?,
            labels: LabelSelector::parse_for_kustomize(&selector.label_selector)?,
            annotations: LabelSelector::parse_for_kustomize(&selector.annotation_selector)?,
            selector: selector.clone(),
        })
    }

    pub(crate) fn selector(&self) -> &Selector {
        &self.selector
    }

    pub(crate) fn matches_gvk(&self, gvk: &Gvk) -> bool {
        self.group.matches(&gvk.group) && self.version.matches(&gvk.version) && self.kind.matches(&gvk.kind)
    }

    pub(crate) fn matches_kind(&self, kind: &str) -> bool {
        self.kind.matches(kind)
    }

    pub(crate) fn matches_name(&self, name: &str) -> bool {
        self.name.matches(name)
    }

    pub(crate) fn matches_namespace(&self, namespace: &str) -> bool {
        self.namespace.matches(namespace)
    }

    /// Whether labels and annotations match; without selectors they do.
    pub(crate) fn matches_metadata(&self, resource: &Resource) -> bool {
        (self.labels.is_empty() || self.labels.matches(&resource.labels()))
            && (self.annotations.is_empty() || self.annotations.matches(&resource.annotations()))
    }

    /// Whether a resource is selected: by its first or its present name and namespace, and its present kind.
    pub(crate) fn matches(&self, resource: &Resource) -> bool {
        // Most resources are of another kind, and finding that out costs nothing.
        if !self.kind.matches(resource.kind()) {
            return false;
        }
        let current = resource.id();
        if !self.matches_gvk(&current.gvk) {
            return false;
        }
        let original = resource.original_id();
        (self.matches_namespace(original.effective_namespace())
            || self.matches_namespace(current.effective_namespace()))
            && (self.matches_name(&original.name) || self.matches_name(&current.name))
            && self.matches_metadata(resource)
    }
}
