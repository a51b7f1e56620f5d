//! How to get at the repository of an image.

use std::time::Duration;

use kube::Client as Cluster;
use sluice_apis::image::v1::ImageRepository;
use sluice_apis::meta::LocalObjectReference;
use sluice_apis::source::v1::OciProvider;
use sluice_auth::cloud::gate_message;
use sluice_auth::registry;
use sluice_oci::{Access, Client, Credentials, Repository};

use super::Shared;
use crate::failure::{Failure, reasons};

/// Reads the image of a spec: a repository without scheme, tag and digest.
pub(super) fn image(image: &str, insecure: bool) -> Result<Repository, String> {
    if let Some((scheme, _)) = image.split_once("://") {
        return Err(format!("image '{image}' should not include URL scheme; remove '{scheme}://'"));
    }
    let path = match image.split_once('/') {
        Some((host, path)) if host.contains(['.', ':']) => path,
        _ => image,
    };
    if let Some((_, digest)) = path.split_once('@') {
        return Err(format!(
            "could not parse reference: {image}: it should not include a digest; remove '@{digest}'"
        ));
    }
    if let Some(tag) = path.split(':').nth(1) {
        return Err(format!("image '{image}' should not include a tag; remove ':{tag}'"));
    }
    Repository::parse(image, insecure).map_err(|error| format!("could not parse reference: {image}: {error}"))
}

/// How long a scan may take: a second at least.
pub(super) fn timeout(object: &ImageRepository) -> Duration {
    let given = object.spec.timeout.as_ref().map_or(object.spec.interval.0, |timeout| timeout.0);
    given.max(Duration::from_secs(1))
}

impl Shared {
    /// Refuses a service account for cloud credentials while the feature is off. `field` is how the user names it.
    pub(super) fn check_gate(&self, object: &ImageRepository, field: &str) -> Result<(), Failure> {
        let spec = &object.spec;
        let permitted = self.clouds.permits(spec.service_account_name.as_deref());
        if spec.provider == OciProvider::Generic || permitted {
            return Ok(());
        }
        Err(Failure::stall(sluice_apis::meta::reasons::FEATURE_GATE_DISABLED, gate_message(field)))
    }

    /// A client of the repository with credentials, certificates and proxy as the spec and its Secrets say.
    pub(super) async fn client(
        &self,
        cluster: &Cluster,
        object: &ImageRepository,
        repository: Repository,
    ) -> Result<Client, Failure> {
        let (spec, namespace) = (&object.spec, object.metadata.namespace.as_deref().unwrap_or_default());
        let name =
            |reference: &Option<LocalObjectReference>| reference.as_ref().map(|found| found.name.clone());
        let (secret, certificates, proxy) =
            (name(&spec.secret_ref), name(&spec.cert_secret_ref), name(&spec.proxy_secret_ref));
        let proxy = registry::proxy(cluster, namespace, proxy.as_deref()).await.map_err(failed)?;
        let tls = registry::tls(cluster, namespace, certificates.as_deref(), spec.insecure)
            .await
            .map_err(failed)?;
        let account = spec.service_account_name.as_deref();
        let credentials = if spec.provider == OciProvider::Generic {
            let keychain = registry::keychain(cluster, namespace, secret.as_deref(), account).await;
            match keychain.map_err(failed)? {
                Some(keychain) => keychain.try_resolve(&repository).map_err(failed)?,
                None => Credentials::Anonymous,
            }
        } else {
            // As in Flux, a provider counts more than Secrets, and the account is who asks its cloud.
            let asker = sluice_auth::cloud::Asker {
                kind: "ImageRepository",
                namespace,
                name: object.metadata.name.as_deref().unwrap_or_default(),
                operation: "reconcile",
            };
            let given = self.clouds.registry(&spec.provider, &repository, asker, account).await;
            given.map_err(failed)?
        };
        let access = Access { credentials, tls, proxy, timeout: timeout(object) };
        Client::new(&self.registries, repository, access).map_err(failed)
    }
}

#[allow(clippy::needless_pass_by_value, reason = "fits map_err")]
fn failed(error: impl std::fmt::Display) -> Failure {
    let message = format!("failed to configure authentication options: {error}");
    Failure::retry(reasons::AUTHENTICATION_FAILED, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_have_neither_scheme_nor_tag_nor_digest() {
        let canonical = |text: &str| image(text, false).map(|repository| repository.to_string());
        assert_eq!(canonical("alpine").unwrap(), "index.docker.io/library/alpine");
        assert_eq!(canonical("docker.io/org/app").unwrap(), "index.docker.io/org/app");
        assert_eq!(canonical("localhost:5000/app").unwrap(), "localhost:5000/app");
        let error = |text: &str| canonical(text).unwrap_err();
        assert_eq!(
            error("https://ghcr.io/x"),
            "image 'https://ghcr.io/x' should not include URL scheme; remove 'https://'"
        );
        assert_eq!(error("ghcr.io/x:1"), "image 'ghcr.io/x:1' should not include a tag; remove ':1'");
        assert_eq!(
            error("ghcr.io/x@sha256:ab"),
            "could not parse reference: ghcr.io/x@sha256:ab: it should not include a digest; remove '@sha256:ab'"
        );
        assert_eq!(error("alpine:3"), "image 'alpine:3' should not include a tag; remove ':3'");
        assert!(error("ghcr.io/UPPER").starts_with("could not parse reference: ghcr.io/UPPER: "));
        assert!(error("").starts_with("could not parse reference: : "));
    }
}
