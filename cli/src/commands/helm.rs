//! `helm`: what the `helm` command does without a cluster, by the controllers' own engine.

mod fetch;
mod flags;
mod locate;
mod template;
mod values;
mod write;

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::context::Context;

/// Arguments of `helm`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print the manifests that a Helm chart renders to
    ///
    /// Takes the flags of `helm template`; `sluice helm template --help` lists them.
    #[command(disable_help_flag = true)]
    Template {
        /// Flags, the name of the release, and the chart: a directory or an archive
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "FLAGS] [NAME] [CHART")]
        arguments: Vec<String>,
    },
}

/// Runs the command.
pub(crate) async fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let Command::Template { arguments } = &arguments.command;
    Box::pin(template::run(arguments, context)).await
}
