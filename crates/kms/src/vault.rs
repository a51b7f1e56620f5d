//! The transit engine of HashiCorp Vault and OpenBao.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sluice_http::{ClientCertificate, Tls};
use url::Url;
use zeroize::Zeroizing;

use crate::http::{client_with, send_json};
use crate::identity::{ServiceAccount, read_file, variable};
use crate::jwt;

/// How a server is shown who asks.
#[derive(Clone)]
pub enum Vault {
    /// With this token, whatever the server.
    Token(Zeroizing<String>),
    /// With a service account's token, at servers that the operator trusts.
    Login(Arc<VaultLogin>),
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault(…)")
    }
}

/// Logs in with a service account's token.
pub struct VaultLogin {
    /// Whose token.
    pub account: Arc<dyn ServiceAccount>,
    /// The login path of each server that is trusted, by its address as files name it.
    pub paths: HashMap<String, String>,
    /// Where the paths come from, for messages.
    pub origin: String,
    tokens: Mutex<HashMap<String, Zeroizing<String>>>,
}

impl VaultLogin {
    /// Nothing is asked yet.
    pub fn new(account: Arc<dyn ServiceAccount>, paths: HashMap<String, String>, origin: String) -> Self {
        Self { account, paths, origin, tokens: Mutex::default() }
    }

    async fn token(&self, address: &str) -> Result<Zeroizing<String>, String> {
        if let Some(token) = self.tokens.lock().unwrap_or_else(PoisonError::into_inner).get(address) {
            return Ok(token.clone());
        }
        let path = self.paths.get(address).filter(|path| !path.is_empty()).ok_or_else(|| {
            format!("no Vault login path configured for address '{address}' in ConfigMap '{}'", self.origin)
        })?;
        let jwt =
            self.account.token(&[address.to_owned()]).await.map_err(|error| {
                format!("failed to issue Kubernetes token for Vault authentication: {error}")
            })?;
        let (namespace, name) = jwt::service_account(&jwt)
            .map_err(|error| format!("failed to derive Vault role for authentication: {error}"))?;
        let role = format!("{namespace}_{name}");
        let login = request(address, path, None)?.json(&json!({"role": role, "jwt": jwt}));
        let answer: Value = send_json(login, errors).await.map_err(|error| {
            format!("failed to authenticate with Vault '{address}' at login path '{path}' as role '{role}': {error}")
        })?;
        let token =
            answer["auth"]["client_token"].as_str().filter(|token| !token.is_empty()).ok_or_else(|| {
                format!("Vault '{address}' returned no token for login at '{path}' as role '{role}'")
            })?;
        let token = Zeroizing::new(token.to_owned());
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner).insert(address.to_owned(), token.clone());
        Ok(token)
    }
}

/// Decrypts a data key.
pub(crate) async fn decrypt(
    vault: &Vault,
    address: &str,
    engine: &str,
    key: &str,
    encrypted: &str,
) -> Result<Vec<u8>, String> {
    let token = match vault {
        Vault::Token(token) => token.clone(),
        Vault::Login(login) => login.token(address).await?,
    };
    let path = format!("{}/decrypt/{key}", engine.trim_matches('/'));
    let fail = |error: String| {
        format!("failed to decrypt sops data key from Vault transit backend '{path}': {error}")
    };
    let request = request(address, &path, Some(&token))?.json(&json!({"ciphertext": encrypted}));
    let answer: Value = send_json(request, errors).await.map_err(fail)?;
    let plain = answer["data"]["plaintext"].as_str().ok_or_else(|| fail("no decrypted data".to_owned()))?;
    STANDARD.decode(plain).map_err(|_| fail("cannot decode base64 plaintext into data key bytes".to_owned()))
}

fn request(address: &str, path: &str, token: Option<&str>) -> Result<reqwest::RequestBuilder, String> {
    let fail = |why: &str| format!("cannot create Vault client: address '{address}': {why}");
    let mut url = Url::parse(address).map_err(|error| fail(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(fail("it is neither http nor https"));
    }
    url.path_segments_mut()
        .map_err(|()| fail("it is no address of a server"))?
        .pop_if_empty()
        .push("v1")
        .extend(path.split('/').filter(|part| !part.is_empty() && *part != "..").collect::<Vec<_>>());
    let mut request = client_with(tls()?)?.post(url).header("X-Vault-Request", "true");
    if let Some(token) = token {
        request = request.header("X-Vault-Token", token);
    }
    if let Some(namespace) = variable("VAULT_NAMESPACE") {
        request = request.header("X-Vault-Namespace", namespace);
    }
    Ok(request)
}

/// TLS as the variables of Vault's own tools say.
fn tls() -> Result<Tls, String> {
    let file = |name: &str| match variable(name) {
        Some(path) => std::fs::read(&path).map(Some).map_err(|error| format!("{name}: read {path}: {error}")),
        None => Ok(None),
    };
    let client = match (file("VAULT_CLIENT_CERT")?, file("VAULT_CLIENT_KEY")?) {
        (Some(certificate), Some(key)) => Some(ClientCertificate { certificate, key }),
        _ => None,
    };
    let skip =
        variable("VAULT_SKIP_VERIFY").is_some_and(|value| matches!(value.as_str(), "1" | "t" | "true"));
    let ca = match file("VAULT_CACERT")? {
        Some(ca) => Some(ca),
        None => variable("VAULT_CAPATH").map(|path| read_directory(&path)).transpose()?,
    };
    Ok(Tls { ca, client, accept_any: skip })
}

fn read_directory(path: &str) -> Result<Vec<u8>, String> {
    let fail = |error: std::io::Error| format!("VAULT_CAPATH: read {path}: {error}");
    let mut all = String::new();
    for entry in std::fs::read_dir(path).map_err(fail)? {
        let file = entry.map_err(fail)?.path();
        if file.is_file() {
            all.push_str(&read_file(&file.to_string_lossy())?);
            all.push('\n');
        }
    }
    Ok(all.into_bytes())
}

/// The server's own messages.
fn errors(answer: &Value) -> Option<String> {
    let errors = answer["errors"].as_array()?;
    Some(errors.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("; "))
}
