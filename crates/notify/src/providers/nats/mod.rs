//! NATS: the event on a subject, by NATS' own protocol.
//!
//! See <https://docs.nats.io/reference/reference-protocols/nats-protocol>.

mod connection;
mod credentials;

use futures::future::BoxFuture;
use tokio::time::timeout_at;
use url::Url;

use self::{connection::Connection, credentials::Credentials};
use super::Provider;
use crate::{
    error::{ConfigError, PostError},
    event::Event,
    http::Net,
    json,
    settings::{Settings, Tls},
};

const PORT: u16 = 4222;

pub(super) struct Nats {
    address: String,
    subject: String,
    credentials: Credentials,
    tls: Option<Tls>,
}

/// One server of a cluster.
struct Server {
    host: String,
    port: u16,
    tls: bool,
    /// What the URL says; the Secret wins.
    user: Option<(String, String)>,
}

impl Nats {
    pub(super) fn new(settings: &Settings) -> Result<Self, ConfigError> {
        if settings.address.is_empty() {
            return Err(ConfigError::provider("NATS server (address) cannot be empty"));
        }
        if settings.channel.is_empty() {
            return Err(ConfigError::provider("NATS subject (channel) cannot be empty"));
        }
        // A blank would end the subject, a line break the command.
        if settings.channel.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(ConfigError::provider("NATS subject (channel) must not contain white space"));
        }
        Ok(Self {
            address: settings.address.clone(),
            subject: settings.channel.clone(),
            credentials: Credentials::of(settings),
            tls: settings.tls.clone(),
        })
    }

    async fn publish(&self, event: &Event) -> Result<(), PostError> {
        let body = json::encode(event)
            .map_err(|error| PostError::permanent(format!("error json-marshaling event: {error}")))?;
        let credentials = self.credentials.unlock().map_err(PostError::permanent)?;
        let mut last = PostError::permanent("there is no server in the address");
        for server in self.address.split(',').map(str::trim).filter(|server| !server.is_empty()) {
            let server = Server::parse(server).map_err(PostError::permanent)?;
            match Connection::open(&server, &credentials, self.tls.as_ref()).await {
                Ok(mut connection) => {
                    let sent = connection.publish(&self.subject, &body).await;
                    return sent.map_err(|error| error.context("error publishing message to server"));
                }
                Err(error) => last = error.context("error connecting to server"),
            }
        }
        Err(last)
    }
}

impl Server {
    fn parse(address: &str) -> Result<Self, String> {
        let with_scheme =
            if address.contains("://") { address.to_owned() } else { format!("nats://{address}") };
        let url = Url::parse(&with_scheme).map_err(|error| format!("error connecting to server: {error}"))?;
        let tls = match url.scheme() {
            "nats" | "tcp" => false,
            "tls" => true,
            other => return Err(format!("error connecting to server: unsupported scheme {other:?}")),
        };
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
        let user = (!url.username().is_empty())
            .then(|| (decode(url.username()), url.password().map(decode).unwrap_or_default()));
        Ok(Self { host, port: url.port().unwrap_or(PORT), tls, user })
    }
}

impl Provider for Nats {
    fn post<'a>(&'a self, event: &'a Event, net: &'a Net) -> BoxFuture<'a, Result<(), PostError>> {
        Box::pin(async move {
            let late = || PostError::transient("error connecting to server: context deadline exceeded");
            let sent = timeout_at(net.deadline(), self.publish(event)).await;
            let doing = format!("error publishing event to subject {}", self.subject);
            sent.unwrap_or_else(|_| Err(late())).map_err(|error| error.context(&doing))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_have_defaults() {
        let server = Server::parse("demo.nats.io").unwrap();
        assert_eq!((server.host.as_str(), server.port, server.tls), ("demo.nats.io", 4222, false));
        let server = Server::parse("tls://me:s%3Acret@h:1").unwrap();
        assert_eq!((server.port, server.tls), (1, true));
        assert_eq!(server.user.unwrap(), ("me".to_owned(), "s:cret".to_owned()));
        assert_eq!(Server::parse("nats://[::1]:4222").unwrap().host, "::1");
        assert!(Server::parse("wss://h").is_err());
    }
}
