//! Developer tasks: generate CRDs and tables, check the layers.

mod crds;
mod layers;
mod schema;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

/// Developer tasks of this repository.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Write config/crd/*.yaml from the API types.
    Crds {
        /// Change nothing; fail if a file is not what would be written.
        #[arg(long)]
        check: bool,
    },
    /// Check that crates use only their own layer and those below.
    Layers,
    /// Write crates/patch/data/kubernetes-VERSION.txt from an OpenAPI v2 document (`kubectl get --raw /openapi/v2`).
    Schema {
        /// The document.
        openapi: PathBuf,
        /// The minor version, as in `1.36`.
        version: String,
    },
}

/// Runs the task that the command line names.
pub fn run() -> Result<()> {
    let root = repository_root()?;
    match Arguments::parse().task {
        Task::Crds { check } => crds::run(&root.join("config/crd"), check),
        Task::Layers => layers::run(&root),
        Task::Schema { openapi, version } => schema::run(&root, &openapi, &version),
    }
}

/// The directory of the workspace.
fn repository_root() -> Result<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    Ok(here.parent().context("xtask is not in a workspace")?.to_path_buf())
}
