//! The clusters that Kustomizations are applied to, and the identities they are applied with.

mod breaker;
mod cloud;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderName, HeaderValue, Request};
use kube::client::Body;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use sluice_apis::k8s::{ConfigMap, Secret, ServiceAccount};
use sluice_apis::kustomize::v1::Kustomization;
use sluice_apis::meta::SecretKeyReference;
use sluice_apply::{Cluster, ClusterCache};
use tower::service_fn;

use self::breaker::{Breaker, Open};
use self::cloud::{CloudCluster, Description};
use crate::identity::Tokens;

/// How many remote clusters are kept connected at once.
const MAX_REMOTES: usize = 256;

/// How long a remote API server may take to answer.
const REMOTE_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a remote API server may take to say that it is there.
const PROBE_TIMEOUT: Duration = Duration::from_secs(15);

const IMPERSONATE_USER: HeaderName = HeaderName::from_static("impersonate-user");

/// Why there is no client for a Kustomization's cluster.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The Secret can't be read.
    #[error("unable to read KubeConfig secret '{secret}' error: {cause}")]
    Secret {
        /// Namespace and name.
        secret: String,
        /// What the API server says.
        cause: String,
    },
    /// The Secret has no such key.
    #[error("KubeConfig secret '{secret}' does not contain a {keys} key with a kubeconfig")]
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
    /// The API server does not answer.
    #[error("{0}")]
    Unreachable(String),
    /// The API server has not answered before and is left alone for now.
    #[error("{0}")]
    Open(#[from] Open),
}

/// What the flags say about clusters and identities.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// The service account to impersonate where a Kustomization names none.
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

/// A remote cluster: a client that all Kustomizations share, what is known of it, and whether it answers.
#[derive(Clone)]
struct Remote {
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

    /// The cluster that a Kustomization is applied to, reached with the identity it asks for. A remote one is asked
    /// whether it is there, unless it answered just now.
    pub async fn target(&self, object: &Kustomization) -> Result<Cluster, Error> {
        let (client, cache) = match &object.spec.kube_config {
            None => (self.client.clone(), Arc::clone(&self.own)),
            Some(reference) => {
                let remote = match (&reference.secret_ref, &reference.config_map_ref) {
                    (Some(secret), _) => self.by_secret(object, secret).await?,
                    (None, Some(map)) => self.by_config_map(object, &map.name).await?,
                    (None, None) => return Err(Error::Nothing),
                };
                probe(&remote).await?;
                (remote.client, remote.cache)
            }
        };
        let client = match self.user(object) {
            Some(user) => impersonate(client, &user)?,
            None => client,
        };
        Ok(Cluster::new(client, cache))
    }

    /// The service account that a Kustomization is applied with, if it isn't the controller's own.
    pub fn service_account<'a>(&'a self, object: &'a Kustomization) -> Option<&'a str> {
        let own = object.spec.service_account_name.as_deref().filter(|name| !name.is_empty());
        own.or(Some(self.policy.default_service_account.as_str())).filter(|name| !name.is_empty())
    }

    /// Whether a Kustomization is applied to the own cluster with the controller's own identity.
    pub fn is_own_identity(&self, object: &Kustomization) -> bool {
        object.spec.kube_config.is_none() && self.service_account(object).is_none()
    }

    /// Whether the service account is there to be impersonated; without one there is nothing to check.
    pub async fn can_impersonate(&self, object: &Kustomization) -> Result<bool, kube::Error> {
        let Some(name) = self.service_account(object) else { return Ok(true) };
        let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client.clone(), namespace);
        Ok(accounts.get_opt(name).await?.is_some())
    }

    fn user(&self, object: &Kustomization) -> Option<String> {
        let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
        self.service_account(object).map(|name| format!("system:serviceaccount:{namespace}:{name}"))
    }

    /// The cluster that a kubeconfig leads to.
    async fn by_secret(
        &self,
        object: &Kustomization,
        reference: &SecretKeyReference,
    ) -> Result<Remote, Error> {
        let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
        let name = format!("{namespace}/{}", reference.name);
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), namespace);
        let secret = secrets
            .get(&reference.name)
            .await
            .map_err(|error| Error::Secret { secret: name.clone(), cause: api_message(&error) })?;
        let text = kubeconfig_text(&secret, reference.key.as_deref(), &name)?;
        let digest = blake3::hash(text.as_bytes());
        if let Some(known) = self.lock().get(&digest) {
            return Ok(known.clone());
        }
        let fail = |cause: String| Error::KubeConfig { secret: name.clone(), cause };
        let kubeconfig = Kubeconfig::from_yaml(&text)
            // The parser's message may quote the text, which holds credentials.
            .map_err(|_| fail("it is not valid YAML of kind Config".to_owned()))?;
        let client = connect(self.restrict(kubeconfig)).await.map_err(fail)?;
        Ok(self.remember(digest, client, None))
    }

    /// The cluster that a ConfigMap describes.
    async fn by_config_map(&self, object: &Kustomization, name: &str) -> Result<Remote, Error> {
        let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
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
        let client = connect(kubeconfig).await.map_err(Error::Cloud)?;
        Ok(self.remember(digest, client, Some(cloud)))
    }

    fn remember(&self, digest: blake3::Hash, client: Client, cloud: Option<Arc<CloudCluster>>) -> Remote {
        let breaker = Arc::new(Breaker::default());
        let client = guarded(client, Arc::clone(&breaker), cloud);
        let remote = Remote { cache: ClusterCache::new(client.clone()), client, breaker };
        let mut remotes = self.lock();
        // Rotated credentials leave entries behind; dropping all of them now and then costs a reconnect.
        if remotes.len() >= MAX_REMOTES {
            remotes.clear();
        }
        remotes.insert(digest, remote.clone());
        remote
    }

    /// Takes out what would run programs, read files of the controller's pod, or trust anyone.
    fn restrict(&self, mut kubeconfig: Kubeconfig) -> Kubeconfig {
        for user in kubeconfig.auth_infos.iter_mut().filter_map(|named| named.auth_info.as_mut()) {
            user.auth_provider = None;
            if !self.policy.insecure_exec {
                user.exec = None;
            }
            user.client_certificate = None;
            user.client_key = None;
            user.token_file = None;
        }
        for cluster in kubeconfig.clusters.iter_mut().filter_map(|named| named.cluster.as_mut()) {
            cluster.certificate_authority = None;
            if !self.policy.insecure_tls {
                cluster.insecure_skip_tls_verify = None;
            }
        }
        kubeconfig
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<blake3::Hash, Remote>> {
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

async fn connect(kubeconfig: Kubeconfig) -> Result<Client, String> {
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
        .await
        .map_err(|error| error.to_string())?;
    config.connect_timeout = Some(REMOTE_TIMEOUT);
    Client::try_from(config).map_err(|error| error.to_string())
}

/// A client that leaves a dead cluster alone, and shows each request's server a token that is still good.
fn guarded(client: Client, breaker: Arc<Breaker>, cloud: Option<Arc<CloudCluster>>) -> Client {
    let namespace = client.default_namespace().to_owned();
    let service = service_fn(move |mut request: Request<Body>| {
        let (client, breaker, cloud) = (client.clone(), Arc::clone(&breaker), cloud.clone());
        async move {
            let refuse = |error: Box<dyn std::error::Error + Send + Sync>| kube::Error::Service(error);
            breaker.check().map_err(|open| refuse(open.into()))?;
            if let Some(cloud) = cloud {
                let header = cloud.authorization().await.map_err(|error| refuse(error.into()))?;
                request.headers_mut().insert(http::header::AUTHORIZATION, header);
            }
            let answer = client.send(request).await;
            match &answer {
                Ok(_) => breaker.succeed(),
                Err(error) => breaker.fail(chain(error)),
            }
            answer
        }
    });
    Client::new(service, namespace)
}

/// Asks a cluster whether it is there.
async fn probe(remote: &Remote) -> Result<(), Error> {
    remote.breaker.check()?;
    if remote.breaker.is_fresh() {
        return Ok(());
    }
    match tokio::time::timeout(PROBE_TIMEOUT, remote.client.apiserver_version()).await {
        // It is there, whatever it thinks of us: what we may do shows later.
        Ok(Ok(_) | Err(kube::Error::Api(_) | kube::Error::SerdeError(_))) => Ok(()),
        Ok(Err(error)) => Err(Error::Unreachable(chain(&error))),
        Err(_) => {
            let cause = format!("no answer within {} s", PROBE_TIMEOUT.as_secs());
            remote.breaker.fail(cause.clone());
            Err(Error::Unreachable(cause))
        }
    }
}

/// An error with its causes, each told once.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let told = cause.to_string();
        if !text.contains(&told) {
            text = format!("{text}: {told}");
        }
        source = cause.source();
    }
    text
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
