//! Builds of small trees in memory and on disk.

mod compared;
mod limits;
mod network;
mod patches;
mod properties;
mod shop;

use std::path::Path;

use sluice_kustomize::fs::Memory;
use sluice_kustomize::{Error, Options, build};

/// What the kustomization in `directory` builds to, as text.
fn built(fs: &Memory, directory: &str) -> Result<String, Error> {
    build(fs, Path::new(directory), &Options::flux())?.to_yaml()
}

/// A ConfigMap.
fn config(name: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n")
}
