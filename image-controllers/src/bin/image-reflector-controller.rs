//! The image-reflector-controller's process.

use std::process::ExitCode;

/// Gives memory back to the system soon after a burst.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    sluice_runtime::main(std::env::args_os(), image_controllers::reflector::run)
}
