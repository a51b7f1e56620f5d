//! The keys that a Kustomization's secrets are decrypted with.

use std::collections::HashMap;
use std::sync::Arc;

use kube::Api;
use serde::Deserialize;
use sluice_apis::k8s::{ConfigMap, Secret};
use sluice_apis::kustomize::v1::{Decryption, Kustomization};
use sluice_apply::clusters::api_message;
use sluice_kms::{Identity, Keyring, ServiceAccount, Vault, VaultLogin};

use super::Kustomizer;
use super::failure::Failure;

/// The one provider there is.
const SOPS: &str = "sops";

/// The entry of the ConfigMap with Vault's logins.
const VAULT_CONFIG: &str = "config.yaml";

/// What the flags say about decryption.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    /// The controller's namespace.
    pub namespace: String,
    /// The Secret with age keys for Kustomizations that name no Secret.
    pub age_secret: String,
    /// The ConfigMap with Vault's logins.
    pub vault_config_map: String,
    /// The service account of Kustomizations that name none.
    pub service_account: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct VaultConfig {
    instances: Vec<VaultInstance>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct VaultInstance {
    address: String,
    login_path: String,
}

impl Kustomizer {
    /// The keys, if the spec asks for decryption. They must be readable even if nothing turns out to be encrypted.
    pub(super) async fn keyring(&self, object: &Kustomization) -> Result<Option<Keyring>, Failure> {
        let Some(decryption) = &object.spec.decryption else { return Ok(None) };
        if decryption.provider.as_str() != SOPS {
            return Ok(None);
        }
        let mut keyring = self.imported(object, decryption).await?;
        let own = decryption.service_account_name.as_deref().filter(|name| !name.is_empty());
        let account = own.unwrap_or(&self.options.keys.service_account);
        let account = if account.is_empty() {
            None
        } else {
            let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
            Some(self.tokens.account(namespace, account).await)
        };
        if let Some(account) = &account {
            // Given credentials win over those of a service account.
            if matches!(keyring.aws, Identity::Surroundings) {
                keyring.aws = Identity::ServiceAccount(Arc::clone(account));
            }
            if matches!(keyring.azure, Identity::Surroundings) {
                keyring.azure = Identity::ServiceAccount(Arc::clone(account));
            }
            if matches!(keyring.gcp, Identity::Surroundings) {
                keyring.gcp = Identity::ServiceAccount(Arc::clone(account));
            }
        }
        if keyring.vault.is_none() {
            keyring.vault = self.vault_login(account).await?;
        }
        Ok(Some(keyring))
    }

    /// The keys that the Secret holds: that of the spec, else the controller's.
    async fn imported(&self, object: &Kustomization, decryption: &Decryption) -> Result<Keyring, Failure> {
        let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
        let keys = &self.options.keys;
        let (namespace, name, what) = match &decryption.secret_ref {
            Some(reference) => (namespace, reference.name.as_str(), "sops decryption Secret"),
            None if keys.age_secret.is_empty() || keys.namespace.is_empty() => return Ok(Keyring::default()),
            None => (keys.namespace.as_str(), keys.age_secret.as_str(), "sops SOPS age decryption Secret"),
        };
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), namespace);
        let secret = secrets.get(name).await.map_err(|error| match error {
            kube::Error::Api(status) if status.code == 404 => Failure::build(status.message),
            error => {
                Failure::build(format!("cannot get {what} '{namespace}/{name}': {}", api_message(&error)))
            }
        })?;
        let only_age = decryption.secret_ref.is_none();
        let mut keyring = Keyring::default();
        for (entry, value) in secret.data.unwrap_or_default() {
            if only_age && !entry.ends_with(".agekey") {
                continue;
            }
            keyring.import(&entry, &value.0).map_err(|error| {
                Failure::build(format!(
                    "failed to import '{entry}' data from {what} '{namespace}/{name}': {error}"
                ))
                .with_detail(error.detail)
            })?;
        }
        Ok(keyring)
    }

    /// How to log in at Vault where the operator allows it.
    async fn vault_login(&self, account: Option<Arc<dyn ServiceAccount>>) -> Result<Option<Vault>, Failure> {
        let keys = &self.options.keys;
        if keys.vault_config_map.is_empty() || keys.namespace.is_empty() {
            return Ok(None);
        }
        let origin = format!("{}/{}", keys.namespace, keys.vault_config_map);
        let fail = |cause: String| Failure::build(format!("Vault ConfigMap '{origin}': {cause}"));
        let maps: Api<ConfigMap> = Api::namespaced(self.client.clone(), &keys.namespace);
        let map = maps.get(&keys.vault_config_map).await.map_err(|error| {
            Failure::build(format!("failed to get Vault ConfigMap '{origin}': {}", api_message(&error)))
        })?;
        let text = map
            .data
            .as_ref()
            .and_then(|data| data.get(VAULT_CONFIG))
            .ok_or_else(|| fail(format!("is missing the '{VAULT_CONFIG}' key")))?;
        let paths = vault_paths(text).map_err(fail)?;
        // Without anything to log in with, files that need Vault say so.
        let account = match account {
            Some(account) => account,
            None => match self.tokens.own().await {
                Ok(account) => account,
                Err(error) => {
                    tracing::debug!(error, "no service account to log in at Vault with");
                    return Ok(None);
                }
            },
        };
        Ok(Some(Vault::Login(Arc::new(VaultLogin::new(account, paths, origin)))))
    }
}

/// The login path of each address.
fn vault_paths(text: &str) -> Result<HashMap<String, String>, String> {
    let fail = |cause: String| format!("failed to parse '{VAULT_CONFIG}': {cause}");
    let root = sluice_yaml::parse_first(text).map_err(|error| fail(error.to_string()))?;
    let json = root.unwrap_or_default().to_json(sluice_yaml::Version::V2);
    let json = json.map_err(|error| fail(error.to_string()))?;
    let config: VaultConfig = serde_json::from_value(json).map_err(|error| fail(error.to_string()))?;
    Ok(config.instances.into_iter().map(|instance| (instance.address, instance.login_path)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vault_logins_are_read() {
        let text = "instances:\n- address: https://vault:8200\n  loginPath: auth/kubernetes/login\n";
        let paths = vault_paths(text).unwrap();
        assert_eq!(paths["https://vault:8200"], "auth/kubernetes/login");
        assert!(vault_paths("instances: x").unwrap_err().starts_with("failed to parse 'config.yaml': "));
    }
}
