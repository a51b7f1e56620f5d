//! Clients shared by all providers with the same proxy and certificates.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use super::{guard, tls};
use crate::settings::Tls;

/// Clients kept; the one that was not used for longest goes first.
const KEPT: usize = 64;
const AGENT: &str = concat!("sluice-notification-controller/", env!("CARGO_PKG_VERSION"));

type Identity = (Option<String>, Option<Tls>);

/// The clients in use, by proxy and certificates.
#[derive(Default)]
pub(crate) struct Pool {
    clients: Mutex<VecDeque<(Identity, reqwest::Client)>>,
}

impl Pool {
    /// The client for a proxy and certificates. Gives the reason why there can be none.
    pub(crate) fn client(&self, proxy: Option<&str>, tls: Option<&Tls>) -> Result<reqwest::Client, String> {
        let identity = (proxy.map(str::to_owned), tls.cloned());
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let known = clients.iter().position(|(known, _)| *known == identity);
        let entry = match known.and_then(|index| clients.remove(index)) {
            Some(entry) => entry,
            None => (identity, build(proxy, tls)?),
        };
        let client = entry.1.clone();
        clients.push_back(entry);
        if clients.len() > KEPT {
            clients.pop_front();
        }
        Ok(client)
    }
}

fn build(proxy: Option<&str>, tls: Option<&Tls>) -> Result<reqwest::Client, String> {
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls::config(tls, &[b"h2", b"http/1.1"])?)
        .user_agent(AGENT)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .dns_resolver(Arc::new(guard::Resolver))
        .connect_timeout(Duration::from_secs(30))
        .pool_idle_timeout(Duration::from_secs(30))
        .pool_max_idle_per_host(2);
    if let Some(proxy) = proxy {
        // The proxy resolves names, as Go's client lets a SOCKS proxy do.
        let address = proxy.replacen("socks5://", "socks5h://", 1);
        let proxy = reqwest::Proxy::all(address)
            .map_err(|error| format!("unable to parse proxy URL: {}", error.without_url()))?;
        builder = builder.no_proxy().proxy(proxy);
    }
    builder.build().map_err(|error| error.without_url().to_string())
}
