//! `build`: what the controllers would apply, made by the controllers' own functions.

use anyhow::{Result, bail};
use clap::{Args, Subcommand};

use super::export::document;
use super::helmrelease;
use crate::context::Context;
use crate::local::{Builder, Flags};

/// Arguments of `build`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    target: Target,
}

#[derive(Debug, Subcommand)]
enum Target {
    /// Print what a Kustomization makes of a local directory
    #[command(visible_alias = "ks")]
    Kustomization(Source),
    /// Print what a HelmRelease makes of a local chart, with its values resolved and those of Secrets masked
    #[command(visible_alias = "hr")]
    Helmrelease(helmrelease::Source),
}

/// What to build.
#[derive(Args, Clone, Debug)]
struct Source {
    /// Name of the Kustomization
    name: String,
    #[command(flatten)]
    flags: Flags,
    /// Don't ask the cluster; needs --kustomization-file
    #[arg(long)]
    dry_run: bool,
}

/// Runs the command.
pub(crate) async fn run(arguments: Arguments, context: &Context) -> Result<()> {
    let Source { name, flags, dry_run } = match arguments.target {
        Target::Kustomization(source) => source,
        Target::Helmrelease(source) => {
            return context.within(Box::pin(helmrelease::build(&source, context))).await;
        }
    };
    if dry_run && flags.kustomization_file.is_none() {
        bail!("dry-run mode requires a kustomization file");
    }
    let path = flags.path.clone();
    let builder = Builder { context, flags, offline: dry_run, may_be_missing: true };
    let build = Box::pin(async {
        let kustomization = builder.kustomization(&name).await?;
        builder.build_all(kustomization, &path).await
    });
    let objects = context.within(build).await?;
    context.output.data(&objects.iter().map(document).collect::<String>())
}
