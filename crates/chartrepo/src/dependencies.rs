//! What a chart needs: resolves versions, fetches, and writes `charts/` and `Chart.lock`, as `helm dependency update`
//! does.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use sluice_chart::load::{LoadOptions, load, load_archive};
use sluice_chart::{Chart, Dependency, Lock};
use sluice_semver::{Constraints, Version};
use tempfile::NamedTempFile;

use crate::address::OCI;
use crate::error::Error;
use crate::fetch::{Fetcher, Index, Wanted, background};
use crate::index::Release;
use crate::{lock, provenance};

/// A dependency whose version is chosen.
struct Chosen {
    dependency: Dependency,
    place: Place,
}

/// Where it comes from.
enum Place {
    /// It lies in `charts/` already.
    Present,
    /// A directory or archive on this disk, loaded.
    Local(Box<Chart>),
    /// A version in an index, by the repository's address.
    Index(String, Release),
    /// A tag in a registry: `host/path` and the version.
    Registry(String, String),
}

/// Fetches what the chart in a directory needs, and writes it to `charts/` and `Chart.lock`. Archives of other
/// versions of the same charts are removed from there. `keys`: what is fetched must be signed by one of them.
pub async fn update(
    fetcher: &Fetcher,
    directory: &Path,
    keys: Option<&sluice_verify::KeyRing>,
) -> Result<Lock, Error> {
    if !directory.is_dir() {
        return Err(Error::Archive(directory.to_owned()));
    }
    let path = directory.to_owned();
    let chart = background(move || load(&path, &LoadOptions::default())).await??.chart;
    let wanted = chart.metadata.dependencies;
    let mut indexes = BTreeMap::new();
    let mut chosen = Vec::new();
    let mut without = Vec::new();
    for dependency in &wanted {
        match choose(fetcher, &mut indexes, directory, dependency).await? {
            Some(found) => chosen.push(found),
            None => without.push(dependency.name.clone()),
        }
    }
    if !without.is_empty() {
        return Err(Error::NoVersion(without));
    }
    let mut archives = Vec::new();
    for Chosen { dependency, place } in &chosen {
        archives.extend(archive(fetcher, &indexes, dependency, place, keys).await?);
    }
    let locked = chosen.into_iter().map(|chosen| chosen.dependency).collect();
    let lock = lock::make(&wanted, locked, jiff::Timestamp::now());
    let (directory, written, v1) = (directory.to_owned(), lock.clone(), chart.metadata.api_version == "v1");
    background(move || write(&directory, &archives, &wanted, &written, v1)).await??;
    Ok(lock)
}

/// The version that fits; `None` if there is none.
async fn choose(
    fetcher: &Fetcher,
    indexes: &mut BTreeMap<String, Index>,
    directory: &Path,
    dependency: &Dependency,
) -> Result<Option<Chosen>, Error> {
    let range = Constraints::parse(&dependency.version)
        .map_err(|error| Error::Constraint { name: dependency.name.clone(), message: error.to_string() })?;
    let locked = |version: &str, place: Place| {
        let dependency = Dependency {
            name: dependency.name.clone(),
            version: version.to_owned(),
            repository: dependency.repository.clone(),
            ..Dependency::default()
        };
        Some(Chosen { dependency, place })
    };
    let repository = dependency.repository.as_str();
    if repository.is_empty() {
        let path = directory.join("charts").join(&dependency.name);
        if !path.exists() {
            return Err(Error::Local {
                name: dependency.name.clone(),
                message: format!("it has no repository, and {} is not there", path.display()),
            });
        }
        return Ok(locked(&dependency.version, Place::Present));
    }
    if let Some(path) = repository.strip_prefix("file://") {
        let found = local(directory, path, &dependency.name).await?;
        let version = found.metadata.version.clone();
        let fits = Version::parse(&version).is_ok_and(|version| range.matches(&version));
        return Ok(if fits { locked(&version, Place::Local(Box::new(found))) } else { None });
    }
    let url = match repository.strip_prefix('@').or_else(|| repository.strip_prefix("alias:")) {
        Some(name) => fetcher.repositories().named(name)?.url.clone(),
        None => repository.to_owned(),
    };
    if let Some(base) = url.strip_prefix(OCI) {
        let path = format!("{}/{}", base.trim_end_matches('/'), dependency.name);
        let version = fetcher.tag(&path, &dependency.version).await?;
        return Ok(locked(&version, Place::Registry(path, version.clone())));
    }
    if !url.starts_with("https://") && !url.starts_with("http://") {
        return Err(Error::Address(url));
    }
    if !indexes.contains_key(&url) {
        indexes.insert(url.clone(), fetcher.index(fetcher.repository(&url)?).await?);
    }
    let Some(index) = indexes.get(&url) else { return Ok(None) };
    match index.release(&dependency.name, &dependency.version).await {
        Ok(release) => {
            let version = release.version.clone();
            Ok(locked(&version, Place::Index(url, release)))
        }
        Err(Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn local(directory: &Path, path: &str, name: &str) -> Result<Chart, Error> {
    let failed = |message: String| Error::Local { name: name.to_owned(), message };
    let path = percent_encoding::percent_decode_str(path).decode_utf8_lossy().into_owned();
    let path = if Path::new(&path).is_absolute() { PathBuf::from(path) } else { directory.join(path) };
    if !path.is_dir() {
        return Err(failed(format!("directory {} not found", path.display())));
    }
    let loaded = background(move || load(&path, &LoadOptions::default())).await?;
    Ok(loaded.map_err(|error| failed(error.to_string()))?.chart)
}

/// The archive to write, and its name.
async fn archive(
    fetcher: &Fetcher,
    indexes: &BTreeMap<String, Index>,
    dependency: &Dependency,
    place: &Place,
    keys: Option<&sluice_verify::KeyRing>,
) -> Result<Option<(String, Vec<u8>)>, Error> {
    let failed = |message: String| Error::Local { name: dependency.name.clone(), message };
    let found = match place {
        Place::Present => return Ok(None),
        Place::Local(chart) => {
            let (name, chart) = (chart.archive_name(), chart.clone());
            let saved = background(move || chart.save(Vec::new())).await?;
            return Ok(Some((name, saved.map_err(|error| failed(error.to_string()))?)));
        }
        Place::Registry(path, version) => {
            let wanted = Wanted { version, provenance: keys.is_some(), ..Wanted::default() };
            fetcher.in_registry(path, wanted).await?
        }
        Place::Index(url, release) => {
            let index = indexes.get(url).ok_or_else(|| failed("its index is gone".to_owned()))?;
            fetcher.archive(index, release, keys.is_some()).await?
        }
    };
    if let Some(keys) = keys {
        provenance::check(&found, keys)?;
    }
    // What is written must be a chart.
    let bytes = found.archive.clone();
    let chart = background(move || load_archive(&bytes, &LoadOptions::default())).await??.chart;
    Ok(Some((chart.archive_name(), found.archive)))
}

fn write(
    directory: &Path,
    archives: &[(String, Vec<u8>)],
    wanted: &[Dependency],
    lock: &Lock,
    v1: bool,
) -> Result<(), Error> {
    let charts = directory.join("charts");
    refuse_link(&charts)?;
    fs::create_dir_all(&charts).map_err(|error| Error::io(&charts, error))?;
    remove_old(&charts, archives, wanted)?;
    for (name, bytes) in archives {
        if name.contains(['/', '\\']) {
            return Err(Error::Local { name: name.clone(), message: "its name holds a slash".to_owned() });
        }
        put(&charts.join(name), bytes)?;
    }
    let file = directory.join(if v1 { "requirements.lock" } else { "Chart.lock" });
    put(&file, lock::text(lock).as_bytes())
}

/// Removes the archives of other versions of the charts that are needed.
fn remove_old(charts: &Path, archives: &[(String, Vec<u8>)], wanted: &[Dependency]) -> Result<(), Error> {
    for entry in fs::read_dir(charts).map_err(|error| Error::io(charts, error))? {
        let path = entry.map_err(|error| Error::io(charts, error))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let may_be = wanted.iter().any(|dependency| name.starts_with(&format!("{}-", dependency.name)));
        if path.extension().is_none_or(|extension| extension != "tgz")
            || !may_be
            || archives.iter().any(|(new, _)| *new == name)
        {
            continue;
        }
        let Ok(loaded) = load(&path, &LoadOptions::default()) else { continue };
        if wanted.iter().any(|dependency| dependency.name == loaded.chart.name()) {
            fs::remove_file(&path).map_err(|error| Error::io(&path, error))?;
        }
    }
    Ok(())
}

/// Writes a file that is there as a whole or not at all, and not through a link.
fn put(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    refuse_link(path)?;
    let failed = |error| Error::io(path, error);
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = NamedTempFile::new_in(folder).map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    set_mode(file.as_file()).map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

#[cfg(unix)]
fn set_mode(file: &fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn set_mode(_: &fs::File) -> std::io::Result<()> {
    Ok(())
}

fn refuse_link(path: &Path) -> Result<(), Error> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_symlink() => Err(Error::Link(path.to_owned())),
        _ => Ok(()),
    }
}
