//! Builds that fetch from servers on this machine.

// The exemption for tests in clippy.toml does not reach helper functions.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod files;
mod repositories;

use std::time::Duration;

use sluice_bases::{Network, Policy};
use sluice_kustomize::fs::Memory;
use sluice_kustomize::{Build, Environment, Options, build_in};
use tokio::runtime::Handle;
use tokio::time::Instant;

/// A network that must be done within a minute.
fn network(handle: Handle) -> Network {
    Network::new(handle, Policy { deadline: Instant::now() + Duration::from_mins(1), ssh: None })
}

/// What a kustomization with these resources builds to, on a thread where blocking is allowed.
async fn built(resources: &str) -> Result<Build, String> {
    let files = Memory::new().with("/d/kustomization.yaml", format!("resources:\n{resources}"));
    let network = network(Handle::current());
    let work = tokio::task::spawn_blocking(move || {
        let environment = Environment { remote: Some(&network), ..Environment::of(&files) };
        build_in(environment, std::path::Path::new("/d"), &Options::flux()).map_err(|error| error.to_string())
    });
    work.await.map_err(|error| error.to_string())?
}
