//! Finds and fetches charts.

use std::fs::File;
use std::io::Write;
use std::time::Duration;

use sluice_http::Tls;
use sluice_oci::{Credentials, Keychain, Registries, Version};
use tempfile::{NamedTempFile, TempPath};
use url::Url;

use crate::address::{self, OCI};
use crate::download::{Basic, Limit, Repository, Sink, Validators};
use crate::error::Error;
use crate::index::{self, Release};
use crate::registry;
use crate::repositories::{Entry, Repositories};

/// The largest index, in bytes.
const MAX_INDEX: u64 = 256 << 20;
/// The largest chart as an archive, in bytes: what comes out of it has at most as many.
const MAX_CHART: u64 = 100 << 20;
/// The largest signature, in bytes.
const MAX_PROVENANCE: u64 = 8 << 20;

/// Who we are and whom we trust.
#[derive(Clone)]
pub struct Access {
    /// For servers that are asked for by their address.
    pub credentials: Option<Basic>,
    /// Whether the credentials go to other hosts too, where an index names them.
    pub pass_credentials: bool,
    /// Trust and client identity.
    pub tls: Tls,
    /// Whether registries may be spoken to without encryption.
    pub plain_http: bool,
    /// What the user has logged in to.
    pub keychain: Keychain,
    /// The user's repositories.
    pub repositories: Repositories,
    /// How long one request may take.
    pub timeout: Duration,
}

/// Which chart is wanted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted<'a> {
    /// A name, an address, or `REPOSITORY/NAME`.
    pub chart: &'a str,
    /// The repository to look in.
    pub repository: Option<&'a str>,
    /// A version or a range; the latest where it is empty.
    pub version: &'a str,
    /// Whether the signature is wanted too.
    pub provenance: bool,
}

/// A chart that was fetched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chart {
    /// Where from.
    pub url: String,
    /// The archive's name: that by which its signature knows it.
    pub file: String,
    /// The archive.
    pub archive: Vec<u8>,
    /// The signature, if it was wanted and is there.
    pub provenance: Option<Vec<u8>>,
}

/// Fetches charts.
pub struct Fetcher {
    access: Access,
    registries: Registries,
}

/// A repository's index, in a file.
pub(crate) struct Index {
    pub(crate) repository: Repository,
    path: TempPath,
}

impl Fetcher {
    /// With that access.
    pub fn new(access: Access) -> Self {
        Self { access, registries: Registries::default() }
    }

    /// The user's repositories.
    pub fn repositories(&self) -> &Repositories {
        &self.access.repositories
    }

    /// Fetches the chart that is wanted.
    pub async fn chart(&self, wanted: Wanted<'_>) -> Result<Chart, Error> {
        let name = wanted.chart;
        if let Some(url) = wanted.repository {
            let index = self.index(self.repository(url)?).await?;
            return self.in_index(&index, name, wanted).await;
        }
        if let Some(reference) = name.strip_prefix(OCI) {
            return self.in_registry(reference, wanted).await;
        }
        if name.starts_with("https://") || name.starts_with("http://") {
            let repository = self.repository(name)?;
            let url = repository.url.clone();
            return self.download(&repository, url, wanted).await;
        }
        match name.split_once('/') {
            Some((repository, chart)) if !name.contains("://") && !chart.is_empty() => {
                let entry = self.access.repositories.named(repository)?;
                if let Some(base) = entry.url.strip_prefix(OCI) {
                    return self.in_registry(&format!("{base}/{chart}"), wanted).await;
                }
                let index = self.index(self.known(entry)?).await?;
                self.in_index(&index, chart, wanted).await
            }
            _ => Err(Error::Address(name.to_owned())),
        }
    }

    /// The content of an address of at most `limit` bytes.
    pub async fn file(&self, url: &str, limit: Limit) -> Result<Vec<u8>, Error> {
        let repository = self.repository(url)?;
        get(&repository, repository.url.clone(), limit).await
    }

    /// The repository at an address, with the user's credentials for it.
    pub(crate) fn repository(&self, url: &str) -> Result<Repository, Error> {
        if let Some(entry) = self.access.repositories.at(url)
            && self.access.credentials.is_none()
        {
            return self.known(entry);
        }
        Ok(Repository {
            url: address::parse(url).map_err(|error| Error::fetch(url, &error))?,
            credentials: self.access.credentials.clone(),
            pass_credentials: self.access.pass_credentials,
            tls: self.access.tls.clone(),
            timeout: self.access.timeout,
        })
    }

    pub(crate) fn known(&self, entry: &Entry) -> Result<Repository, Error> {
        Ok(Repository {
            url: address::parse(&entry.url).map_err(|error| Error::fetch(&entry.url, &error))?,
            credentials: entry.credentials.clone().or_else(|| self.access.credentials.clone()),
            pass_credentials: entry.pass_credentials || self.access.pass_credentials,
            tls: if entry.tls == Tls::default() { self.access.tls.clone() } else { entry.tls.clone() },
            timeout: self.access.timeout,
        })
    }

    /// Fetches a repository's index into a file, sorted.
    pub(crate) async fn index(&self, repository: Repository) -> Result<Index, Error> {
        let url = repository.url.to_string();
        let failed = |error: std::io::Error| Error::repository(&url, &error);
        let raw = NamedTempFile::new().map_err(failed)?;
        let mut sink = FileSink(raw.reopen().map_err(failed)?);
        let limit = Limit { bytes: MAX_INDEX, what: "the index is larger than the limit" };
        let from = address::index_of(&repository.url);
        repository
            .get(from, &Validators::default(), limit, &mut sink)
            .await
            .map_err(|error| Error::repository(&url, &error))?;
        let work = move || -> Result<TempPath, index::IndexError> {
            let sorted = NamedTempFile::new()?;
            index::convert(raw.path(), sorted.reopen()?)?;
            Ok(sorted.into_temp_path())
        };
        let path = background(work).await?.map_err(|error| Error::index(&url, &error))?;
        Ok(Index { repository, path })
    }

    async fn in_index(&self, index: &Index, name: &str, wanted: Wanted<'_>) -> Result<Chart, Error> {
        let release = index.release(name, wanted.version).await?;
        let url = index.location(&release, &described(name, wanted.version))?;
        self.download(&index.repository, url, wanted).await
    }

    /// The archive that an index's release names.
    pub(crate) async fn archive(
        &self,
        index: &Index,
        release: &Release,
        provenance: bool,
    ) -> Result<Chart, Error> {
        let url = index.location(release, &described(&release.name, &release.version))?;
        self.download(&index.repository, url, Wanted { provenance, ..Wanted::default() }).await
    }

    async fn download(&self, repository: &Repository, url: Url, wanted: Wanted<'_>) -> Result<Chart, Error> {
        if url.scheme() == "oci" {
            let reference = url.as_str().strip_prefix(OCI).unwrap_or_default().to_owned();
            return self.in_registry(&reference, Wanted { version: "", ..wanted }).await;
        }
        let limit = Limit { bytes: MAX_CHART, what: "the chart is larger than the limit" };
        let archive = get(repository, url.clone(), limit).await?;
        let provenance = if wanted.provenance {
            let mut prov = url.clone();
            prov.set_path(&format!("{}.prov", url.path()));
            let limit = Limit { bytes: MAX_PROVENANCE, what: "the provenance file is larger than the limit" };
            Some(get(repository, prov, limit).await?)
        } else {
            None
        };
        let file = url.path_segments().and_then(|mut parts| parts.next_back().map(ToOwned::to_owned));
        let file = file.unwrap_or_default();
        Ok(Chart { url: sluice_http::redact(url.as_str()), file, archive, provenance })
    }

    /// A client of one repository of a registry.
    fn client(&self, path: &str) -> Result<sluice_oci::Client, Error> {
        let failed = |error: String| Error::fetch(&format!("{OCI}{path}"), &error);
        let repository = sluice_oci::Repository::parse(path, self.access.plain_http)
            .map_err(|error| failed(error.to_string()))?;
        let credentials = match &self.access.credentials {
            Some(Basic { user, password }) => {
                Credentials::Basic { user: user.clone(), password: password.clone() }
            }
            None => {
                self.access.keychain.try_resolve(&repository).map_err(|error| failed(error.to_string()))?
            }
        };
        let access = sluice_oci::Access {
            credentials,
            tls: self.access.tls.clone(),
            proxy: None,
            timeout: self.access.timeout,
        };
        sluice_oci::Client::new(&self.registries, repository, access)
            .map_err(|error| failed(error.to_string()))
    }

    /// The version in a registry that fits: a version is a tag, a range is looked for among all tags.
    pub(crate) async fn tag(&self, path: &str, version: &str) -> Result<String, Error> {
        if sluice_semver::Version::parse(version).is_ok() {
            return Ok(version.to_owned());
        }
        let failed = |error: String| Error::fetch(&format!("{OCI}{path}"), &error);
        let tags = self.client(path)?.tags().all().await.map_err(|error| failed(error.to_string()))?;
        registry::highest(&registry::versions(&tags), version).map_err(failed)
    }

    /// A chart in a registry: `host/path[:tag][@digest]`.
    pub(crate) async fn in_registry(&self, reference: &str, wanted: Wanted<'_>) -> Result<Chart, Error> {
        let (name, digest) = match reference.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (reference, None),
        };
        let slash = name.rfind('/').map_or(0, |at| at + 1);
        let (path, tag) = match name.get(slash..).and_then(|last| last.rfind(':')) {
            Some(at) => {
                (name.get(..slash + at).unwrap_or(name), name.get(slash + at + 1..).unwrap_or_default())
            }
            None => (name, ""),
        };
        if !tag.is_empty() && !wanted.version.is_empty() && registry::tag(wanted.version) != tag {
            return Err(Error::Mismatch { tag: tag.to_owned(), version: wanted.version.to_owned() });
        }
        let failed = |error: String| Error::fetch(&format!("{OCI}{reference}"), &error);
        let version = match digest {
            Some(digest) => Version::Digest(digest.to_owned()),
            None if tag.is_empty() => Version::Tag(registry::tag(&self.tag(path, wanted.version).await?)),
            None => Version::Tag(tag.to_owned()),
        };
        let client = self.client(path)?;
        let not_fetched = |error: sluice_oci::Error| {
            failed(if error.is_not_found() { "not found".to_owned() } else { error.to_string() })
        };
        let resolved = client.resolve(&version).await.map_err(not_fetched)?;
        let image = client.image(&resolved).await.map_err(not_fetched)?;
        let layer = registry::content(&image.manifest).map_err(failed)?;
        let archive = client.read(layer, MAX_CHART).await.map_err(not_fetched)?;
        let provenance = match registry::provenance(&image.manifest) {
            Some(layer) if wanted.provenance => {
                Some(client.read(layer, MAX_PROVENANCE).await.map_err(not_fetched)?)
            }
            _ => None,
        };
        let base = path.rsplit('/').next().unwrap_or(path);
        let label = match &version {
            Version::Tag(tag) => tag.replace('_', "+"),
            Version::Digest(digest) => digest.clone(),
        };
        Ok(Chart {
            url: format!("{OCI}{reference}"),
            file: format!("{base}-{label}.tgz"),
            archive,
            provenance,
        })
    }
}

impl Index {
    /// The version of a chart that fits.
    pub(crate) async fn release(&self, name: &str, version: &str) -> Result<Release, Error> {
        let (path, chart) = (self.path.to_path_buf(), name.to_owned());
        let found = background(move || index::versions(&path, &chart)).await?;
        let found = found.map_err(|error| Error::index(self.repository.url.as_str(), &error))?;
        index::choose(found, name, version).map_err(|_| Error::NotFound {
            chart: described(name, version),
            url: sluice_http::redact(self.repository.url.as_str()),
        })
    }

    /// Where the archive of a release is.
    fn location(&self, release: &Release, what: &str) -> Result<Url, Error> {
        let url = release.urls.first().ok_or_else(|| Error::NoUrl(what.to_owned()))?;
        address::chart_of(&self.repository.url, url).map_err(|error| Error::fetch(url, &error))
    }
}

/// A chart, and its version if one is asked for, as Helm names them in errors.
fn described(name: &str, version: &str) -> String {
    if version.is_empty() { format!("chart {name:?}") } else { format!("chart {name:?} version {version:?}") }
}

async fn get(repository: &Repository, url: Url, limit: Limit) -> Result<Vec<u8>, Error> {
    let what = url.to_string();
    let mut bytes = Vec::new();
    repository
        .get(url, &Validators::default(), limit, &mut bytes)
        .await
        .map_err(|error| Error::fetch(&what, &error))?;
    Ok(bytes)
}

/// Runs what blocks.
pub(crate) async fn background<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::Interrupted(error.to_string()))
}

struct FileSink(File);

impl Sink for FileSink {
    fn take(&mut self, piece: &[u8]) -> Result<(), String> {
        self.0.write_all(piece).map_err(|error| error.to_string())
    }
}
