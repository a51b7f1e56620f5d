//! Prometheus Alertmanager: a firing alert per event; it resolves by Alertmanager's own timeout.

use std::collections::BTreeMap;

use serde_json::json;

use super::{Webhook, check_address};
use crate::{
    error::{ConfigError, PostError},
    event::{Event, rfc3339},
    http::Request,
    settings::Settings,
};

/// A time that is not set: Alertmanager then takes its `resolve_timeout`.
const UNSET: &str = "0001-01-01T00:00:00Z";

pub(super) struct Alertmanager {
    address: String,
    token: String,
    username: String,
    password: String,
}

impl Alertmanager {
    pub(super) fn new(settings: &Settings) -> Result<Self, ConfigError> {
        check_address("Alertmanager", &settings.address)?;
        Ok(Self {
            address: settings.address.clone(),
            token: settings.token.clone(),
            username: settings.username.clone(),
            password: settings.password.clone(),
        })
    }
}

impl Webhook for Alertmanager {
    fn request(&self, event: &Event) -> Result<Request, PostError> {
        let mut labels = event.metadata.clone();
        let mut annotations = BTreeMap::from([("message", event.message.clone())]);
        if let Some(summary) = labels.remove("summary") {
            annotations.insert("summary", summary);
        }
        let object = &event.involved_object;
        labels.extend(
            [
                ("alertname", format!("Flux{}{}", object.kind, title_case(&event.reason))),
                ("severity", event.severity.as_str().to_owned()),
                ("reason", event.reason.clone()),
                ("kind", object.kind.clone()),
                ("name", object.name.clone()),
                ("namespace", object.namespace.clone()),
                ("reportingcontroller", event.reporting_controller.clone()),
            ]
            .map(|(label, value)| (label.to_owned(), value)),
        );
        let alert = json!({
            "status": "firing",
            "labels": labels,
            "annotations": annotations,
            "startsAt": event.timestamp.map_or(UNSET.to_owned(), rfc3339),
            "endsAt": UNSET,
        });
        let request = Request::post_json(&self.address, &[alert])?;
        Ok(if !self.username.is_empty() && !self.password.is_empty() {
            request.basic(&self.username, &self.password)
        } else if self.token.is_empty() {
            request
        } else {
            request.bearer(&self.token)
        })
    }
}

/// The first letter of every word in upper case, the others in lower case.
fn title_case(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut within = false;
    for c in text.chars() {
        if !c.is_alphanumeric() && c != '_' {
            within = false;
            out.push(c);
        } else if within {
            out.extend(c.to_lowercase());
        } else {
            within = c.is_alphabetic();
            out.extend(c.to_uppercase());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::title_case;

    #[test]
    fn reasons_lose_their_inner_capitals() {
        assert_eq!(title_case("ReconciliationSucceeded"), "Reconciliationsucceeded");
        assert_eq!(title_case("ArtifactFailedXML2JSON"), "Artifactfailedxml2json");
        assert_eq!(title_case("two words"), "Two Words");
    }
}
