//! Which addresses may be connected to.
//!
//! The URL of a source is written by a tenant, the request is made by the controller: what the controller can
//! reach, and the tenant can't, must stay out of reach. Names are checked by what they resolve to, at the
//! moment of connecting, so that a second look at DNS can't give another answer.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// Which addresses this process connects to for its sources.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// All but link-local ones, where clouds serve their metadata and credentials.
    #[default]
    Networks,
    /// Neither loopback nor private ranges either.
    PublicOnly,
}

/// An address that is out of reach by policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("dial tcp {address}: refused: {host} is {what}, which sources must not reach")]
pub struct Unreachable {
    /// The host as written.
    pub host: String,
    /// What it resolved to.
    pub address: IpAddr,
    what: &'static str,
}

static PUBLIC_ONLY: AtomicBool = AtomicBool::new(false);

/// Sets the reach of all clients of this process. Call it before the first of them is used.
pub fn restrict(reach: Reach) {
    PUBLIC_ONLY.store(reach == Reach::PublicOnly, Ordering::Relaxed);
}

fn reach() -> Reach {
    if PUBLIC_ONLY.load(Ordering::Relaxed) { Reach::PublicOnly } else { Reach::Networks }
}

/// Refuses a URL whose host is, as an address, out of reach. Names are checked when they are resolved.
pub fn check_host(url: &Url) -> Result<(), Unreachable> {
    let address: IpAddr = match url.host() {
        Some(Host::Ipv4(address)) => address.into(),
        Some(Host::Ipv6(address)) => address.into(),
        Some(Host::Domain(_)) | None => return Ok(()),
    };
    check(address, url.host_str().unwrap_or_default(), reach())
}

fn check(address: IpAddr, host: &str, reach: Reach) -> Result<(), Unreachable> {
    let refuse = |what| Err(Unreachable { host: host.to_owned(), address, what });
    let canonical = address.to_canonical();
    if is_metadata(canonical) {
        return refuse("a link-local or cloud metadata address");
    }
    let private = match canonical {
        IpAddr::V4(v4) => v4.is_private() || is_shared(v4),
        IpAddr::V6(v6) => v6.is_unique_local(),
    };
    if reach == Reach::PublicOnly && (private || is_private_address(canonical)) {
        return refuse("a loopback or private address");
    }
    Ok(())
}

/// Link-local addresses, and those at which clouds serve metadata outside of that range.
fn is_metadata(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local() || v4 == Ipv4Addr::new(100, 100, 100, 200),
        IpAddr::V6(v6) => {
            v6.is_unicast_link_local() || v6 == Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)
        }
    }
}

/// 100.64.0.0/10, the space between carriers and their customers (RFC 6598).
fn is_shared(address: Ipv4Addr) -> bool {
    matches!(address.octets(), [100, second, ..] if second & 0xc0 == 64)
}

/// Loopback, link-local (where clouds serve metadata) and unspecified addresses.
pub fn is_private_address(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_link_local() || v4.is_unspecified(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unicast_link_local() || v6.is_unspecified(),
    }
}

/// Whether a host is such an address, or the name of one.
#[allow(clippy::needless_pass_by_value, reason = "as Url::host returns it")]
pub fn is_private(host: Option<Host<&str>>) -> bool {
    match host {
        Some(Host::Ipv4(address)) => is_private_address(address.into()),
        Some(Host::Ipv6(address)) => is_private_address(address.into()),
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            name == "localhost" || name.ends_with(".localhost")
        }
        None => false,
    }
}

/// Resolves names by the system and leaves out what is out of reach.
#[derive(Debug)]
pub(crate) struct Resolver;

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            Ok(within_reach(name.as_str(), found, reach())?)
        })
    }
}

fn within_reach(host: &str, found: Vec<SocketAddr>, reach: Reach) -> Result<Addrs, Unreachable> {
    let mut refused = None;
    let mut kept = Vec::new();
    for address in found {
        match check(address.ip(), host, reach) {
            Ok(()) => kept.push(address),
            Err(error) => refused = Some(error),
        }
    }
    match refused {
        // One bad answer among good ones is left out; the others may be tried.
        Some(error) if kept.is_empty() => Err(error),
        _ => Ok(Box::new(kept.into_iter())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(address: &str, reach: Reach) -> bool {
        check(address.parse().unwrap(), "host", reach).is_ok()
    }

    #[test]
    fn metadata_is_never_in_reach() {
        for address in
            ["169.254.169.254", "::ffff:169.254.169.254", "fe80::1", "fd00:ec2::254", "100.100.100.200"]
        {
            assert!(!allowed(address, Reach::Networks), "{address}");
        }
    }

    #[test]
    fn private_ranges_are_in_reach_unless_restricted() {
        for address in ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "::1", "fd12::1"]
        {
            assert!(allowed(address, Reach::Networks), "{address}");
            assert!(!allowed(address, Reach::PublicOnly), "{address}");
        }
        for address in ["1.1.1.1", "2606:4700::1111", "100.128.0.1"] {
            assert!(allowed(address, Reach::PublicOnly), "{address}");
        }
    }

    #[test]
    fn of_several_addresses_the_harmless_are_kept() {
        let addresses = |all: &[&str]| all.iter().map(|a| format!("{a}:0").parse().unwrap()).collect();
        let kept = within_reach("h", addresses(&["169.254.169.254", "1.1.1.1"]), Reach::Networks).unwrap();
        assert_eq!(kept.count(), 1);
        let Err(error) = within_reach("h", addresses(&["169.254.169.254"]), Reach::Networks) else {
            panic!("a metadata address was kept");
        };
        assert!(error.to_string().contains("h is a link-local or cloud metadata address"), "{error}");
    }

    #[test]
    fn addresses_in_urls_are_checked_in_every_spelling() {
        for url in
            ["http://169.254.169.254/", "http://2852039166/", "http://0xa9.254.43518/", "http://[fe80::1]/"]
        {
            assert!(check_host(&Url::parse(url).unwrap()).is_err(), "{url}");
        }
        assert!(check_host(&Url::parse("http://127.0.0.1:5000/").unwrap()).is_ok());
        assert!(check_host(&Url::parse("http://example.org/").unwrap()).is_ok());
    }
}
