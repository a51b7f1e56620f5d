//! Credentials, certificates and proxy for a registry.

use kube::Client;
use sluice_http::{Proxy, Tls};
use sluice_oci::Keychain;

use crate::secrets;

/// Why there are no credentials.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// The Secret with them can't be read.
    #[error("failed to get secret '{namespace}/{name}': {cause}")]
    Secret {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// What the API server said.
        cause: String,
    },
    /// What was read is of no use.
    #[error("{0}")]
    Unusable(String),
}

/// The credentials of a Secret and of a service account; None if neither is named or the account has none.
pub async fn keychain(
    client: &Client,
    namespace: &str,
    secret: Option<&str>,
    service_account: Option<&str>,
) -> Result<Option<Keychain>, CredentialError> {
    let unusable = |name: &str, error: &dyn std::fmt::Display| {
        CredentialError::Unusable(format!("secret '{namespace}/{name}': {error}"))
    };
    let mut keychain = Keychain::default();
    let mut found = false;
    if let Some(name) = secret {
        let data = secrets::read(client, namespace, name).await.map_err(|error| CredentialError::Secret {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            cause: error.cause(),
        })?;
        // As in Flux, a Secret of another kind is passed over: what is public can be had without.
        secrets::add_docker_config(&mut keychain, &data).map_err(|error| unusable(name, &error))?;
        found = true;
    }
    if let Some(account) = service_account.filter(|name| !name.is_empty()) {
        let secrets = secrets::pull_secrets(client, namespace, account).await;
        for (name, data) in secrets.map_err(CredentialError::Unusable)? {
            // As the kubelet does, a pull secret of another kind is passed over.
            secrets::add_docker_config(&mut keychain, &data).map_err(|error| unusable(&name, &error))?;
            found = true;
        }
    }
    Ok(found.then_some(keychain))
}

/// The proxy that a Secret describes, if one is named.
pub async fn proxy(client: &Client, namespace: &str, secret: Option<&str>) -> Result<Option<Proxy>, String> {
    let Some(name) = secret else { return Ok(None) };
    let data = secrets::read(client, namespace, name).await.map_err(|error| error.to_string())?;
    secrets::proxy(&data, namespace, name).map(Some)
}

/// Trust and identity as a Secret describes them, if one is named. Whoever asks for an insecure connection and gives
/// no authority takes any.
pub async fn tls(
    client: &Client,
    namespace: &str,
    secret: Option<&str>,
    insecure: bool,
) -> Result<Tls, String> {
    let Some(name) = secret.filter(|name| !name.is_empty()) else {
        return Ok(Tls { accept_any: insecure, ..Tls::default() });
    };
    let data = secrets::read(client, namespace, name).await.map_err(|error| error.to_string())?;
    secrets::tls(&data, namespace, name)
}
