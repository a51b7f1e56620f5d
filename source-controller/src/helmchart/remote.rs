//! Phase: a chart from a Helm repository.

use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use regex::Regex;
use sluice_apis::source::v1::{HelmChart, HelmRepository};
use sluice_chart::load::{LoadOptions, load_archive};
use sluice_runtime::{ObjectKey, Pass};
use tempfile::NamedTempFile;
use url::Url;

use super::HelmChartReconciler;
use super::build::{Build, Options};
use super::error::{BuildError, Step, Trouble};
use super::repository::{
    ChartRepository, Found, IndexFile, IndexRepository, NotVerified, RegistryRepository,
};
use super::values;
use crate::conditions::reasons::{AUTHENTICATION_FAILED, URL_INVALID, VERIFICATION_ERROR};
use crate::failure::Failure;
use crate::helm::access::{self, is_oci};
use crate::helm::address::{self, OCI, index_of};
use crate::helm::download::{Fetched, Limit, Validators};
use crate::helm::index::convert;
use crate::kind::SourceKind;
use crate::signature::Wanted;

/// Begins the message about an index that can't be had.
pub(super) const NO_INDEX: &str = "failed to cache index";

/// What names of charts look like.
static NAME: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new("^([-a-z0-9]+/?\\.?)+$").ok());

impl HelmChartReconciler {
    /// Fetches the chart that the spec asks for, and changes its values if it says so.
    pub(super) async fn build_remote(
        &self,
        pass: &Pass<HelmChart>,
        object: &Arc<HelmRepository>,
        index: Option<PathBuf>,
    ) -> Result<Build, Trouble> {
        let repository = self.repository(pass, object, index).await?;
        let options = Options::of(&pass.object, "");
        let result = self.build_from(pass, &repository, object, &options).await?;
        result.map_err(Trouble::of_repository)
    }

    async fn build_from(
        &self,
        pass: &Pass<HelmChart>,
        repository: &ChartRepository,
        object: &HelmRepository,
        options: &Options,
    ) -> Result<Result<Build, BuildError>, Failure> {
        let (chart, version) = (&pass.object.spec.chart, &pass.object.spec.version);
        if let Err(error) = check_name(chart) {
            return Ok(Err(error));
        }
        let host = host(object);
        let find = async || {
            repository
                .find(chart, version)
                .await
                .map_err(|error| error.within("failed to get chart version for remote reference"))
        };
        let found = match self.lanes.ask(pass, &host, find).await? {
            Ok(found) => found,
            Err(error) => return Ok(Err(error)),
        };
        let check = async || verify(pass, repository, &found).await;
        let verified = match self.lanes.ask(pass, &host, check).await? {
            Ok(verified) => verified,
            Err(NotVerified::Signature(error, detail)) => {
                let error = BuildError::new(Step::Verification, error);
                return Ok(Err(match detail {
                    Some(detail) => error.with_detail(&detail),
                    None => error,
                }));
            }
            Err(NotVerified::Keys(error)) => return Err(Failure::retry(VERIFICATION_ERROR, error)),
        };
        let version = match options.version(&found.version) {
            Ok(version) => version,
            Err(error) => return Ok(Err(error)),
        };
        if let Some(build) = options.stored(&found.name, &version, options.needs_packaging()) {
            return Ok(Ok(Build { verified, ..build }));
        }
        let download = async || repository.download(&found).await;
        let archive = match self.lanes.ask(pass, &host, download).await? {
            Ok(archive) => archive,
            Err(error) => {
                let message = format!("failed to download chart for remote reference: {error}");
                return Ok(Err(BuildError::new(Step::Pull, message)));
            }
        };
        let (load, options) = (self.load.clone(), options.clone());
        let work = move || finish(&found, &version, archive, &options, &load);
        let built = tokio::task::spawn_blocking(work)
            .await
            .unwrap_or_else(|error| Err(BuildError::new(Step::Package, error)));
        Ok(built.map(|build| Build { verified, ..build }))
    }

    /// The repository with credentials and certificates as its spec and its Secrets say. `index` is the one that is
    /// stored for it; without one it is fetched.
    pub(super) async fn repository(
        &self,
        pass: &Pass<HelmChart>,
        object: &Arc<HelmRepository>,
        index: Option<PathBuf>,
    ) -> Result<ChartRepository, Failure> {
        let url = address::normalize(&object.spec.url)
            .map_err(|error| Failure::stall(URL_INVALID, format!("invalid Helm repository URL: {error}")))?;
        let unauthenticated = |error: String| Failure::retry(AUTHENTICATION_FAILED, error);
        let mut access = access::read(pass.client(), object).await.map_err(unauthenticated)?;
        let max_chart = self.max_chart;
        if is_oci(object) {
            if !address::is_oci(&url) {
                let message = format!("failed to construct Helm client: invalid OCI registry URL: {url}");
                return Err(Failure::stall(sluice_apis::meta::reasons::FAILED, message));
            }
            access.log_in(&self.clouds, object, &url, pass.object.asker()).await.map_err(unauthenticated)?;
            let (object, registries) = (Arc::clone(object), self.registries.clone());
            let repository = RegistryRepository { object, access, registries, url, max_chart };
            return Ok(ChartRepository::Registry(repository));
        }
        let repository = access
            .http(object)
            .map_err(|error| Failure::stall(URL_INVALID, format!("invalid Helm repository URL: {error}")))?;
        let index = if let Some(path) = index {
            IndexFile::Stored(path)
        } else {
            let fetch = async || self.fetch_index(&repository).await;
            let fetched = self.lanes.ask(pass, &repository.url, fetch).await?;
            let failed = |error: String| {
                let message = format!("{NO_INDEX}: failed to cache index to temporary file: {error}");
                Failure::retry(sluice_apis::meta::reasons::FAILED, message)
            };
            IndexFile::Fetched(fetched.map_err(failed)?)
        };
        let cache = self.cache.clone().map(|cache| (cache, ObjectKey::of(&**object)));
        Ok(ChartRepository::Index(IndexRepository { repository, index, cache, max_chart }))
    }

    /// The index of a repository that stores none.
    async fn fetch_index(
        &self,
        repository: &crate::helm::download::Repository,
    ) -> Result<tempfile::TempPath, String> {
        let text = |error: std::io::Error| error.to_string();
        let mut fetched = Vec::new();
        let limit = Limit { bytes: self.max_index, what: "index exceeds the maximum index file size" };
        let url = index_of(&repository.url);
        match repository.get(url, &Validators::default(), limit, &mut fetched).await? {
            Fetched::Content(_) => {}
            Fetched::Unchanged => return Err("the server answered 304 Not Modified".to_owned()),
        }
        let dir = self.workspace.path().to_owned();
        let work = move || -> Result<_, String> {
            let raw = NamedTempFile::new_in(&dir).map_err(text)?;
            std::fs::write(raw.path(), &fetched).map_err(text)?;
            let file = NamedTempFile::new_in(&dir).map_err(text)?;
            convert(raw.path(), file.reopen().map_err(text)?).map_err(|error| error.to_string())?;
            Ok(file.into_temp_path())
        };
        tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(error.to_string()))
    }
}

/// Verifies the signature of the chart, if the spec wants that; whether it is good.
async fn verify(
    pass: &Pass<HelmChart>,
    repository: &ChartRepository,
    found: &Found,
) -> Result<bool, NotVerified> {
    let Some(spec) = &pass.object.spec.verify else { return Ok(false) };
    let ChartRepository::Registry(repository) = repository else {
        return Err(NotVerified::Signature("not implemented".to_owned(), None));
    };
    let wanted = Wanted {
        provider: &spec.provider,
        secret: spec.secret_ref.as_ref().map(|reference| reference.name.as_str()),
        identities: &spec.match_oidc_identity,
        trusted_root: None,
    };
    repository.verify(pass.client(), &pass.object, &wanted, found).await
}

fn check_name(chart: &str) -> Result<(), BuildError> {
    if chart.is_empty() {
        return Err(BuildError::new(Step::Reference, "no name set for remote chart reference"));
    }
    if NAME.as_ref().is_some_and(|name| name.is_match(chart)) {
        return Ok(());
    }
    let message = format!(
        "invalid chart name '{chart}': a valid name must be lower case letters and numbers and MAY be separated with dashes (-), slashes (/) or periods (.)"
    );
    Err(BuildError::new(Step::Reference, message))
}

/// The host of a repository, for the lanes.
fn host(object: &HelmRepository) -> Url {
    let url = object.spec.url.replacen(OCI, "https://", 1);
    Url::parse(&url).unwrap_or_else(|_| fallback())
}

/// An address for what has none.
pub(super) fn fallback() -> Url {
    // Cannot fail: the text is fixed.
    #[allow(clippy::expect_used, reason = "the text is fixed")]
    Url::parse("https://unknown.invalid/").expect("a valid URL")
}

/// Makes the build of an archive that was downloaded.
fn finish(
    found: &Found,
    version: &str,
    archive: Vec<u8>,
    options: &Options,
    load: &LoadOptions,
) -> Result<Build, BuildError> {
    let build = |values_files: Vec<String>, archive: Vec<u8>| Build {
        name: found.name.clone(),
        version: version.to_owned(),
        packaged: options.needs_packaging(),
        values_files,
        dependencies: 0,
        verified: false,
        archive: Some(archive),
    };
    let loaded = load_archive(&archive, load);
    if !options.needs_packaging() {
        loaded.map_err(|error| {
            let message = format!("failed to load chart metadata from written chart: {}", error.go_text());
            BuildError::new(Step::Pull, message).with_detail(&error)
        })?;
        return Ok(build(Vec::new(), archive));
    }
    let mut chart = loaded
        .map_err(|error| {
            let message = format!("failed to load downloaded chart: {}", error.go_text());
            BuildError::new(Step::Package, message).with_detail(&error)
        })?
        .chart;
    version.clone_into(&mut chart.metadata.version);
    let merged = values::of_chart(&chart, &options.values_files, options.ignore_missing)?;
    let files = if merged.overwrite(&mut chart)? { merged.files } else { Vec::new() };
    let packed = chart
        .save(Vec::new())
        .map_err(|error| BuildError::new(Step::Package, format!("failed to package chart: {error}")))?;
    Ok(build(files, packed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_charts_are_checked() {
        for name in ["app", "team/app", "a.b-c/d1"] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in ["", "App", "../app", "a b", "app:1.0"] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }
}
