//! From settings to something that sends.

use std::{sync::Arc, time::Duration};

use crate::{
    error::{ConfigError, PostError},
    event::Event,
    http::{Net, Pool},
    providers::{self, Provider, Tokens},
    settings::Settings,
};

/// What notifiers of one process share: connections, certificates, short-lived tokens. Clones share it too.
#[derive(Clone, Default)]
pub struct Clients {
    pool: Arc<Pool>,
    tokens: Arc<Tokens>,
}

/// Sends events to one service.
pub struct Notifier {
    provider: Box<dyn Provider>,
    client: reqwest::Client,
    timeout: Duration,
    /// Never to be shown.
    secrets: Vec<String>,
}

impl Clients {
    /// Nothing connected yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A notifier for these settings; nothing is sent yet.
    pub fn notifier(&self, settings: &Settings) -> Result<Notifier, ConfigError> {
        let provider =
            providers::create(settings, &self.tokens).map_err(|error| error.without_address(settings))?;
        let client = self
            .pool
            .client(settings.proxy.as_deref(), settings.tls.as_ref())
            .map_err(ConfigError::Provider)?;
        Ok(Notifier { provider, client, timeout: settings.timeout, secrets: secrets(settings) })
    }
}

impl Notifier {
    /// Sends an event, within the settings' timeout. The error holds none of the credentials.
    pub async fn post(&self, event: &Event) -> Result<(), PostError> {
        let net = Net::new(self.client.clone(), self.timeout);
        let sent = self.provider.post(event, &net).await;
        sent.map_err(|error| error.masked(self.secrets.iter().map(String::as_str)))
    }
}

/// What errors must not show. Short values of headers are no credentials and would mask ordinary words.
fn secrets(settings: &Settings) -> Vec<String> {
    const SHORTEST: usize = 6;
    let mut secrets =
        vec![settings.token.clone(), settings.token.trim().to_owned(), settings.identity_token.clone()];
    let others = std::iter::once(&settings.password).chain(settings.headers.values());
    secrets.extend(others.filter(|value| value.len() >= SHORTEST).cloned());
    secrets.retain(|secret| !secret.is_empty());
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    secrets.dedup();
    secrets
}
