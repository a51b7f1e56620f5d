//! Telegram: a message of a bot in a chat, or in a topic of one.

use futures::future::BoxFuture;
use serde::Serialize;

use super::Provider;
use crate::{
    error::{ConfigError, PostError},
    event::Event,
    http::{Net, Request},
    settings::Settings,
};

/// Characters that `MarkdownV2` gives a meaning.
const SPECIAL: &str = "\\.-_[]()~>`#+=|{}!*";

pub(super) struct Telegram {
    endpoint: String,
    chat: String,
    topic: String,
}

#[derive(Serialize)]
struct Payload<'a> {
    chat_id: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    message_thread_id: &'a str,
    text: String,
    parse_mode: &'a str,
}

impl Telegram {
    pub(super) fn new(settings: &Settings) -> Result<Self, ConfigError> {
        if settings.channel.is_empty() {
            return Err(ConfigError::provider("empty Telegram channel"));
        }
        if settings.token.is_empty() {
            return Err(ConfigError::provider("empty Telegram token"));
        }
        let (chat, topic) = settings.channel.split_once(':').unwrap_or((&settings.channel, ""));
        Ok(Self {
            endpoint: format!("https://api.telegram.org/bot{}/sendMessage", settings.token.trim()),
            chat: chat.to_owned(),
            topic: topic.to_owned(),
        })
    }

    fn request(&self, event: &Event) -> Result<Request, PostError> {
        let sign = if event.severity.is_error() { "🚨" } else { "💫" };
        let object = &event.involved_object;
        let heading = format!("{sign} {}/{}/{}", object.kind.to_lowercase(), object.name, object.namespace);
        let lines: String = event
            .metadata
            .iter()
            .flat_map(|(key, value)| {
                ["\\- *".to_owned(), escaped(key), "*: ".to_owned(), escaped(value), "\n".to_owned()]
            })
            .collect();
        let payload = Payload {
            chat_id: &self.chat,
            message_thread_id: &self.topic,
            text: format!("*{}*\n{}\n{lines}", escaped(&heading), escaped(&event.message)),
            parse_mode: "MarkdownV2",
        };
        Request::post_json(&self.endpoint, &payload)
    }
}

impl Provider for Telegram {
    fn post<'a>(&'a self, event: &'a Event, net: &'a Net) -> BoxFuture<'a, Result<(), PostError>> {
        Box::pin(async move { net.deliver(&self.request(event)?).await })
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for c in text.chars() {
        if SPECIAL.contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
