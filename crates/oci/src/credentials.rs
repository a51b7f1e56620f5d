//! Credentials, and which registry each is for: the `auths` of Docker's configuration.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde::Deserialize;

use crate::Repository;
use crate::name::DOCKER_HUB;

/// How to prove who we are. `Debug` never shows a secret.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub enum Credentials {
    /// Not at all.
    #[default]
    Anonymous,
    /// User and password, or a token in its place.
    Basic {
        /// User.
        user: String,
        /// Password.
        password: String,
    },
    /// A refresh token, to be exchanged (OAuth 2).
    IdentityToken(String),
    /// A token that the registry takes as it is.
    RegistryToken(String),
    /// There should be some, but there are none, for this reason: the first request that takes any fails with it.
    Missing(String),
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Anonymous => "Anonymous",
            Self::Basic { .. } => "Basic(***)",
            Self::IdentityToken(_) => "IdentityToken(***)",
            Self::RegistryToken(_) => "RegistryToken(***)",
            Self::Missing(_) => "Missing",
        })
    }
}

/// Credentials by registry, or by registry and the start of the repository's path.
#[derive(Clone, Debug, Default)]
pub struct Keychain {
    /// Sorted backwards, so that of two that match the longer path comes first.
    entries: BTreeMap<std::cmp::Reverse<String>, Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    pattern: Pattern,
    credentials: Result<Credentials, KeychainError>,
}

/// Why a Docker configuration cannot be used. Holds nothing of its content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeychainError {
    /// It is no JSON, or of another shape.
    #[error("invalid docker config: {0}")]
    Json(String),
    /// `auth` is not base64 of `user:password`.
    #[error("unable to parse auth field, must be formatted as base64(username:password)")]
    Auth,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct AuthEntry {
    username: String,
    password: String,
    auth: String,
    identitytoken: String,
    registrytoken: String,
}

impl Keychain {
    /// Adds the content of `.dockerconfigjson`. Entries of later additions win.
    pub fn add_config(&mut self, json: &[u8]) -> Result<(), KeychainError> {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Config {
            #[serde(alias = "Auths")]
            auths: BTreeMap<String, AuthEntry>,
        }
        let config: Config = parse(json)?;
        self.add(config.auths);
        Ok(())
    }

    /// Adds the content of the older `.dockercfg`, which is what the newer form has below `auths`.
    pub fn add_legacy_config(&mut self, json: &[u8]) -> Result<(), KeychainError> {
        self.add(parse(json)?);
        Ok(())
    }

    /// Whether there are no credentials at all.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn add(&mut self, auths: BTreeMap<String, AuthEntry>) {
        for (location, auth) in auths {
            let Some(pattern) = Pattern::parse(&location) else { continue };
            let entry = Entry { credentials: auth.credentials(), pattern };
            self.entries.insert(std::cmp::Reverse(entry.pattern.key()), entry);
        }
    }

    /// The credentials for a repository: of the entry with the longest path that it starts with.
    pub fn resolve(&self, repository: &Repository) -> Credentials {
        self.try_resolve(repository).unwrap_or_default()
    }

    /// As [`Keychain::resolve`], but tells of an entry that matches and cannot be read.
    pub fn try_resolve(&self, repository: &Repository) -> Result<Credentials, KeychainError> {
        let found = self.entries.values().find(|entry| entry.pattern.matches(repository));
        found.map_or(Ok(Credentials::Anonymous), |entry| entry.credentials.clone())
    }
}

/// Reads JSON; the error tells where it is broken, but quotes nothing.
fn parse<T: for<'a> Deserialize<'a>>(json: &[u8]) -> Result<T, KeychainError> {
    serde_json::from_slice(json).map_err(|error| {
        let what = if error.is_data() { "wrong type of a field" } else { "not valid JSON" };
        KeychainError::Json(format!("{what} at line {} column {}", error.line(), error.column()))
    })
}

impl AuthEntry {
    fn credentials(self) -> Result<Credentials, KeychainError> {
        if !self.registrytoken.is_empty() {
            return Ok(Credentials::RegistryToken(self.registrytoken));
        }
        if !self.identitytoken.is_empty() {
            return Ok(Credentials::IdentityToken(self.identitytoken));
        }
        if !self.auth.is_empty() {
            let text = self.auth.trim();
            let decoded = STANDARD.decode(text).or_else(|_| STANDARD_NO_PAD.decode(text));
            let decoded = decoded.ok().and_then(|bytes| String::from_utf8(bytes).ok());
            let decoded = decoded.ok_or(KeychainError::Auth)?;
            let (user, password) = decoded.split_once(':').ok_or(KeychainError::Auth)?;
            // Docker pads passwords with NUL bytes.
            let password = password.trim_end_matches('\0');
            return Ok(Credentials::Basic { user: user.to_owned(), password: password.to_owned() });
        }
        if self.username.is_empty() && self.password.is_empty() {
            return Ok(Credentials::Anonymous);
        }
        Ok(Credentials::Basic { user: self.username, password: self.password })
    }
}

/// `host[:port][/path]`, the parts of the host with `*` and `?`.
#[derive(Clone, Debug)]
struct Pattern {
    host: String,
    port: Option<String>,
    path: String,
}

impl Pattern {
    /// Understands what Docker and Kubernetes write: with or without a scheme, `/v1/` and `/v2/`.
    fn parse(location: &str) -> Option<Self> {
        let text = location.strip_prefix("https://").or_else(|| location.strip_prefix("http://"));
        let text = text.unwrap_or(location);
        let (authority, path) = text.split_at(text.find('/').unwrap_or(text.len()));
        let path = match path.get(..4) {
            Some("/v1/" | "/v2/") => path.get(3..).unwrap_or_default(),
            _ => path,
        };
        let authority = if authority == "docker.io" { DOCKER_HUB } else { authority };
        if authority.is_empty() || authority.contains('@') {
            return None;
        }
        let (host, port) = split_port(authority);
        let path = path.trim_end_matches('/').to_owned();
        Some(Self { host: host.to_owned(), port: port.map(ToOwned::to_owned), path })
    }

    fn key(&self) -> String {
        let port = self.port.as_deref().map(|port| format!(":{port}")).unwrap_or_default();
        format!("{}{port}{}", self.host, self.path)
    }

    fn matches(&self, repository: &Repository) -> bool {
        let (host, port) = split_port(repository.registry());
        if self.port.as_deref() != port || !matches_host(&self.host, host) {
            return false;
        }
        let target = format!("/{}", repository.path());
        target.strip_prefix(&self.path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    }
}

fn matches_host(pattern: &str, host: &str) -> bool {
    let (wanted, parts): (Vec<&str>, Vec<&str>) = (pattern.split('.').collect(), host.split('.').collect());
    wanted.len() == parts.len() && wanted.iter().zip(parts).all(|(wanted, part)| matches_part(wanted, part))
}

/// `*` for any text, `?` for any character.
fn matches_part(pattern: &str, text: &str) -> bool {
    let Some(first) = pattern.chars().next() else { return text.is_empty() };
    let rest = pattern.get(first.len_utf8()..).unwrap_or_default();
    let mut tails = text.char_indices().map(|(at, _)| text.get(at..).unwrap_or_default()).chain([""]);
    match first {
        '*' => tails.any(|tail| matches_part(rest, tail)),
        '?' => text.chars().next().is_some_and(|c| matches_part(rest, &text[c.len_utf8()..])),
        c => text.strip_prefix(c).is_some_and(|tail| matches_part(rest, tail)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(auths: &serde_json::Value, name: &str) -> String {
        let mut keychain = Keychain::default();
        keychain.add_config(serde_json::json!({"auths": auths}).to_string().as_bytes()).unwrap();
        match keychain.try_resolve(&Repository::parse(name, false).unwrap()) {
            Ok(Credentials::Basic { user, .. }) => user,
            other => format!("{other:?}"),
        }
    }

    fn auth(user: &str) -> serde_json::Value {
        serde_json::json!({"auth": STANDARD.encode(format!("{user}:p:w"))})
    }

    #[test]
    fn registries_are_found_in_every_spelling() {
        for key in [
            "ghcr.io",
            "https://ghcr.io",
            "http://ghcr.io/",
            "ghcr.io/v2/",
            "https://ghcr.io/v1/",
            "ghcr.io/org",
            "*.io",
            "ghc?.io",
        ] {
            assert_eq!(user(&serde_json::json!({key: auth("u")}), "ghcr.io/org/app"), "u", "{key}");
        }
        for key in ["https://index.docker.io/v1/", "index.docker.io", "docker.io", "https://docker.io/v2/"] {
            assert_eq!(user(&serde_json::json!({key: auth("u")}), "alpine"), "u", "{key}");
        }
        for key in [
            "ghcr.io:443",
            "evil.ghcr.io",
            "ghcr.io/or",
            "io",
            "*",
            "ghcr.io.evil.example",
            "ghcr.io/org/app/sub",
        ] {
            assert_eq!(
                user(&serde_json::json!({key: auth("u")}), "ghcr.io/org/app"),
                "Ok(Anonymous)",
                "{key}"
            );
        }
        assert_eq!(user(&serde_json::json!({"127.0.0.1:5000": auth("u")}), "127.0.0.1:5000/app"), "u");
        assert_eq!(user(&serde_json::json!({"127.0.0.1": auth("u")}), "127.0.0.1:5000/app"), "Ok(Anonymous)");
    }

    #[test]
    fn the_longest_path_wins() {
        let auths =
            serde_json::json!({"r.io": auth("all"), "r.io/org": auth("org"), "r.io/org/app": auth("app")});
        assert_eq!(user(&auths, "r.io/org/app"), "app");
        assert_eq!(user(&auths, "r.io/org/other"), "org");
        assert_eq!(user(&auths, "r.io/organisation/app"), "all");
    }

    #[test]
    fn all_kinds_of_entries_are_read() {
        let resolve = |entry: serde_json::Value| {
            let mut keychain = Keychain::default();
            keychain.add_legacy_config(serde_json::json!({"r.io": entry}).to_string().as_bytes()).unwrap();
            keychain.try_resolve(&Repository::parse("r.io/app", false).unwrap())
        };
        let basic = |user: &str, password: &str| {
            Ok(Credentials::Basic { user: user.to_owned(), password: password.to_owned() })
        };
        assert_eq!(resolve(serde_json::json!({"username": "u", "password": "p"})), basic("u", "p"));
        assert_eq!(
            resolve(serde_json::json!({"username": "x", "password": "y", "auth": "dTpwOnc="})),
            basic("u", "p:w")
        );
        assert_eq!(resolve(serde_json::json!({"auth": "dTpwOnc"})), basic("u", "p:w"));
        assert_eq!(
            resolve(serde_json::json!({"identitytoken": "t"})),
            Ok(Credentials::IdentityToken("t".to_owned()))
        );
        assert_eq!(
            resolve(serde_json::json!({"registrytoken": "t"})),
            Ok(Credentials::RegistryToken("t".to_owned()))
        );
        assert_eq!(resolve(serde_json::json!({})), Ok(Credentials::Anonymous));
        assert_eq!(resolve(serde_json::json!({"auth": "!"})), Err(KeychainError::Auth));
        assert_eq!(
            resolve(serde_json::json!({"auth": STANDARD.encode("nocolon")})),
            Err(KeychainError::Auth)
        );
    }

    #[test]
    fn errors_and_debug_hold_no_secret() {
        let mut keychain = Keychain::default();
        for bad in [r#"{"auths": {"r.io": {"password": ["hunter2"]}}}"#, r#"{"auths": "hunter2"}"#, "hunter2"]
        {
            let error = keychain.add_config(bad.as_bytes()).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
            assert!(error.contains("line 1"), "{error}");
        }
        keychain.add_config(br#"{"auths": {"r.io": {"username": "u", "password": "hunter2"}}}"#).unwrap();
        assert!(!format!("{keychain:?}").contains("hunter2"));
    }
}
