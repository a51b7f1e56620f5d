//! Addresses of repositories, in any form that Git takes, and of the APIs of their hosts.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use url::Url;

use crate::Error;

/// Where a repository is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Repository {
    /// Scheme, host and port of the host's web server.
    pub host: String,
    /// The path without the slash before it and `.git` behind it.
    pub path: String,
}

/// Schemes of URLs; all else is SSH's short form or a path.
const SCHEMES: &[&str] = &["ssh", "git", "git+ssh", "http", "https", "ftp", "ftps", "rsync", "file"];

impl Repository {
    /// Reads an address. Hosts of SSH are taken to have their API at HTTPS.
    pub fn parse(address: &str) -> Self {
        let (scheme, host, path) = url(address)
            .or_else(|| scp(address))
            .unwrap_or_else(|| ("file".to_owned(), String::new(), address.to_owned()));
        let scheme = if scheme == "ssh" { "https" } else { &scheme };
        let path = path.trim_start_matches('/');
        let path = path.strip_suffix(".git").unwrap_or(path).to_owned();
        Self { host: format!("{scheme}://{host}"), path }
    }

    /// Owner and name, for a host whose repositories have just these two.
    pub(crate) fn owner_and_name(&self, host: &str) -> Result<(String, String), Error> {
        owner_and_name(&self.path).ok_or_else(|| {
            Error::Config(format!("'{}' is no repository of {host}: it needs an owner and a name", self.path))
        })
    }
}

/// Owner and name of a repository that has just these two.
pub fn owner_and_name(path: &str) -> Option<(String, String)> {
    let (owner, name) = path.split_once('/')?;
    if name.contains('/') { None } else { Some((owner.to_owned(), name.to_owned())) }
}

/// A text as one part of a URL's path, or as a value of its query.
pub fn segment(text: &str) -> String {
    const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
    utf8_percent_encode(text, PLAIN).to_string()
}

/// Where the API of GitHub's, or of an enterprise's, web server is.
pub fn github_api(host: &str) -> String {
    let name = Url::parse(host).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
    if host.trim_start_matches("https://").trim_start_matches("http://") == "github.com" {
        "https://api.github.com".to_owned()
    } else if name.starts_with("api.") || name.contains(".api.") {
        host.to_owned()
    } else {
        format!("{host}/api/v3")
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

    #[test]
    fn enterprises_have_their_own_api() {
        assert_eq!(github_api("https://github.com"), "https://api.github.com");
        assert_eq!(github_api("http://127.0.0.1:80"), "http://127.0.0.1:80/api/v3");
        assert_eq!(github_api("https://api.tenant.ghe.com"), "https://api.tenant.ghe.com");
        assert_eq!(github_api("https://ghe.example.com:8443"), "https://ghe.example.com:8443/api/v3");
    }
}
