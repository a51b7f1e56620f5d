//! What a command runs with.

use std::future::Future;
use std::time::Instant;

use anyhow::{Result, bail};
use kube::Client;

use crate::args::Global;
use crate::cluster;
use crate::output::Output;

/// What a command runs with.
pub(crate) struct Context {
    pub(crate) global: Global,
    pub(crate) output: Output,
    deadline: Instant,
}

impl Context {
    /// The time for the command starts now.
    pub(crate) fn new(global: Global, output: Output) -> Self {
        let deadline = Instant::now() + global.timeout.0.min(std::time::Duration::from_hours(24 * 365));
        Self { global, output, deadline }
    }

    /// The namespace of the command.
    pub(crate) fn namespace(&self) -> &str {
        &self.global.namespace
    }

    /// A client for the cluster that the flags name.
    pub(crate) async fn client(&self) -> Result<Client> {
        cluster::client(&self.global).await
    }

    /// When the time for the command is over.
    pub(crate) fn deadline(&self) -> tokio::time::Instant {
        self.deadline.into()
    }

    /// Runs until the time for the command is over.
    pub(crate) async fn within<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        match tokio::time::timeout_at(self.deadline(), work).await {
            Ok(result) => result,
            Err(_) => bail!("context deadline exceeded: not done after {}", self.global.timeout),
        }
    }
}
