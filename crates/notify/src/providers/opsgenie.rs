//! Opsgenie: an alert per event.

use serde_json::json;

use super::{Webhook, check_address};
use crate::{
    error::{ConfigError, PostError},
    event::Event,
    http::Request,
    settings::Settings,
};

pub(super) struct Opsgenie {
    address: String,
    key: String,
}

impl Opsgenie {
    pub(super) fn new(settings: &Settings) -> Result<Self, ConfigError> {
        check_address("Opsgenie hook", &settings.address)?;
        if settings.token.is_empty() {
            return Err(ConfigError::provider("empty Opsgenie apikey/token"));
        }
        Ok(Self { address: settings.address.clone(), key: settings.token.clone() })
    }
}

impl Webhook for Opsgenie {
    fn request(&self, event: &Event) -> Result<Request, PostError> {
        let mut details = event.metadata.clone();
        details.insert("severity".to_owned(), event.severity.as_str().to_owned());
        let alert = json!({
            "message": format!("{}/{}", event.involved_object.kind, event.involved_object.name),
            "description": event.message,
            "details": details,
        });
        let authorization = format!("GenieKey {}", self.key);
        Ok(Request::post_json(&self.address, &alert)?.header("Authorization", authorization))
    }
}
