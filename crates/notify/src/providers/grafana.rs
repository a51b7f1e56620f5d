//! Grafana: an annotation in Graphite's format.

use serde_json::json;

use super::Webhook;
use crate::{
    address,
    error::{ConfigError, PostError},
    event::Event,
    http::Request,
    settings::Settings,
};

pub(super) struct Grafana {
    address: String,
    token: String,
    username: String,
    password: String,
}

impl Grafana {
    pub(super) fn new(settings: &Settings) -> Result<Self, ConfigError> {
        let address = settings.address.clone();
        address::check(&address)
            .map_err(|_| ConfigError::provider(format!("invalid Grafana URL {address}")))?;
        Ok(Self {
            address,
            token: settings.token.clone(),
            username: settings.username.clone(),
            password: settings.password.clone(),
        })
    }
}

impl Webhook for Grafana {
    fn request(&self, event: &Event) -> Result<Request, PostError> {
        // Grafana takes what precedes a colon for the tag's key.
        let plain = |text: &str| text.replace(':', "|");
        let object = &event.involved_object;
        let mut tags = vec!["flux".to_owned(), event.reporting_controller.clone()];
        tags.extend(event.metadata.iter().map(|(key, value)| format!("{}: {}", plain(key), plain(value))));
        tags.push(format!("kind: {}", object.kind));
        tags.push(format!("name: {}", object.name));
        tags.push(format!("namespace: {}", object.namespace));
        let annotation = json!({ "when": event.unix_seconds(), "text": event.title(), "tags": tags });
        let request = Request::post_json(&self.address, &annotation)?;
        Ok(if !self.token.is_empty() {
            request.bearer(&self.token)
        } else if !self.username.is_empty() && !self.password.is_empty() {
            request.basic(&self.username, &self.password)
        } else {
            request
        })
    }
}
