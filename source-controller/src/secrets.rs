//! Reading of Secrets that sources refer to.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kube::{Api, Client};
use sluice_apis::k8s::Secret;
use sluice_http::Proxy;

/// The data of a Secret by key.
pub(crate) type Data = BTreeMap<String, Vec<u8>>;

/// Longest proxy address in characters.
const MAX_PROXY_ADDRESS: usize = 2048;

/// Why a Secret could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretError {
    /// There is no such Secret.
    #[error("secret '{namespace}/{name}' not found")]
    NotFound {
        namespace: String,
        name: String,
        /// What the API server said.
        source: Box<kube::Error>,
    },
    /// The API server could not be asked, or refused.
    #[error("failed to get secret '{namespace}/{name}': {}", text(source))]
    Api { namespace: String, name: String, source: Box<kube::Error> },
}

impl SecretError {
    /// What the API server said.
    pub(crate) fn cause(&self) -> String {
        match self {
            Self::NotFound { source, .. } | Self::Api { source, .. } => text(source),
        }
    }
}

/// The message of an error of the API server without its code and reason.
fn text(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status.message.clone(),
        other => other.to_string(),
    }
}

/// Reads a Secret.
pub(crate) async fn read(client: &Client, namespace: &str, name: &str) -> Result<Data, SecretError> {
    let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let secret = api.get(name).await.map_err(|error| {
        let (namespace, name) = (namespace.to_owned(), name.to_owned());
        match error {
            kube::Error::Api(ref status) if status.code == 404 => {
                SecretError::NotFound { namespace, name, source: Box::new(error) }
            }
            error => SecretError::Api { namespace, name, source: Box::new(error) },
        }
    })?;
    Ok(secret.data.unwrap_or_default().into_iter().map(|(key, value)| (key, value.0)).collect())
}

/// The proxy that a Secret describes. Errors never repeat the address: it may hold credentials.
pub(crate) fn proxy(data: &Data, namespace: &str, name: &str) -> Result<Proxy, String> {
    let secret = format!("secret '{namespace}/{name}'");
    let field = |key: &str| data.get(key).map(|value| String::from_utf8_lossy(value).into_owned());
    let address = field("address").ok_or_else(|| format!("{secret}: key 'address' not found"))?;
    if address.is_empty() {
        return Err(format!("{secret}: proxy address is empty"));
    }
    if address.len() > MAX_PROXY_ADDRESS {
        return Err(format!("{secret}: proxy URL exceeds maximum length of {MAX_PROXY_ADDRESS} characters"));
    }
    let mut url: url::Url =
        address.parse().map_err(|error| format!("{secret}: failed to parse proxy address: {error}"))?;
    if !matches!(url.scheme(), "http" | "https" | "socks5") {
        let scheme = url.scheme();
        return Err(format!(
            "{secret}: proxy URL must use one of the supported schemes (http, https, socks5), got '{scheme}'"
        ));
    }
    let in_url = (!url.username().is_empty())
        .then(|| (url.username().to_owned(), url.password().unwrap_or_default().to_owned()));
    let credentials = match (field("username"), field("password")) {
        (Some(user), password) => Some((user, password.unwrap_or_default())),
        (None, _) => in_url,
    };
    // Fails only for URLs without a host, which have no credentials either.
    let _ = (url.set_username(""), url.set_password(None));
    Ok(Proxy { url, credentials })
}

/// Whether a private key in PEM needs a passphrase.
pub(crate) fn is_encrypted_key(pem: &[u8]) -> bool {
    let text = String::from_utf8_lossy(pem);
    let openssh = "OPENSSH PRIVATE KEY-----";
    let body = text.split_once(openssh).and_then(|(_, rest)| rest.split_once("-----"));
    let Some((body, _)) = body else {
        // PKCS#8 says so in its label, the older formats in a header.
        return text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----")
            || text.contains("Proc-Type: 4,ENCRYPTED");
    };
    let body: String = body.split_whitespace().collect();
    let decoded = STANDARD.decode(body).unwrap_or_default();
    // The name of the cipher follows the magic, as a string with its length before it.
    let cipher = decoded.strip_prefix(b"openssh-key-v1\0").and_then(|rest| rest.get(4..));
    cipher.is_some_and(|cipher| !cipher.starts_with(b"none"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(pairs: &[(&str, &str)]) -> Data {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), v.as_bytes().to_vec())).collect()
    }

    #[test]
    fn a_proxy_needs_a_usable_address() {
        let error = |pairs: &[(&str, &str)]| proxy(&data(pairs), "ns", "p").err().unwrap_or_default();
        assert_eq!(error(&[]), "secret 'ns/p': key 'address' not found");
        assert_eq!(error(&[("address", "")]), "secret 'ns/p': proxy address is empty");
        assert!(error(&[("address", "ftp://x")]).contains("got 'ftp'"));
        assert!(error(&[("address", &format!("http://{}", "x".repeat(2100)))]).contains("2048"));
        assert!(!error(&[("address", "u:secret@host:99999999")]).contains("u:secret"));
    }

    #[test]
    fn credentials_come_from_the_keys_then_from_the_address() {
        let of = |pairs: &[(&str, &str)]| proxy(&data(pairs), "ns", "p").unwrap();
        let plain = of(&[("address", "http://proxy:3128")]);
        assert_eq!((plain.url.as_str(), plain.credentials), ("http://proxy:3128/", None));
        let keys = of(&[("address", "socks5://a:b@proxy:1"), ("username", "u"), ("password", "p")]);
        assert_eq!(keys.credentials, Some(("u".to_owned(), "p".to_owned())));
        let address = of(&[("address", "http://a:b@proxy:1")]);
        assert_eq!(address.credentials, Some(("a".to_owned(), "b".to_owned())));
        assert_eq!(address.url.as_str(), "http://proxy:1/");
    }

    #[test]
    fn encrypted_keys_are_told_from_plain_ones() {
        let openssh = |cipher: &str| {
            let mut raw = b"openssh-key-v1\0".to_vec();
            raw.extend_from_slice(&(cipher.len() as u32).to_be_bytes());
            raw.extend_from_slice(cipher.as_bytes());
            raw.extend_from_slice(&[0; 60]);
            let body = STANDARD.encode(raw);
            let (one, two) = body.split_at(64);
            format!("-----BEGIN OPENSSH PRIVATE KEY-----\n{one}\n{two}\n-----END OPENSSH PRIVATE KEY-----\n")
        };
        assert!(is_encrypted_key(openssh("aes256-ctr").as_bytes()));
        assert!(!is_encrypted_key(openssh("none").as_bytes()));
        assert!(is_encrypted_key(b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nMII"));
        assert!(is_encrypted_key(b"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n"));
        assert!(!is_encrypted_key(b"-----BEGIN RSA PRIVATE KEY-----\nMII"));
        assert!(!is_encrypted_key(b"-----BEGIN OPENSSH PRIVATE KEY-----\nnot base64\n"));
    }
}
