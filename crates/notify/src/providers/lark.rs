//! Lark (Feishu): an interactive card.

use futures::future::BoxFuture;
use serde_json::json;

use super::Provider;
use crate::{
    address,
    error::{ConfigError, PostError},
    event::Event,
    http::{Net, Request},
    settings::Settings,
};

pub(super) struct Lark {
    address: String,
}

impl Lark {
    pub(super) fn new(settings: &Settings) -> Result<Self, ConfigError> {
        let address = settings.address.clone();
        // Flux's text says Slack here; whoever looks for it finds the same.
        address::check(&address)
            .map_err(|_| ConfigError::provider(format!("invalid Slack hook URL {address}")))?;
        Ok(Self { address })
    }

    fn request(&self, event: &Event) -> Result<Request, PostError> {
        let (sign, color) = if event.severity.is_error() { ("🚨", "red") } else { ("💫", "turquoise") };
        let lines = event.metadata.iter().map(|(key, value)| format!("{key}: {value}\n"));
        let content = format!("**{}**\n\n{}", event.message, lines.collect::<String>());
        let card = json!({
            "msg_type": "interactive",
            "card": {
                "config": { "wide_screen_mode": true },
                "header": {
                    "title": { "tag": "plain_text", "content": format!("{sign} {}", event.title()) },
                    "template": color,
                },
                "elements": [{ "tag": "div", "text": { "tag": "lark_md", "content": content } }],
            },
        });
        Request::post_json(&self.address, &card)
    }
}

impl Provider for Lark {
    fn post<'a>(&'a self, event: &'a Event, net: &'a Net) -> BoxFuture<'a, Result<(), PostError>> {
        Box::pin(async move { net.deliver(&self.request(event)?).await })
    }
}
