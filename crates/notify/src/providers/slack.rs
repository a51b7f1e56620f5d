//! Slack, and the services that read Slack's attachments: Discord, Rocket.Chat.

use serde::{Deserialize, Serialize};
use url::Url;

use super::{Webhook, check_address};
use crate::{
    error::{ConfigError, PostError},
    event::Event,
    http::{Request, Response},
    settings::Settings,
};

/// The one address whose answer is 200 whatever happened.
const API: &str = "https://slack.com/api/chat.postMessage";

pub(super) struct Slack {
    address: String,
    token: String,
    channel: String,
    username: String,
    dialect: Dialect,
}

#[derive(Clone, Copy, PartialEq)]
enum Dialect {
    Slack,
    Discord,
    Rocket,
}

#[derive(Serialize)]
struct Payload<'a> {
    channel: &'a str,
    username: &'a str,
    icon_url: &'a str,
    icon_emoji: &'a str,
    attachments: [Attachment<'a>; 1],
}

#[derive(Serialize)]
struct Attachment<'a> {
    fallback: String,
    color: &'a str,
    author_name: &'a str,
    text: &'a str,
    mrkdwn_in: [&'a str; 1],
    fields: Vec<Field<'a>>,
}

#[derive(Serialize)]
struct Field<'a> {
    title: &'a str,
    value: &'a str,
    short: bool,
}

impl Slack {
    pub(super) fn new(settings: &Settings) -> Result<Self, ConfigError> {
        check_address("Slack hook", &settings.address)?;
        Ok(Self::speaking(Dialect::Slack, settings))
    }

    pub(super) fn rocket(settings: &Settings) -> Result<Self, ConfigError> {
        check_address("Rocket hook", &settings.address)?;
        Ok(Self { token: String::new(), ..Self::speaking(Dialect::Rocket, settings) })
    }

    /// Discord understands Slack's format at `/slack` below the webhook.
    pub(super) fn discord(settings: &Settings) -> Result<Self, ConfigError> {
        check_address("Discord hook", &settings.address)?;
        let mut address = settings.address.clone();
        if !address.ends_with("/slack")
            && let Ok(mut url) = Url::parse(&address)
        {
            // As Go joins paths: decoded, and without empty segments.
            let path = percent_encoding::percent_decode_str(url.path()).decode_utf8_lossy().into_owned();
            let segments: Vec<_> = path.split('/').filter(|segment| !segment.is_empty()).collect();
            url.set_path(&[segments.as_slice(), &["slack"]].concat().join("/"));
            address = url.into();
        }
        let (token, channel) = (String::new(), String::new());
        Ok(Self { address, token, channel, ..Self::speaking(Dialect::Discord, settings) })
    }

    fn speaking(dialect: Dialect, settings: &Settings) -> Self {
        Self {
            address: settings.address.clone(),
            token: settings.token.clone(),
            channel: settings.channel.clone(),
            username: settings.username.clone(),
            dialect,
        }
    }
}

impl Webhook for Slack {
    fn request(&self, event: &Event) -> Result<Request, PostError> {
        let color = match (self.dialect, event.severity.is_error()) {
            (Dialect::Rocket, true) => "#FF0000",
            (Dialect::Rocket, false) => "#0076D7",
            (_, true) => "danger",
            (_, false) => "good",
        };
        let title = event.title();
        let fallback = match self.dialect {
            Dialect::Slack => format!("{title}: {}", event.message.split('\n').next().unwrap_or_default()),
            _ => String::new(),
        };
        // Rocket.Chat shows the name of its integration when there is none.
        let username = match self.dialect {
            Dialect::Slack | Dialect::Discord if self.username.is_empty() => &event.reporting_controller,
            _ => &self.username,
        };
        let payload = Payload {
            channel: &self.channel,
            username,
            icon_url: "",
            icon_emoji: "",
            attachments: [Attachment {
                fallback,
                color,
                author_name: &title,
                text: &event.message,
                mrkdwn_in: ["text"],
                fields: event
                    .metadata
                    .iter()
                    .map(|(title, value)| Field { title, value, short: false })
                    .collect(),
            }],
        };
        let request = Request::post_json(&self.address, &payload)?;
        Ok(if self.token.is_empty() { request } else { request.bearer(&self.token) })
    }

    fn accept(&self, answer: &Response) -> Result<(), PostError> {
        #[derive(Deserialize)]
        struct Answer {
            #[serde(default)]
            ok: bool,
            #[serde(default)]
            error: String,
        }
        if self.address != API {
            return answer.success();
        }
        let said: Answer = answer.json()?;
        if said.ok {
            return Ok(());
        }
        Err(PostError::permanent(format!("Slack responded with error: {}", said.error)))
    }
}
