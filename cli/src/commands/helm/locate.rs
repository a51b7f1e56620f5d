//! Where the chart is.

use std::path::Path;

use anyhow::{Result, bail};
use sluice_chart::{LoadOptions, Loaded, load};

/// Loads the chart that the command line names: a directory or an archive.
pub(super) fn chart(name: &str) -> Result<Loaded> {
    let name = name.trim();
    let path = Path::new(name);
    if path.exists() {
        return Ok(load(path, &LoadOptions::default())?);
    }
    if path.is_absolute() || name.starts_with('.') {
        bail!("path {name:?} not found");
    }
    bail!(
        "{name} is neither a directory nor an archive; charts of repositories and registries are not fetched yet: pull the chart first"
    )
}
