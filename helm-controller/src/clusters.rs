//! The clusters that HelmReleases are released to, and the identities they are released with.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderName, HeaderValue, Request};
use kube::client::Body;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use sluice_apis::helm::v2::HelmRelease;
use sluice_apis::k8s::{Secret, ServiceAccount};
use sluice_apis::meta::SecretKeyReference;
use sluice_apply::{Cluster, ClusterCache};
use tower::service_fn;

/// How many remote clusters are kept connected at once.
const MAX_REMOTES: usize = 256;

/// How long a remote API server may take to answer.
const REMOTE_TIMEOUT: Duration = Duration::from_secs(30);

const IMPERSONATE_USER: HeaderName = HeaderName::from_static("impersonate-user");

/// Why there is no client for a release's cluster.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The Secret can't be read.
    #[error("could not get KubeConfig secret '{secret}': {cause}")]
    Secret {
        /// Namespace and name.
        secret: String,
        /// What the API server says.
        cause: String,
        /// Whether there is no such Secret.
        is_missing: bool,
    },
    /// The Secret has no such key.
    #[error("KubeConfig secret '{secret}' does not contain a {keys} key with data")]
    Key {
        /// Namespace and name.
        secret: String,
        /// The keys that were looked for.
        keys: String,
    },
    /// The kubeconfig can't be used. The text never holds what the Secret holds.
    #[error("KubeConfig secret '{secret}' holds no usable kubeconfig: {cause}")]
    KubeConfig {
        /// Namespace and name.
        secret: String,
        /// What is wrong with it.
        cause: String,
    },
    /// A service account name that no HTTP header can carry.
    #[error("service account name {0:?} is not valid")]
    ServiceAccount(String),
    /// Authentication through a cloud provider is not there yet.
    #[error("spec.kubeConfig.configMapRef is not supported by this version: use spec.kubeConfig.secretRef")]
    ConfigMapRef,
}

impl Error {
    /// Whether the Secret with the kubeconfig does not exist.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Secret { is_missing: true, .. })
    }
}

/// What the flags say about clusters and identities.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// The service account to impersonate where a HelmRelease names none.
    pub default_service_account: String,
    /// Keep credential plugins in kubeconfigs.
    pub insecure_exec: bool,
    /// Keep switched-off verification of certificates in kubeconfigs.
    pub insecure_tls: bool,
}

/// Clients for the own cluster and remote ones. What clients of one cluster can share, they share.
pub struct Clusters {
    client: Client,
    own: Arc<ClusterCache>,
    policy: Policy,
    remotes: Mutex<HashMap<blake3::Hash, (Client, Arc<ClusterCache>)>>,
}

impl Clusters {
    /// `client` is the controller's own.
    pub fn new(client: Client, policy: Policy) -> Self {
        let own = ClusterCache::new(client.clone());
        Self { client, own, policy, remotes: Mutex::default() }
    }

    /// The cluster that a HelmRelease is released to, reached with the identity it asks for.
    pub async fn target(&self, object: &HelmRelease) -> Result<Cluster, Error> {
        let (client, cache) = match &object.spec.kube_config {
            None => (self.client.clone(), Arc::clone(&self.own)),
            Some(reference) => match &reference.secret_ref {
                Some(secret) => self.remote(object, secret).await?,
                None => return Err(Error::ConfigMapRef),
            },
        };
        let client = match self.user(object) {
            Some(user) => impersonate(client, &user)?,
            None => client,
        };
        Ok(Cluster::new(client, cache))
    }

    /// The service account that a HelmRelease is released with, if it isn't the controller's own.
    pub fn service_account<'a>(&'a self, object: &'a HelmRelease) -> Option<&'a str> {
        let own = object.spec.service_account_name.as_deref().filter(|name| !name.is_empty());
        own.or(Some(self.policy.default_service_account.as_str())).filter(|name| !name.is_empty())
    }

    /// Whether the service account is there to be impersonated; without one there is nothing to check.
    pub async fn can_impersonate(&self, object: &HelmRelease) -> Result<bool, kube::Error> {
        let Some(name) = self.service_account(object) else { return Ok(true) };
        let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client.clone(), namespace);
        Ok(accounts.get_opt(name).await?.is_some())
    }

    fn user(&self, object: &HelmRelease) -> Option<String> {
        let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
        self.service_account(object).map(|name| format!("system:serviceaccount:{namespace}:{name}"))
    }

    async fn remote(
        &self,
        object: &HelmRelease,
        reference: &SecretKeyReference,
    ) -> Result<(Client, Arc<ClusterCache>), Error> {
        let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
        let name = format!("{namespace}/{}", reference.name);
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), namespace);
        let secret = secrets.get(&reference.name).await.map_err(|error| Error::Secret {
            secret: name.clone(),
            cause: api_message(&error),
            is_missing: matches!(&error, kube::Error::Api(status) if status.is_not_found()),
        })?;
        let text = kubeconfig_text(&secret, reference.key.as_deref(), &name)?;
        let digest = blake3::hash(text.as_bytes());
        if let Some(known) = self.lock().get(&digest) {
            return Ok(known.clone());
        }
        let fail = |cause: String| Error::KubeConfig { secret: name.clone(), cause };
        let kubeconfig = Kubeconfig::from_yaml(&text)
            // The parser's message may quote the text, which holds credentials.
            .map_err(|_| fail("it is not valid YAML of kind Config".to_owned()))?;
        let kubeconfig = self.restrict(kubeconfig).map_err(fail)?;
        let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
            .await
            .map_err(|error| fail(error.to_string()))?;
        config.connect_timeout = Some(REMOTE_TIMEOUT);
        let client = Client::try_from(config).map_err(|error| fail(error.to_string()))?;
        let remote = (client.clone(), ClusterCache::new(client));
        let mut remotes = self.lock();
        // Rotated kubeconfigs leave entries behind; dropping all of them now and then costs a reconnect.
        if remotes.len() >= MAX_REMOTES {
            remotes.clear();
        }
        remotes.insert(digest, remote.clone());
        Ok(remote)
    }

    /// Takes out what would run programs or trust anyone, and refuses what names files of the controller's pod.
    fn restrict(&self, mut kubeconfig: Kubeconfig) -> Result<Kubeconfig, String> {
        let refuse = |kind: &str, name: &str, field: &str, instead: &str| {
            Err(format!("{kind} '{name}' references a {field} file, only {instead} is supported"))
        };
        for named in &mut kubeconfig.auth_infos {
            let Some(user) = &mut named.auth_info else { continue };
            if user.token_file.is_some() {
                return refuse("user", &named.name, "token", "token");
            }
            if user.client_certificate.is_some() {
                return refuse("user", &named.name, "client-certificate", "client-certificate-data");
            }
            if user.client_key.is_some() {
                return refuse("user", &named.name, "client-key", "client-key-data");
            }
            user.auth_provider = None;
            if !self.policy.insecure_exec {
                user.exec = None;
            }
        }
        for named in &mut kubeconfig.clusters {
            let Some(cluster) = &mut named.cluster else { continue };
            if cluster.certificate_authority.is_some() {
                return refuse("cluster", &named.name, "certificate-authority", "certificate-authority-data");
            }
            if !self.policy.insecure_tls {
                cluster.insecure_skip_tls_verify = None;
            }
        }
        Ok(kubeconfig)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<blake3::Hash, (Client, Arc<ClusterCache>)>> {
        // Each change is a single insert or a clear: a panic can't leave it half done.
        self.remotes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn kubeconfig_text(secret: &Secret, key: Option<&str>, name: &str) -> Result<String, Error> {
    let data = secret.data.as_ref();
    let keys: Vec<&str> =
        key.filter(|key| !key.is_empty()).map_or(vec!["value", "value.yaml"], |key| vec![key]);
    let bytes = keys.iter().find_map(|key| data?.get(*key)).ok_or_else(|| Error::Key {
        secret: name.to_owned(),
        keys: keys.iter().map(|key| format!("'{key}'")).collect::<Vec<_>>().join(" or "),
    })?;
    String::from_utf8(bytes.0.clone())
        .map_err(|_| Error::KubeConfig { secret: name.to_owned(), cause: "it is not UTF-8 text".to_owned() })
}

/// A client that acts as `user` over the connections of `client`.
fn impersonate(client: Client, user: &str) -> Result<Client, Error> {
    let user_header = HeaderValue::from_str(user).map_err(|_| Error::ServiceAccount(user.to_owned()))?;
    let namespace = client.default_namespace().to_owned();
    let service = service_fn(move |mut request: Request<Body>| {
        request.headers_mut().insert(IMPERSONATE_USER, user_header.clone());
        let client = client.clone();
        async move { client.send(request).await }
    });
    Ok(Client::new(service, namespace))
}

/// What the API server says, without the client's own wrapping.
pub fn api_message(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status.message.clone(),
        other => other.to_string(),
    }
}
