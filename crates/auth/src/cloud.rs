//! Credentials that a cloud gives for the controller's identity or a service account's.

use kube::Client;
use sluice_apis::source::v1::OciProvider;
use sluice_git::Auth;
use sluice_identity::{Account, Cloud, Clouds};
pub use sluice_identity::{Asker, TokenCache, TokenMetrics};
use sluice_kms::git::GitLogin;
use sluice_oci::{Credentials, Repository};
use url::Url;

/// Told where a service account is named while the feature is off; `{field}` is how users name it.
pub fn gate_message(field: &str) -> String {
    format!(
        "to use {field} for provider authentication please enable the ObjectLevelWorkloadIdentity feature gate in the controller"
    )
}

/// Whose identity is shown to clouds.
pub struct CloudAccess {
    clouds: Clouds,
    workload_identity: bool,
    default_account: String,
}

impl CloudAccess {
    /// `workload_identity` says whether objects may name service accounts; `default_account` is the name of the one of
    /// their namespace that they have otherwise, empty for none. What is asked for is counted in `metrics`.
    pub fn new(
        client: Client,
        cache: TokenCache,
        metrics: TokenMetrics,
        workload_identity: bool,
        default_account: impl Into<String>,
    ) -> Self {
        let clouds = Clouds::new(client, cache, metrics);
        Self { clouds, workload_identity, default_account: default_account.into() }
    }

    /// Whether an object may name this service account.
    pub fn permits(&self, account: Option<&str>) -> bool {
        self.workload_identity || account.is_none_or(str::is_empty)
    }

    /// What is counted of tokens.
    pub fn metrics(&self) -> &TokenMetrics {
        self.clouds.metrics()
    }

    /// The service account that is shown for an object.
    fn account<'a>(&'a self, asker: Asker<'a>, named: Option<&'a str>) -> Option<Account<'a>> {
        let name = named.filter(|name| !name.is_empty()).unwrap_or(&self.default_account);
        let Asker { namespace, .. } = asker;
        (self.workload_identity && !name.is_empty()).then_some(Account { namespace, name })
    }

    /// Credentials for a registry of the provider's cloud; anonymous for `generic`.
    pub async fn registry(
        &self,
        provider: &OciProvider,
        repository: &Repository,
        asker: Asker<'_>,
        account: Option<&str>,
    ) -> Result<Credentials, String> {
        let cloud = match provider {
            OciProvider::Generic => return Ok(Credentials::Anonymous),
            OciProvider::Aws => Cloud::Aws,
            OciProvider::Azure => Cloud::Azure,
            OciProvider::Gcp => Cloud::Gcp,
            OciProvider::Other(name) => {
                return Err(format!("provider '{name}' is not known: use generic, aws, azure or gcp"));
            }
        };
        let account = self.account(asker, account);
        let login = self.clouds.registry(cloud, repository.registry(), account, asker).await?;
        Ok(Credentials::Basic { user: login.username, password: login.password.to_string() })
    }

    /// What the cloud's Git server is shown.
    pub async fn git(
        &self,
        cloud: Cloud,
        url: &Url,
        asker: Asker<'_>,
        account: Option<&str>,
    ) -> Result<Auth, String> {
        Ok(match self.clouds.git(cloud, url, self.account(asker, account), asker).await? {
            GitLogin::Basic { username, password } => {
                Auth::Basic { user: username, password: password.to_string() }
            }
            GitLogin::Bearer(token) => Auth::Bearer(token.to_string()),
        })
    }

    /// Keys for Amazon's S3: id, secret key, token of temporary ones.
    pub async fn s3(
        &self,
        region: &str,
        asker: Asker<'_>,
        account: Option<&str>,
    ) -> Result<(String, String, Option<String>), String> {
        let keys = self.clouds.s3(region, self.account(asker, account), asker).await?;
        let token = keys.session_token.map(|token| token.to_string());
        Ok((keys.access_key_id, keys.secret_access_key.to_string(), token))
    }

    /// A token for Azure Blob Storage.
    pub async fn azure_blob(&self, asker: Asker<'_>, account: Option<&str>) -> Result<String, String> {
        Ok(self.clouds.azure_blob(self.account(asker, account), asker).await?.to_string())
    }

    /// A token for Azure DevOps.
    pub async fn azure_dev_ops(&self, asker: Asker<'_>, account: Option<&str>) -> Result<String, String> {
        Ok(self.clouds.azure_dev_ops(self.account(asker, account), asker).await?.to_string())
    }

    /// A token for Azure Event Hubs.
    pub async fn azure_event_hubs(&self, asker: Asker<'_>, account: Option<&str>) -> Result<String, String> {
        Ok(self.clouds.azure_event_hubs(self.account(asker, account), asker).await?.to_string())
    }

    /// A token for Google's services.
    pub async fn gcp(&self, asker: Asker<'_>, account: Option<&str>) -> Result<String, String> {
        Ok(self.clouds.gcp(self.account(asker, account), asker).await?.to_string())
    }
}
