//! The clusters that objects are applied to, and the identities they are applied with.

mod breaker;
mod cloud;
mod kubeconfig;
mod reach;
mod verdict;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderName, HeaderValue, Request};
use kube::client::Body;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use sluice_apis::helm::v2::HelmRelease;
use sluice_apis::k8s::{ConfigMap, Secret, ServiceAccount};
use sluice_apis::kustomize::v1::Kustomization;
use sluice_apis::meta::{KubeConfigReference, SecretKeyReference};
use tower::service_fn;

use self::breaker::Breaker;
use self::cloud::{CloudCluster, Description};
pub use self::reach::Unreachable;
use self::reach::{guarded, probe, shown};
use crate::{Cluster, ClusterCache};
pub use sluice_identity::{TokenCache, Tokens};

/// How many remote clusters are kept connected at once.
const MAX_REMOTES: usize = 256;

/// How long a remote API server may take to answer.
const REMOTE_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a remote API server may take to say that it is there.
const PROBE_TIMEOUT: Duration = Duration::from_secs(15);

const IMPERSONATE_USER: HeaderName = HeaderName::from_static("impersonate-user");

/// Whose controller asks: Flux's differ in words, and in what they do about kubeconfigs that name files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// kustomize-controller: files are left out.
    #[default]
    Kustomize,
    /// helm-controller: files are refused.
    Helm,
}

/// Who asks for a cluster.
#[derive(Clone, Copy, Debug)]
pub struct Tenant<'a> {
    /// The namespace of the object that asks, and of what it refers to.
    pub namespace: &'a str,
    /// The service account that it names.
    pub service_account: Option<&'a str>,
    /// The remote cluster that it names.
    pub kube_config: Option<&'a KubeConfigReference>,
}

impl<'a> From<&'a Kustomization> for Tenant<'a> {
    fn from(object: &'a Kustomization) -> Self {
        Self {
            namespace: object.metadata.namespace.as_deref().unwrap_or_default(),
            service_account: object.spec.service_account_name.as_deref(),
            kube_config: object.spec.kube_config.as_ref(),
        }
    }
}

impl<'a> From<&'a HelmRelease> for Tenant<'a> {
    fn from(object: &'a HelmRelease) -> Self {
        Self {
            namespace: object.metadata.namespace.as_deref().unwrap_or_default(),
            service_account: object.spec.service_account_name.as_deref(),
            kube_config: object.spec.kube_config.as_ref(),
        }
    }
}

/// Why there is no client for a cluster.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The Secret can't be read.
    #[error("{text}")]
    Secret {
        /// Which one, and what the API server says.
        text: String,
        /// Whether there is no such Secret.
        is_missing: bool,
    },
    /// The Secret has no such key.
    #[error("{0}")]
    Key(String),
    /// The kubeconfig can't be used. The text never holds the credentials that the Secret holds.
    #[error("{}", .fault.clone().unwrap_or_else(|| unusable(.secret, .cause)))]
    KubeConfig {
        /// Namespace and name.
        secret: String,
        /// What is wrong with it.
        cause: String,
        /// The same in client-go's words, if they are known.
        fault: Option<String>,
    },
    /// A service account name that no HTTP header can carry.
    #[error("service account name {0:?} is not valid")]
    ServiceAccount(String),
    /// Neither a Secret nor a ConfigMap is named.
    #[error(
        "invalid .spec.kubeConfig, neither .spec.kubeConfig.configMapRef nor .spec.kubeConfig.secretRef is set"
    )]
    Nothing,
    /// The ConfigMap can't be read.
    #[error("failed to get configmap {config_map}: {cause}")]
    ConfigMap {
        /// Namespace and name.
        config_map: String,
        /// What the API server says.
        cause: String,
    },
    /// The ConfigMap can't be used, or a cloud gives no access.
    #[error("{0}")]
    Cloud(String),
    /// A flag forbids to name service accounts.
    #[error(
        "failed to get access token for cluster: ObjectLevelWorkloadIdentity feature gate is not enabled"
    )]
    Gate,
    /// The API server can't be reached, or has not answered before and is left alone for now.
    #[error(transparent)]
    Unreachable(#[from] Unreachable),
}

fn unusable(secret: &str, cause: &str) -> String {
    format!("KubeConfig secret '{secret}' holds no usable kubeconfig: {cause}")
}

impl Error {
    /// What there is to say beyond Flux's own words.
    pub fn detail(&self) -> Option<String> {
        match self {
            Self::KubeConfig { secret, cause, fault: Some(_) } => Some(unusable(secret, cause)),
            Self::Unreachable(unreachable) => unreachable.pause.clone(),
            _ => None,
        }
    }

    /// Whether the Secret with the kubeconfig does not exist.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Secret { is_missing: true, .. })
    }
}

/// What the flags say about clusters and identities.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// Whose controller it is.
    pub dialect: Dialect,
    /// The service account to impersonate where none is named.
    pub default_service_account: String,
    /// Keep credential plugins in kubeconfigs.
    pub insecure_exec: bool,
    /// Keep switched-off verification of certificates in kubeconfigs.
    pub insecure_tls: bool,
    /// The service account that clouds are shown where a ConfigMap names none.
    pub cloud_service_account: String,
    /// Whether service accounts may be named for access to clouds.
    pub object_level_identity: bool,
}

/// A remote cluster: a client that all who use it share, what is known of it, and whether it answers.
#[derive(Clone)]
struct Remote {
    /// Its address.
    server: Arc<str>,
    client: Client,
    cache: Arc<ClusterCache>,
    breaker: Arc<Breaker>,
}

/// Clients for the own cluster and remote ones. What clients of one cluster can share, they share.
pub struct Clusters {
    client: Client,
    own: Arc<ClusterCache>,
    policy: Policy,
    tokens: Arc<Tokens>,
    remotes: Mutex<HashMap<blake3::Hash, Remote>>,
}

impl Clusters {
    /// `client` is the controller's own.
    pub fn new(client: Client, policy: Policy, tokens: Arc<Tokens>) -> Self {
        let own = ClusterCache::new(client.clone());
        Self { client, own, policy, tokens, remotes: Mutex::default() }
    }

    /// The cluster that an object is applied to, reached with the identity it asks for. A remote one is asked whether
    /// it is there, unless it answered just now.
    pub async fn target<'a>(&self, tenant: impl Into<Tenant<'a>>) -> Result<Cluster, Error> {
        let tenant = tenant.into();
        let (client, cache) = match tenant.kube_config {
            None => (self.client.clone(), Arc::clone(&self.own)),
            // In a box: the own cluster, which is most passes', needs no room for this.
            Some(reference) => Box::pin(self.remote(tenant, reference)).await?,
        };
        let client = match self.user(tenant) {
            Some(user) => impersonate(client, &user)?,
            None => client,
        };
        Ok(Cluster::new(client, cache))
    }

    async fn remote(
        &self,
        tenant: Tenant<'_>,
        reference: &KubeConfigReference,
    ) -> Result<(Client, Arc<ClusterCache>), Error> {
        let remote = match (&reference.secret_ref, &reference.config_map_ref) {
            (Some(secret), _) => self.by_secret(tenant, secret).await?,
            (None, Some(map)) => self.by_config_map(tenant, &map.name).await?,
            (None, None) => return Err(Error::Nothing),
        };
        probe(&remote).await?;
        Ok((remote.client, remote.cache))
    }

    /// The service account that an object is applied with, if it isn't the controller's own.
    pub fn service_account<'a>(&'a self, tenant: impl Into<Tenant<'a>>) -> Option<&'a str> {
        let own = tenant.into().service_account.filter(|name| !name.is_empty());
        own.or(Some(self.policy.default_service_account.as_str())).filter(|name| !name.is_empty())
    }

    /// Whether an object is applied to the own cluster with the controller's own identity.
    pub fn is_own_identity<'a>(&self, tenant: impl Into<Tenant<'a>>) -> bool {
        let tenant = tenant.into();
        tenant.kube_config.is_none()
            && tenant.service_account.is_none_or(str::is_empty)
            && self.policy.default_service_account.is_empty()
    }

    /// Whether the service account is there to be impersonated; without one there is nothing to check.
    pub async fn can_impersonate<'a>(&self, tenant: impl Into<Tenant<'a>>) -> Result<bool, kube::Error> {
        let tenant = tenant.into();
        let name = tenant.service_account.filter(|name| !name.is_empty());
        let name = name.unwrap_or(&self.policy.default_service_account);
        if name.is_empty() {
            return Ok(true);
        }
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client.clone(), tenant.namespace);
        Ok(accounts.get_opt(name).await?.is_some())
    }

    fn user(&self, tenant: Tenant<'_>) -> Option<String> {
        let namespace = tenant.namespace;
        self.service_account(tenant).map(|name| format!("system:serviceaccount:{namespace}:{name}"))
    }

    /// The cluster that a kubeconfig leads to.
    async fn by_secret(&self, tenant: Tenant<'_>, reference: &SecretKeyReference) -> Result<Remote, Error> {
        let name = format!("{}/{}", tenant.namespace, reference.name);
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), tenant.namespace);
        let secret = secrets.get(&reference.name).await.map_err(|error| {
            let cause = api_message(&error);
            Error::Secret {
                text: match self.policy.dialect {
                    Dialect::Kustomize => format!("unable to read KubeConfig secret '{name}' error: {cause}"),
                    Dialect::Helm => format!("could not get KubeConfig secret '{name}': {cause}"),
                },
                is_missing: matches!(&error, kube::Error::Api(status) if status.is_not_found()),
            }
        })?;
        let text = kubeconfig::text(&secret, reference.key.as_deref(), &name, self.policy.dialect)?;
        let digest = blake3::hash(text.as_bytes());
        if let Some(known) = self.lock().get(&digest) {
            return Ok(known.clone());
        }
        let fault = verdict::fault(&text).map(|fault| match self.policy.dialect {
            Dialect::Kustomize => fault,
            Dialect::Helm => format!("failed to load KubeConfig from secret '{name}': {fault}"),
        });
        let fail = |cause: String| Error::KubeConfig { secret: name.clone(), cause, fault: fault.clone() };
        if verdict::has_bad_authority(&text) {
            return Err(fail("its certificate authority is no certificate in PEM".to_owned()));
        }
        let kubeconfig = Kubeconfig::from_yaml(&text)
            // The parser's message may quote the text, which holds credentials.
            .map_err(|_| fail("it is not valid YAML of kind Config".to_owned()))?;
        let kubeconfig = kubeconfig::restrict(kubeconfig, &self.policy).map_err(fail)?;
        let connected = connect(kubeconfig).await.map_err(fail)?;
        Ok(self.remember(digest, connected, None))
    }

    /// The cluster that a ConfigMap describes.
    async fn by_config_map(&self, tenant: Tenant<'_>, name: &str) -> Result<Remote, Error> {
        let namespace = tenant.namespace;
        let config_map = format!("{namespace}/{name}");
        let maps: Api<ConfigMap> = Api::namespaced(self.client.clone(), namespace);
        let map = maps
            .get(name)
            .await
            .map_err(|error| Error::ConfigMap { config_map, cause: api_message(&error) })?;
        let mut description = Description::read(&map.data.unwrap_or_default()).map_err(Error::Cloud)?;
        if description.service_account.is_some() && !self.policy.object_level_identity {
            return Err(Error::Gate);
        }
        if description.service_account.is_none() && !self.policy.cloud_service_account.is_empty() {
            description.service_account = Some(self.policy.cloud_service_account.clone());
        }
        // Service accounts of one name in two namespaces are two identities.
        let digest = blake3::hash(format!("{namespace}\0{description:?}").as_bytes());
        if let Some(known) = self.lock().get(&digest) {
            return Ok(known.clone());
        }
        let account = match &description.service_account {
            Some(name) => Some(self.tokens.account(namespace, name).await),
            None => None,
        };
        let cloud = Arc::new(CloudCluster::new(description, account, Arc::clone(&self.tokens)));
        let kubeconfig = cloud.kubeconfig().await.map_err(Error::Cloud)?;
        let connected = connect(kubeconfig).await.map_err(Error::Cloud)?;
        Ok(self.remember(digest, connected, Some(cloud)))
    }

    fn remember(
        &self,
        digest: blake3::Hash,
        (client, server): (Client, Arc<str>),
        cloud: Option<Arc<CloudCluster>>,
    ) -> Remote {
        let breaker = Arc::new(Breaker::default());
        let client = guarded(client, Arc::clone(&server), Arc::clone(&breaker), cloud);
        let remote = Remote { server, cache: ClusterCache::new(client.clone()), client, breaker };
        let mut remotes = self.lock();
        // Rotated credentials leave entries behind; dropping all of them now and then costs a reconnect.
        if remotes.len() >= MAX_REMOTES {
            remotes.clear();
        }
        remotes.insert(digest, remote.clone());
        remote
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<blake3::Hash, Remote>> {
        // Each change is a single insert or a clear: a panic can't leave it half done.
        self.remotes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A client for a cluster, and the cluster's address.
async fn connect(kubeconfig: Kubeconfig) -> Result<(Client, Arc<str>), String> {
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
        .await
        .map_err(|error| error.to_string())?;
    config.connect_timeout = Some(REMOTE_TIMEOUT);
    let server = Arc::from(shown(&config.cluster_url));
    Ok((Client::try_from(config).map_err(|error| error.to_string())?, server))
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
