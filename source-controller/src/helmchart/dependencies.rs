//! Charts that a chart needs and does not have with it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sluice_apis::meta::Duration;
use sluice_apis::source::v1::{HelmChart, HelmRepository, HelmRepositorySpec, HelmRepositoryType, Source};
use sluice_chart::load::LoadOptions;
use sluice_chart::{Chart, Dependency};
use sluice_runtime::Pass;
use sluice_semver::{Constraints, Version};
use url::Url;

use super::HelmChartReconciler;
use super::error::{BuildError, Step, Trouble};
use super::local::{load_any, load_bytes};
use super::remote::{NO_INDEX, fallback};
use super::values::below;
use crate::failure::Failure;
use crate::helm::address::{self, is_oci};
use crate::kind::SourceKind;

impl HelmChartReconciler {
    /// Adds what is missing; how many charts that were. `root` is the unpacked source, `path` the chart in it.
    pub(super) async fn add_dependencies(
        &self,
        pass: &Pass<HelmChart>,
        chart: &mut Chart,
        root: &Path,
        path: &Path,
    ) -> Result<usize, Trouble> {
        let missing = missing(chart);
        let added = missing.len();
        for dependency in missing {
            let name = dependency.effective_name().to_owned();
            let (kind, found) = if is_local(&dependency) {
                ("local", self.local_dependency(&dependency, root, path).await)
            } else {
                ("remote", self.remote_dependency(pass, &dependency).await?)
            };
            let mut found = found.map_err(|error| {
                let message = format!("failed to add {kind} dependency '{name}': {error}");
                BuildError::new(Step::Dependencies, message)
            })?;
            if !dependency.alias.is_empty() {
                found.metadata.name.clone_from(&dependency.alias);
            }
            chart.dependencies.push(found);
        }
        Ok(added)
    }

    async fn local_dependency(
        &self,
        dependency: &Dependency,
        root: &Path,
        chart: &Path,
    ) -> Result<Chart, String> {
        let path = local_path(dependency, root, chart)?;
        let shown = format!("/{}", path.strip_prefix(root).unwrap_or(&path).display());
        let reference = dependency.repository.clone();
        if !path.exists() {
            return Err(format!("no chart found at '{shown}' (reference '{reference}')"));
        }
        let range = Constraints::parse(&dependency.version).map_err(|error| {
            format!("invalid version/constraint format '{}': {error}", dependency.version)
        })?;
        let load = LoadOptions { root: Some(root.to_owned()), ..self.load.clone() };
        let loaded = tokio::task::spawn_blocking(move || load_any(&path, &load)).await;
        let chart = loaded.map_err(|error| error.to_string()).and_then(|loaded| loaded).map_err(|error| {
            format!("failed to load chart from '{shown}' (reference '{reference}'): {error}")
        })?;
        let version = Version::parse(&chart.metadata.version).map_err(|error| error.to_string())?;
        if !range.matches(&version) {
            return Err(format!("can't get a valid version for constraint '{}'", dependency.version));
        }
        Ok(chart)
    }

    async fn remote_dependency(
        &self,
        pass: &Pass<HelmChart>,
        dependency: &Dependency,
    ) -> Result<Result<Chart, String>, Failure> {
        let url = match repository_url(&dependency.repository) {
            Ok(url) => url,
            Err(error) => return Ok(Err(error)),
        };
        let object = self.repository_at(&pass.object, &url);
        let artifact = object.artifact().filter(|artifact| self.storage.contains(artifact));
        let index = artifact.map(|artifact| self.storage.root().join(&artifact.path));
        let repository = match self.repository(pass, &object, index).await {
            Ok(repository) => repository,
            Err(failure) if failure.message.is_empty() => return Err(failure),
            // Flux fetches the index only when it looks for the chart.
            Err(failure) if failure.message.starts_with(NO_INDEX) => {
                return Ok(Err(not_found(dependency, &failure.message)));
            }
            Err(failure) => {
                return Ok(Err(format!("failed to get chart repository for URL '{url}': {failure}")));
            }
        };
        let host = Url::parse(&url.replacen(address::OCI, "https://", 1)).unwrap_or_else(|_| fallback());
        let work = async || {
            let (name, version) = (&dependency.name, &dependency.version);
            let found = repository.find(name, version).await;
            let found = found.map_err(|error| not_found(dependency, error.message()))?;
            let downloaded = repository
                .download(&found)
                .await
                .map_err(|error| format!("chart download of version '{}' failed: {error}", found.version))?;
            Ok((found.version, downloaded))
        };
        let (version, archive) = match self.lanes.ask(pass, &host, work).await? {
            Ok(downloaded) => downloaded,
            Err(error) => return Ok(Err(error)),
        };
        let load = self.load.clone();
        let loaded = tokio::task::spawn_blocking(move || load_bytes(&archive, &load)).await;
        Ok(loaded
            .map_err(|error| error.to_string())
            .and_then(|loaded| loaded)
            .map_err(|error| format!("failed to load downloaded archive of version '{version}': {error}")))
    }

    /// The repository in the namespace of the chart that has this address, for its credentials; else one without.
    fn repository_at(&self, chart: &HelmChart, url: &str) -> Arc<HelmRepository> {
        let known = self.sources.helm.list().into_iter().filter(|object| {
            object.namespace() == chart.namespace()
                && address::normalize(&object.spec.url).is_ok_and(|normal| normal == url)
        });
        // The same one each time.
        let first = known.min_by(|a, b| a.metadata.name.cmp(&b.metadata.name));
        let matching = first.filter(|object| crate::helm::access::is_oci(object) == is_oci(url));
        matching.unwrap_or_else(|| {
            let spec = HelmRepositorySpec {
                url: url.to_owned(),
                type_: is_oci(url).then_some(HelmRepositoryType::Oci),
                timeout: Some(Duration::from_secs(60)),
                ..HelmRepositorySpec::default()
            };
            Arc::new(HelmRepository::new("", spec))
        })
    }
}

fn not_found(dependency: &Dependency, error: &str) -> String {
    let Dependency { name, version, repository, .. } = dependency;
    format!("failed to get chart '{name}' version '{version}' from '{repository}': {error}")
}

/// What the chart needs, by its lock file if it has one, and does not have with it.
fn missing(chart: &Chart) -> Vec<Dependency> {
    let wanted = chart.lock.as_ref().map_or(&chart.metadata.dependencies, |lock| &lock.dependencies);
    if wanted.len() == chart.dependencies.len() {
        return Vec::new();
    }
    let is_here = |dependency: &Dependency| {
        chart.dependencies.iter().any(|present| present.name() == dependency.effective_name())
    };
    wanted.iter().filter(|dependency| !is_here(dependency)).cloned().collect()
}

fn is_local(dependency: &Dependency) -> bool {
    dependency.repository.is_empty() || dependency.repository.starts_with("file://")
}

/// Where a chart of the same source is, never outside of it.
fn local_path(dependency: &Dependency, root: &Path, chart: &Path) -> Result<PathBuf, String> {
    let chart = chart.strip_prefix(root).unwrap_or(chart).to_string_lossy().into_owned();
    if dependency.repository.is_empty() {
        return Ok(below(root, &format!("{chart}/charts/{}", dependency.name)));
    }
    let path = dependency
        .repository
        .strip_prefix("file://")
        .ok_or_else(|| format!("'{}' is not a local chart reference", dependency.repository))?;
    let path = percent_encoding::percent_decode_str(path).decode_utf8_lossy();
    Ok(below(root, &format!("{chart}/{path}")))
}

/// The address of a repository, in the form in which two can be compared.
fn repository_url(text: &str) -> Result<String, String> {
    let known = ["https://", "http://", address::OCI].iter().any(|scheme| text.starts_with(scheme));
    if known {
        return address::normalize(text);
    }
    let why = if text.starts_with('@') {
        "aliased repository dependency is not supported"
    } else {
        "invalid dependency repository URL"
    };
    // What has a path is shown in the form in which two can be compared.
    match text.split_once(':') {
        Some((_, rest)) if !rest.starts_with('/') => Err(format!("{why}: {text}")),
        _ => Err(format!("{why}: {}/", text.trim_end_matches('/'))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dependency(name: &str, repository: &str) -> Dependency {
        Dependency { name: name.to_owned(), repository: repository.to_owned(), ..Dependency::default() }
    }

    #[test]
    fn charts_of_the_same_source_stay_in_it() {
        let (root, chart) = (Path::new("/r"), Path::new("/r/charts/app"));
        let at = |name, repository| local_path(&dependency(name, repository), root, chart);
        assert_eq!(at("db", "").unwrap(), Path::new("/r/charts/app/charts/db"));
        assert_eq!(at("db", "file://../db").unwrap(), Path::new("/r/charts/db"));
        assert_eq!(at("db", "file://../../../../etc").unwrap(), Path::new("/r/etc"));
    }

    #[test]
    fn what_is_here_already_is_not_looked_for() {
        let mut chart = Chart::default();
        chart.metadata.dependencies = vec![dependency("a", "x"), dependency("b", "x")];
        let mut present = Chart::default();
        present.metadata.name = "a".to_owned();
        chart.dependencies = vec![present];
        let names: Vec<String> = missing(&chart).into_iter().map(|dependency| dependency.name).collect();
        assert_eq!(names, ["b"]);
    }

    #[test]
    fn only_addresses_are_repositories() {
        assert_eq!(repository_url("https://x.example/a").unwrap(), "https://x.example/a/");
        assert_eq!(repository_url("oci://x.example/a/").unwrap(), "oci://x.example/a");
        assert_eq!(
            repository_url("@stable").unwrap_err(),
            "aliased repository dependency is not supported: @stable/"
        );
        for (text, shown) in [("s3://x", "s3://x/"), ("ftp://x/y/", "ftp://x/y/"), ("alias:x", "alias:x")] {
            let wanted = format!("invalid dependency repository URL: {shown}");
            assert_eq!(repository_url(text).unwrap_err(), wanted);
        }
    }
}
