//! An OCI registry.

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::server::Server;

/// A registry over plain HTTP that keeps everything in memory.
pub struct Registry {
    server: Server,
    _folder: TempDir,
}

impl Registry {
    /// Starts one on a free port of the loopback address.
    pub fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let server =
            Server::start("registry", &["--addr".into(), "127.0.0.1:0".into()], &folder.path().join("log"))?;
        server.address("registry").context("no address was announced")?;
        Ok(Self { server, _folder: folder })
    }

    /// Host and port, as image references start.
    pub fn address(&self) -> &str {
        self.server.address("registry").unwrap_or_default()
    }
}
