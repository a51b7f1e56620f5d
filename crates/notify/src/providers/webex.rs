//! Webex: a message in a room, by a bot.

use serde::Serialize;

use super::{Webhook, check_address};
use crate::{
    error::{ConfigError, PostError},
    event::Event,
    http::Request,
    settings::Settings,
};

pub(super) struct Webex {
    address: String,
    room: String,
    token: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Payload<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    room_id: &'a str,
    markdown: String,
}

impl Webex {
    pub(super) fn new(settings: &Settings) -> Result<Self, ConfigError> {
        check_address("Webex hook", &settings.address)?;
        Ok(Self {
            address: settings.address.clone(),
            room: settings.channel.clone(),
            token: settings.token.clone(),
        })
    }
}

impl Webhook for Webex {
    fn request(&self, event: &Event) -> Result<Request, PostError> {
        let sign = if event.severity.is_error() { "💣" } else { "✅" };
        let lines = event.metadata.iter().map(|(key, value)| format!(">**{key}**: {value}\n"));
        let markdown =
            format!("{sign} **{}**\n{}\n{}", event.title(), event.message, lines.collect::<String>());
        let payload = Payload { room_id: &self.room, markdown };
        Ok(Request::post_json(&self.address, &payload)?.bearer(&self.token))
    }
}
