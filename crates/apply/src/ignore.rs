//! Fields that others may change: rules of JSON pointers for the objects they select.

/// A rule that can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRule {
    /// A selector's regular expression doesn't compile.
    #[error("invalid {field} regex: {message}")]
    Regex {
        /// The selector's field.
        field: &'static str,
        /// What the regular expression's parser says.
        message: String,
    },
    /// A label or annotation selector doesn't parse.
    #[error("invalid {field} selector: {message}")]
    Selector {
        /// `label` or `annotation`.
        field: &'static str,
        /// What is wrong with it.
        message: String,
    },
    /// A path isn't a JSON pointer.
    #[error("invalid JSON pointer {0:?}: it must be empty or start with /")]
    Pointer(String),
}

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

/// Rules ready to match.
#[derive(Clone, Debug, Default)]
pub struct IgnoreRules {}

impl IgnoreRules {
    /// Compiles rules: JSON pointers, and the objects they are for (all, without a selector).
    pub fn new(
        _rules: impl IntoIterator<Item = (Vec<String>, Option<Selector>)>,
    ) -> Result<Self, InvalidRule> {
        Ok(Self {})
    }
}
