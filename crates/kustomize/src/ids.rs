//! What identifies a resource: group, version, kind, name, namespace.

use std::fmt;

/// A group, version and kind. In a selector an empty part matches anything.
#[derive(Clone, Debug, Default)]
pub struct Gvk {
    /// API group; empty for the core group.
    pub group: String,
    /// API version.
    pub version: String,
    /// Kind.
    pub kind: String,
    /// Known to live outside namespaces; unknown kinds count as namespaced.
    pub(crate) cluster_scoped: bool,
}

impl PartialEq for Gvk {
    fn eq(&self, other: &Self) -> bool {
        self.group == other.group && self.version == other.version && self.kind == other.kind
    }
}

impl Eq for Gvk {}

impl Gvk {
    /// A selector by kind.
    pub fn of_kind(kind: &str) -> Self {
        Self { kind: kind.to_owned(), ..Self::default() }
    }

    /// From `group/version` (or `version`) and kind.
    pub fn from_api_version(api_version: &str, kind: &str) -> Self {
        let (group, version) = split_api_version(api_version);
        Self {
            group: group.to_owned(),
            version: version.to_owned(),
            kind: kind.to_owned(),
            cluster_scoped: false,
        }
    }

    /// `group/version`, or only the version for the core group.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }

    /// Whether every part that the selector names is the same here.
    pub fn is_selected_by(&self, selector: &Self) -> bool {
        let accepts = |wanted: &str, have: &str| wanted.is_empty() || wanted == have;
        accepts(&selector.group, &self.group)
            && accepts(&selector.version, &self.version)
            && accepts(&selector.kind, &self.kind)
    }
}

impl fmt::Display for Gvk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |text: &'static str, value: &str| {
            if value.is_empty() { text.to_owned() } else { value.to_owned() }
        };
        write!(
            f,
            "{}.{}.{}",
            part("[noKind]", &self.kind),
            part("[noVer]", &self.version),
            part("[noGrp]", &self.group)
        )
    }
}

/// Splits `group/version`; a version alone belongs to the core group.
pub fn split_api_version(api_version: &str) -> (&str, &str) {
    api_version.split_once('/').unwrap_or(("", api_version))
}

/// The namespace that stands for "in no namespace".
pub const NO_NAMESPACE: &str = "_non_namespaceable_";
pub(crate) const DEFAULT_NAMESPACE: &str = "default";

/// What identifies a resource within a build.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResId {
    /// Group, version and kind.
    pub gvk: Gvk,
    /// `metadata.name`.
    pub name: String,
    /// `metadata.namespace`, as written.
    pub namespace: String,
}

impl ResId {
    /// The namespace to compare by: none for cluster-scoped kinds, `default` when unset.
    pub fn effective_namespace(&self) -> &str {
        if self.gvk.cluster_scoped {
            NO_NAMESPACE
        } else if self.namespace.is_empty() {
            DEFAULT_NAMESPACE
        } else {
            &self.namespace
        }
    }

    /// Whether both are in the same namespace, or both in none.
    pub fn same_namespace(&self, other: &Self) -> bool {
        self.effective_namespace() == other.effective_namespace()
    }

    /// Whether kind and name are the same.
    pub fn same_kind_and_name(&self, other: &Self) -> bool {
        self.name == other.name && self.gvk == other.gvk
    }

    /// Whether every part that the selector names is the same here.
    pub fn is_selected_by(&self, selector: &Self) -> bool {
        (selector.name.is_empty() || selector.name == self.name)
            && (selector.namespace.is_empty() || selector.same_namespace(self))
            && self.gvk.is_selected_by(&selector.gvk)
    }

    /// Whether nothing is set.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What two ids of the same resource have in common, for use as a map's key.
    pub fn key(&self) -> IdKey<'_> {
        IdKey {
            group: &self.gvk.group,
            version: &self.gvk.version,
            kind: &self.gvk.kind,
            name: &self.name,
            namespace: self.effective_namespace(),
        }
    }
}

/// [`ResId`] with the effective namespace: equal keys mean the same resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct IdKey<'a> {
    pub(crate) group: &'a str,
    pub(crate) version: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) name: &'a str,
    pub(crate) namespace: &'a str,
}

impl IdKey<'_> {
    /// The key as one text, for maps that outlive the resource.
    pub(crate) fn text(&self) -> String {
        [self.group, self.version, self.kind, self.name, self.namespace].join("\0")
    }
}

impl fmt::Display for ResId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = if self.name.is_empty() { "[noName]" } else { &self.name };
        let namespace = if self.namespace.is_empty() { "[noNs]" } else { &self.namespace };
        write!(f, "{}/{name}.{namespace}", self.gvk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(api_version: &str, kind: &str, name: &str, namespace: &str) -> ResId {
        ResId {
            gvk: Gvk::from_api_version(api_version, kind),
            name: name.into(),
            namespace: namespace.into(),
        }
    }

    #[test]
    fn unset_and_default_namespace_are_the_same() {
        assert_eq!(id("v1", "ConfigMap", "a", "").key(), id("v1", "ConfigMap", "a", "default").key());
        assert_ne!(id("v1", "ConfigMap", "a", "").key(), id("v1", "ConfigMap", "a", "x").key());
    }

    #[test]
    fn shown_with_placeholders() {
        assert_eq!(id("v1", "ConfigMap", "a", "").to_string(), "ConfigMap.v1.[noGrp]/a.[noNs]");
        assert_eq!(id("apps/v1", "Deployment", "a", "b").to_string(), "Deployment.v1.apps/a.b");
    }

    #[test]
    fn selectors_match_what_they_name() {
        let deployment = id("apps/v1", "Deployment", "a", "").gvk;
        assert!(deployment.is_selected_by(&Gvk::default()));
        assert!(deployment.is_selected_by(&Gvk::of_kind("Deployment")));
        assert!(!deployment.is_selected_by(&Gvk::of_kind("StatefulSet")));
    }
}
