//! Which objects a rule is for.

use std::collections::BTreeMap;

use sluice_goregex::Regex;

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
    labels: Vec<Requirement>,
    annotations: Vec<Requirement>,
}

impl CompiledSelector {
    pub(super) fn new(selector: &Selector) -> Result<Self, InvalidRule> {
        Ok(Self {
            group: anchored("group", &selector.group)?,
            version: anchored("version", &selector.version)?,
            kind: anchored("kind", &selector.kind)?,
            name: anchored("name", &selector.name)?,
            namespace: anchored("namespace", &selector.namespace)?,
            labels: requirements("label", &selector.label_selector)?,
            annotations: requirements("annotation", &selector.annotation_selector)?,
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
            && (self.labels.is_empty() || all(&self.labels, &object.labels()))
            && (self.annotations.is_empty() || all(&self.annotations, &object.annotations()))
    }
}

fn anchored(field: &'static str, pattern: &str) -> Result<Option<Regex>, InvalidRule> {
    if pattern.is_empty() {
        return Ok(None);
    }
    let regex = Regex::uncached(format!("^(?:{pattern})$").as_bytes());
    regex.map(Some).map_err(|source| InvalidRule::Regex { field, source })
}

fn all(requirements: &[Requirement], values: &BTreeMap<String, String>) -> bool {
    requirements.iter().all(|requirement| requirement.matches(values))
}

/// One requirement of a label selector.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Requirement {
    Exists(String),
    Missing(String),
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    /// Greater (true) or less (false) than a number.
    Compared(String, bool, i64),
}

impl Requirement {
    fn matches(&self, values: &BTreeMap<String, String>) -> bool {
        match self {
            Self::Exists(key) => values.contains_key(key),
            Self::Missing(key) => !values.contains_key(key),
            Self::In(key, wanted) => values.get(key).is_some_and(|value| wanted.contains(value)),
            Self::NotIn(key, unwanted) => values.get(key).is_none_or(|value| !unwanted.contains(value)),
            Self::Compared(key, greater, bound) => values
                .get(key)
                .and_then(|value| value.parse::<i64>().ok())
                .is_some_and(|value| if *greater { value > *bound } else { value < *bound }),
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let key = |key: &str| {
            let key = key.trim();
            let valid = !key.is_empty()
                && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/'));
            if valid { Ok(key.to_owned()) } else { Err(format!("{key:?} is not a key")) }
        };
        let value = |text: &str| vec![text.trim().to_owned()];
        if let Some(rest) = text.strip_prefix('!') {
            return Ok(Self::Missing(key(rest)?));
        }
        if let Some((name, rest)) = text.split_once("!=") {
            return Ok(Self::NotIn(key(name)?, value(rest)));
        }
        if let Some((name, rest)) = text.split_once("==").or_else(|| text.split_once('=')) {
            return Ok(Self::In(key(name)?, value(rest)));
        }
        for (sign, greater) in [('>', true), ('<', false)] {
            if let Some((name, bound)) = text.split_once(sign) {
                let bound = bound.trim().parse().map_err(|_| format!("{bound:?} is not a number"))?;
                return Ok(Self::Compared(key(name)?, greater, bound));
            }
        }
        let Some((name, rest)) = text.split_once(char::is_whitespace) else {
            return Ok(Self::Exists(key(text)?));
        };
        let rest = rest.trim();
        let (negated, set) = match (rest.strip_prefix("notin"), rest.strip_prefix("in")) {
            (Some(set), _) => (true, set),
            (None, Some(set)) => (false, set),
            (None, None) => return Err(format!("{rest:?} is neither in nor notin")),
        };
        let set = set.trim().strip_prefix('(').and_then(|set| set.strip_suffix(')'));
        let set = set.ok_or_else(|| "the values must stand in parentheses".to_owned())?;
        let values = set.split(',').map(|value| value.trim().to_owned()).collect();
        Ok(if negated { Self::NotIn(key(name)?, values) } else { Self::In(key(name)?, values) })
    }
}

fn requirements(field: &'static str, text: &str) -> Result<Vec<Requirement>, InvalidRule> {
    let invalid = |message| InvalidRule::Selector { field, text: text.to_owned(), message };
    split(text).into_iter().map(|part| Requirement::parse(part.trim()).map_err(invalid)).collect()
}

/// Splits at the commas that aren't within parentheses.
fn split(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut depth) = (0, 0_i32);
    for (position, character) in text.char_indices() {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[start..position]);
                start = position + 1;
            }
            _ => {}
        }
    }
    if !text[start..].trim().is_empty() || !parts.is_empty() {
        parts.push(&text[start..]);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requirements_match_as_kubectl_does() {
        let labels = BTreeMap::from([("app", "web"), ("n", "5")].map(|(k, v)| (k.to_owned(), v.to_owned())));
        for (text, want) in [
            ("app", true),
            ("!app", false),
            ("!other", true),
            ("app=web", true),
            ("app == web", true),
            ("app!=web", false),
            ("other!=x", true),
            ("app in (api, web)", true),
            ("app notin (api,web)", false),
            ("other notin (x)", true),
            ("app in (web),n>4", true),
            ("n<5", false),
            ("app=web,n=6", false),
        ] {
            assert_eq!(all(&requirements("label", text).unwrap(), &labels), want, "{text}");
        }
        for text in ["app in web", "a b", "=x", "n>x", "app,,n"] {
            assert!(requirements("label", text).is_err(), "{text}");
        }
    }
}
