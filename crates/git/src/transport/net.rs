//! Describing failed connections in the words of Go's `net` package, which users search for.

use std::error::Error as StdError;
use std::io;

use crate::Cause;

/// Classifies an error by what lies at the bottom of its chain.
///
/// `request` is what was being asked, such as `Get "https://…"`; `target` is `host:port`.
pub fn classify(err: &(dyn StdError + 'static), request: &str, target: &str) -> Cause {
    let request = request.to_owned();
    let mut text = err.to_string();
    let mut link = Some(err);
    while let Some(current) = link {
        text = current.to_string();
        if let Some(tls) = find_tls(current) {
            return Cause::Tls { request, reason: describe_tls(tls) };
        }
        let lower = text.to_ascii_lowercase();
        if lower.contains("tunnel") || lower.contains("proxy") || lower.contains("socks") {
            return Cause::Proxy { request, reason: deepest(current) };
        }
        if lower.contains("dns error") || lower.contains("failed to lookup address") {
            return Cause::Connect { request, reason: lookup_failed(target) };
        }
        if let Some(io) = current.downcast_ref::<io::Error>().filter(|io| io.raw_os_error().is_some()) {
            return Cause::Connect { request, reason: connect_failed(io, target) };
        }
        link = current.source();
    }
    Cause::Connect { request, reason: text }
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
    format!("dial tcp: lookup {host}: no such host")
}

fn find_tls<'a>(err: &'a (dyn StdError + 'static)) -> Option<&'a rustls::Error> {
    err.downcast_ref::<rustls::Error>()
        .or_else(|| err.downcast_ref::<io::Error>()?.get_ref()?.downcast_ref::<rustls::Error>())
}

/// Adds Go's words for the common cases to rustls's.
pub fn describe_tls(err: &rustls::Error) -> String {
    use rustls::{AlertDescription as Alert, CertificateError as Bad, Error};
    match err {
        Error::InvalidCertificate(Bad::UnknownIssuer) => {
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

fn deepest(err: &(dyn StdError + 'static)) -> String {
    let mut err = err;
    while let Some(source) = err.source() {
        err = source;
    }
    err.to_string()
}
