//! Prints what `kustomize build` prints: `build [--flux] [--root ROOT] [FLAGS] DIRECTORY`.

use std::process::ExitCode;

use sluice_kustomize::cli::Arguments;

fn main() -> ExitCode {
    let built = Arguments::parse(std::env::args().skip(1))
        .map_err(|error| error.to_string())
        .and_then(|arguments| arguments.build().map_err(|error| error.to_string()))
        .and_then(|build| Ok((build.to_yaml().map_err(|error| error.to_string())?, build.warnings)));
    match built {
        Ok((text, warnings)) => {
            for warning in warnings {
                eprintln!("# Warning: {warning}");
            }
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("Error: {error}");
            ExitCode::FAILURE
        }
    }
}
