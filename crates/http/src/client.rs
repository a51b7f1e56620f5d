//! Clients, shared by all who connect in the same way.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::Client;

use crate::reach::Resolver;
use crate::{Proxy, Tls, client_config, redact};

/// How to connect. Credentials for servers are no part of it: they go with each request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Settings {
    /// Trust and client identity.
    pub tls: Tls,
    /// The proxy to go through; overrides the environment's.
    pub proxy: Option<Proxy>,
    /// Our name for servers.
    pub user_agent: &'static str,
}

/// Settings that no client can be made of.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The CA or the client certificate.
    #[error("{0}")]
    Tls(String),
    /// The proxy.
    #[error("{0}")]
    Proxy(String),
    /// Something else.
    #[error("{0}")]
    Client(String),
}

/// Clients kept, so that requests of one kind share connections.
const KEPT: usize = 32;

static CLIENTS: Mutex<VecDeque<(Settings, Client)>> = Mutex::new(VecDeque::new());

/// The client for these settings; equal settings share one. It follows no redirects and repeats nothing.
pub fn client(settings: &Settings) -> Result<Client, ConfigError> {
    // Each change leaves the list whole: a panic elsewhere leaves nothing half done.
    let mut clients = CLIENTS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(entry) =
        clients.iter().position(|(known, _)| known == settings).and_then(|index| clients.remove(index))
    {
        let client = entry.1.clone();
        clients.push_back(entry);
        return Ok(client);
    }
    let client = build(settings)?;
    clients.push_back((settings.clone(), client.clone()));
    if clients.len() > KEPT {
        clients.pop_front();
    }
    Ok(client)
}

fn build(settings: &Settings) -> Result<Client, ConfigError> {
    let config = client_config(&settings.tls, &[b"h2", b"http/1.1"]).map_err(ConfigError::Tls)?;
    let mut builder = Client::builder()
        .tls_backend_preconfigured(config)
        .user_agent(settings.user_agent)
        .dns_resolver(Arc::new(Resolver))
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(30))
        .pool_idle_timeout(Duration::from_secs(30))
        .pool_max_idle_per_host(4)
        .tcp_keepalive(Duration::from_secs(30))
        .retry(reqwest::retry::never());
    if let Some(Proxy { url, credentials }) = &settings.proxy {
        // The proxy resolves names, as Go's client lets a SOCKS proxy do.
        let address = match url.scheme() {
            "socks5" => url.as_str().replacen("socks5://", "socks5h://", 1),
            "http" | "https" => url.to_string(),
            other => {
                let text = format!("unsupported scheme '{other}': use http, https or socks5");
                return Err(ConfigError::Proxy(text));
            }
        };
        let mut proxy = reqwest::Proxy::all(address)
            .map_err(|err| ConfigError::Proxy(format!("{}: {}", redact(url.as_str()), err.without_url())))?;
        if let Some((user, password)) = credentials {
            proxy = proxy.basic_auth(user, password);
        }
        builder = builder.no_proxy().proxy(proxy);
    }
    builder.build().map_err(|err| ConfigError::Client(err.to_string()))
}
