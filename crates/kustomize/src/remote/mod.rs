//! What a build needs from elsewhere, if it may have it.

mod fetcher;
mod repository;

use std::path::PathBuf;

pub(crate) use fetcher::Fetcher;
pub use repository::{NotARepository, Repository};

use crate::FileSystem;

/// The network, as far as builds need it. Implementations send credentials only to the server that they are for,
/// and bound time and redirects.
pub trait Remote {
    /// The content of a file at an `http` or `https` URL, of at most `limit` bytes.
    fn file(&self, url: &str, limit: u64) -> Result<Vec<u8>, RemoteError>;

    /// The tree of a repository at the reference that is asked for, of at most `limit` bytes.
    fn repository(&self, repository: &Repository, limit: u64) -> Result<Checkout, RemoteError>;
}

/// The files of a repository.
pub struct Checkout {
    /// The files. Nothing outside of `root` may be reached through them.
    pub files: Box<dyn FileSystem>,
    /// Where the tree begins, as an absolute path without symlinks.
    pub root: PathBuf,
}

/// Why something can't be had from elsewhere. Texts hold no credentials.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RemoteError {
    /// The server answers, but not with the file.
    #[error("HTTP Error: status code {status} ({reason})")]
    Status {
        /// The status, such as 404.
        status: u16,
        /// What it means, such as `Not Found`.
        reason: String,
    },
    /// It takes too long.
    #[error("hit {limit} timeout: {doing}")]
    Timeout {
        /// How long was waited, such as `27s`.
        limit: String,
        /// For what.
        doing: String,
    },
    /// More than the limit.
    #[error("larger than the {limit} bytes that a build may still read")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// Anything else.
    #[error("{0}")]
    Failed(String),
}

/// Whether kustomize takes a path for the URL of a file.
pub(crate) fn is_file_url(path: &str) -> bool {
    let lower = path.get(..8).unwrap_or(path).to_ascii_lowercase();
    lower.starts_with("http://") || lower.starts_with("https://")
}

/// A URL or path for messages: without user, password, query values that may be tokens, and fragment.
pub(crate) fn redact(url: &str) -> String {
    let start = url.find("://").map_or(0, |at| at + 3);
    if start == 0 {
        return url.to_owned();
    }
    let (scheme, rest) = url.split_at(start);
    let rest = rest.split_once('#').map_or(rest, |(rest, _)| rest);
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let host_end = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(host_end);
    let authority = match authority.rsplit_once('@') {
        // Over SSH the user is no secret; over HTTP it may be a token.
        Some((user, host)) if scheme.ends_with("ssh://") && !user.contains(':') => format!("{user}@{host}"),
        Some((_, host)) => format!("***@{host}"),
        None => authority.to_owned(),
    };
    let known: Vec<&str> = query
        .split('&')
        .filter(|pair| {
            ["ref=", "version=", "timeout=", "submodules="].iter().any(|name| pair.starts_with(name))
        })
        .collect();
    let query = if known.is_empty() { String::new() } else { format!("?{}", known.join("&")) };
    format!("{scheme}{authority}{path}{query}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_shown_without_secrets() {
        for (url, shown) in [
            ("https://me:secret@example.com/o/r?ref=v1", "https://***@example.com/o/r?ref=v1"),
            ("https://example.com/f.yaml?token=abc&ref=v1#x", "https://example.com/f.yaml?ref=v1"),
            ("https://example.com/f.yaml?sig=abc", "https://example.com/f.yaml"),
            ("https://example.com/a@b", "https://example.com/a@b"),
            ("git@github.com:o/r", "git@github.com:o/r"),
            ("ssh://git@example.com/o/r", "ssh://git@example.com/o/r"),
            ("git::ssh://git:secret@example.com/o/r", "git::ssh://***@example.com/o/r"),
            ("../base", "../base"),
        ] {
            assert_eq!(redact(url), shown);
        }
    }

    #[test]
    fn file_urls() {
        assert!(is_file_url("https://example.com/a") && is_file_url("HTTP://example.com/a"));
        assert!(!is_file_url("ssh://example.com/a") && !is_file_url("http") && !is_file_url("ä.yaml"));
    }
}
