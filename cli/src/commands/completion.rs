//! `completion`: scripts for shells.

use anyhow::Result;
use clap::{Args, CommandFactory};
use clap_complete::{Shell, generate};

use crate::args::Cli;
use crate::context::Context;

/// Arguments of `completion`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<()> {
    let mut script = Vec::new();
    generate(arguments.shell, &mut Cli::command(), "sluice", &mut script);
    context.output.data(&String::from_utf8_lossy(&script))
}
