//! What every controller's `main` does.

use std::{ffi::OsString, fmt::Display, future::Future, process::ExitCode};

/// Two threads: reconciliations wait for others most of the time, and each thread costs memory.
const THREADS: usize = 2;

/// Parses `args`, of which the first is the program's name, and runs a controller.
///
/// Installs the TLS provider and the async runtime. An error becomes one line and exit code 1; wrong arguments
/// exit with 2, as with Go's flags.
pub fn main<A, F, E>(args: impl IntoIterator<Item = OsString>, run: impl FnOnce(A) -> F) -> ExitCode
where
    A: clap::Parser,
    F: Future<Output = Result<(), E>>,
    E: Display,
{
    let args = match A::try_parse_from(args) {
        Ok(args) => args,
        Err(error) => {
            // Without a terminal there is nobody to tell.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    // Fails only if it is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime =
        match tokio::runtime::Builder::new_multi_thread().worker_threads(THREADS).enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return fail(&format!("unable to start threads: {error}")),
        };
    let result = runtime.block_on(run(args));
    // Blocking work that was abandoned must not hold up the end.
    runtime.shutdown_background();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

fn fail(error: &impl Display) -> ExitCode {
    if tracing::dispatcher::has_been_set() {
        tracing::error!(%error, "the controller cannot go on");
    } else {
        eprintln!("error: {error}");
    }
    ExitCode::FAILURE
}
