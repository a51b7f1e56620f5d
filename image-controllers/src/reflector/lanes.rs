//! How many questions go to one registry at a time.

use sluice_oci::Repository;
use sluice_runtime::{Lanes, Object, Pass};
use url::Url;

use crate::failure::{Failure, reasons};

/// The lanes to all registries.
pub(super) struct RegistryLanes(Lanes);

impl RegistryLanes {
    pub(super) fn new(width: usize) -> Self {
        Self(Lanes::new(width))
    }

    /// Talks to the registry of a repository without holding a worker.
    pub(super) async fn ask<K: Object, T>(
        &self,
        pass: &Pass<K>,
        repository: &Repository,
        work: impl AsyncFnOnce() -> T,
    ) -> Result<T, Failure> {
        let url = format!("https://{}/", repository.registry());
        let url = Url::parse(&url).map_err(|error| Failure::stall(reasons::IMAGE_URL_INVALID, error))?;
        Ok(self.0.ask(pass, &url, work).await?)
    }
}
