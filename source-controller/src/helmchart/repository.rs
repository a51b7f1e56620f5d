//! Repositories that charts come from.

use std::path::PathBuf;
use std::sync::Arc;

use sluice_apis::source::v1::HelmRepository;
use sluice_oci::{Client, ImageManifest, Registries, Version};
use tempfile::TempPath;

use super::error::{BuildError, Step};
use crate::helm::access::{Access, timeout};
use crate::helm::address::{OCI, chart_of};
use crate::helm::download::{Limit, Repository, Validators};
use crate::helm::index;
use crate::signature::{Verdict, Wanted, verifier};

/// Media type of what Helm pushes as configuration.
const CONFIG: &str = "application/vnd.cncf.helm.config.v1+json";
/// Media types of the layer with the chart.
const CONTENT: [&str; 2] = ["application/vnd.cncf.helm.chart.content.v1.tar+gzip", "application/tar+gzip"];

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
        let path = match &self.index {
            IndexFile::Stored(path) => path.clone(),
            IndexFile::Fetched(path) => path.to_path_buf(),
        };
        let name = chart.to_owned();
        let failed = |error: &dyn std::fmt::Display| {
            BuildError::new(Step::Pull, format!("failed to load index: {error}"))
        };
        let versions = tokio::task::spawn_blocking(move || index::versions(&path, &name)).await;
        let versions = versions.map_err(|error| failed(&error))?.map_err(|error| failed(&error))?;
        let release = index::choose(versions, chart, wanted).map_err(BuildError::at(Step::Reference))?;
        let location = release.urls.into_iter().next();
        Ok(Found { name: release.name, version: release.version, location })
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
        let tags =
            tags.map_err(|error| failed(format!("could not fetch tags for {reference:?}: {error}")))?;
        // Tags can't hold the `+` of versions.
        let tags: Vec<String> = tags.iter().map(|tag| tag.replace('_', "+")).collect();
        if tags.is_empty() {
            return Err(failed(format!("unable to locate any tags in provided repository: {reference}")));
        }
        highest(&tags, wanted).map(|tag| found(&tag)).map_err(BuildError::at(Step::Pull))
    }

    /// Verifies the signature of a chart; whether it is good. It is not if the policy says to skip that.
    pub(super) async fn verify(
        &self,
        cluster: &kube::Client,
        namespace: &str,
        wanted: &Wanted<'_>,
        found: &Found,
    ) -> Result<bool, String> {
        let location = found.location.as_deref().unwrap_or_default();
        let reference = location.strip_prefix(OCI).unwrap_or(location);
        let provider = wanted.provider_name();
        let trusted = verifier(cluster, namespace, wanted, reference).await.map_err(|error| {
            format!("failed to verify the signature using provider '{provider}': {error}")
        })?;
        let failed = |error: String| format!("failed to verify {location}: {error}");
        let client = self.client(&found.name).map_err(failed)?;
        let tag = Version::Tag(found.version.replace('+', "_"));
        let digest = client.resolve(&tag).await.map_err(|error| failed(error.to_string()))?;
        let verify = tokio::time::timeout(timeout(&self.object), trusted.verify(&client, &digest, reference));
        let verdict = verify.await.unwrap_or_else(|_| Err("context deadline exceeded".to_owned()));
        verdict.map(|verdict| verdict == Verdict::Good)
    }

    async fn download(&self, found: &Found) -> Result<Vec<u8>, String> {
        let reference = found.location.as_deref().unwrap_or_default();
        let failed = |error: String| format!("failed to get '{reference}': {error}");
        let client = self.client(&found.name).map_err(failed)?;
        let tag = Version::Tag(found.version.replace('+', "_"));
        let source = reference.strip_prefix(OCI).unwrap_or(reference);
        let not_fetched = |error: sluice_oci::Error| {
            let error = if error.is_not_found() { "not found".to_owned() } else { error.to_string() };
            failed(format!("failed to perform \"FetchReference\" on source: {source}: {error}"))
        };
        let digest = client.resolve(&tag).await.map_err(not_fetched)?;
        let image = client.image(&digest).await.map_err(not_fetched)?;
        let layer = content(&image.manifest).map_err(failed)?;
        client.read(layer, self.max_chart).await.map_err(|error| failed(error.to_string()))
    }
}

/// The layer with the chart.
fn content(manifest: &ImageManifest) -> Result<&sluice_oci::Descriptor, String> {
    if manifest.config.media_type != CONFIG {
        return Err(format!(
            "could not load config with mediatype {CONFIG}: the artifact's configuration has mediatype {}",
            manifest.config.media_type
        ));
    }
    let layers = manifest.layers.iter();
    CONTENT
        .iter()
        .find_map(|wanted| layers.clone().find(|layer| layer.media_type == *wanted))
        .ok_or_else(|| format!("manifest does not contain a layer with mediatype {}", CONTENT[0]))
}

/// The very tag, or the highest version in a range.
fn highest(tags: &[String], wanted: &str) -> Result<String, String> {
    if !wanted.is_empty()
        && let Some(exact) = tags.iter().find(|tag| *tag == wanted)
    {
        return Ok(exact.clone());
    }
    let range = if wanted.is_empty() { "*" } else { wanted };
    let range = sluice_semver::Constraints::parse(range).map_err(|error| error.to_string())?;
    let versions = tags.iter().filter_map(|tag| sluice_semver::Version::parse_tag(tag).ok());
    let best = versions
        .filter(|version| range.matches(version))
        .reduce(|best, other| if other.cmp(&best) == std::cmp::Ordering::Greater { other } else { best });
    best.map(|version| version.original().to_owned())
        .ok_or_else(|| format!("could not locate a version matching provided version string {wanted}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_tag_in_the_range_is_taken() {
        let tags: Vec<String> =
            ["latest", "1.0.0", "1.2.0+a", "2.0.0-rc.1"].iter().map(|tag| (*tag).to_owned()).collect();
        assert_eq!(highest(&tags, "").as_deref(), Ok("1.2.0+a"));
        assert_eq!(highest(&tags, "latest").as_deref(), Ok("latest"));
        assert_eq!(highest(&tags, ">1.0.0-0").as_deref(), Ok("2.0.0-rc.1"));
        assert_eq!(
            highest(&tags, "9.x").unwrap_err(),
            "could not locate a version matching provided version string 9.x"
        );
    }

    #[test]
    fn only_charts_are_taken_for_charts() {
        let descriptor = |media_type: &str| sluice_oci::Descriptor {
            media_type: media_type.to_owned(),
            ..sluice_oci::Descriptor::default()
        };
        let mut manifest = ImageManifest { config: descriptor("x"), ..ImageManifest::default() };
        assert!(content(&manifest).unwrap_err().contains("mediatype x"));
        manifest.config = descriptor(CONFIG);
        assert!(content(&manifest).unwrap_err().contains("does not contain a layer"));
        manifest.layers = vec![descriptor("prov"), descriptor(CONTENT[1])];
        assert_eq!(content(&manifest).unwrap().media_type, CONTENT[1]);
    }
}
