//! What the keys of a provider's Secrets mean.

use std::collections::BTreeMap;

use sluice_apis::notification::v1beta3::ProviderType;
use url::Url;

use crate::{
    error::ConfigError,
    settings::{ClientCertificate, Settings, Tls},
};

/// Bytes of an address or proxy URL in a Secret.
const ADDRESS_LIMIT: usize = 2048;

type Data = BTreeMap<String, Vec<u8>>;

impl Settings {
    /// Takes over what the Secret of `secretRef` says. `secret` names it, as `namespace/name`.
    ///
    /// Call it after the fields of the Provider itself are set: the Secret's address and user win.
    pub fn read_secret(&mut self, secret: &str, data: &Data) -> Result<(), ConfigError> {
        if let Some(address) = data.get("address") {
            if address.len() > ADDRESS_LIMIT {
                return Err(ConfigError::LongAddress { limit: ADDRESS_LIMIT });
            }
            text(address).trim().clone_into(&mut self.address);
        }
        if let Some(proxy) = data.get("proxy") {
            let proxy = text(proxy).trim().to_owned();
            if !proxy.is_empty() && Url::parse(&proxy).is_err() {
                return Err(ConfigError::SecretProxy { secret: secret.to_owned() });
            }
            self.proxy = Some(proxy).filter(|proxy| !proxy.is_empty());
        }
        if let Some(headers) = data.get("headers") {
            self.headers = read_headers(&text(headers)).map_err(ConfigError::Headers)?;
        }
        if is_well_formed(data) {
            if let Some(token) = data.get("token") {
                self.token = text(token);
            }
            if let (Some(username), Some(password)) = (data.get("username"), data.get("password")) {
                self.username = text(username);
                self.password = text(password);
            }
        }
        self.secret.clone_from(data);
        Ok(())
    }

    /// Takes over what the Secret of `proxySecretRef` says. `secret` names it, as `namespace/name`.
    pub fn read_proxy_secret(&mut self, secret: &str, data: &Data) -> Result<(), ConfigError> {
        let refuse = |reason: String| Err(ConfigError::ProxySecret(format!("secret '{secret}': {reason}")));
        let Some(address) = data.get("address") else {
            return refuse("key 'address' not found".to_owned());
        };
        let address = text(address);
        if address.is_empty() {
            return refuse("proxy address is empty".to_owned());
        }
        if address.len() > ADDRESS_LIMIT {
            return refuse(format!("proxy URL exceeds maximum length of {ADDRESS_LIMIT} characters"));
        }
        let mut url = match Url::parse(&address) {
            Ok(url) => url,
            Err(url::ParseError::RelativeUrlWithoutBase) => return refuse(unsupported_scheme("")),
            Err(error) => return refuse(format!("failed to parse proxy address '{address}': {error}")),
        };
        if !["http", "https", "socks5"].contains(&url.scheme()) {
            return refuse(unsupported_scheme(url.scheme()));
        }
        if let Some(username) = data.get("username") {
            let password = data.get("password").map(|password| text(password));
            let set = url.set_username(&text(username)).and_then(|()| url.set_password(password.as_deref()));
            if set.is_err() {
                return refuse("the address takes no credentials".to_owned());
            }
        }
        self.proxy = Some(url.into());
        Ok(())
    }

    /// Takes over the certificates of the Secret of `certSecretRef`. `secret` names it, as `namespace/name`.
    pub fn read_cert_secret(&mut self, secret: &str, data: &Data) -> Result<(), ConfigError> {
        self.tls = Some(read_tls(secret, data).map_err(ConfigError::Tls)?);
        Ok(())
    }

    /// Takes over certificates of the Secret of `secretRef`, which hosts of Git may have there. To be called when
    /// there is no `certSecretRef`; does nothing for other services.
    pub fn read_tls_of_secret(&mut self, secret: &str, data: &Data) -> Result<(), ConfigError> {
        let hosts_git = matches!(
            self.kind,
            ProviderType::GitHub
                | ProviderType::GitLab
                | ProviderType::Gitea
                | ProviderType::BitbucketServer
                | ProviderType::Bitbucket
                | ProviderType::AzureDevOps
        );
        if !hosts_git {
            return Ok(());
        }
        if let Some(fault) = auth_fault(secret, data) {
            return Err(ConfigError::Tls(fault));
        }
        if let Ok(tls) = read_tls(secret, data) {
            self.tls = Some(tls);
        }
        Ok(())
    }
}

fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value).into_owned()
}

fn unsupported_scheme(scheme: &str) -> String {
    format!("proxy URL must use one of the supported schemes (http, https, socks5), got '{scheme}'")
}

fn read_tls(secret: &str, data: &Data) -> Result<Tls, String> {
    let get = |key: &str, legacy: &str| {
        data.get(key).or_else(|| data.get(legacy)).filter(|value| !value.is_empty()).cloned()
    };
    let (certificate, key) = (get("tls.crt", "certFile"), get("tls.key", "keyFile"));
    let ca = get("ca.crt", "caFile");
    let client = match (certificate, key) {
        (Some(certificate), Some(key)) => Some(ClientCertificate { certificate, key }),
        (Some(_), None) => return Err(format!("secret '{secret}' contains 'tls.crt' but missing 'tls.key'")),
        (None, Some(_)) => return Err(format!("secret '{secret}' contains 'tls.key' but missing 'tls.crt'")),
        (None, None) if ca.is_none() => {
            return Err(format!(
                "secret '{secret}' must contain either 'ca.crt' or both 'tls.crt' and 'tls.key'"
            ));
        }
        (None, None) => None,
    };
    let tls = Tls { ca, client };
    crate::http::tls::check(&tls)?;
    Ok(tls)
}

/// Whether the credentials are whole. One that is not makes all of them count as absent, as in Flux.
fn is_well_formed(data: &Data) -> bool {
    auth_fault("", data).is_none()
}

fn auth_fault(secret: &str, data: &Data) -> Option<String> {
    let has = |key: &str| data.contains_key(key);
    match (has("username"), has("password")) {
        (true, false) => {
            return Some(format!(
                "secret '{secret}': malformed basic auth - has 'username' but missing 'password'"
            ));
        }
        (false, true) => {
            return Some(format!(
                "secret '{secret}': malformed basic auth - has 'password' but missing 'username'"
            ));
        }
        _ => {}
    }
    let (owner, installation) = ("githubAppInstallationOwner", "githubAppInstallationID");
    if has("githubAppID") && has("githubAppPrivateKey") && has(owner) == has(installation) {
        return Some(format!("secret '{secret}' must contain exactly one of '{owner}' or '{installation}'"));
    }
    // Parts of a certificate pair are passed over; whole ones that can't be read are not.
    let tls = |key: &str, legacy: &str| data.get(key).or_else(|| data.get(legacy)).filter(|v| !v.is_empty());
    let pair = (tls("tls.crt", "certFile"), tls("tls.key", "keyFile"));
    if pair.0.is_some() != pair.1.is_some() {
        return None;
    }
    let candidate = Tls {
        ca: tls("ca.crt", "caFile").cloned(),
        client: pair.0.zip(pair.1).map(|(certificate, key)| ClientCertificate {
            certificate: certificate.clone(),
            key: key.clone(),
        }),
    };
    crate::http::tls::check(&candidate).err()
}

fn read_headers(yaml: &str) -> Result<BTreeMap<String, String>, String> {
    let Some(node) = sluice_yaml::parse_first(yaml).map_err(|error| error.to_string())? else {
        return Ok(BTreeMap::new());
    };
    let json = node.to_json(sluice_yaml::Version::V2).map_err(|error| error.to_string())?;
    let fields = match json {
        serde_json::Value::Null => return Ok(BTreeMap::new()),
        serde_json::Value::Object(fields) => fields,
        _ => return Err("not a map of strings".to_owned()),
    };
    let read = |(key, value): (String, serde_json::Value)| match value {
        serde_json::Value::String(text) => Ok((key, text)),
        // Numbers and booleans stand for their text, as in all of Kubernetes' YAML.
        serde_json::Value::Number(number) => Ok((key, number.to_string())),
        serde_json::Value::Bool(flag) => Ok((key, flag.to_string())),
        serde_json::Value::Null => Ok((key, String::new())),
        _ => Err(format!("the value of '{key}' is not a string")),
    };
    fields.into_iter().map(read).collect()
}
