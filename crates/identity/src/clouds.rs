//! Logins that clouds give.

use std::fmt;
use std::sync::Arc;

use kube::Client;
use sluice_kms::git::{self, GitLogin};
use sluice_kms::registry::{self, Login};
use sluice_kms::storage::{self, Keys};
use sluice_kms::{Identity, ServiceAccount, aws, azure, gcp};
use url::Url;
use zeroize::Zeroizing;

use crate::cache::{Asker, Cache, TokenMetrics};
use crate::tokens::{TokenCache, Tokens};

/// What Azure's tokens must be good for to send to Event Hubs.
const EVENT_HUBS: &str = "https://eventhubs.azure.net/.default";

/// The annotations that say whom a service account stands for in a cloud.
const ANNOTATIONS: [&str; 5] = [
    "eks.amazonaws.com/role-arn",
    "azure.workload.identity/client-id",
    "azure.workload.identity/tenant-id",
    "iam.gke.io/gcp-service-account",
    "gcp.auth.fluxcd.io/workload-identity-provider",
];

/// The clouds whose identities are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cloud {
    /// Amazon.
    Aws,
    /// Azure.
    Azure,
    /// Google.
    Gcp,
}

/// A service account whose identity is used in place of the controller's.
#[derive(Clone, Copy, Debug)]
pub struct Account<'a> {
    /// Its namespace.
    pub namespace: &'a str,
    /// Its name.
    pub name: &'a str,
}

impl fmt::Display for Account<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// What is kept: of whom, and what it is good for.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Key {
    Login(Cloud, String, Option<String>),
    Aws(String, Option<String>),
    Azure(&'static str, Option<String>),
    Gcp(Option<String>),
}

/// Asks clouds for logins, and keeps them while they are good.
pub struct Clouds {
    tokens: Arc<Tokens>,
    cache: Cache<Key>,
}

impl Clouds {
    /// Asks for tokens of service accounts with `client`.
    pub fn new(client: Client, cache: TokenCache, metrics: TokenMetrics) -> Self {
        Self { tokens: Arc::new(Tokens::new(client, cache)), cache: Cache::new(cache, metrics) }
    }

    /// What is counted of the tokens kept here, and of others.
    pub fn metrics(&self) -> &TokenMetrics {
        self.cache.metrics()
    }

    /// A user and a password for a registry's host. Hosts that are not the cloud's are refused: no token goes there.
    pub async fn registry(
        &self,
        cloud: Cloud,
        host: &str,
        account: Option<Account<'_>>,
        asker: Asker<'_>,
    ) -> Result<Login, String> {
        let who = self.who(account).await;
        let key = Key::Login(cloud, host.to_owned(), who.name());
        let ask = async {
            let login = match cloud {
                Cloud::Aws => registry::ecr(&who.identity(), host).await,
                Cloud::Azure => registry::acr(&who.identity(), host).await,
                Cloud::Gcp => registry::gar(&who.identity(), host).await,
            }?;
            let life = login.lifetime;
            Ok((login, life))
        };
        self.cache.get_or(key, asker, ask).await
    }

    /// What a Git server is shown: `CodeCommit` of Amazon, Azure DevOps. Google has no Git server that takes identities.
    pub async fn git(
        &self,
        cloud: Cloud,
        url: &Url,
        account: Option<Account<'_>>,
        asker: Asker<'_>,
    ) -> Result<GitLogin, String> {
        let failed = |error: String| format!("failed to get access token for Git repository: {error}");
        match cloud {
            Cloud::Aws => {
                let region = git::code_commit_region(url)?;
                let credentials = self.aws(region, account, asker).await.map_err(failed)?;
                Ok(git::code_commit(&credentials, region, url))
            }
            Cloud::Azure => self.azure_dev_ops(account, asker).await.map(GitLogin::Bearer).map_err(failed),
            Cloud::Gcp => Err("provider 'gcp' does not support Git credentials".to_owned()),
        }
    }

    /// Keys for S3 in a region.
    pub async fn s3(
        &self,
        region: &str,
        account: Option<Account<'_>>,
        asker: Asker<'_>,
    ) -> Result<Keys, String> {
        self.aws(region, account, asker).await.map(Keys::from)
    }

    /// A token for Azure DevOps.
    pub async fn azure_dev_ops(
        &self,
        account: Option<Account<'_>>,
        asker: Asker<'_>,
    ) -> Result<Zeroizing<String>, String> {
        self.azure(git::AZURE_DEV_OPS, account, asker).await
    }

    /// A token for Azure Blob Storage.
    pub async fn azure_blob(
        &self,
        account: Option<Account<'_>>,
        asker: Asker<'_>,
    ) -> Result<Zeroizing<String>, String> {
        self.azure(storage::AZURE_BLOB, account, asker).await
    }

    /// A token for Azure Event Hubs.
    pub async fn azure_event_hubs(
        &self,
        account: Option<Account<'_>>,
        asker: Asker<'_>,
    ) -> Result<Zeroizing<String>, String> {
        self.azure(EVENT_HUBS, account, asker).await
    }

    /// A token for Google's services.
    pub async fn gcp(
        &self,
        account: Option<Account<'_>>,
        asker: Asker<'_>,
    ) -> Result<Zeroizing<String>, String> {
        let who = self.who(account).await;
        let ask = async { gcp::access_token(&who.identity()).await };
        self.cache.get_or(Key::Gcp(who.name()), asker, ask).await
    }

    async fn aws(
        &self,
        region: &str,
        account: Option<Account<'_>>,
        asker: Asker<'_>,
    ) -> Result<aws::Credentials, String> {
        let who = self.who(account).await;
        let ask = async { aws::credentials(&who.identity(), region).await };
        self.cache.get_or(Key::Aws(region.to_owned(), who.name()), asker, ask).await
    }

    async fn azure(
        &self,
        scope: &'static str,
        account: Option<Account<'_>>,
        asker: Asker<'_>,
    ) -> Result<Zeroizing<String>, String> {
        let who = self.who(account).await;
        let ask = async { azure::access_token(&who.identity(), scope).await };
        self.cache.get_or(Key::Azure(scope, who.name()), asker, ask).await
    }

    async fn who(&self, account: Option<Account<'_>>) -> Who {
        match account {
            None => Who(None),
            Some(Account { namespace, name }) => Who(Some(self.tokens.account(namespace, name).await)),
        }
    }
}

/// A service account, or else the controller itself.
struct Who(Option<Arc<dyn ServiceAccount>>);

impl Who {
    fn identity<C>(&self) -> Identity<C> {
        self.0
            .as_ref()
            .map_or(Identity::Surroundings, |account| Identity::ServiceAccount(Arc::clone(account)))
    }

    /// Tells apart whom clouds know: the same service account is another one to them once its annotations change.
    fn name(&self) -> Option<String> {
        let account = self.0.as_ref()?;
        let stands_for = ANNOTATIONS.map(|name| account.annotation(name).unwrap_or_default());
        Some(format!("{}\n{}", account.name(), stands_for.join("\n")))
    }
}
