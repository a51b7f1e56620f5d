//! Where a repository is and how to get in.

use std::collections::BTreeMap;
use std::fmt;

use sluice_http::{ClientCertificate, Proxy, Tls, redact};
use url::Url;

use crate::Error;

/// A repository on a server, with everything needed to reach it.
///
/// `Debug` never shows a secret.
#[derive(Clone)]
pub struct Remote {
    /// `http`, `https` or `ssh`. User information in it serves as credentials when `auth` has none.
    pub url: Url,
    /// Who we are.
    pub auth: Auth,
    /// Extra trust and client identity, for `https`.
    pub tls: Tls,
    /// The proxy to go through; overrides the environment's.
    pub proxy: Option<Proxy>,
    /// Restrictions of the SSH handshake.
    pub ssh: SshAlgorithms,
}

/// Credentials.
#[derive(Clone, Default)]
pub enum Auth {
    /// Anonymous, or what the URL's user information says.
    #[default]
    None,
    /// HTTP basic authentication; an empty field falls back to the URL's user information.
    Basic {
        /// User name.
        user: String,
        /// Password or token.
        password: String,
    },
    /// `Authorization: Bearer …`
    Bearer(String),
    /// SSH public key authentication. The user comes from the URL, else it is `git`.
    Ssh {
        /// Private key: OpenSSH, PKCS#8, PKCS#1 or SEC1 in PEM.
        identity: Vec<u8>,
        /// Passphrase of the private key.
        password: Option<String>,
        /// Lines as in the OpenSSH file of that name. Hosts that it does not list are refused.
        known_hosts: Vec<u8>,
    },
}

/// What the SSH handshake may use, by their names in RFC 4253 and its successors. Empty: our defaults.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SshAlgorithms {
    /// Key exchange methods, preferred first (`--ssh-kex-algos`).
    pub kex: Vec<String>,
    /// Host key algorithms, preferred first (`--ssh-hostkey-algos`).
    pub host_key: Vec<String>,
}

impl Remote {
    /// An anonymous remote.
    pub fn new(url: &str) -> Result<Self, Error> {
        let parsed = Url::parse(url)
            .map_err(|err| Error::InvalidConfig(format!("failed to parse url '{}': {err}", redact(url))))?;
        if !matches!(parsed.scheme(), "http" | "https" | "ssh") {
            return Err(Error::InvalidConfig(format!(
                "unsupported url scheme '{}': use http, https or ssh",
                parsed.scheme()
            )));
        }
        if parsed.host_str().is_none_or(str::is_empty) {
            return Err(Error::InvalidConfig(format!(
                "invalid '{}' auth option: 'host' is required",
                parsed.scheme()
            )));
        }
        Ok(Self {
            url: parsed,
            auth: Auth::None,
            tls: Tls::default(),
            proxy: None,
            ssh: SshAlgorithms::default(),
        })
    }

    /// Takes credentials, authorities and client certificate from the data of a Secret, with
    /// Flux's keys: `identity`, `known_hosts`, `password`, `username`, `bearerToken`, `ca.crt`
    /// or `caFile`, `tls.crt` and `tls.key`.
    ///
    /// Fails with Flux's words when a required key is missing.
    pub fn with_secret(mut self, data: &BTreeMap<String, Vec<u8>>) -> Result<Self, Error> {
        let scheme = self.url.scheme().to_owned();
        let field = |key: &str| data.get(key).filter(|value| !value.is_empty());
        let text = |key: &str| field(key).map(|value| String::from_utf8_lossy(value).into_owned());
        if scheme == "ssh" {
            let required = |key: &str| {
                field(key).cloned().ok_or_else(|| {
                    Error::InvalidConfig(format!("invalid 'ssh' auth option: '{key}' is required"))
                })
            };
            self.auth = Auth::Ssh {
                identity: required("identity")?,
                password: text("password"),
                known_hosts: required("known_hosts")?,
            };
            return Ok(self);
        }
        self.tls = Tls {
            ca: field("ca.crt").or_else(|| field("caFile")).cloned(),
            client: field("tls.crt").zip(field("tls.key")).map(|(certificate, key)| ClientCertificate {
                certificate: certificate.clone(),
                key: key.clone(),
            }),
            accept_any: false,
        };
        self.auth = if let Some(token) = data.get("bearerToken") {
            Auth::Bearer(String::from_utf8_lossy(token).trim().to_owned())
        } else {
            let given = |key: &str| text(key).unwrap_or_default();
            let (user, password) = self.basic(given("username"), given("password"));
            match (user.is_empty(), password.is_empty()) {
                (true, true) => Auth::None,
                (true, false) => {
                    return Err(Error::InvalidConfig(format!(
                        "invalid '{scheme}' auth option: 'password' requires 'username' to be set"
                    )));
                }
                (false, _) => Auth::Basic { user, password },
            }
        };
        Ok(self)
    }

    /// The URL for messages: without user information, query and fragment.
    pub fn display_url(&self) -> String {
        redact(self.url.as_str())
    }

    /// Basic credentials completed from the URL's user information.
    pub(crate) fn basic(&self, user: String, password: String) -> (String, String) {
        let user = if user.is_empty() { decode(self.url.username()) } else { user };
        let password =
            if password.is_empty() { self.url.password().map(decode).unwrap_or_default() } else { password };
        (user, password)
    }

    /// The user to log in as over SSH.
    pub(crate) fn ssh_user(&self) -> String {
        let user = decode(self.url.username());
        if user.is_empty() { "git".to_owned() } else { user }
    }
}

/// Undoes percent-encoding.
fn decode(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote")
            .field("url", &self.display_url())
            .field("auth", &self.auth)
            .field("tls", &self.tls)
            .field("proxy", &self.proxy)
            .field("ssh", &self.ssh)
            .finish()
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Basic { .. } => "Basic(***)",
            Self::Bearer(_) => "Bearer(***)",
            Self::Ssh { .. } => "Ssh(***)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(url: &str, data: &[(&str, &str)]) -> Result<Remote, Error> {
        let data = data.iter().map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec())).collect();
        Remote::new(url)?.with_secret(&data)
    }

    fn basic(url: &str, data: &[(&str, &str)]) -> (String, String) {
        match with(url, data).unwrap().auth {
            Auth::Basic { user, password } => (user, password),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn secrets_for_http() {
        let pair = |user: &str, password: &str| (user.to_owned(), password.to_owned());
        assert_eq!(basic("https://h/x", &[("username", "u"), ("password", "p")]), pair("u", "p"));
        assert_eq!(basic("https://h/x", &[("username", "u")]), pair("u", ""));
        assert_eq!(basic("https://a:b@h/x", &[("username", "u")]), pair("u", "b"));
        let bearer = with(
            "https://h/x",
            &[("bearerToken", "t"), ("username", "u"), ("ca.crt", "new"), ("caFile", "old")],
        )
        .unwrap();
        assert!(matches!(bearer.auth, Auth::Bearer(token) if token == "t"));
        assert_eq!(bearer.tls.ca.as_deref(), Some(&b"new"[..]));
        let err = with("https://h/x", &[("password", "hunter2")]).unwrap_err().to_string();
        assert_eq!(err, "invalid 'https' auth option: 'password' requires 'username' to be set");
    }

    #[test]
    fn secrets_for_ssh() {
        let err = with("ssh://h/x", &[("known_hosts", "k")]).unwrap_err().to_string();
        assert_eq!(err, "invalid 'ssh' auth option: 'identity' is required");
        let err = with("ssh://h/x", &[("identity", "i")]).unwrap_err().to_string();
        assert_eq!(err, "invalid 'ssh' auth option: 'known_hosts' is required");
        let remote =
            with("ssh://me@h/x", &[("identity", "i"), ("known_hosts", "k"), ("username", "ignored")])
                .unwrap();
        assert_eq!(remote.ssh_user(), "me");
        assert_eq!(Remote::new("ssh://h/x").unwrap().ssh_user(), "git");
    }

    #[test]
    fn nothing_shows_a_secret() {
        let mut remote = with(
            "https://u:hunter1@h/x?token=hunter2#hunter3",
            &[("bearerToken", "hunter4"), ("tls.crt", "c"), ("tls.key", "hunter5")],
        )
        .unwrap();
        remote.proxy = Some(Proxy {
            url: Url::parse("http://u:hunter6@p").unwrap(),
            credentials: Some(("u".into(), "hunter7".into())),
        });
        let shown = format!("{remote:?} {:?} {}", remote.tls.client, remote.display_url());
        assert!(!shown.contains("hunter"), "{shown}");
        for url in ["ftp://u:hunter@h/x", "https://u:hunter@", "u:hunter@h:x", "https://u:hunter@h:99999/x"] {
            let text = Remote::new(url).unwrap_err().to_string();
            assert!(!text.contains("hunter"), "{text}");
        }
    }
}
