//! The long-running parts of a process.

use std::{fmt, future::Future};

use futures::{FutureExt, future::BoxFuture};
use tokio_util::sync::CancellationToken;

use crate::BoxError;

type Start = Box<dyn FnOnce(CancellationToken) -> BoxFuture<'static, Result<(), BoxError>> + Send>;

/// Something that runs while this process leads, or always: a controller, a file server. Its failure ends the process.
pub struct Task {
    pub(crate) name: String,
    pub(crate) start: Start,
    pub(crate) every_replica: bool,
}

impl Task {
    /// A task under a name for messages. `start` is called once this process leads; what it returns must come to
    /// an end soon after the token is cancelled.
    pub fn new<F>(
        name: impl Into<String>,
        start: impl FnOnce(CancellationToken) -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        Self { name: name.into(), start: Box::new(move |cancel| start(cancel).boxed()), every_replica: false }
    }

    /// Runs it also while another replica leads.
    #[must_use]
    pub fn on_every_replica(mut self) -> Self {
        self.every_replica = true;
        self
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Task").field(&self.name).finish()
    }
}
