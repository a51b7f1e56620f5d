//! Google Chat: a card with the message and the metadata.

use serde_json::{Value, json};

use super::Webhook;
use crate::{
    address,
    error::{ConfigError, PostError},
    event::Event,
    http::Request,
    settings::Settings,
};

pub(super) struct GoogleChat {
    address: String,
}

impl GoogleChat {
    pub(super) fn new(settings: &Settings) -> Result<Self, ConfigError> {
        let address = settings.address.clone();
        address::check(&address)
            .map_err(|_| ConfigError::provider(format!("invalid Google Chat hook URL {address}")))?;
        Ok(Self { address })
    }
}

impl Webhook for GoogleChat {
    fn request(&self, event: &Event) -> Result<Request, PostError> {
        let message = if event.severity.is_error() {
            format!("<font color=\"#ff0000\">{}</font>", event.message)
        } else {
            event.message.clone()
        };
        let paragraph = json!({ "textParagraph": { "text": message }, "keyValue": null });
        let mut sections = vec![section(&[paragraph])];
        if !event.metadata.is_empty() {
            let widgets: Vec<Value> =
                event.metadata.iter().map(|(key, value)| key_value(key, value)).collect();
            sections.push(section(&widgets));
        }
        let header = json!({
            "title": event.title(),
            "subtitle": event.reporting_controller,
            "imageUrl": null,
            "imageStyle": null,
        });
        Request::post_json(&self.address, &json!({ "cards": [{ "header": header, "sections": sections }] }))
    }
}

fn section(widgets: &[Value]) -> Value {
    json!({ "header": "", "widgets": widgets })
}

fn key_value(key: &str, value: &str) -> Value {
    json!({
        "textParagraph": null,
        "keyValue": {
            "topLabel": key,
            "content": value,
            "contentMultiline": false,
            "bottomLabel": null,
            "icon": null,
        },
    })
}
