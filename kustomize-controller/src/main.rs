//! The kustomize-controller binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    sluice_runtime::main(std::env::args_os(), kustomize_controller::run)
}
