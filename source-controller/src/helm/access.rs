//! How to get at a repository: credentials and certificates.

use std::time::Duration;

use kube::Client;
use sluice_apis::source::v1::{HelmRepository, HelmRepositoryType, OciProvider};
use sluice_auth::cloud::{Asker, CloudAccess};
use sluice_auth::secrets::{self, Data};
use sluice_http::Tls;
use sluice_oci::{Credentials, Keychain, Registries};

use super::address;
use super::download::{Basic, Repository};

/// The time that requests may take where nothing else is said.
const DEFAULT_TIMEOUT: Duration = Duration::from_mins(1);

/// Who we are and whom we trust, as the Secrets of a repository say.
#[derive(Clone, Default)]
pub(crate) struct Access {
    basic: Option<Basic>,
    tls: Tls,
    /// The content of the Secret with the credentials.
    secret: Option<(String, Data)>,
    /// What a cloud gave for a registry.
    cloud: Credentials,
}

/// Reads the Secrets of a repository.
pub(crate) async fn read(client: &Client, object: &HelmRepository) -> Result<Access, String> {
    let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
    let spec = &object.spec;
    let mut access = Access::default();
    if let Some(reference) = &spec.cert_secret_ref {
        let name = &reference.name;
        let data = secrets::read(client, namespace, name).await.map_err(|error| {
            format!("failed to get TLS authentication secret '{namespace}/{name}': {}", error.cause())
        })?;
        access.tls = secrets::tls(&data, namespace, name)
            .map_err(|error| format!("failed to construct Helm client's TLS config: {error}"))?;
    }
    if let Some(reference) = &spec.secret_ref {
        let name = &reference.name;
        let data = secrets::read(client, namespace, name).await.map_err(|error| {
            format!("failed to get authentication secret '{namespace}/{name}': {}", error.cause())
        })?;
        let secret = format!("{namespace}/{name}");
        let failed = |error: String| format!("failed to detect authentication methods: {error}");
        access.basic = basic(&data, &secret).map_err(failed)?;
        if spec.cert_secret_ref.is_none() && has_tls(&data) {
            access.tls = secrets::tls(&data, namespace, name).map_err(failed)?;
            tracing::warn!(
                secret,
                "certificates in the Secret of spec.secretRef are deprecated: use spec.certSecretRef"
            );
        }
        access.secret = Some((secret, data));
    }
    Ok(access)
}

/// The user and password of a Secret, which has both or none.
fn basic(data: &Data, secret: &str) -> Result<Option<Basic>, String> {
    let field = |key: &str| data.get(key).map(|value| String::from_utf8_lossy(value).into_owned());
    let malformed = |has: &str, lacks: &str| {
        Err(format!("secret '{secret}': malformed basic auth - has '{has}' but missing '{lacks}'"))
    };
    match (field("username"), field("password")) {
        (Some(user), Some(password)) => Ok(Some(Basic { user, password })),
        (Some(_), None) => malformed("username", "password"),
        (None, Some(_)) => malformed("password", "username"),
        (None, None) => Ok(None),
    }
}

fn has_tls(data: &Data) -> bool {
    ["ca.crt", "caFile", "tls.crt", "tls.key", "certFile", "keyFile"]
        .iter()
        .any(|key| data.get(*key).is_some_and(|value| !value.is_empty()))
}

/// `spec.timeout`.
pub(crate) fn timeout(object: &HelmRepository) -> Duration {
    object.spec.timeout.as_ref().map_or(DEFAULT_TIMEOUT, |timeout| timeout.0)
}

/// Whether charts are served by a registry.
pub(crate) fn is_oci(object: &HelmRepository) -> bool {
    object.spec.type_ == Some(HelmRepositoryType::Oci)
}

impl Access {
    /// A repository that serves an index.
    pub(crate) fn http(self, object: &HelmRepository) -> Result<Repository, String> {
        Ok(Repository {
            url: address::parse(&object.spec.url)?,
            credentials: self.basic,
            pass_credentials: object.spec.pass_credentials,
            tls: self.tls,
            timeout: timeout(object),
        })
    }

    /// Gets credentials from the cloud where the spec names one and no Secret.
    pub(crate) async fn log_in(
        &mut self,
        clouds: &CloudAccess,
        object: &HelmRepository,
        url: &str,
        asker: Asker<'_>,
    ) -> Result<(), String> {
        let provider = &object.spec.provider;
        if *provider == OciProvider::Generic || self.secret.is_some() {
            return Ok(());
        }
        let failed = |error: String| format!("failed to get credential from '{provider}': {error}");
        let name = url.strip_prefix(address::OCI).unwrap_or(url);
        let repository = sluice_oci::Repository::parse(name, object.spec.insecure)
            .map_err(|error| failed(error.to_string()))?;
        self.cloud = clouds.registry(provider, &repository, asker, None).await.map_err(failed)?;
        Ok(())
    }

    /// A client of the repository of one chart in a registry.
    pub(crate) fn oci(
        &self,
        object: &HelmRepository,
        registries: &Registries,
        repository: sluice_oci::Repository,
    ) -> Result<sluice_oci::Client, String> {
        let credentials = self.registry_credentials(&repository)?;
        let access =
            sluice_oci::Access { credentials, tls: self.tls.clone(), proxy: None, timeout: timeout(object) };
        sluice_oci::Client::new(registries, repository, access).map_err(|error| error.to_string())
    }

    fn registry_credentials(&self, repository: &sluice_oci::Repository) -> Result<Credentials, String> {
        let failed = |error: String| format!("failed to configure OCI registry authentication: {error}");
        let Some((secret, data)) = &self.secret else { return Ok(self.cloud.clone()) };
        let mut keychain = Keychain::default();
        let has_config =
            secrets::add_docker_config(&mut keychain, data).map_err(|error| failed(error.to_string()))?;
        if has_config {
            return keychain
                .try_resolve(repository)
                .map_err(|error| failed(format!("secret '{secret}': {error}")));
        }
        match &self.basic {
            Some(Basic { user, password }) => {
                Ok(Credentials::Basic { user: user.clone(), password: password.clone() })
            }
            None => Ok(Credentials::Anonymous),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_needs_a_password() {
        let of = |keys: &[&str]| {
            let data = keys.iter().map(|key| ((*key).to_owned(), b"x".to_vec())).collect();
            basic(&data, "ns/auth").map(|basic| basic.is_some())
        };
        assert_eq!(of(&["username", "password"]), Ok(true));
        assert_eq!(of(&["ca.crt"]), Ok(false));
        assert_eq!(
            of(&["username"]).unwrap_err(),
            "secret 'ns/auth': malformed basic auth - has 'username' but missing 'password'"
        );
        assert!(of(&["password"]).unwrap_err().contains("has 'password' but missing 'username'"));
    }
}
