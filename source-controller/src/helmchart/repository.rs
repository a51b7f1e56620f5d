//! Repositories that charts come from.

use std::path::PathBuf;
use std::sync::Arc;

use sluice_apis::source::v1::{HelmChart, HelmRepository, VerificationProvider};
use sluice_chartrepo::registry;
use sluice_oci::{Client, Registries, Version};
use sluice_runtime::ObjectKey;
use tempfile::TempPath;

use super::cache::IndexCache;
use super::error::{BuildError, Step};
use crate::helm::access::{Access, timeout};
use crate::helm::address::{OCI, chart_of};
use crate::helm::download::{Limit, Repository, Validators};
use crate::helm::index::{self, Release};
use crate::kind::SourceKind;
use crate::signature::{Unverified, Verdict, Verifier, Wanted, verifier};

/// Why the signature of a chart does not count.
pub(super) enum NotVerified {
    /// There is nothing to verify it with.
    Keys(String),
    /// It is missing or bad: in the words of Flux, and what there is to say beyond them.
    Signature(String, Option<String>),
}

/// A chart in a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) name: String,
    pub(super) version: String,
    /// Where the archive is.
    location: Option<String>,
}

/// A repository.
pub(super) enum ChartRepository {
    /// One with an index.
    Index(IndexRepository),
    /// One in a registry.
    Registry(RegistryRepository),
}

/// A repository that serves an index.
pub(super) struct IndexRepository {
    pub(super) repository: Repository,
    pub(super) index: IndexFile,
    /// What was found in stored indexes before, and whose this one is.
    pub(super) cache: Option<(Arc<IndexCache>, ObjectKey)>,
    /// Largest chart in bytes.
    pub(super) max_chart: u64,
}

/// Where the index is, in the form that is stored.
pub(super) enum IndexFile {
    /// An artifact.
    Stored(PathBuf),
    /// Fetched for this turn.
    Fetched(TempPath),
}

/// A repository whose charts are artifacts in a registry.
pub(super) struct RegistryRepository {
    pub(super) object: Arc<HelmRepository>,
    pub(super) access: Access,
    pub(super) registries: Registries,
    /// The address of the repository, without a slash at its end.
    pub(super) url: String,
    /// Largest chart in bytes.
    pub(super) max_chart: u64,
}

impl ChartRepository {
    /// The version of a chart that is wanted: a version, a range, or nothing for the latest.
    pub(super) async fn find(&self, chart: &str, wanted: &str) -> Result<Found, BuildError> {
        match self {
            Self::Index(repository) => repository.find(chart, wanted).await,
            Self::Registry(repository) => repository.find(chart, wanted).await,
        }
    }

    /// The archive of a chart that was found.
    pub(super) async fn download(&self, found: &Found) -> Result<Vec<u8>, String> {
        match self {
            Self::Index(repository) => repository.download(found).await,
            Self::Registry(repository) => repository.download(found).await,
        }
    }
}

impl IndexRepository {
    async fn find(&self, chart: &str, wanted: &str) -> Result<Found, BuildError> {
        let (path, cache) = match &self.index {
            IndexFile::Stored(path) => (path.clone(), self.cache.as_ref()),
            IndexFile::Fetched(path) => (path.to_path_buf(), None),
        };
        let kept = cache.and_then(|(cache, repository)| cache.find(&path, chart, repository));
        let versions = if let Some(versions) = kept {
            versions
        } else {
            let versions = Arc::new(Self::read(path.clone(), chart).await?);
            if let Some((cache, _)) = cache {
                cache.keep(path, chart.to_owned(), Arc::clone(&versions));
            }
            versions
        };
        let release = index::choose(Option::clone(&versions), chart, wanted);
        let release = release.map_err(BuildError::at(Step::Reference))?;
        let location = release.urls.into_iter().next();
        Ok(Found { name: release.name, version: release.version, location })
    }

    /// The versions of a chart in an index.
    async fn read(path: PathBuf, chart: &str) -> Result<Option<Vec<Release>>, BuildError> {
        let name = chart.to_owned();
        let failed = |error: &dyn std::fmt::Display| {
            BuildError::new(Step::Pull, format!("failed to load index: {error}"))
        };
        let versions = tokio::task::spawn_blocking(move || index::versions(&path, &name)).await;
        versions.map_err(|error| failed(&error))?.map_err(|error| failed(&error))
    }

    async fn download(&self, found: &Found) -> Result<Vec<u8>, String> {
        let location = found
            .location
            .as_ref()
            .ok_or_else(|| format!("chart '{}' has no downloadable URLs", found.name))?;
        let url = chart_of(&self.repository.url, location)?;
        let limit = Limit { bytes: self.max_chart, what: "chart exceeds the maximum chart size" };
        let mut archive = Vec::new();
        self.repository.get(url, &Validators::default(), limit, &mut archive).await?;
        Ok(archive)
    }
}

impl RegistryRepository {
    fn client(&self, chart: &str) -> Result<Client, String> {
        let name = format!("{}/{chart}", self.url);
        let name = name.strip_prefix(OCI).unwrap_or(&name);
        let repository = sluice_oci::Repository::parse(name, self.object.spec.insecure)
            .map_err(|error| error.to_string())?;
        self.access.oci(&self.object, &self.registries, repository)
    }

    async fn find(&self, chart: &str, wanted: &str) -> Result<Found, BuildError> {
        let found = |version: &str| Found {
            name: chart.to_owned(),
            version: version.to_owned(),
            location: Some(format!("{}/{chart}:{version}", self.url)),
        };
        // A version is a tag: there is no need to look for it among all.
        if sluice_semver::Version::parse_tag(wanted).is_ok() {
            return Ok(found(wanted));
        }
        let failed =
            |error: String| BuildError::new(Step::Pull, format!("could not get tags for {chart:?}: {error}"));
        let reference = format!("{}/{chart}", self.url);
        let client = self.client(chart).map_err(failed)?;
        let tags = client.tags().all().await;
        let tags = tags.map_err(|error| {
            failed(format!("could not fetch tags for {reference:?}: {}", told_by_oras(&error)))
        })?;
        let tags = registry::versions(&tags);
        if tags.is_empty() {
            return Err(failed(format!("unable to locate any tags in provided repository: {reference}")));
        }
        registry::highest(&tags, wanted).map(|tag| found(&tag)).map_err(BuildError::at(Step::Pull))
    }

    /// Verifies the signature of a chart; whether it is good. It is not if the policy says to skip that.
    pub(super) async fn verify(
        &self,
        cluster: &kube::Client,
        object: &HelmChart,
        wanted: &Wanted<'_>,
        found: &Found,
    ) -> Result<bool, NotVerified> {
        let (namespace, name) = (object.namespace(), object.metadata.name.as_deref().unwrap_or_default());
        let location = found.location.as_deref().unwrap_or_default();
        let reference = location.strip_prefix(OCI).unwrap_or(location);
        let provider = wanted.provider_name();
        let no_keys = |error: String| {
            NotVerified::Keys(format!("failed to verify the signature using provider '{provider}': {error}"))
        };
        let trusted = verifier(cluster, namespace, wanted, name).await.map_err(no_keys)?;
        if let (Verifier::Cosign(keys), Some(secret)) = (&trusted, wanted.secret)
            && keys.is_empty()
        {
            return Err(no_keys(format!("no public keys found in secret '{namespace}/{secret}'")));
        }
        let failed =
            |error: String| NotVerified::Signature(format!("failed to verify {location}: {error}"), None);
        let client = self.client(&found.name).map_err(failed)?;
        let tag = Version::Tag(registry::tag(&found.version));
        let digest = client.resolve(&tag).await.map_err(|error| failed(error.to_string()))?;
        let verify = tokio::time::timeout(timeout(&self.object), trusted.verify(&client, &digest, reference));
        let verdict =
            verify.await.unwrap_or_else(|_| Err(Unverified::Unknown("context deadline exceeded".to_owned())));
        verdict.map(|verdict| verdict == Verdict::Good).map_err(|error| {
            let is_cosign = *wanted.provider == VerificationProvider::Cosign;
            let (told, detail) = if is_cosign { error.told_by_cosign() } else { error.told(reference) };
            let told = if is_cosign || matches!(error, Unverified::Unknown(_)) {
                format!("failed to verify {location}: {told}")
            } else {
                told
            };
            NotVerified::Signature(told, detail)
        })
    }

    async fn download(&self, found: &Found) -> Result<Vec<u8>, String> {
        let reference = found.location.as_deref().unwrap_or_default();
        let failed = |error: String| format!("failed to get '{reference}': {error}");
        let client = self.client(&found.name).map_err(failed)?;
        let tag = Version::Tag(registry::tag(&found.version));
        let source = reference.strip_prefix(OCI).unwrap_or(reference);
        let not_fetched = |error: sluice_oci::Error| {
            let error =
                if error.is_not_found() { format!("{source}: not found") } else { told_by_oras(&error) };
            failed(format!("failed to perform \"FetchReference\" on source: {error}"))
        };
        let digest = client.resolve(&tag).await.map_err(not_fetched)?;
        let image = client.image(&digest).await.map_err(not_fetched)?;
        let layer = registry::content(&image.manifest).map_err(failed)?;
        client.read(layer, self.max_chart).await.map_err(|error| failed(error.to_string()))
    }
}

/// An answer of a registry in the words of oras, anything else in our own.
fn told_by_oras(error: &sluice_oci::Error) -> String {
    match error {
        sluice_oci::Error::Status(error) => error.told_by_oras(),
        other => other.to_string(),
    }
}
