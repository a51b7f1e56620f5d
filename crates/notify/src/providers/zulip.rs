//! Zulip: a message in a topic of a channel.

use futures::future::BoxFuture;
use reqwest::Method;
use url::Url;

use super::{Provider, format};
use crate::{
    error::{ConfigError, PostError},
    event::Event,
    http::{Net, Request},
    settings::Settings,
};

const PATH: &str = "/api/v1/messages";

pub(super) struct Zulip {
    endpoint: String,
    channel: String,
    topic: String,
    username: String,
    password: String,
}

impl Zulip {
    pub(super) fn new(settings: &Settings) -> Result<Self, ConfigError> {
        let endpoint = match Url::parse(&settings.address) {
            Ok(mut url) => {
                url.set_path(PATH);
                url.into()
            }
            // Sending will say that there is no server.
            Err(url::ParseError::RelativeUrlWithoutBase) => PATH.to_owned(),
            Err(error) => return Err(ConfigError::provider(format!("invalid Zulip endpoint URL: {error}"))),
        };
        let parts = settings
            .channel
            .split_once('/')
            .filter(|(channel, topic)| !channel.is_empty() && !topic.is_empty());
        let Some((channel, topic)) = parts else {
            return Err(ConfigError::provider(format!(
                "invalid Zulip channel format, expected <channel>/<topic>, got '{}'",
                settings.channel
            )));
        };
        Ok(Self {
            endpoint,
            channel: channel.to_owned(),
            topic: topic.to_owned(),
            username: settings.username.clone(),
            password: settings.password.clone(),
        })
    }

    fn request(&self, event: &Event) -> Request {
        let request = Request::new(Method::POST, &self.endpoint).form(&[
            ("content", &format::markdown(event)),
            ("to", &self.channel),
            ("topic", &self.topic),
            ("type", "stream"),
        ]);
        if self.username.is_empty() && self.password.is_empty() {
            return request;
        }
        request.basic(&self.username, &self.password)
    }
}

impl Provider for Zulip {
    fn post<'a>(&'a self, event: &'a Event, net: &'a Net) -> BoxFuture<'a, Result<(), PostError>> {
        Box::pin(async move { net.deliver(&self.request(event)).await })
    }
}
