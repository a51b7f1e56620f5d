//! The id that tells the commit statuses of different objects, Alerts and clusters apart.

use serde_json::Value;
use sluice_apis::notification::v1beta3::{Alert, Provider};
use sluice_expr::cel::{self, Expression, Type};
use sluice_notify::Event;

/// Why there is no id.
#[derive(Debug, thiserror::Error)]
pub enum CommitStatusError {
    /// The expression is wrong.
    #[error(
        "failed to evaluate the spec.commitStatusExpr CEL expression for the event: failed to compile expression: {0}"
    )]
    Compile(#[source] cel::Error),
    /// The expression does not fit this event.
    #[error("failed to evaluate the spec.commitStatusExpr CEL expression for the event: {0}")]
    Evaluate(#[source] cel::Error),
}

/// The id: what the Provider's expression gives, else kind, name and the first part of the Provider's UID.
pub fn id(event: &Event, alert: &Alert, provider: &Provider) -> Result<String, CommitStatusError> {
    match provider.spec.commit_status_expr.as_deref().filter(|text| !text.is_empty()) {
        None => Ok(default_id(event, provider)),
        Some(text) => {
            let variables = ["alert", "event", "provider"];
            let expression = Expression::compile(text, &variables, Some(Type::String))
                .map_err(CommitStatusError::Compile)?;
            let [alert, event, provider] = [json(alert), json(event), json(provider)];
            let values = [("alert", &alert), ("event", &event), ("provider", &provider)];
            expression.evaluate_text(values).map_err(CommitStatusError::Evaluate)
        }
    }
}

fn default_id(event: &Event, provider: &Provider) -> String {
    let uid = provider.metadata.uid.as_deref().unwrap_or_default();
    let first = uid.split('-').next().unwrap_or_default();
    let object = &event.involved_object;
    format!("{}/{}/{first}", object.kind, object.name).to_lowercase()
}

fn json(object: &impl serde::Serialize) -> Value {
    // Objects of the API are JSON by nature.
    serde_json::to_value(object).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn id_of(expression: Option<&str>) -> Result<String, String> {
        let provider: Provider = serde_json::from_value(json!({
            "apiVersion": "notification.toolkit.fluxcd.io/v1beta3", "kind": "Provider",
            "metadata": {"name": "p", "namespace": "ns", "uid": "0C9C2E41-D2F9-4F9B-9C41-BEBC1984D67A"},
            "spec": {"type": "github", "commitStatusExpr": expression},
        }))
        .unwrap();
        let mut event = Event::default();
        event.involved_object.kind = "Kustomization".to_owned();
        event.involved_object.name = "Shop".to_owned();
        event.metadata.insert("revision".to_owned(), "main@sha1:1".to_owned());
        let alert: Alert = serde_json::from_value(json!({
            "apiVersion": "notification.toolkit.fluxcd.io/v1beta3", "kind": "Alert", "metadata": {"name": "a"},
            "spec": {"providerRef": {"name": "p"}, "eventSources": []},
        }))
        .unwrap();
        id(&event, &alert, &provider).map_err(|error| error.to_string())
    }

    #[test]
    fn ids_are_the_expressions_or_made_of_kind_name_and_uid() {
        assert_eq!(id_of(None).unwrap(), "kustomization/shop/0c9c2e41");
        let expression = "alert.metadata.name + '/' + event.metadata.revision.split('@')[0] + '/' + provider.metadata.name";
        assert_eq!(id_of(Some(expression)).unwrap(), "a/main/p");
    }

    #[test]
    fn expressions_that_give_no_text_are_refused() {
        let prefix = "failed to evaluate the spec.commitStatusExpr CEL expression for the event: ";
        for (expression, problem) in [
            (
                "1 + 1",
                "failed to compile expression: CEL expression output type mismatch: expected string, got int",
            ),
            (
                "event.metadata.x",
                "failed to compile expression: CEL expression output type mismatch: expected string, got dyn",
            ),
            ("1 +", "failed to compile expression: failed to parse the CEL expression '1 +': "),
            (
                "string(event.nope)",
                "failed to evaluate the CEL expression 'string(event.nope)': no such key: nope",
            ),
        ] {
            let error = id_of(Some(expression)).unwrap_err();
            assert!(error.starts_with(&format!("{prefix}{problem}")), "{error}");
        }
    }
}
