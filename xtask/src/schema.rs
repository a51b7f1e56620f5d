//! `schema`: the built-in Kubernetes types as the compact text that `sluice-patch` embeds.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// Compiles an OpenAPI v2 document (`kubectl get --raw /openapi/v2`) into `crates/patch/data/kubernetes-VERSION.txt`.
pub fn run(root: &Path, openapi: &Path, version: &str) -> Result<()> {
    let text = fs::read_to_string(openapi).with_context(|| format!("read {}", openapi.display()))?;
    let document = serde_json::from_str(&text).with_context(|| format!("parse {}", openapi.display()))?;
    let compiled = sluice_patch::schema::compile(&document)?;
    let path = root.join(format!("crates/patch/data/kubernetes-{version}.txt"));
    fs::write(&path, compiled).with_context(|| format!("write {}", path.display()))
}
