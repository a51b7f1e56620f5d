//! Phase: how to get at the repository.

use std::collections::BTreeMap;

use sluice_apis::source::v1::{LayerOperation, OciProvider, OciRepository, OciRepositorySpec};
use sluice_auth::cloud::gate_message;
use sluice_auth::registry::{self, CredentialError};
use sluice_http::{Proxy, Tls};
use sluice_oci::{Access, Client, Credentials, Keychain, NameError, Repository};
use sluice_runtime::{EventType, Pass};

use super::OciReconciler;
use crate::conditions::reasons::{
    AUTHENTICATION_FAILED, FEATURE_GATE_DISABLED, UNSUPPORTED_FIELD, URL_INVALID,
};
use crate::conditions::types::FETCH_FAILED;
use crate::failure::Failure;
use crate::kind::SourceKind;

/// What URLs of registries begin with.
const SCHEME: &str = "oci://";

impl OciReconciler {
    /// A client of the repository with credentials, certificates and proxy as the spec and its Secrets say.
    pub(super) async fn client(&self, pass: &Pass<OciRepository>) -> Result<Client, Failure> {
        let object = &pass.object;
        refuse_unsupported(object)?;
        let keychain = read_keychain(pass).await?;
        let proxy = read_proxy(pass).await?;
        if keychain.is_none() {
            self.check_gate(object)?;
        }
        let tls = read_tls(pass).await?;
        let repository = repository(object)?;
        let credentials = match keychain {
            Some(keychain) => keychain.try_resolve(&repository).map_err(no_credential)?,
            None => self.cloud_credentials(object, &repository).await?,
        };
        let access = Access { credentials, tls, proxy, timeout: object.spec.timeout.0 };
        Client::new(&self.registries, repository, access).map_err(|error| no_transport(object, error))
    }

    /// Credentials from the cloud are asked for where no Secret has any.
    fn check_gate(&self, object: &OciRepository) -> Result<(), Failure> {
        let permitted = self.clouds.permits(object.spec.service_account_name.as_deref());
        if permitted || object.spec.provider == OciProvider::Generic {
            return Ok(());
        }
        Err(Failure::stall(FEATURE_GATE_DISABLED, gate_message("spec.serviceAccountName")))
    }

    async fn cloud_credentials(
        &self,
        object: &OciRepository,
        repository: &Repository,
    ) -> Result<Credentials, Failure> {
        let OciRepositorySpec { provider, service_account_name, .. } = &object.spec;
        let account = service_account_name.as_deref();
        let credentials = self.clouds.registry(provider, repository, object.asker(), account).await;
        credentials.or_else(|error| {
            if matches!(provider, OciProvider::Other(_)) {
                let message = format!("failed to get credential from {provider}: {error}");
                return Err(Failure::retry(AUTHENTICATION_FAILED, message).with_condition(FETCH_FAILED));
            }
            // As in Flux, it is the first request to the registry that fails.
            Ok(Credentials::Missing(error))
        })
    }
}

/// Fields that change what the artifact holds, and that this version does not know how to honour: refused
/// rather than ignored.
fn refuse_unsupported(object: &OciRepository) -> Result<(), Failure> {
    let selector = object.spec.layer_selector.as_ref();
    let Some(LayerOperation::Other(word)) = selector.and_then(|selector| selector.operation.as_ref()) else {
        return Ok(());
    };
    let message = format!(
        "spec.layerSelector.operation '{word}' is not supported by this version of the controller: use 'extract' or 'copy'"
    );
    Err(Failure::stall(UNSUPPORTED_FIELD, message).with_condition(FETCH_FAILED))
}

/// The repository that the URL names.
pub(super) fn repository(object: &OciRepository) -> Result<Repository, Failure> {
    let url = &object.spec.url;
    let invalid = |reason: &str| {
        let message = format!("URL validation failed for '{url}': {reason}");
        Failure::stall(URL_INVALID, message).with_condition(FETCH_FAILED)
    };
    let name = url
        .strip_prefix(SCHEME)
        .ok_or_else(|| invalid("URL must be in format 'oci://<domain>/<org>/<repo>'"))?;
    Repository::parse(name, object.spec.insecure).map_err(|error| {
        let failure = invalid(&error.to_string());
        let NameError::Characters(path) = &error else { return failure };
        match path.split_once(':') {
            Some((_, tag)) => {
                failure.with_detail(format!("URL must not contain a tag; remove ':{tag}' and set spec.ref"))
            }
            None => failure,
        }
    })
}

/// The credentials of the Secret and of the service account; None if neither is named or the account has none.
async fn read_keychain(pass: &Pass<OciRepository>) -> Result<Option<Keychain>, Failure> {
    let spec = &pass.object.spec;
    let secret = spec.secret_ref.as_ref().map(|reference| reference.name.as_str());
    let account = spec.service_account_name.as_deref();
    registry::keychain(pass.client(), pass.object.namespace(), secret, account).await.map_err(|error| {
        if let CredentialError::Secret { name, .. } = &error {
            let message = format!("auth secret '{name}' not found");
            pass.event(EventType::Trace, AUTHENTICATION_FAILED, &message, &BTreeMap::new());
        }
        no_credential(error)
    })
}

async fn read_proxy(pass: &Pass<OciRepository>) -> Result<Option<Proxy>, Failure> {
    let secret = pass.object.spec.proxy_secret_ref.as_ref().map(|reference| reference.name.as_str());
    registry::proxy(pass.client(), pass.object.namespace(), secret).await.map_err(|error| {
        Failure::retry(AUTHENTICATION_FAILED, format!("failed to get proxy address: {error}"))
            .with_condition(FETCH_FAILED)
    })
}

async fn read_tls(pass: &Pass<OciRepository>) -> Result<Tls, Failure> {
    let object = &pass.object;
    let secret = object.spec.cert_secret_ref.as_ref().map(|reference| reference.name.as_str());
    let tls = registry::tls(pass.client(), object.namespace(), secret, object.spec.insecure).await;
    tls.map_err(|error| no_transport(object, error))
}

fn no_credential(error: impl std::fmt::Display) -> Failure {
    Failure::retry(AUTHENTICATION_FAILED, format!("failed to get credential: {error}"))
        .with_condition(FETCH_FAILED)
}

fn no_transport(object: &OciRepository, error: impl std::fmt::Display) -> Failure {
    let message = format!("failed to generate transport for '{}': {error}", object.spec.url);
    Failure::retry(AUTHENTICATION_FAILED, message).with_condition(FETCH_FAILED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Then;

    fn error(url: &str) -> Failure {
        let spec = OciRepositorySpec { url: url.to_owned(), ..OciRepositorySpec::default() };
        repository(&OciRepository::new("app", spec)).unwrap_err()
    }

    #[test]
    fn a_bad_url_stalls_and_says_why() {
        let failure = error("oci://ghcr.io/org/app:1.0.0");
        assert_eq!((failure.reason, failure.then), ("URLInvalid", Then::Stall));
        assert_eq!(
            failure.message,
            "URL validation failed for 'oci://ghcr.io/org/app:1.0.0': repository can only contain the characters \
             `abcdefghijklmnopqrstuvwxyz0123456789_-./`: org/app:1.0.0: URL must not contain a tag; remove \
             ':1.0.0' and set spec.ref"
        );
        assert_eq!(
            error("https://ghcr.io/org/app").message,
            "URL validation failed for 'https://ghcr.io/org/app': URL must be in format 'oci://<domain>/<org>/<repo>'"
        );
        assert_eq!(
            error("oci://").message,
            "URL validation failed for 'oci://': a repository name must be specified"
        );
    }
}
