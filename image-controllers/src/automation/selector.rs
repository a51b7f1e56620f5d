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
        let expressions = selector.and_then(|selector| selector.match_expressions.as_deref());
        let mut requirements = Vec::new();
        for expression in expressions.unwrap_or_default() {
            let key = expression.key.as_str();
            let values = expression.values.as_deref().unwrap_or_default();
            let has_values = !values.is_empty();
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
        for (operator, values) in [("In", &[][..]), ("Exists", &["a"]), ("Matches", &["a"])] {
            assert!(Selector::of(Some(&selector(operator, values))).is_err(), "{operator}");
        }
    }
}
