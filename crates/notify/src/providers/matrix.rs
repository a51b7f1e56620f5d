//! Matrix: a text message in a room.

use reqwest::Method;
use serde::Serialize;
use sha1::{Digest, Sha1};

use super::{Webhook, check_address};
use crate::{
    error::{ConfigError, PostError},
    event::Event,
    http::Request,
    json,
    settings::Settings,
};

pub(super) struct Matrix {
    server: String,
    room: String,
    token: String,
}

#[derive(Serialize)]
struct Payload {
    body: String,
    msgtype: &'static str,
}

impl Matrix {
    pub(super) fn new(settings: &Settings) -> Result<Self, ConfigError> {
        check_address("Matrix homeserver", &settings.address)?;
        Ok(Self {
            server: settings.address.clone(),
            room: settings.channel.clone(),
            token: settings.token.clone(),
        })
    }
}

impl Webhook for Matrix {
    fn request(&self, event: &Event) -> Result<Request, PostError> {
        let bytes = json::encode(event)
            .map_err(|error| PostError::permanent(format!("unable to generate unique tx id: {error}")))?;
        // The server drops a repeated transaction: an attempt whose answer was lost does no harm.
        let transaction = hex::encode(Sha1::digest(&bytes));
        let url = format!(
            "{}/_matrix/client/r0/rooms/{}/send/m.room.message/{transaction}",
            self.server, self.room
        );
        let sign = if event.severity.is_error() { "🚨" } else { "💫" };
        let lines = event.metadata.iter().map(|(key, value)| format!("- {key}: {value}\n"));
        let body = format!("{sign} {}\n{}\n{}", event.title(), event.message, lines.collect::<String>());
        Ok(Request::new(Method::PUT, url).json(&Payload { body, msgtype: "m.text" })?.bearer(&self.token))
    }
}
