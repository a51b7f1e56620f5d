//! Label selectors.

use std::collections::BTreeMap;

use sluice_apis::k8s::LabelSelector;

/// What a selector asks of one label.
enum Requirement<'a> {
    In(&'a str, &'a [String]),
    NotIn(&'a str, &'a [String]),
    Exists(&'a str),
    Absent(&'a str),
}

/// A selector that was checked.
pub(super) struct Selector<'a> {
    labels: Option<&'a BTreeMap<String, String>>,
    requirements: Vec<Requirement<'a>>,
}

impl<'a> Selector<'a> {
    /// Reads a selector; none selects everything.
    pub(super) fn of(selector: Option<&'a LabelSelector>) -> Result<Self, String> {
        for (key, value) in selector.and_then(|selector| selector.match_labels.as_ref()).into_iter().flatten()
        {
            check_key(key)?;
            check_value(key, value)?;
        }
        let expressions = selector.and_then(|selector| selector.match_expressions.as_deref());
        let mut requirements = Vec::new();
        for expression in expressions.unwrap_or_default() {
            let key = expression.key.as_str();
            let values = expression.values.as_deref().unwrap_or_default();
            let has_values = !values.is_empty();
            check_key(key)?;
            values.iter().try_for_each(|value| check_value(key, value))?;
            requirements.push(match expression.operator.as_str() {
                "In" if has_values => Requirement::In(key, values),
                "NotIn" if has_values => Requirement::NotIn(key, values),
                "Exists" if !has_values => Requirement::Exists(key),
                "DoesNotExist" if !has_values => Requirement::Absent(key),
                "In" | "NotIn" => {
                    return Err(format!(
                        "values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty (key '{key}')"
                    ));
                }
                "Exists" | "DoesNotExist" => {
                    return Err(format!("values: Invalid value: values set must be empty for exists and does not exist (key '{key}')"));
                }
                other => return Err(format!("\"{other}\" is not a valid label selector operator")),
            });
        }
        Ok(Self { labels: selector.and_then(|selector| selector.match_labels.as_ref()), requirements })
    }

    /// Whether labels are what the selector asks for.
    pub(super) fn matches(&self, labels: Option<&BTreeMap<String, String>>) -> bool {
        let value = |key: &str| labels.and_then(|labels| labels.get(key));
        self.labels.into_iter().flatten().all(|(key, wanted)| value(key) == Some(wanted))
            && self.requirements.iter().all(|requirement| match requirement {
                Requirement::In(key, values) => value(key).is_some_and(|value| values.contains(value)),
                Requirement::NotIn(key, values) => value(key).is_none_or(|value| !values.contains(value)),
                Requirement::Exists(key) => value(key).is_some(),
                Requirement::Absent(key) => value(key).is_none(),
            })
    }
}

/// What no object can have is a mistake: such a selector would select nothing, without a word.
fn check_key(key: &str) -> Result<(), String> {
    let (prefix, name) = key.rsplit_once('/').unwrap_or(("", key));
    let is_prefix = prefix.len() <= 253
        && prefix.split('.').all(|part| {
            let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            part.bytes().all(is_inner) && !part.is_empty() && !part.starts_with('-') && !part.ends_with('-')
        });
    if is_label(name) && !name.is_empty() && (is_prefix || !key.contains('/')) {
        return Ok(());
    }
    Err(format!("key: Invalid value: {key:?}: no label has this name"))
}

fn check_value(key: &str, value: &str) -> Result<(), String> {
    if is_label(value) {
        Ok(())
    } else {
        Err(format!("values[{key}]: Invalid value: {value:?}: no label has this value"))
    }
}

/// Letters, digits, `-`, `_` and `.`, beginning and ending with a letter or digit, at most 63.
fn is_label(text: &str) -> bool {
    let is_end = |byte: Option<u8>| byte.is_none_or(|byte| byte.is_ascii_alphanumeric());
    text.len() <= 63
        && is_end(text.bytes().next())
        && is_end(text.bytes().last())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

#[cfg(test)]
mod tests {
    use sluice_apis::k8s::LabelSelectorRequirement;

    use super::*;

    fn selector(operator: &str, values: &[&str]) -> LabelSelector {
        LabelSelector {
            match_labels: None,
            match_expressions: Some(vec![LabelSelectorRequirement {
                key: "app".to_owned(),
                operator: operator.to_owned(),
                values: Some(values.iter().map(|value| (*value).to_owned()).collect()),
            }]),
        }
    }

    #[test]
    fn operators() {
        let labels = |value: &str| BTreeMap::from([("app".to_owned(), value.to_owned())]);
        let none = BTreeMap::new();
        for (operator, values, a, b, absent) in [
            ("In", &["a"][..], true, false, false),
            ("NotIn", &["a"], false, true, true),
            ("Exists", &[], true, true, false),
            ("DoesNotExist", &[], false, false, true),
        ] {
            let selector = selector(operator, values);
            let selector = Selector::of(Some(&selector)).unwrap();
            assert_eq!(selector.matches(Some(&labels("a"))), a, "{operator}");
            assert_eq!(selector.matches(Some(&labels("b"))), b, "{operator}");
            assert_eq!(selector.matches(Some(&none)), absent, "{operator}");
            assert_eq!(selector.matches(None), absent, "{operator}");
        }
        assert!(Selector::of(None).unwrap().matches(None));
        let exact = LabelSelector { match_labels: Some(labels("a")), match_expressions: None };
        let exact = Selector::of(Some(&exact)).unwrap();
        assert!(exact.matches(Some(&labels("a"))) && !exact.matches(Some(&labels("b"))));
        let labels = |key: &str, value: &str| LabelSelector {
            match_labels: Some(BTreeMap::from([(key.to_owned(), value.to_owned())])),
            match_expressions: None,
        };
        for (key, value) in [("a", ""), ("example.org/A_b.c", "x-1"), ("0", "Z")] {
            assert!(Selector::of(Some(&labels(key, value))).is_ok(), "{key}={value}");
        }
        for (key, value) in [
            ("a b", ""),
            ("", "x"),
            ("-a", "x"),
            ("/a", "x"),
            ("A.b/c", "x"),
            ("a/b/c", "x"),
            ("a", "x y"),
            ("a", "x-"),
        ] {
            assert!(Selector::of(Some(&labels(key, value))).is_err(), "{key}={value}");
        }
        for (operator, values) in [("In", &[][..]), ("In", &["a b"]), ("Exists", &["a"]), ("Matches", &["a"])]
        {
            assert!(Selector::of(Some(&selector(operator, values))).is_err(), "{operator}");
        }
    }
}
