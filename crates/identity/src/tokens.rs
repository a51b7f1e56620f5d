//! Tokens of service accounts, which clouds and other clusters trust.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::Request;
use kube::{Api, Client};
use serde_json::{Value, json};
use sluice_apis::k8s::ServiceAccount as Object;
use sluice_kms::{ServiceAccount, service_account_of};

/// Where a pod finds its own token.
const OWN_TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// How long tokens are asked for, in seconds.
const LIFETIME: u64 = 3600;

/// What is kept of the answers to token requests.
#[derive(Clone, Copy, Debug)]
pub struct TokenCache {
    /// How many tokens at most.
    pub size: usize,
    /// How long at most.
    pub longest: Duration,
}

/// Whose token, and for which audiences.
type Key = (String, String, Vec<String>);

/// Asks for tokens of service accounts, and keeps them for a while.
pub struct Tokens {
    client: Client,
    cache: TokenCache,
    kept: Mutex<HashMap<Key, (String, Instant)>>,
}

impl Tokens {
    /// Asks with `client`.
    pub fn new(client: Client, cache: TokenCache) -> Self {
        Self { client, cache, kept: Mutex::default() }
    }

    /// A service account. One that is missing is told when its token is needed.
    pub async fn account(self: &Arc<Self>, namespace: &str, name: &str) -> Arc<dyn ServiceAccount> {
        let accounts: Api<Object> = Api::namespaced(self.client.clone(), namespace);
        let annotations = accounts
            .get_metadata(name)
            .await
            .map(|account| account.metadata.annotations.unwrap_or_default())
            .map_err(|error| {
                format!("failed to get service account '{namespace}/{name}': {}", api_message(&error))
            });
        let (namespace, name) = (namespace.to_owned(), name.to_owned());
        Arc::new(Account { tokens: Arc::clone(self), namespace, name, annotations })
    }

    /// The controller's own service account.
    pub async fn own(self: &Arc<Self>) -> Result<Arc<dyn ServiceAccount>, String> {
        let token = tokio::fs::read_to_string(OWN_TOKEN).await.map_err(|error| {
            let cause = match error.kind() {
                std::io::ErrorKind::NotFound => format!("open {OWN_TOKEN}: no such file or directory"),
                _ => error.to_string(),
            };
            format!("failed to read service account token file {OWN_TOKEN}: {cause}")
        })?;
        let (namespace, name) = service_account_of(token.trim())
            .map_err(|error| format!("failed to parse service account token: {error}"))?;
        Ok(self.account(&namespace, &name).await)
    }

    async fn token(&self, namespace: &str, name: &str, audiences: &[String]) -> Result<String, String> {
        let key = (namespace.to_owned(), name.to_owned(), audiences.to_vec());
        if let Some((token, until)) = self.lock().get(&key)
            && Instant::now() < *until
        {
            return Ok(token.clone());
        }
        let fail = |cause: String| {
            format!("failed to create kubernetes token for service account '{namespace}/{name}': {cause}")
        };
        let mut spec = json!({"expirationSeconds": LIFETIME});
        if !audiences.is_empty() {
            spec["audiences"] = json!(audiences);
        }
        let body = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec});
        let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token");
        let request = Request::post(path)
            .header("Content-Type", "application/json")
            .body(body.to_string().into_bytes())
            .map_err(|error| fail(error.to_string()))?;
        let answer: Value = self.client.request(request).await.map_err(|error| fail(api_message(&error)))?;
        let token = answer["status"]["token"]
            .as_str()
            .ok_or_else(|| fail("the API server gave none".to_owned()))?
            .to_owned();
        // Used for most of its life, but not to its last minutes.
        let longest = Duration::from_secs(LIFETIME / 10 * 8).min(self.cache.longest);
        let mut kept = self.lock();
        if kept.len() >= self.cache.size {
            let now = Instant::now();
            kept.retain(|_, (_, until)| now < *until);
        }
        if kept.len() < self.cache.size {
            kept.insert(key, (token.clone(), Instant::now() + longest));
        }
        Ok(token)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Key, (String, Instant)>> {
        // Each change is a single insert or removal: a panic can't leave it half done.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Account {
    tokens: Arc<Tokens>,
    namespace: String,
    name: String,
    annotations: Result<BTreeMap<String, String>, String>,
}

impl ServiceAccount for Account {
    fn name(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    fn check(&self) -> Result<(), String> {
        self.annotations.as_ref().map(|_| ()).map_err(Clone::clone)
    }

    fn annotation(&self, name: &str) -> Option<String> {
        self.annotations.as_ref().ok()?.get(name).filter(|value| !value.is_empty()).cloned()
    }

    fn token(
        &self,
        audiences: &[String],
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<String, String>> + Send + '_>> {
        let audiences = audiences.to_vec();
        Box::pin(async move {
            self.check()?;
            self.tokens.token(&self.namespace, &self.name, &audiences).await
        })
    }
}

/// What the API server said, without the words around it.
fn api_message(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status.message.clone(),
        other => other.to_string(),
    }
}
