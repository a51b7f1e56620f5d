//! `migrate`: moves Flux objects to the latest version of their API, in a cluster or in files.

mod cluster;
mod files;
mod line;
mod versions;

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;

use self::files::Files;
use crate::context::Context;
use crate::prompt::confirm_unless;

/// Arguments of `migrate`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// File, or directory with files, to migrate; the objects of the cluster when not given
    #[arg(short = 'f', long)]
    path: Option<PathBuf>,
    /// How the names of files in a directory end; with --path
    #[arg(short, long, value_delimiter = ',', default_values = [".yaml", ".yml"], value_name = "ENDING")]
    extensions: Vec<String>,
    /// The minor version of Flux to migrate to, such as 2.8; the latest when not given; with --path
    #[arg(short, long, value_name = "VERSION")]
    version: Option<String>,
    /// Don't ask; with --path
    #[arg(short, long)]
    yes: bool,
    /// Show what would be changed, and change nothing; with --path
    #[arg(long)]
    dry_run: bool,
}

/// Runs the command.
pub(crate) async fn run(arguments: Arguments, context: &Context) -> Result<()> {
    if arguments.path.is_some() {
        return in_files(arguments, context);
    }
    // A cluster is not what was meant when something is only to be shown.
    if arguments.dry_run {
        bail!("--dry-run needs --path: objects of a cluster can only be migrated");
    }
    context.output.action("starting migration of custom resources");
    context.within(cluster::migrate(context)).await?;
    context.output.success("custom resources migrated successfully");
    Ok(())
}

fn in_files(arguments: Arguments, context: &Context) -> Result<()> {
    let Arguments { path, extensions, version, yes, dry_run } = arguments;
    let latest = versions::latest(version.as_deref())?;
    let output = context.output;
    output.action("starting migration of custom resources");
    let files = Files { path: &path.unwrap_or_default(), extensions: &extensions };
    let mut upgrades = Vec::new();
    for file in files.list(output)? {
        let found = files::inspect(file, latest, output)?;
        for upgrade in &found.upgrades {
            output.generate(format_args!("{}:{upgrade}", found.file.display()));
        }
        if !found.upgrades.is_empty() {
            upgrades.push(found);
        }
    }
    if upgrades.is_empty() {
        output.success("no custom resources found that require migration");
        return Ok(());
    }
    if dry_run {
        output.success("dry-run mode enabled, no changes will be made");
        return Ok(());
    }
    if !yes {
        confirm_unless("Are you sure you want to proceed with the above upgrades", "--yes")?;
    }
    for upgrade in &upgrades {
        upgrade.write()?;
        output.success(format_args!("file {} migrated successfully", upgrade.file.display()));
    }
    output.success("custom resources migrated successfully");
    Ok(())
}
