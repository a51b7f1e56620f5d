//! Names of repositories and of what is in them.

use std::fmt::{self, Write as _};
use std::net::Ipv4Addr;

use url::{Host, Url};

use crate::{Error, InvalidDigest, digest};

/// What `docker.io` and names without a registry mean.
pub(crate) const DOCKER_HUB: &str = "index.docker.io";
const REPOSITORY_CHARS: &str = "abcdefghijklmnopqrstuvwxyz0123456789_-./";

/// A repository of a registry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Repository {
    registry: String,
    path: String,
    insecure: bool,
}

/// Why a text does not name a repository.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// There is no text.
    #[error("a repository name must be specified")]
    Empty,
    /// The path is too short or too long.
    #[error("repository must be between 2 and 255 characters in length: {0}")]
    Length(String),
    /// The path has characters that repositories cannot have; a tag, for instance.
    #[error("repository can only contain the characters `{REPOSITORY_CHARS}`: {0}")]
    Characters(String),
    /// What is before the first slash is no `host[:port]`.
    #[error("registries must be valid RFC 3986 URI authorities: {0}")]
    Registry(String),
}

impl Repository {
    /// Reads `<registry>/<path>`, or `<path>` on Docker Hub. `insecure` allows plain HTTP.
    pub fn parse(name: &str, insecure: bool) -> Result<Self, NameError> {
        if name.is_empty() {
            return Err(NameError::Empty);
        }
        let (registry, path) = match name.split_once('/') {
            Some((host, path)) if host.contains(['.', ':']) => (host, path),
            _ => ("", name),
        };
        check_path(path)?;
        let registry = match registry {
            "" | "docker.io" => DOCKER_HUB,
            other => check_registry(other)?,
        };
        let official = registry == DOCKER_HUB && !path.contains('/');
        let path = if official { format!("library/{path}") } else { path.to_owned() };
        Ok(Self { registry: registry.to_owned(), path, insecure })
    }

    /// Host, and port if it is given.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The name inside of the registry.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether plain HTTP may be tried where HTTPS is not spoken: asked for, or on the machine and in private networks.
    pub(crate) fn allows_http(&self) -> bool {
        self.insecure || is_near(&self.registry)
    }

    /// What a token has to allow.
    pub(crate) fn scope(&self) -> String {
        format!("repository:{}:pull", self.path)
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.path)
    }
}

fn check_path(path: &str) -> Result<(), NameError> {
    if !(2..=255).contains(&path.chars().count()) {
        return Err(NameError::Length(path.to_owned()));
    }
    if path.contains(|c| !REPOSITORY_CHARS.contains(c)) {
        return Err(NameError::Characters(path.to_owned()));
    }
    Ok(())
}

fn check_registry(registry: &str) -> Result<&str, NameError> {
    let bad = || NameError::Registry(registry.to_owned());
    // The parser tolerates much that is no authority alone.
    if registry.contains(['@', '?', '#', '\\', '%']) || registry.contains(char::is_whitespace) {
        return Err(bad());
    }
    let url = Url::parse(&format!("https://{registry}/")).map_err(|_| bad())?;
    if url.path() == "/" && url.host().is_some() { Ok(registry) } else { Err(bad()) }
}

/// Loopback and private addresses, and names of this machine.
fn is_near(registry: &str) -> bool {
    let Ok(url) = Url::parse(&format!("https://{registry}/")) else { return false };
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_private() || address == Ipv4Addr::LOCALHOST,
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// One thing in a repository.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// A name that may move.
    Tag(String),
    /// The content itself, `sha256:<hex>`.
    Digest(String),
}

impl Version {
    /// The last part of a manifest's URL.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Tag(text) | Self::Digest(text) => text,
        }
    }

    /// Refuses what would lead elsewhere, or is no digest. What else no registry has, the registry is asked for.
    pub(crate) fn check(&self) -> Result<(), Error> {
        match self {
            Self::Digest(text) => digest::parse(text).map(drop).map_err(InvalidDigest::into),
            Self::Tag(tag) if tag.contains('/') || ["", ".", ".."].contains(&tag.as_str()) => {
                Err(Error::Tag(tag.clone()))
            }
            Self::Tag(_) => Ok(()),
        }
    }

    /// As the last part of a path.
    pub(crate) fn in_path(&self) -> String {
        let mut path = String::new();
        for byte in self.as_str().bytes() {
            if byte.is_ascii_alphanumeric() || b"-_.~$&+,:;=@".contains(&byte) {
                path.push(char::from(byte));
            } else {
                let _ = write!(path, "%{byte:02X}");
            }
        }
        path
    }
}

/// One thing and where it is; written `<repository>:<tag>` or `<repository>@<digest>`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reference {
    /// Where.
    pub repository: Repository,
    /// What.
    pub version: Version,
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.version {
            Version::Tag(tag) => write!(f, "{}:{tag}", self.repository),
            Version::Digest(digest) => write!(f, "{}@{digest}", self.repository),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> String {
        Repository::parse(text, false).unwrap().to_string()
    }

    #[test]
    fn docker_hub_has_many_names() {
        assert_eq!(name("alpine"), "index.docker.io/library/alpine");
        assert_eq!(name("docker.io/alpine"), "index.docker.io/library/alpine");
        assert_eq!(name("index.docker.io/alpine"), "index.docker.io/library/alpine");
        assert_eq!(name("org/app"), "index.docker.io/org/app");
        assert_eq!(name("localhost/app"), "index.docker.io/localhost/app");
        assert_eq!(name("localhost:5000/app"), "localhost:5000/app");
        assert_eq!(name("ghcr.io/org/team/app"), "ghcr.io/org/team/app");
        assert_eq!(name("[::1]:5000/app"), "[::1]:5000/app");
    }

    #[test]
    fn bad_names_are_told() {
        let error = |text: &str| Repository::parse(text, false).unwrap_err().to_string();
        assert_eq!(error(""), "a repository name must be specified");
        assert_eq!(error("ghcr.io/"), "repository must be between 2 and 255 characters in length: ");
        assert_eq!(
            error("ghcr.io/org/app:1.0.0"),
            "repository can only contain the characters `abcdefghijklmnopqrstuvwxyz0123456789_-./`: org/app:1.0.0"
        );
        for bad in ["user@ghcr.io/app", "a b.c/app", "host:x/app", "ghcr.io?x/app", "gh%2fcr.io/app"] {
            assert!(error(bad).starts_with("registries must be"), "{bad}");
        }
    }

    #[test]
    fn plain_http_is_for_near_registries_or_on_request() {
        let http = |text: &str, insecure| Repository::parse(text, insecure).unwrap().allows_http();
        for near in [
            "127.0.0.1:5000/app",
            "localhost:1/app",
            "x.localhost:1/app",
            "10.0.0.1/app",
            "192.168.1.1:5000/app",
            "[::1]:5000/app",
        ] {
            assert!(http(near, false), "{near}");
        }
        for far in ["ghcr.io/app", "127.0.0.2:5000/app", "1.1.1.1/app", "localhost.evil.example/app"] {
            assert!(!http(far, false), "{far}");
            assert!(http(far, true), "{far}");
        }
    }

    #[test]
    fn tags_cannot_lead_elsewhere() {
        for bad in ["", ".", "..", "a/b"] {
            assert!(Version::Tag(bad.to_owned()).check().is_err(), "{bad}");
        }
        for (good, path) in [
            ("latest", "latest"),
            ("v1.0.0_build", "v1.0.0_build"),
            ("a?b", "a%3Fb"),
            ("not a tag!", "not%20a%20tag%21"),
            ("ü#\\", "%C3%BC%23%5C"),
        ] {
            let tag = Version::Tag(good.to_owned());
            assert!(tag.check().is_ok(), "{good}");
            assert_eq!(tag.in_path(), path);
        }
    }
}
