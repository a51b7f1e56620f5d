//! Which hosts are spoken to without the proxy of the environment: `NO_PROXY`, read as Go's HTTP client does.

use std::{env, net::IpAddr};

use kube::Config;

/// Takes the environment's proxy off a configuration whose API server is not to be reached by it. One that the
/// kubeconfig names itself stays.
pub(crate) fn apply(config: &mut Config) {
    let variable =
        |names: [&str; 2]| names.iter().find_map(|name| env::var(name).ok().filter(|v| !v.is_empty()));
    let from_environment = variable(["HTTPS_PROXY", "https_proxy"])
        .and_then(|proxy| proxy.parse().ok())
        .is_some_and(|proxy: http::Uri| config.proxy_url.as_ref() == Some(&proxy));
    if !from_environment {
        return;
    }
    let exceptions = variable(["NO_PROXY", "no_proxy"]).unwrap_or_default();
    let host = config.cluster_url.host().unwrap_or_default();
    let port = config.cluster_url.port_u16().unwrap_or(443);
    if matches(&exceptions, host, port) {
        config.proxy_url = None;
    }
}

/// Whether a host is among the exceptions. Loopback addresses always are.
fn matches(exceptions: &str, host: &str, port: u16) -> bool {
    let host = host.trim_matches(['[', ']']).trim_end_matches('.').to_ascii_lowercase();
    let ip: Option<IpAddr> = host.parse().ok();
    if host == "localhost" || ip.is_some_and(|ip| ip.is_loopback()) {
        return true;
    }
    exceptions.split(',').map(str::trim).filter(|entry| !entry.is_empty()).any(|entry| {
        if entry == "*" {
            return true;
        }
        if let (Some((network, bits)), Some(ip)) = (entry.split_once('/'), ip) {
            return network
                .parse()
                .is_ok_and(|network| bits.parse().is_ok_and(|bits| contains(network, bits, ip)));
        }
        let (name, wanted) = match entry.rsplit_once(':') {
            Some((name, wanted)) if entry.parse::<IpAddr>().is_err() => (name, wanted.parse().ok()),
            _ => (entry, None),
        };
        if wanted.is_some_and(|wanted: u16| wanted != port) {
            return false;
        }
        let name = name.trim_matches(['[', ']']).to_ascii_lowercase();
        if let Some(ip) = ip {
            return name.parse() == Ok(ip);
        }
        // A name stands for itself and all below it; one with a dot in front for those below it only.
        let bare = name.trim_start_matches('*').trim_start_matches('.');
        let below = host.strip_suffix(bare).is_some_and(|rest| rest.ends_with('.'));
        !bare.is_empty() && (below || (!name.starts_with(['.', '*']) && host == bare))
    })
}

/// Whether the first `bits` of two addresses are the same.
fn contains(network: IpAddr, bits: u32, ip: IpAddr) -> bool {
    match (network, ip) {
        (IpAddr::V4(network), IpAddr::V4(ip)) if bits <= 32 => {
            let shift = 32 - bits;
            u32::from(network).checked_shr(shift) == u32::from(ip).checked_shr(shift)
        }
        (IpAddr::V6(network), IpAddr::V6(ip)) if bits <= 128 => {
            let shift = 128 - bits;
            u128::from(network).checked_shr(shift) == u128::from(ip).checked_shr(shift)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn exceptions_are_names_addresses_and_networks() {
        for (exceptions, host) in [
            ("", "127.0.0.1"),
            ("", "[::1]"),
            ("*", "example.com"),
            ("10.96.0.1", "10.96.0.1"),
            ("a, 10.0.0.0/8", "10.96.0.1"),
            ("0.0.0.0/0", "10.96.0.1"),
            ("fd00::/8", "[fd00::1]"),
            ("example.com", "api.Example.com"),
            (".svc", "kubernetes.default.svc"),
            ("example.com:443", "example.com"),
        ] {
            assert!(matches(exceptions, host, 443), "{exceptions} {host}");
        }
        for (exceptions, host) in [
            ("", "10.96.0.1"),
            ("10.96.0.10", "10.96.0.1"),
            ("192.168.0.0/16", "10.96.0.1"),
            ("10.0.0.0/99", "10.96.0.1"),
            ("ample.com", "example.com"),
            (".example.com", "example.com"),
            ("example.com:80", "example.com"),
        ] {
            assert!(!matches(exceptions, host, 443), "{exceptions} {host}");
        }
    }
}
