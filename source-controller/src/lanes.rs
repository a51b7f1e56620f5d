//! How many fetches go to one host at a time.

use sluice_runtime::{Object, Pass};
use url::Url;

use crate::failure::Failure;

/// The lanes to all hosts.
pub(crate) struct Lanes(sluice_runtime::Lanes);

impl Lanes {
    /// So many to each host, for each namespace.
    pub(crate) fn new(width: usize) -> Self {
        Self(sluice_runtime::Lanes::new(width))
    }

    /// Talks to the host of `url` without holding a worker. Ends early when the object changes or the process ends.
    pub(crate) async fn ask<K: Object, T>(
        &self,
        pass: &Pass<K>,
        url: &Url,
        work: impl AsyncFnOnce() -> T,
    ) -> Result<T, Failure> {
        self.0.ask(pass, url, work).await.map_err(|_| Failure::superseded())
    }

    /// Waits for something else than a host. Holds no worker and ends early likewise.
    pub(crate) async fn aside<K: Object, T>(
        pass: &Pass<K>,
        work: impl Future<Output = T>,
    ) -> Result<T, Failure> {
        sluice_runtime::Lanes::aside(pass, work).await.map_err(|_| Failure::superseded())
    }
}
