//! Errors of the process, and of one reconciliation.

use std::{error::Error, fmt};

use crate::{PatchError, flags::FlagError, leader::LeaderError};

/// Any error that can cross threads.
pub type BoxError = Box<dyn Error + Send + Sync + 'static>;

/// Why a controller's process could not start or had to end.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// A flag cannot be used.
    #[error(transparent)]
    Flag(#[from] FlagError),
    /// Neither a kubeconfig nor the files of a pod tell how to reach a cluster.
    #[error("unable to get kubeconfig: {0}")]
    Config(#[source] Box<kube::config::InferConfigError>),
    /// The client for the cluster could not be built.
    #[error("unable to build the Kubernetes client: {0}")]
    Client(#[source] Box<kube::Error>),
    /// The HTTP client for events could not be built.
    #[error("unable to build the HTTP client for events: {0}")]
    Events(#[source] reqwest::Error),
    /// An address is taken, or not ours.
    #[error("unable to listen on {addr} for {purpose}: {source}")]
    Listen {
        /// What is served there.
        purpose: &'static str,
        /// The address.
        addr: std::net::SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The lease was lost, or could not be had.
    #[error(transparent)]
    Leader(#[from] LeaderError),
    /// The operating system's signals cannot be listened to.
    #[error("unable to handle signals: {0}")]
    Signals(#[source] std::io::Error),
    /// One of the controller's parts failed.
    #[error("{task} failed: {source}")]
    Task {
        /// The part.
        task: String,
        /// Why.
        source: BoxError,
    },
}

/// Why a reconciliation failed. Made by `?` from any error; makes the object retry with backoff.
pub struct ReconcileError(BoxError);

impl ReconcileError {
    /// An error that is only a message.
    pub fn message(text: impl Into<String>) -> Self {
        Self(text.into().into())
    }

    /// Whether the cause is that the object no longer exists.
    pub(crate) fn is_gone(&self) -> bool {
        matches!(self.0.downcast_ref(), Some(PatchError::Gone))
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for ReconcileError {
    fn from(error: E) -> Self {
        Self(Box::new(error))
    }
}

impl fmt::Display for ReconcileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for ReconcileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}
