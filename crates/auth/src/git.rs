//! The remote that a `GitRepository` describes.

use std::sync::Arc;

use kube::Client;
use sluice_apis::source::v1::{GitProvider, GitRepository, GitRepositorySpec};
use sluice_git::{Auth, Cause, GitHubApp, GitHubTokens, Remote, SshAlgorithms};

use sluice_identity::Cloud;

use crate::cloud::{Asker, CloudAccess, gate_message};
use crate::secrets::{self, Data};

/// The key of a Secret that marks the credentials of a GitHub App.
const GITHUB_APP_ID: &str = "githubAppID";

/// Why a repository can't be reached.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The URL is none.
    #[error("{0}")]
    Url(String),
    /// Credentials or proxy can't be read or used.
    #[error("{0}")]
    Access(String),
    /// The provider needs what the object does not name.
    #[error("{0}")]
    Provider(String),
    /// The provider and the content of the Secret don't go together.
    #[error("{0}")]
    ProviderSecret(String),
    /// A service account is named while the feature is off.
    #[error("{0}")]
    Gate(String),
}

/// What all remotes of a controller share.
pub struct Shared {
    /// Restrictions of the SSH handshake.
    pub ssh: SshAlgorithms,
    /// Tokens of GitHub Apps that are still good.
    pub apps: GitHubTokens,
    /// Credentials of clouds.
    pub clouds: Arc<CloudAccess>,
}

impl Shared {
    /// No tokens are known yet.
    pub fn new(ssh: SshAlgorithms, clouds: Arc<CloudAccess>) -> Self {
        Self { ssh, apps: GitHubTokens::default(), clouds }
    }

    /// The repository with credentials, certificates and proxy as the spec and its Secrets say. `asker` is the object
    /// that it is for.
    pub async fn remote(
        &self,
        client: &Client,
        object: &GitRepository,
        asker: Asker<'_>,
    ) -> Result<Remote, Error> {
        let spec = &object.spec;
        let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
        let proxy = read_proxy(client, namespace, spec).await?;
        let mut remote = Remote::new(&spec.url).map_err(|error| {
            // The type of a URL is checked when credentials are, a malformed one is for the user to mend.
            let text = error.to_string();
            if text.starts_with("failed to parse url") {
                Error::Url(text)
            } else {
                unusable_credentials(&text)
            }
        })?;
        let data = read_credentials(client, namespace, spec).await?;
        remote = remote.with_secret(&data).map_err(|error| unusable_credentials(&error.to_string()))?;
        let secret = secret_name(namespace, spec);
        check_identity(&remote, &secret)?;
        check_provider(&data, spec, &secret)?;
        remote.proxy = proxy;
        remote.ssh = self.ssh.clone();
        match spec.provider {
            Some(GitProvider::GitHub) => remote.auth = self.app_credentials(&data, &remote, asker).await?,
            Some(GitProvider::Aws) => remote.auth = self.of_cloud(Cloud::Aws, object, &remote, asker).await?,
            Some(GitProvider::Azure) => {
                remote.auth = self.of_cloud(Cloud::Azure, object, &remote, asker).await?;
            }
            _ => {}
        }
        Ok(remote)
    }

    /// Heeds an error of a remote: a token that was refused is not shown again, the next pass has a new one.
    pub fn heed(&self, remote: &Remote, error: &sluice_git::Error) {
        if matches!(error.cause(), Some(Cause::Authentication(_))) {
            self.apps.forget(&remote.auth);
        }
    }

    /// What the cloud's Git server is shown.
    async fn of_cloud(
        &self,
        cloud: Cloud,
        object: &GitRepository,
        remote: &Remote,
        asker: Asker<'_>,
    ) -> Result<Auth, Error> {
        let account = object.spec.service_account_name.as_deref();
        if !self.clouds.permits(account) {
            return Err(Error::Gate(gate_message("spec.serviceAccountName")));
        }
        let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
        // The account is one of the repository's namespace, whoever asks.
        let asker = Asker { namespace, ..asker };
        let auth = self.clouds.git(cloud, &remote.url, asker, account).await;
        auth.map_err(|error| unusable_credentials(&error))
    }

    /// The token that a GitHub App has for the repository.
    async fn app_credentials(&self, data: &Data, remote: &Remote, asker: Asker<'_>) -> Result<Auth, Error> {
        let unusable = |error: sluice_git::Error| unusable_credentials(&error.to_string());
        let app = GitHubApp::from_secret(data).map_err(unusable)?;
        let metrics = self.clouds.metrics();
        metrics.looked_up(asker, self.apps.hold(&app));
        let found = self.apps.credentials(&app, &remote.tls, remote.proxy.as_ref()).await;
        metrics.answered(found.is_ok());
        found.map_err(unusable)
    }
}

fn unusable_credentials(error: &str) -> Error {
    Error::Access(format!("failed to configure authentication options: {error}"))
}

async fn read_proxy(
    client: &Client,
    namespace: &str,
    spec: &GitRepositorySpec,
) -> Result<Option<sluice_http::Proxy>, Error> {
    let Some(reference) = &spec.proxy_secret_ref else { return Ok(None) };
    let failed = |error: String| Error::Access(format!("failed to configure proxy options: {error}"));
    let data = secrets::read(client, namespace, &reference.name).await.map_err(|e| failed(e.to_string()))?;
    secrets::proxy(&data, namespace, &reference.name).map(Some).map_err(failed)
}

async fn read_credentials(client: &Client, namespace: &str, spec: &GitRepositorySpec) -> Result<Data, Error> {
    let Some(reference) = &spec.secret_ref else { return Ok(Data::default()) };
    let name = &reference.name;
    secrets::read(client, namespace, name).await.map_err(|error| {
        // Said twice, as Flux does: alerts are matched by this text.
        let what = format!("failed to get secret '{namespace}/{name}'");
        Error::Access(format!("{what}: {what}: {}", error.cause()))
    })
}

fn check_identity(remote: &Remote, secret: &str) -> Result<(), Error> {
    let Auth::Ssh { identity, password: None, .. } = &remote.auth else { return Ok(()) };
    if !secrets::is_encrypted_key(identity) {
        return Ok(());
    }
    Err(Error::Access(format!(
        "SSH identity key is encrypted but no 'password' field was provided in the secret '{secret}'"
    )))
}

fn check_provider(data: &Data, spec: &GitRepositorySpec, secret: &str) -> Result<(), Error> {
    let has_app = data.get(GITHUB_APP_ID).is_some_and(|id| !id.is_empty());
    let no_app = "secretRef with github app data must be specified when provider is set to github";
    match &spec.provider {
        Some(GitProvider::GitHub) if spec.secret_ref.is_none() => Err(Error::Provider(no_app.to_owned())),
        Some(GitProvider::GitHub) if !has_app => Err(Error::ProviderSecret(no_app.to_owned())),
        Some(GitProvider::GitHub) => Ok(()),
        _ if has_app => Err(Error::ProviderSecret(format!(
            "secretRef '{secret}' has github app data but provider is not set to github"
        ))),
        _ => Ok(()),
    }
}

fn secret_name(namespace: &str, spec: &GitRepositorySpec) -> String {
    let name = spec.secret_ref.as_ref().map(|reference| reference.name.as_str());
    format!("{namespace}/{}", name.unwrap_or_default())
}
