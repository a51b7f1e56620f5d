//! Addresses of repositories, in any form that Git takes.

use percent_encoding::percent_decode_str;
use url::Url;

/// Where a repository is.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Repository {
    /// Scheme, host and port of the host's web server.
    pub host: String,
    /// The path without the slash before it and `.git` behind it.
    pub path: String,
}

/// Schemes of URLs; all else is SSH's short form or a path.
const SCHEMES: &[&str] = &["ssh", "git", "git+ssh", "http", "https", "ftp", "ftps", "rsync", "file"];

impl Repository {
    /// Reads an address. Hosts of SSH are taken to have their API at HTTPS.
    pub(super) fn parse(address: &str) -> Self {
        let (scheme, host, path) = url(address)
            .or_else(|| scp(address))
            .unwrap_or_else(|| ("file".to_owned(), String::new(), address.to_owned()));
        let scheme = if scheme == "ssh" { "https" } else { &scheme };
        let path = path.trim_start_matches('/');
        let path = path.strip_suffix(".git").unwrap_or(path).to_owned();
        Self { host: format!("{scheme}://{host}"), path }
    }
}

fn url(address: &str) -> Option<(String, String, String)> {
    let url = Url::parse(address).ok().filter(|url| SCHEMES.contains(&url.scheme()))?;
    let host = url.host_str().unwrap_or_default();
    let host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let path = percent_decode_str(url.path()).decode_utf8_lossy().into_owned();
    Some((url.scheme().to_owned(), host, path))
}

/// `user@host:path`
fn scp(address: &str) -> Option<(String, String, String)> {
    let (host, path) = address.split_once(':')?;
    let (user, host) = host.split_once('@').unwrap_or(("", host));
    let word = |text: &str, more: &[u8]| {
        text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || more.contains(&byte))
    };
    let fits = word(user, b"") && !host.is_empty() && word(host, b".-");
    fits.then(|| ("ssh".to_owned(), host.to_owned(), path.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_forms_name_the_same_repository() {
        for address in [
            "https://github.com/org/repo",
            "https://github.com/org/repo.git",
            "ssh://git@github.com/org/repo.git",
            "git@github.com:org/repo.git",
            "github.com:org/repo",
        ] {
            let expected = Repository { host: "https://github.com".into(), path: "org/repo".into() };
            assert_eq!(Repository::parse(address), expected, "{address}");
        }
    }

    #[test]
    fn ports_and_deeper_paths_stay() {
        let repository = Repository::parse("http://user:pw@127.0.0.1:8080/a/b%20c/d.git");
        assert_eq!(repository, Repository { host: "http://127.0.0.1:8080".into(), path: "a/b c/d".into() });
        assert_eq!(Repository::parse("nonsense").path, "nonsense");
    }
}
