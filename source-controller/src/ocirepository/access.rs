//! Phase: how to get at the repository.

use std::collections::BTreeMap;

use sluice_apis::source::v1::{LayerOperation, OciProvider, OciRepository};
use sluice_http::{Proxy, Tls};
use sluice_oci::{Access, Client, Keychain, NameError, Repository};
use sluice_runtime::{EventType, Pass};

use super::OciReconciler;
use crate::conditions::reasons::{
    AUTHENTICATION_FAILED, FEATURE_GATE_DISABLED, UNSUPPORTED_FIELD, URL_INVALID,
};
use crate::conditions::types::FETCH_FAILED;
use crate::failure::Failure;
use crate::kind::SourceKind;
use crate::secrets;

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
            self.check_provider(object)?;
        }
        let tls = read_tls(pass).await?;
        let repository = repository(object)?;
        let credentials = keychain.unwrap_or_default().try_resolve(&repository).map_err(no_credential)?;
        let access = Access { credentials, tls, proxy, timeout: object.spec.timeout.0 };
        Client::new(&self.registries, repository, access).map_err(|error| no_transport(object, error))
    }

    /// Credentials from the cloud are asked for where no Secret has any.
    fn check_provider(&self, object: &OciRepository) -> Result<(), Failure> {
        let provider = &object.spec.provider;
        if *provider == OciProvider::Generic {
            return Ok(());
        }
        if object.spec.service_account_name.as_ref().is_some_and(|name| !name.is_empty())
            && !self.workload_identity
        {
            return Err(Failure::stall(
                FEATURE_GATE_DISABLED,
                "to use spec.serviceAccountName for provider authentication please enable the ObjectLevelWorkloadIdentity feature gate in the controller",
            ));
        }
        Err(Failure::stall(
            UNSUPPORTED_FIELD,
            format!(
                "spec.provider '{provider}' is not supported by this version of the controller: use 'generic' with a secretRef"
            ),
        )
        .with_condition(FETCH_FAILED))
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
    Repository::parse(name, object.spec.insecure).map_err(|error| match &error {
        NameError::Characters(path) => match path.split_once(':') {
            Some((_, tag)) => {
                invalid(&format!("{error}: URL must not contain a tag; remove ':{tag}' and set spec.ref"))
            }
            None => invalid(&error.to_string()),
        },
        _ => invalid(&error.to_string()),
    })
}

/// The credentials of the Secret and of the service account; None if neither is named or the account has none.
async fn read_keychain(pass: &Pass<OciRepository>) -> Result<Option<Keychain>, Failure> {
    let (client, spec, namespace) = (pass.client(), &pass.object.spec, pass.object.namespace());
    let mut keychain = Keychain::default();
    let mut found = false;
    if let Some(reference) = &spec.secret_ref {
        let name = &reference.name;
        let data = secrets::read(client, namespace, name).await.map_err(|error| {
            let message = format!("auth secret '{name}' not found");
            pass.event(EventType::Trace, AUTHENTICATION_FAILED, &message, &BTreeMap::new());
            no_credential(format!("failed to get secret '{namespace}/{name}': {}", error.cause()))
        })?;
        let secret = format!("secret '{namespace}/{name}'");
        if !secrets::add_docker_config(&mut keychain, &data)
            .map_err(|error| no_credential(format!("{secret}: {error}")))?
        {
            return Err(no_credential(format!(
                "{secret}: key '.dockerconfigjson' not found: a Secret of type kubernetes.io/dockerconfigjson is needed"
            )));
        }
        found = true;
    }
    if let Some(account) = spec.service_account_name.as_ref().filter(|name| !name.is_empty()) {
        for (name, data) in secrets::pull_secrets(client, namespace, account).await.map_err(no_credential)? {
            // As the kubelet does, a pull secret of another kind is passed over.
            secrets::add_docker_config(&mut keychain, &data)
                .map_err(|error| no_credential(format!("secret '{namespace}/{name}': {error}")))?;
            found = true;
        }
    }
    Ok(found.then_some(keychain))
}

async fn read_proxy(pass: &Pass<OciRepository>) -> Result<Option<Proxy>, Failure> {
    let Some(reference) = &pass.object.spec.proxy_secret_ref else { return Ok(None) };
    let (namespace, name) = (pass.object.namespace(), &reference.name);
    let failed = |error: String| {
        Failure::retry(AUTHENTICATION_FAILED, format!("failed to get proxy address: {error}"))
            .with_condition(FETCH_FAILED)
    };
    let data = secrets::read(pass.client(), namespace, name).await.map_err(|e| failed(e.to_string()))?;
    secrets::proxy(&data, namespace, name).map(Some).map_err(failed)
}

async fn read_tls(pass: &Pass<OciRepository>) -> Result<Tls, Failure> {
    let object = &pass.object;
    let Some(reference) = object.spec.cert_secret_ref.as_ref().filter(|secret| !secret.name.is_empty())
    else {
        // Whoever asks for an insecure connection and gives no authority takes any.
        return Ok(Tls { accept_any: object.spec.insecure, ..Tls::default() });
    };
    let (namespace, name) = (object.namespace(), &reference.name);
    let failed = |error: String| no_transport(object, error);
    let data = secrets::read(pass.client(), namespace, name).await.map_err(|e| failed(e.to_string()))?;
    secrets::tls(&data, namespace, name).map_err(failed)
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
    use sluice_apis::source::v1::OciRepositorySpec;

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
