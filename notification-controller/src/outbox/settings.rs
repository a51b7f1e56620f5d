//! Puts together where and how to send, from a Provider and its Secrets.

use kube::Client;
use sluice_apis::{
    meta::LocalObjectReference,
    notification::v1beta3::{Alert, Provider},
};
use sluice_auth::cloud::{Asker, CloudAccess};
use sluice_notify::{AlertIdentity, CloudService, ConfigError, Settings};

use crate::secrets::{self, Data};

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A Secret cannot be read.
    #[error("failed to get secret '{secret}': {}", secrets::explain(source))]
    Secret {
        /// Namespace and name.
        secret: String,
        /// Why.
        source: kube::Error,
    },
    /// The Secrets or the Provider say something that cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The cloud, or the API server, gives no token for an identity.
    #[error("failed to initialize notifier: {0}")]
    Identity(String),
}

impl SettingsError {
    /// Whether the API server may answer otherwise soon.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Secret { source: kube::Error::Api(status), .. } => status.code >= 500 || status.code == 429,
            Self::Secret { .. } | Self::Identity(_) => true,
            Self::Config(_) => false,
        }
    }
}

/// Reads the Secrets.
pub async fn settings(
    client: &Client,
    alert: &Alert,
    provider: &Provider,
) -> Result<Settings, SettingsError> {
    let spec = &provider.spec;
    let mut settings = Settings::new(spec.type_.clone());
    let meta = &provider.metadata;
    settings.namespace = meta.namespace.clone().unwrap_or_default();
    settings.name = meta.name.clone().unwrap_or_default();
    settings.uid = meta.uid.clone().unwrap_or_default();
    settings.alert = AlertIdentity {
        uid: alert.metadata.uid.clone().unwrap_or_default(),
        namespace: alert.metadata.namespace.clone().unwrap_or_default(),
        name: alert.metadata.name.clone().unwrap_or_default(),
    };
    settings.channel = spec.channel.clone().unwrap_or_default();
    settings.username = spec.username.clone().unwrap_or_default();
    settings.address = spec.address.clone().unwrap_or_default();
    settings.service_account = spec.service_account_name.clone().unwrap_or_default();
    settings.proxy = spec.proxy.clone().filter(|proxy| !proxy.is_empty());
    if let Some(timeout) = spec.timeout {
        settings.timeout = timeout.0;
    }
    let secret = read(client, &settings.namespace, spec.secret_ref.as_ref()).await?;
    if let Some((name, data)) = &secret {
        settings.read_secret(name, data)?;
    }
    if let Some((name, data)) = read(client, &settings.namespace, spec.proxy_secret_ref.as_ref()).await? {
        settings.read_proxy_secret(&name, &data)?;
    }
    match (read(client, &settings.namespace, spec.cert_secret_ref.as_ref()).await?, secret) {
        (Some((name, data)), _) => settings.read_cert_secret(&name, &data)?,
        (None, Some((name, data))) => settings.read_tls_of_secret(&name, &data)?,
        (None, None) => {}
    }
    Ok(settings)
}

/// Gets a token of the cloud, if the service wants one and the Secret has none.
pub async fn identify(clouds: &CloudAccess, settings: &mut Settings) -> Result<(), SettingsError> {
    let Some(service) = settings.wants_identity() else { return Ok(()) };
    let asker = asker(&settings.namespace, &settings.name);
    let account = Some(settings.service_account.as_str()).filter(|name| !name.is_empty());
    let (token, what) = match service {
        CloudService::AzureDevOps => {
            (clouds.azure_dev_ops(asker, account).await, "failed to get token for azure devops")
        }
        CloudService::AzureEventHubs => (
            clouds.azure_event_hubs(asker, account).await,
            "failed to create a eventhub using managed identity: failed to get token for azure event hub",
        ),
        CloudService::GooglePubSub => {
            (clouds.gcp(asker, account).await, "failed to get token for GCP Pub/Sub")
        }
    };
    settings.identity_token = token.map_err(|error| SettingsError::Identity(format!("{what}: {error}")))?;
    Ok(())
}

/// In whose name clouds are asked.
pub fn asker<'a>(namespace: &'a str, name: &'a str) -> Asker<'a> {
    Asker { kind: "Provider", namespace, name, operation: "post" }
}

async fn read(
    client: &Client,
    namespace: &str,
    reference: Option<&LocalObjectReference>,
) -> Result<Option<(String, Data)>, SettingsError> {
    let Some(reference) = reference else { return Ok(None) };
    let secret = format!("{namespace}/{}", reference.name);
    match secrets::read(client, namespace, &reference.name).await {
        Ok(data) => Ok(Some((secret, data))),
        Err(source) => Err(SettingsError::Secret { secret, source }),
    }
}
