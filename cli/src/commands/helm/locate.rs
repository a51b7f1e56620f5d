//! Where the chart is.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Result, bail};
use sluice_chart::load::load_archive;
use sluice_chart::{LoadOptions, Loaded, NotInstallable, load};
use sluice_chartrepo::{Fetcher, Wanted, dependencies, provenance};

use super::fetch;
use super::flags::{Flags, From};
use crate::output::Output;

/// Loads the chart that the command line names: a directory or an archive, else one that is fetched.
pub(super) async fn chart(name: &str, flags: &Flags, output: Output) -> Result<Loaded> {
    let from = &flags.from;
    let name = name.trim();
    let path = Path::new(name);
    if from.repo.is_none() {
        if path.exists() {
            return on_disk(path, flags, output).await;
        }
        if path.is_absolute() || name.starts_with('.') {
            bail!("path {name:?} not found");
        }
    }
    let keys = if from.verify { Some(fetch::keys(from)?) } else { None };
    let fetcher = fetch::fetcher(from)?;
    let wanted = Wanted {
        chart: name,
        repository: from.repo.as_deref(),
        version: version(from),
        provenance: from.verify,
    };
    let found = fetcher.chart(wanted).await?;
    if let Some(keys) = &keys {
        provenance::check(&found, keys)?;
    }
    let loaded = load_archive(&found.archive, &options(flags))?;
    if flags.dependency_update && is_incomplete(&loaded) {
        bail!("{}: only unpacked charts can be updated: pull and unpack it first", found.url);
    }
    Ok(loaded)
}

/// `--devel` is a range that takes pre-releases in.
fn version(from: &From) -> &str {
    match from.version.as_deref().map(str::trim) {
        None | Some("") if from.devel => ">0.0.0-0",
        version => version.unwrap_or_default(),
    }
}

async fn on_disk(path: &Path, flags: &Flags, output: Output) -> Result<Loaded> {
    let from = &flags.from;
    if from.verify {
        provenance::check_file(path, &fetch::keys(from)?)?;
    }
    let loaded = load(path, &options(flags))?;
    if !flags.dependency_update || !is_incomplete(&loaded) {
        return Ok(loaded);
    }
    let path: PathBuf = path.to_owned();
    let fetcher: Arc<Fetcher> = Arc::new(fetch::fetcher(from)?);
    let keys = if from.verify { Some(fetch::keys(from)?) } else { None };
    let lock = dependencies::update(&fetcher, &path, keys.as_ref()).await?;
    output.success(format!("fetched what {} needs: {} charts", path.display(), lock.dependencies.len()));
    Ok(load(&path, &options(flags))?)
}

/// Only who prints definitions is sure to look at them.
fn options(flags: &Flags) -> LoadOptions {
    LoadOptions { leave_files: !flags.include_crds, ..LoadOptions::default() }
}

fn is_incomplete(loaded: &Loaded) -> bool {
    matches!(loaded.chart.check_installable(), Err(NotInstallable::Missing(_)))
}
