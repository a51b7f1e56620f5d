//! Reading of Secrets that objects refer to.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kube::{Api, Client};
use sluice_apis::k8s::{Secret, ServiceAccount};
use sluice_http::{ClientCertificate, Proxy, Tls};
use sluice_oci::{Keychain, KeychainError};

/// The data of a Secret by key.
pub type Data = BTreeMap<String, Vec<u8>>;

/// Longest proxy address in characters.
const MAX_PROXY_ADDRESS: usize = 2048;

/// Why a Secret could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// There is no such Secret.
    #[error("secret '{namespace}/{name}' not found")]
    NotFound {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// What the API server said.
        source: Box<kube::Error>,
    },
    /// The API server could not be asked, or refused.
    #[error("failed to get secret '{namespace}/{name}': {}", text(source))]
    Api {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// What the API server said.
        source: Box<kube::Error>,
    },
}

impl SecretError {
    /// What the API server said.
    pub fn cause(&self) -> String {
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

/// Reads the data of a Secret.
pub async fn read(client: &Client, namespace: &str, name: &str) -> Result<Data, SecretError> {
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
pub fn proxy(data: &Data, namespace: &str, name: &str) -> Result<Proxy, String> {
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

/// Trust and identity as a Secret describes them, with Flux's keys or their older names.
pub fn tls(data: &Data, namespace: &str, name: &str) -> Result<Tls, String> {
    let field =
        |key: &str, old: &str| data.get(key).or_else(|| data.get(old)).filter(|v| !v.is_empty()).cloned();
    let secret = format!("secret '{namespace}/{name}'");
    let ca = field("ca.crt", "caFile");
    let client = match (field("tls.crt", "certFile"), field("tls.key", "keyFile")) {
        (Some(certificate), Some(key)) => Some(ClientCertificate { certificate, key }),
        (Some(_), None) => return Err(format!("{secret} contains 'tls.crt' but missing 'tls.key'")),
        (None, Some(_)) => return Err(format!("{secret} contains 'tls.key' but missing 'tls.crt'")),
        (None, None) if ca.is_none() => {
            return Err(format!("{secret} must contain either 'ca.crt' or both 'tls.crt' and 'tls.key'"));
        }
        (None, None) => None,
    };
    Ok(Tls { ca, client, accept_any: false })
}

/// Adds a Secret's credentials for registries; whether it has any.
pub fn add_docker_config(keychain: &mut Keychain, data: &Data) -> Result<bool, KeychainError> {
    let field = |key: &str| data.get(key).filter(|value| !value.is_empty());
    let (config, legacy) = (field(".dockerconfigjson"), field(".dockercfg"));
    config.map_or(Ok(()), |json| keychain.add_config(json))?;
    legacy.map_or(Ok(()), |json| keychain.add_legacy_config(json))?;
    Ok(config.is_some() || legacy.is_some())
}

/// The Secrets with which a service account pulls images, by name.
pub async fn pull_secrets(
    client: &Client,
    namespace: &str,
    service_account: &str,
) -> Result<Vec<(String, Data)>, String> {
    let api: Api<ServiceAccount> = Api::namespaced(client.clone(), namespace);
    let who = format!("serviceaccount '{namespace}/{service_account}'");
    let account = api.get(service_account).await.map_err(|error| match error {
        kube::Error::Api(ref status) if status.code == 404 => format!("{who} not found"),
        error => format!("failed to get {who}: {}", text(&error)),
    })?;
    let mut found = Vec::new();
    for reference in account.image_pull_secrets.unwrap_or_default() {
        let data = read(client, namespace, &reference.name)
            .await
            .map_err(|error| format!("failed to get image pull secret for {who}: {error}"))?;
        found.push((reference.name, data));
    }
    Ok(found)
}

/// Whether a private key in PEM needs a passphrase.
pub fn is_encrypted_key(pem: &[u8]) -> bool {
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
    fn tls_needs_a_ca_or_a_pair() {
        let of = |pairs: &[(&str, &str)]| tls(&data(pairs), "ns", "t");
        let error = |pairs: &[(&str, &str)]| of(pairs).unwrap_err();
        assert_eq!(error(&[]), "secret 'ns/t' must contain either 'ca.crt' or both 'tls.crt' and 'tls.key'");
        assert_eq!(error(&[("tls.crt", "c")]), "secret 'ns/t' contains 'tls.crt' but missing 'tls.key'");
        assert_eq!(
            error(&[("ca.crt", "a"), ("keyFile", "k")]),
            "secret 'ns/t' contains 'tls.key' but missing 'tls.crt'"
        );
        let pair = of(&[("certFile", "old"), ("tls.crt", "new"), ("tls.key", "k"), ("caFile", "a")]).unwrap();
        assert_eq!(pair.client.unwrap().certificate, b"new");
        assert_eq!(pair.ca.as_deref(), Some(&b"a"[..]));
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
