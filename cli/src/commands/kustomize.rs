//! `kustomize build`: what `kustomize build` does, by the controllers' own engine.

use anyhow::Result;
use clap::{Args, Subcommand};
use sluice_kustomize::cli;

use crate::context::Context;

/// Arguments of `kustomize`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print what the kustomization in a directory makes
    ///
    /// Takes the flags of `kustomize build`, and two more: --flux builds as Flux does, and --root DIR keeps the build
    /// from reading files outside of a directory.
    #[command(disable_help_flag = true)]
    Build {
        /// Flags, and the directory; the present one when not given
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "FLAGS] [DIRECTORY")]
        arguments: Vec<String>,
    },
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let Command::Build { arguments } = &arguments.command;
    let build = cli::Arguments::parse(arguments.iter().cloned())?.build()?;
    for warning in &build.warnings {
        context.output.warning(warning);
    }
    context.output.data(&build.to_yaml()?)
}
