//! `--status-selector`.

use std::str::FromStr;

use kube::api::DynamicObject;

use crate::kinds::Kind;
use crate::object;

/// A condition that objects must have, or must not have, in a status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StatusSelector {
    condition: String,
    status: String,
    negated: bool,
}

impl FromStr for StatusSelector {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // The longer separator first: it contains the shorter one.
        let (parts, negated) = match text.split_once("!=") {
            Some(parts) => (Some(parts), true),
            None => (text.split_once('='), false),
        };
        let (condition, status) = parts.ok_or_else(|| {
            format!("expected status selector in type=status or type!=status format, but found: {text}")
        })?;
        Ok(Self { condition: condition.to_owned(), status: status.to_owned(), negated })
    }
}

impl StatusSelector {
    /// Whether an object of the kind is selected; case does not matter.
    pub(crate) fn matches(&self, kind: &Kind, item: &DynamicObject) -> bool {
        let has = if kind.always_ready.is_some() {
            self.condition.eq_ignore_ascii_case("Ready") && self.status.eq_ignore_ascii_case("True")
        } else {
            object::conditions(item).any(|condition| {
                condition.type_.eq_ignore_ascii_case(&self.condition)
                    && condition.status.eq_ignore_ascii_case(&self.status)
            })
        };
        has != self.negated
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds;
    use crate::object::tests::object;

    #[test]
    fn both_forms_are_read() {
        let selector: StatusSelector = "ready!=true".parse().unwrap();
        assert_eq!(
            selector,
            StatusSelector { condition: "ready".into(), status: "true".into(), negated: true }
        );
        let error = "ready".parse::<StatusSelector>().unwrap_err();
        assert_eq!(error, "expected status selector in type=status or type!=status format, but found: ready");
    }

    #[test]
    fn an_object_without_the_condition_does_not_have_it() {
        let fresh = object(serde_json::json!({}));
        let ready =
            object(serde_json::json!({"status": {"conditions": [{"type": "Ready", "status": "True"}]}}));
        let selected = |selector: &str, item| {
            selector.parse::<StatusSelector>().unwrap().matches(&kinds::KUSTOMIZATION, item)
        };
        assert!(selected("ready=true", &ready) && !selected("ready=true", &fresh));
        assert!(!selected("ready!=true", &ready) && selected("ready!=true", &fresh));
        assert!(!selected("ready=false", &fresh));
        assert!("Ready=True".parse::<StatusSelector>().unwrap().matches(&kinds::PROVIDER, &fresh));
    }
}
