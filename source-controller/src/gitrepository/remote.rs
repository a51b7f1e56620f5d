//! Phase: how to reach the repository.

use kube::Client;
use sluice_apis::source::v1::{GitProvider, GitRepository};
use sluice_git::{Auth, GitHubApp, Remote};

use super::GitReconciler;
use crate::conditions::reasons::{
    AUTHENTICATION_FAILED, INVALID_PROVIDER_CONFIGURATION, UNSUPPORTED_FIELD, URL_INVALID,
};
use crate::conditions::types::FETCH_FAILED;
use crate::failure::Failure;
use crate::secrets::{self, Data};

/// The key of a Secret that marks the credentials of a GitHub App.
const GITHUB_APP_ID: &str = "githubAppID";

impl GitReconciler {
    /// The repository with credentials, certificates and proxy as the spec and its Secrets say.
    pub(super) async fn remote(&self, client: &Client, object: &GitRepository) -> Result<Remote, Failure> {
        let result = async {
            let proxy = read_proxy(client, object).await?;
            let mut remote = Remote::new(&object.spec.url).map_err(|error| {
                // The type of a URL is checked when credentials are, a malformed one is for the user to mend.
                let text = error.to_string();
                if text.starts_with("failed to parse url") {
                    Failure::stall(URL_INVALID, text)
                } else {
                    unusable_credentials(&text)
                }
            })?;
            let data = read_credentials(client, object).await?;
            remote = remote.with_secret(&data).map_err(|error| unusable_credentials(&error.to_string()))?;
            check_identity(&remote, object)?;
            check_provider(&data, object)?;
            remote.proxy = proxy;
            remote.ssh = self.ssh.clone();
            if object.spec.provider == Some(GitProvider::GitHub) {
                remote.auth = self.app_credentials(&data, &remote).await?;
            }
            Ok(remote)
        };
        result.await.map_err(|failure: Failure| failure.with_condition(FETCH_FAILED))
    }

    /// The token that a GitHub App has for the repository.
    async fn app_credentials(&self, data: &Data, remote: &Remote) -> Result<Auth, Failure> {
        let unusable = |error: sluice_git::Error| unusable_credentials(&error.to_string());
        let app = GitHubApp::from_secret(data).map_err(unusable)?;
        self.apps.credentials(&app, &remote.tls, remote.proxy.as_ref()).await.map_err(unusable)
    }
}

fn unusable_credentials(error: &str) -> Failure {
    Failure::retry(AUTHENTICATION_FAILED, format!("failed to configure authentication options: {error}"))
}

async fn read_proxy(client: &Client, object: &GitRepository) -> Result<Option<sluice_http::Proxy>, Failure> {
    let Some(reference) = &object.spec.proxy_secret_ref else { return Ok(None) };
    let namespace = namespace(object);
    let failed = |error: String| {
        Failure::retry(AUTHENTICATION_FAILED, format!("failed to configure proxy options: {error}"))
    };
    let data = secrets::read(client, namespace, &reference.name).await.map_err(|e| failed(e.to_string()))?;
    secrets::proxy(&data, namespace, &reference.name).map(Some).map_err(failed)
}

async fn read_credentials(client: &Client, object: &GitRepository) -> Result<Data, Failure> {
    let Some(reference) = &object.spec.secret_ref else { return Ok(Data::default()) };
    let (namespace, name) = (namespace(object), &reference.name);
    secrets::read(client, namespace, name).await.map_err(|error| {
        // Said twice, as Flux does: alerts are matched by this text.
        let what = format!("failed to get secret '{namespace}/{name}'");
        Failure::retry(AUTHENTICATION_FAILED, format!("{what}: {what}: {}", error.cause()))
    })
}

fn check_identity(remote: &Remote, object: &GitRepository) -> Result<(), Failure> {
    let Auth::Ssh { identity, password: None, .. } = &remote.auth else { return Ok(()) };
    if !secrets::is_encrypted_key(identity) {
        return Ok(());
    }
    let message = format!(
        "SSH identity key is encrypted but no 'password' field was provided in the secret '{}'",
        secret_name(object)
    );
    Err(Failure::retry(AUTHENTICATION_FAILED, message))
}

fn check_provider(data: &Data, object: &GitRepository) -> Result<(), Failure> {
    let has_app = data.get(GITHUB_APP_ID).is_some_and(|id| !id.is_empty());
    let unsupported = |provider: &str| {
        Failure::stall(
            UNSUPPORTED_FIELD,
            format!(
                "spec.provider '{provider}' is not supported by this version of the controller: use 'generic'"
            ),
        )
    };
    let no_app = "secretRef with github app data must be specified when provider is set to github";
    match &object.spec.provider {
        Some(GitProvider::GitHub) if object.spec.secret_ref.is_none() => {
            Err(Failure::stall(INVALID_PROVIDER_CONFIGURATION, no_app))
        }
        Some(GitProvider::GitHub) if !has_app => Err(Failure::retry(INVALID_PROVIDER_CONFIGURATION, no_app)),
        Some(GitProvider::GitHub) => Ok(()),
        Some(GitProvider::Aws) => Err(unsupported("aws")),
        Some(GitProvider::Azure) => Err(unsupported("azure")),
        _ if has_app => Err(Failure::retry(
            INVALID_PROVIDER_CONFIGURATION,
            format!(
                "secretRef '{}' has github app data but provider is not set to github",
                secret_name(object)
            ),
        )),
        _ => Ok(()),
    }
}

fn namespace(object: &GitRepository) -> &str {
    object.metadata.namespace.as_deref().unwrap_or_default()
}

fn secret_name(object: &GitRepository) -> String {
    let name = object.spec.secret_ref.as_ref().map(|reference| reference.name.as_str());
    format!("{}/{}", namespace(object), name.unwrap_or_default())
}
