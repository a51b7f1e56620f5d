//! The `sluice` command line: the words, tables and exit codes that users of `flux` know.
//!
//! One file for each command in [`commands`]; what they share stands beside it. Data goes to the standard output,
//! everything else to the standard error. Errors are one line, with exit code 1.

mod args;
mod cluster;
mod commands;
mod context;
mod discovery;
mod exit;
mod installation;
mod kinds;
mod local;
mod manifests;
mod mask;
mod object;
mod objects;
mod output;
mod progress;
mod prompt;
mod report;
mod selector;
mod ssh;
mod table;
mod text;
mod wait;

use std::process::ExitCode;

use clap::Parser;

use crate::args::Cli;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::Output;

/// Runs the command that the process's arguments name.
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors.
            if !error.use_stderr() {
                let _ = error.print();
                return ExitCode::SUCCESS;
            }
            let text = error.render().to_string();
            Output::of_process().failure(text.strip_prefix("error: ").unwrap_or(&text).trim_end());
            return ExitCode::FAILURE;
        }
    };
    let output = Output::of_process();
    // Commands run on this thread, those that compute too: a second thread's memory would be a second heap. The worker
    // is there for what they wait for meanwhile.
    let result = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| {
            runtime.block_on(async {
                let context = Context::new(cli.global, output);
                Box::pin(commands::run(cli.command, &context)).await
            })
        });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // The reader of a pipe has seen enough: nothing went wrong.
        Err(error) if output::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => match error.downcast_ref::<Exit>() {
            Some(exit @ Exit::Notice(notice)) => {
                output.warning(notice);
                exit.code()
            }
            Some(exit @ Exit::Undecided(cause)) => {
                output.failure(text::chain(cause));
                exit.code()
            }
            None => {
                output.failure(text::chain(&error));
                ExitCode::FAILURE
            }
        },
    }
}
