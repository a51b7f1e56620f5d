//! `crds`: the definitions of all kinds as files that kustomize can read.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use sluice_apis::crd;

const HEADER: &str = "# Generated from the API types by `cargo xtask crds`: do not edit.\n---\n";

/// Writes the files into the directory, or with `check` compares them with what is there.
pub fn run(directory: &Path, check: bool) -> Result<()> {
    let files = generate()?;
    if check {
        return compare(directory, &files);
    }
    fs::create_dir_all(directory).with_context(|| format!("create {}", directory.display()))?;
    for (name, content) in &files {
        let path = directory.join(name);
        fs::write(&path, content).with_context(|| format!("write {}", path.display()))?;
    }
    Ok(())
}

/// File names and contents.
fn generate() -> Result<BTreeMap<String, String>> {
    crd::all()?
        .into_iter()
        .map(|definition| {
            let name = format!("{}_{}.yaml", definition.spec.group, definition.spec.names.plural);
            let content = format!("{HEADER}{}", sluice_yaml::to_yaml(&serde_json::to_value(definition)?));
            Ok((name, content))
        })
        .collect()
}

fn compare(directory: &Path, files: &BTreeMap<String, String>) -> Result<()> {
    let stale: Vec<&str> = files
        .iter()
        .filter(|(name, content)| fs::read_to_string(directory.join(name)).ok().as_ref() != Some(content))
        .map(|(name, _)| name.as_str())
        .collect();
    if !stale.is_empty() {
        bail!("{} in {} not up to date: run `cargo xtask crds`", stale.join(", "), directory.display());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_in_the_repository_are_up_to_date() {
        run(&crate::repository_root().unwrap().join("config/crd"), true).unwrap();
    }

    #[test]
    fn a_missing_file_is_noticed() {
        let error = run(Path::new("/nonexistent"), true).unwrap_err().to_string();
        assert!(error.contains("source.toolkit.fluxcd.io_gitrepositories.yaml"), "{error}");
    }
}
