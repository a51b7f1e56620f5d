//! Which HTTP redirects may be followed, and with which credentials.
//!
//! A redirect must not carry credentials to another origin, must not weaken `https`, and must not
//! turn the controller into a proxy to its own host or to the metadata service of a cloud.

use url::Url;

use crate::{is_private, redact};

/// Redirects beyond this many are a loop.
pub const MAX_REDIRECTS: usize = 5;

/// How to go on after a redirect.
#[derive(Debug, PartialEq, Eq)]
pub struct Redirect {
    /// Where to.
    pub url: Url,
    /// Whether the credentials may go along.
    pub same_origin: bool,
}

/// Why a redirect is not followed; names both ends without credentials.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RedirectError(pub String);

/// Judges the `Location` that `from` answered with.
pub fn follow(from: &Url, location: &str) -> Result<Redirect, RedirectError> {
    let url = from.join(location).map_err(|err| RedirectError(format!("invalid location: {err}")))?;
    let refuse = |reason: &str| {
        Err(RedirectError(format!("{} to {}: {reason}", redact(from.as_str()), redact(url.as_str()))))
    };
    match (from.scheme(), url.scheme()) {
        ("http", "http" | "https") | ("https", "https") => {}
        ("https", "http") => return refuse("it leaves https"),
        _ => return refuse("only http and https can be followed"),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refuse("the new location contains credentials");
    }
    let upgraded =
        from.scheme() == "http" && from.port().is_none() && url.scheme() == "https" && url.port().is_none();
    let same_host = from.host() == url.host();
    if !same_host && is_private(url.host()) && !is_private(from.host()) {
        return refuse("it points at a loopback or link-local address");
    }
    let same_origin = same_host && (from.origin() == url.origin() || upgraded);
    Ok(Redirect { url, same_origin })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(from: &str, location: &str) -> Result<Redirect, RedirectError> {
        follow(&Url::parse(from).unwrap(), location)
    }

    #[test]
    fn keeps_credentials_on_the_same_origin_only() {
        let same = |from, to| judge(from, to).unwrap().same_origin;
        assert!(same("https://a.example/x/info/refs", "/y/info/refs"));
        assert!(same("http://a.example/x", "https://a.example/x"));
        assert!(!same("https://a.example/x", "https://b.example/x"));
        assert!(!same("https://a.example/x", "https://a.example.evil/x"));
        assert!(!same("http://a.example:8080/x", "http://a.example:9090/x"));
        assert!(!same("http://a.example:8080/x", "https://a.example/x"));
    }

    #[test]
    fn refuses_dangerous_targets() {
        for (from, to) in [
            ("https://a.example/x", "http://a.example/x"),
            ("https://a.example/x", "file:///etc/passwd"),
            ("https://a.example/x", "ssh://a.example/x"),
            ("https://a.example/x", "https://user:pw@a.example/x"),
            ("https://a.example/x", "https://169.254.169.254/latest"),
            ("https://a.example/x", "https://[::ffff:127.0.0.1]/x"),
            ("https://a.example/x", "https://localhost/x"),
        ] {
            assert!(judge(from, to).is_err(), "{from} -> {to}");
        }
    }
}
