//! `sluice`: see [`sluice_cli::run`].

use std::process::ExitCode;

fn main() -> ExitCode {
    sluice_cli::run()
}
