//! What "ready" means for the kinds that users explain by expressions.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;
use sluice_apis::kustomize::v1::CustomHealthCheck;
use sluice_expr::cel::{self, Condition};

use super::{State, Status, StatusReader};
use crate::object::Object;

/// Why the expressions can't be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Two entries explain the same kind.
    #[error("duplicate custom health check for GroupKind {group_kind} at healthchecks[{index}]")]
    Duplicate {
        /// The kind, as `Kind.group`.
        group_kind: String,
        /// The second entry's place in the list, from 0.
        index: usize,
    },
    /// The expression that says when an object is healthy is missing.
    #[error(
        "failed to create custom status evaluator for healthchecks[{index}]: expression Current not specified"
    )]
    NoCurrent {
        /// The entry's place in the list, from 0.
        index: usize,
    },
    /// An expression doesn't parse.
    #[error(
        "failed to create custom status evaluator for healthchecks[{index}]: failed to parse the expression {field}: {source}"
    )]
    Parse {
        /// The entry's place in the list, from 0.
        index: usize,
        /// Which of the three expressions.
        field: &'static str,
        /// What is wrong with it.
        source: cel::Error,
    },
}

/// The readers for these expressions, to be asked before all others.
pub fn readers(checks: &[CustomHealthCheck]) -> Result<Vec<Arc<dyn StatusReader>>, Error> {
    if checks.is_empty() {
        return Ok(Vec::new());
    }
    let mut kinds = HashMap::new();
    for (index, check) in checks.iter().enumerate() {
        let group = check.api_version.split_once('/').map_or("", |(group, _)| group);
        let key = (group.to_owned(), check.kind.clone());
        if kinds.contains_key(&key) {
            let group_kind =
                if group.is_empty() { check.kind.clone() } else { format!("{}.{group}", check.kind) };
            return Err(Error::Duplicate { group_kind, index });
        }
        if check.current.is_empty() {
            return Err(Error::NoCurrent { index });
        }
        let parse = |field, text: Option<&str>| match text.filter(|text| !text.is_empty()) {
            Some(text) => {
                Condition::parse(text).map(Some).map_err(|source| Error::Parse { index, field, source })
            }
            None => Ok(None),
        };
        let current = parse("Current", Some(&check.current))?;
        let failed = parse("Failed", check.failed.as_deref())?;
        let in_progress = parse("InProgress", check.in_progress.as_deref())?;
        // The order in which they are asked: the first that holds decides.
        let rules = [(State::InProgress, in_progress), (State::Failed, failed), (State::Current, current)];
        kinds.insert(key, rules.into_iter().filter_map(|(state, rule)| Some((state, rule?))).collect());
    }
    let expressions: Arc<dyn StatusReader> = Arc::new(Expressions { kinds });
    Ok(vec![expressions])
}

/// Expressions by group and kind; an empty kind stands for the whole group.
struct Expressions {
    kinds: HashMap<(String, String), Vec<(State, Condition)>>,
}

impl Expressions {
    fn rules(&self, group: &str, kind: &str) -> Option<&[(State, Condition)]> {
        let exact = self.kinds.get(&(group.to_owned(), kind.to_owned()));
        exact.or_else(|| self.kinds.get(&(group.to_owned(), String::new()))).map(Vec::as_slice)
    }
}

impl StatusReader for Expressions {
    fn supports(&self, group: &str, kind: &str) -> bool {
        self.rules(group, kind).is_some()
    }

    fn status(&self, object: &Object) -> Result<Status, String> {
        let value = object.as_value();
        let observed = value["status"]["observedGeneration"].as_i64();
        let generation = value["metadata"]["generation"].as_i64();
        if let (Some(observed), Some(generation)) = (observed, generation)
            && observed != generation
        {
            return Ok(status(State::InProgress, "the controller has not seen the latest change"));
        }
        let fields = value.as_object().map(|fields| fields.iter().collect::<Vec<(&String, &Value)>>());
        for (state, rule) in self.rules(object.group(), object.kind()).unwrap_or_default() {
            let variables = fields.iter().flatten().map(|(name, value)| (name.as_str(), *value));
            if rule.evaluate(variables).map_err(|error| error.to_string())? {
                return Ok(status(*state, rule.source()));
            }
        }
        Ok(status(State::InProgress, "none of the health check expressions holds"))
    }
}

fn status(state: State, message: &str) -> Status {
    Status { state, message: message.to_owned() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(kind: &str, current: &str) -> CustomHealthCheck {
        CustomHealthCheck {
            api_version: "example.com/v1".to_owned(),
            kind: kind.to_owned(),
            current: current.to_owned(),
            failed: Some("has(status.phase) && status.phase == 'Failed'".to_owned()),
            in_progress: Some("has(status.phase) && status.phase == 'Pending'".to_owned()),
        }
    }

    fn state(readers: &[Arc<dyn StatusReader>], status: &Value) -> Result<State, String> {
        let object = Object::new(json!({
            "apiVersion": "example.com/v2", "kind": "Widget",
            "metadata": {"name": "a", "generation": 2}, "status": status,
        }));
        readers[0].status(&object.unwrap()).map(|status| status.state)
    }

    #[test]
    fn the_first_expression_that_holds_decides() {
        let readers = readers(&[check("Widget", "status.phase == 'Done'")]).unwrap();
        assert!(readers[0].supports("example.com", "Widget") && !readers[0].supports("example.com", "Other"));
        for (status, expected) in [
            (json!({"phase": "Done"}), State::Current),
            (json!({"phase": "Failed"}), State::Failed),
            (json!({"phase": "Pending"}), State::InProgress),
            (json!({"phase": "Other"}), State::InProgress),
            (json!({"phase": "Done", "observedGeneration": 1}), State::InProgress),
        ] {
            assert_eq!(state(&readers, &status), Ok(expected), "{status}");
        }
        let error = state(&readers, &json!({})).unwrap_err();
        assert!(error.contains("no such key: phase"), "{error}");
    }

    #[test]
    fn an_exact_kind_wins_over_its_group() {
        let readers = readers(&[check("", "false"), check("Widget", "true")]).unwrap();
        assert!(readers[0].supports("example.com", "Anything"));
        assert_eq!(state(&readers, &json!({})), Ok(State::Current));
    }

    #[test]
    fn mistakes_name_the_entry() {
        let message =
            |checks: &[CustomHealthCheck]| readers(checks).err().map(|e| e.to_string()).unwrap_or_default();
        assert_eq!(
            message(&[check("Widget", "true"), check("Widget", "true")]),
            "duplicate custom health check for GroupKind Widget.example.com at healthchecks[1]"
        );
        assert!(
            message(&[check("Widget", "")]).ends_with("healthchecks[0]: expression Current not specified")
        );
        assert!(message(&[check("Widget", "status.x ==")]).starts_with(
            "failed to create custom status evaluator for healthchecks[0]: failed to parse the expression Current: failed to parse the CEL expression"
        ));
    }
}
