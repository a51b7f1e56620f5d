//! Microsoft Teams: adaptive cards for workflows, message cards for the connectors that preceded them.

use serde_json::{Map, Value, json};
use url::Url;

use super::{Webhook, check_address};
use crate::{
    error::{ConfigError, PostError},
    event::Event,
    http::Request,
    settings::Settings,
};

pub(super) struct Teams {
    address: String,
    connector: bool,
}

impl Teams {
    pub(super) fn new(settings: &Settings) -> Result<Self, ConfigError> {
        check_address("MS Teams webhook", &settings.address)?;
        let url = Url::parse(&settings.address).ok();
        let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
        Ok(Self { address: settings.address.clone(), connector: host.ends_with(".webhook.office.com") })
    }
}

impl Webhook for Teams {
    fn request(&self, event: &Event) -> Result<Request, PostError> {
        let card = if self.connector { message_card(event) } else { adaptive_card(event) };
        Request::post_json(&self.address, &card)
    }
}

fn message_card(event: &Event) -> Value {
    let facts: Vec<Value> =
        event.metadata.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
    json!({
        "@type": "MessageCard",
        "@context": "http://schema.org/extensions",
        "themeColor": if event.severity.is_error() { "FF0000" } else { "0076D7" },
        "summary": event.title(),
        "sections": [{
            "activityTitle": event.message,
            "activitySubtitle": event.title(),
            "facts": facts,
        }],
    })
}

fn adaptive_card(event: &Event) -> Value {
    let title = json!({
        "type": "TextBlock", "text": event.title(), "size": "large", "weight": "bolder", "wrap": true,
    });
    let mut message =
        Map::from_iter([("type".to_owned(), json!("TextBlock")), ("wrap".to_owned(), json!(true))]);
    if !event.message.is_empty() {
        message.insert("text".to_owned(), json!(event.message));
    }
    if event.severity.is_error() {
        message.insert("color".to_owned(), json!("attention"));
    }
    let fact = |(title, value): (&String, &String)| json!({ "title": title, "value": value });
    let summary = event.metadata.get_key_value("summary").into_iter();
    let others = event.metadata.iter().filter(|(key, _)| *key != "summary");
    let facts: Vec<Value> = summary.chain(others).map(fact).collect();
    let fact_set = if facts.is_empty() {
        json!({ "type": "FactSet" })
    } else {
        json!({ "type": "FactSet", "facts": facts })
    };
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                // The newest that Teams shows.
                "version": "1.4",
                "body": [{ "type": "Container", "items": [title, message, fact_set] }],
                "msteams": { "width": "Full" },
            },
        }],
    })
}
