//! Where and how a provider's events are sent.

use std::{collections::BTreeMap, fmt, time::Duration};

use sluice_apis::notification::v1beta3::ProviderType;

use crate::providers;

/// Seconds that sending may take when the provider says nothing.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(15);

/// A provider's settings, after its Secrets were read. `Debug` shows no credentials.
#[derive(Clone, Eq, PartialEq)]
pub struct Settings {
    /// The service.
    pub kind: ProviderType,
    /// Namespace of the Provider.
    pub namespace: String,
    /// Name of the Provider.
    pub name: String,
    /// UID of the Provider; marks comments and commit statuses as its own.
    pub uid: String,
    /// The Alert on whose behalf events are sent.
    pub alert: AlertIdentity,
    /// `spec.address`, or the Secret's.
    pub address: String,
    /// `spec.channel`: room, topic, project, routing key.
    pub channel: String,
    /// `spec.username`, or the Secret's if it has a password too.
    pub username: String,
    /// The Secret's `password`.
    pub password: String,
    /// The Secret's `token`, as it stands there.
    pub token: String,
    /// The Secret's `headers`.
    pub headers: BTreeMap<String, String>,
    /// URL of a proxy, with its credentials.
    pub proxy: Option<String>,
    /// Authorities and client certificate.
    pub tls: Option<Tls>,
    /// How long one notification may take, attempts and waits included.
    pub timeout: Duration,
    /// The service account whose identity is to be used.
    pub service_account: String,
    /// A token of the cloud for that identity, or for the controller's own; see [`Settings::wants_identity`].
    pub identity_token: String,
    /// Id of the commit status, for Git hosts.
    pub commit_status: String,
    /// All data of the Secret of `secretRef`: NATS credentials, GitHub App and the like.
    pub secret: BTreeMap<String, Vec<u8>>,
}

/// A service that takes tokens of its cloud.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CloudService {
    /// Azure DevOps.
    AzureDevOps,
    /// Azure Event Hubs.
    AzureEventHubs,
    /// Google Pub/Sub.
    GooglePubSub,
}

/// The Alert that an event was matched by.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AlertIdentity {
    /// Its UID.
    pub uid: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// What a TLS connection is checked with.
#[derive(Clone, Default, Eq, Hash, PartialEq)]
pub struct Tls {
    /// PEM certificates of the authorities that are trusted instead of the system's.
    pub ca: Option<Vec<u8>>,
    /// The client's certificate and key.
    pub client: Option<ClientCertificate>,
}

/// A client certificate, both parts PEM.
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct ClientCertificate {
    /// The chain, the client's certificate first.
    pub certificate: Vec<u8>,
    /// The private key.
    pub key: Vec<u8>,
}

impl Settings {
    /// Settings of a service with nothing but the default timeout.
    pub fn new(kind: ProviderType) -> Self {
        Self {
            kind,
            namespace: String::new(),
            name: String::new(),
            uid: String::new(),
            alert: AlertIdentity::default(),
            address: String::new(),
            channel: String::new(),
            username: String::new(),
            password: String::new(),
            token: String::new(),
            headers: BTreeMap::new(),
            proxy: None,
            tls: None,
            timeout: DEFAULT_TIMEOUT,
            service_account: String::new(),
            identity_token: String::new(),
            commit_status: String::new(),
            secret: BTreeMap::new(),
        }
    }

    /// Which service of a cloud has to be shown an identity, because the Secret brings no credentials for it. A token
    /// for it belongs in `identity_token`.
    pub fn wants_identity(&self) -> Option<CloudService> {
        if !self.token.trim().is_empty() {
            return None;
        }
        match self.kind {
            ProviderType::AzureDevOps => Some(CloudService::AzureDevOps),
            ProviderType::AzureEventHub if providers::needs_identity(&self.address) => {
                Some(CloudService::AzureEventHubs)
            }
            ProviderType::GooglePubSub => {
                let named = !self.address.is_empty() && !self.channel.is_empty();
                (named && providers::pub_sub_emulator().is_none()).then_some(CloudService::GooglePubSub)
            }
            _ => None,
        }
    }

    /// The token, or the password in its stead: some Git hosts take either.
    pub(crate) fn token_or_password(&self) -> &str {
        if self.token.is_empty() { &self.password } else { &self.token }
    }

    /// The text of one key of the Secret, if it is there and UTF-8.
    pub(crate) fn secret_text(&self, key: &str) -> Option<&str> {
        self.secret.get(key).and_then(|value| std::str::from_utf8(value).ok())
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("kind", &self.kind.as_str())
            .field("namespace", &self.namespace)
            .field("name", &self.name)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("ca", &self.ca.is_some()).field("client", &self.client.is_some()).finish()
    }
}
