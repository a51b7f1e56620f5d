//! All controllers in one binary: chosen by the name that it is called by, or by the first argument.

use std::{env, ffi::OsString, path::Path, process::ExitCode};

use tikv_jemallocator::Jemalloc;

/// Gives memory back soon after a burst; tuned at build time, see `.cargo/config.toml`.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    let called = env::args_os().collect::<Vec<_>>();
    let as_argument = called.get(1..).unwrap_or_default().to_vec();
    run(called).or_else(|| run(as_argument)).unwrap_or_else(|| {
        eprintln!(
            "usage: sluice-controllers source-controller|source-watcher|kustomize-controller|helm-controller|notification-controller|image-reflector-controller|image-automation-controller [FLAGS]"
        );
        ExitCode::from(2)
    })
}

/// Runs the controller that the first of `args` names.
fn run(args: Vec<OsString>) -> Option<ExitCode> {
    match Path::new(args.first()?).file_name()?.to_str()? {
        "helm-controller" => Some(sluice_runtime::main(args, helm_controller::run)),
        "image-automation-controller" => Some(sluice_runtime::main(args, image_controllers::automation::run)),
        "image-reflector-controller" => Some(sluice_runtime::main(args, image_controllers::reflector::run)),
        "kustomize-controller" => Some(sluice_runtime::main(args, kustomize_controller::run)),
        "notification-controller" => Some(sluice_runtime::main(args, notification_controller::run)),
        "source-controller" => Some(sluice_runtime::main(args, source_controller::run)),
        "source-watcher" => Some(sluice_runtime::main(args, source_controller::watcher::run)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
