//! Targets that nobody's alerts go to: cloud metadata services, which answer with credentials.
//!
//! Whoever may write a Provider chooses the address, and the answer's text ends up in an event that they may read.
//! Link-local addresses are refused wherever they come from: the address, a redirect, a name's records.

use std::{
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    sync::{Arc, LazyLock},
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::Semaphore;
use url::{Host, Url};

/// Names that are looked up at once.
const LOOKUPS: usize = 128;

/// A target that is refused.
#[derive(Clone, Debug, thiserror::Error)]
#[error("refusing to connect to the link-local address {0}")]
pub(crate) struct Refused(IpAddr);

/// Refuses URLs whose host is such an address.
pub(crate) fn check(url: &Url) -> Result<(), Refused> {
    let ip = match url.host() {
        Some(Host::Ipv4(ip)) => IpAddr::V4(ip),
        Some(Host::Ipv6(ip)) => IpAddr::V6(ip),
        _ => return Ok(()),
    };
    if is_refused(ip) { Err(Refused(ip)) } else { Ok(()) }
}

/// Resolves names as the system does and leaves such addresses out.
pub(super) struct Resolver;

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move { Ok(Box::new(resolve(name.as_str(), 0).await?.into_iter()) as Addrs) })
    }
}

/// The addresses of a name, without those that are refused.
pub(crate) async fn resolve(
    host: &str,
    port: u16,
) -> Result<Vec<SocketAddr>, Box<dyn std::error::Error + Send + Sync>> {
    let all = look_up(host.to_owned(), port).await?;
    let (refused, usable): (Vec<_>, Vec<_>) = all.into_iter().partition(|addr| is_refused(addr.ip()));
    match refused.first() {
        Some(addr) if usable.is_empty() => Err(Box::new(Refused(addr.ip()))),
        _ => Ok(usable),
    }
}

/// Asks the system, which may take its time: on a thread that nobody else needs, and on not too many of them.
async fn look_up(host: String, port: u16) -> std::io::Result<Vec<SocketAddr>> {
    static TURNS: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(LOOKUPS)));
    let turn = Arc::clone(&TURNS).acquire_owned().await.map_err(std::io::Error::other)?;
    let work = move || {
        let found = (host.as_str(), port).to_socket_addrs().map(Iterator::collect);
        // Not before the thread is free: whoever waits may have given up.
        drop(turn);
        found
    };
    tokio::task::spawn_blocking(work).await.map_err(std::io::Error::other)?
}

fn is_refused(ip: IpAddr) -> bool {
    /// The metadata service of AWS over IPv6, which is not link-local.
    const AWS: [u16; 8] = [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254];
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local() || ip.segments() == AWS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_services_are_refused() {
        for url in [
            "http://169.254.169.254/latest",
            "http://[fe80::1]/",
            "http://[::ffff:169.254.169.254]/",
            "http://2852039166/",
            "http://0xa9fea9fe/",
            "http://[fd00:ec2::254]/",
        ] {
            assert!(check(&Url::parse(url).unwrap()).is_err(), "{url}");
        }
        for url in ["http://10.0.0.1/", "http://127.0.0.1/", "https://example.com/", "http://[::1]/"] {
            assert!(check(&Url::parse(url).unwrap()).is_ok(), "{url}");
        }
    }
}
