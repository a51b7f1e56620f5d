//! Describing failed connections in the words of Go's `net` package, which users search for.

use std::error::Error as StdError;
use std::fmt::{self, Display, Formatter};
use std::io;

use crate::Unreachable;

/// Why a request got no answer; as a text in the words of Go's `net/http`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// No connection, or it broke.
    Connect(String),
    /// The certificate of the server, or ours, was not accepted.
    Tls(String),
    /// The proxy refused or failed.
    Proxy(String),
}

impl Display for Failure {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(reason) => f.write_str(reason),
            Self::Tls(reason) => write!(f, "tls: {reason}"),
            Self::Proxy(reason) => write!(f, "proxyconnect tcp: {reason}"),
        }
    }
}

/// Who is being talked to, as `host:port`.
#[derive(Clone, Debug)]
pub struct Route {
    /// The server.
    pub target: String,
    /// The proxy in between, when the remote has one of its own.
    pub proxy: Option<String>,
}

/// Classifies an error by what lies at the bottom of its chain.
pub fn classify(err: &(dyn StdError + 'static), route: &Route) -> Failure {
    let mut text = err.to_string();
    let mut link = Some(err);
    while let Some(current) = link {
        text = current.to_string();
        if let Some(tls) = current.downcast_ref::<rustls::Error>() {
            return Failure::Tls(describe_tls(tls));
        }
        if current.is::<Unreachable>() {
            return Failure::Connect(text);
        }
        let lower = text.to_ascii_lowercase();
        let io = current.downcast_ref::<io::Error>().filter(|io| io.raw_os_error().is_some());
        match (io, &route.proxy) {
            // Without a connection to the proxy there is none to the server either.
            (Some(io), Some(proxy)) => return Failure::Proxy(connect_failed(io, proxy)),
            (Some(io), None) => return Failure::Connect(connect_failed(io, &route.target)),
            (None, _) if source(current).is_none() && PROXY_WORDS.iter().any(|word| lower.contains(word)) => {
                return Failure::Proxy(text);
            }
            (None, _) if lower.contains("dns error") || lower.contains("failed to lookup address") => {
                let unresolved = route.proxy.as_deref().unwrap_or(&route.target);
                // What the resolver itself refused says more than that it failed.
                if let Some(refused) = find::<Unreachable>(current) {
                    return Failure::Connect(refused.to_string());
                }
                return Failure::Connect(lookup_failed(unresolved));
            }
            _ => {}
        }
        link = source(current);
    }
    if UNUSED.contains(&text.as_str()) {
        text = format!(
            "the server closed the connection before it could be used (over HTTPS perhaps because it wants a client certificate): {text}"
        );
    }
    Failure::Connect(text)
}

/// What the HTTP client says of a connection that ended between its handshake and the request. With TLS 1.3 a client is
/// through with the handshake before the server has seen its certificate, and may miss the alert that refuses it.
const UNUSED: [&str; 2] = ["connection was not ready", "operation was canceled"];

/// The first error of a type in a chain.
fn find<'a, E: StdError + 'static>(err: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    let mut link = Some(err);
    while let Some(current) = link {
        if let Some(found) = current.downcast_ref::<E>() {
            return Some(found);
        }
        link = source(current);
    }
    None
}

/// How the HTTP client's errors about proxies can be told from others.
const PROXY_WORDS: [&str; 3] = ["tunnel", "proxy", "socks"];

/// The next error in a chain. An `io::Error` that wraps another error does not count that one as its source.
fn source<'a>(err: &'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
    match err.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(inner) => Some(inner),
        None => err.source(),
    }
}

/// `dial tcp <target>: connect: connection refused` and the like.
pub fn connect_failed(err: &io::Error, target: &str) -> String {
    match err.kind() {
        io::ErrorKind::ConnectionRefused => format!("dial tcp {target}: connect: connection refused"),
        io::ErrorKind::HostUnreachable => format!("dial tcp {target}: connect: no route to host"),
        io::ErrorKind::NetworkUnreachable => format!("dial tcp {target}: connect: network is unreachable"),
        io::ErrorKind::ConnectionReset => "connection reset by peer".to_owned(),
        io::ErrorKind::BrokenPipe => "broken pipe".to_owned(),
        io::ErrorKind::TimedOut => format!("dial tcp {target}: i/o timeout"),
        _ if err.to_string().contains("lookup address") => lookup_failed(target),
        _ => format!("dial tcp {target}: {err}"),
    }
}

fn lookup_failed(target: &str) -> String {
    let host = target.rsplit_once(':').map_or(target, |(host, _)| host);
    // Whom the system asks; read when it is told, as the file may change.
    let settings = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    let server = name_server(&settings).map(|server| format!(" on {server}")).unwrap_or_default();
    format!("dial tcp: lookup {host}{server}: no such host")
}

/// The name server that is asked first, with its port, as Go names it.
fn name_server(settings: &str) -> Option<String> {
    let address = settings.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        words.next().filter(|word| *word == "nameserver").and(words.next())
    })?;
    Some(if address.contains(':') { format!("[{address}]:53") } else { format!("{address}:53") })
}

/// Adds Go's words for the common cases to rustls's.
pub fn describe_tls(err: &rustls::Error) -> String {
    use rustls::{AlertDescription as Alert, CertificateError as Bad, Error, InvalidMessage};
    match err {
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            "http: server gave HTTP response to HTTPS client".to_owned()
        }
        Error::InvalidCertificate(Bad::UnknownIssuer | Bad::BadSignature) => {
            "failed to verify certificate: x509: certificate signed by unknown authority".to_owned()
        }
        Error::InvalidCertificate(
            Bad::Expired | Bad::ExpiredContext { .. } | Bad::NotValidYet | Bad::NotValidYetContext { .. },
        ) => {
            format!("failed to verify certificate: x509: certificate has expired or is not yet valid: {err}")
        }
        Error::InvalidCertificate(_) => format!("failed to verify certificate: x509: {err}"),
        Error::AlertReceived(
            Alert::CertificateRequired | Alert::BadCertificate | Alert::HandshakeFailure,
        ) => {
            format!("the server wants another client certificate, or one at all: {err}")
        }
        _ => err.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Failure, name_server};

    #[test]
    fn failures_are_told_as_go_tells_them() {
        for (failure, text) in [
            (
                Failure::Connect("dial tcp 127.0.0.1:1: connect: connection refused".to_owned()),
                "dial tcp 127.0.0.1:1: connect: connection refused",
            ),
            (Failure::Tls("handshake failure".to_owned()), "tls: handshake failure"),
            (Failure::Proxy("Forbidden".to_owned()), "proxyconnect tcp: Forbidden"),
        ] {
            assert_eq!(failure.to_string(), text);
        }
    }

    #[test]
    fn the_first_name_server_is_named() {
        let settings = "# no server\nsearch example.com\nnameserver 10.96.0.10\nnameserver fd00::1\n";
        assert_eq!(name_server(settings).as_deref(), Some("10.96.0.10:53"));
        assert_eq!(name_server("nameserver fd00::1\n").as_deref(), Some("[fd00::1]:53"));
        assert_eq!(name_server("search example.com\n"), None);
    }
}
